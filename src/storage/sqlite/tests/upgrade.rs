//! A database of an earlier version is brought up to date with what it holds.

use super::Scratch;
use crate::conformance::stage::{MAIL, at, channel};
use oyez_domain::id::BroadcastId;
use oyez_domain::ledger::{Queue, ReceiptAbout, ReceiptRecord, Reports};
use oyez_domain::receipt::ReceiptStatus;

/// One text, accepted under the provider's identifier `m-1`.
const ONE_TEXT: &str = "
    INSERT INTO incident VALUES (x'01', 1, '{}');
    INSERT INTO update_ VALUES (zeroblob(16), '222-222', x'01', 'released', 1, '{}', NULL);
    INSERT INTO broadcast (id, update_id, incident_id, channel, kind, carries, urgent, released_at,
        released_seq, expires_at, duplicate_bound, window_rows, page_rows, holds_unknown, state,
        planned, next, asked, accepted)
    VALUES (1, zeroblob(16), zeroblob(16), 'residents_email', 'sms_http', 2, 0, 1, 1, 9, 8, 4, 4, 0,
        4, 1, 1, 1, 1);
    INSERT INTO audience VALUES (1, 0, 1, 1);
    INSERT INTO attempt VALUES (1, 0, 1, 5, 1, 0, NULL, NULL, 'm-1');";

#[tokio::test]
async fn messages_sent_before_an_upgrade_are_found_by_their_receipts() {
    let scratch = Scratch::new();
    let settings = scratch.settings();
    std::fs::create_dir_all(&settings.data_dir).unwrap();
    std::fs::write(settings.key(), "ab".repeat(32)).unwrap();
    let earlier = include_str!("../../migrations/sqlite/0001_ledger.sql");
    scratch.tamper(earlier);
    scratch
        .tamper("CREATE TABLE migration (id INTEGER PRIMARY KEY, checksum BLOB NOT NULL) STRICT");
    let checksum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, earlier.as_bytes());
    let database = rusqlite::Connection::open(settings.database()).unwrap();
    let applied = "INSERT INTO migration VALUES (1, ?1)";
    database.execute(applied, [checksum.as_ref()]).unwrap();
    drop(database);
    scratch.tamper(ONE_TEXT);
    let ledger = scratch.open().unwrap();
    let receipt = ReceiptRecord {
        about: ReceiptAbout::ProviderId {
            channel: channel(MAIL),
            provider: "sms_http".to_owned(),
            id: "m-1".to_owned(),
        },
        at: at(1),
        status: ReceiptStatus::Delivered,
        reason: None,
    };
    let received = ledger.receive(&[receipt]).await.unwrap();
    assert_eq!((received.applied, received.parked), (1, 0));
    assert_eq!(ledger.broadcast_ids().await.unwrap(), [BroadcastId(1)]);
}
