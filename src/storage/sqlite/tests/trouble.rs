//! Other programs in the way: a held write lock, and a reader that never ends.

use super::Scratch;
use crate::SqliteLedger;
use crate::conformance::stage::{Plan, Stage, at, by, person};
use oyez_domain::ledger::{Reports, Subscribers, Upkeep};
use oyez_domain::trouble::TroubleCode;
use oyez_domain::{LedgerError, LedgerResult};
use rusqlite::Connection;
use std::time::{Duration, SystemTime};

/// The longest any condition is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

fn outsider(scratch: &Scratch) -> Connection {
    Connection::open(scratch.settings().database()).unwrap()
}

fn troubles(ledger: &SqliteLedger) -> Vec<TroubleCode> {
    let troubles = ledger.condition().troubles;
    troubles.into_iter().map(|trouble| trouble.code).collect()
}

/// How long this has been going on.
fn since(begun: Duration) -> Duration {
    now() - begun
}

fn now() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap()
}

async fn until(what: &str, condition: impl Fn() -> bool) -> Duration {
    let begun = now();
    while !condition() {
        assert!(since(begun) < PATIENCE, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    since(begun)
}

async fn add(ledger: &SqliteLedger, number: u32) -> LedgerResult<()> {
    let (person, by) = (person(number), by(at(2)));
    ledger.add_subscribers(&[person], &by).await.map(drop)
}

#[tokio::test]
async fn while_another_program_holds_the_lock_everybody_is_told_within_five_seconds() {
    let scratch = Scratch::new();
    let ledger = scratch.open().unwrap();
    let outsider = outsider(&scratch);
    outsider.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = now();
    let (a, b, c) = tokio::join!(add(&ledger, 1), add(&ledger, 2), add(&ledger, 3));
    assert!(since(begun) < Duration::from_secs(5));
    for answer in [a, b, c] {
        assert!(matches!(answer, Err(LedgerError::Busy(_))), "{answer:?}");
    }
    assert_eq!(troubles(&ledger), [TroubleCode::StoreLocked]);
    assert_eq!(
        ledger.broadcasts(None).await.unwrap(),
        [],
        "reading goes on"
    );
    outsider.execute_batch("COMMIT").unwrap();
    add(&ledger, 4).await.unwrap();
    assert_eq!(troubles(&ledger), []);
}

#[tokio::test]
async fn a_reader_that_never_ends_is_told_of_and_the_log_shrinks_when_it_does() {
    let scratch = Scratch::new();
    let ledger = scratch.open().unwrap();
    let reader = outsider(&scratch);
    reader.execute_batch("BEGIN; SELECT * FROM meta").unwrap();
    let mut number = 0;
    while ledger.condition().log_bytes < 2 * 1024 * 1024 {
        number += 1;
        add(&ledger, number).await.unwrap();
    }
    let told = until("the reader is told of", || {
        troubles(&ledger) == [TroubleCode::LogPinned]
    });
    assert!(told.await < Duration::from_secs(10));
    add(&ledger, number + 1).await.unwrap();
    reader.execute_batch("COMMIT").unwrap();
    let emptied = until("the log is emptied", || ledger.condition().log_bytes == 0);
    assert!(emptied.await < Duration::from_secs(5));
    assert_eq!(troubles(&ledger), []);
    let log = scratch.settings().data_dir.join("oyez.db-wal");
    assert_eq!(std::fs::metadata(log).unwrap().len(), 0);
}

#[tokio::test]
async fn no_read_of_ours_lasts_for_ever() {
    let scratch = Scratch::new();
    let mut stage = Stage::with_people(&scratch, 1).await;
    stage.release(&Plan::default()).await;
    drop(stage);
    let ledger = scratch.open().unwrap();
    let endless =
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT count(*) FROM n";
    let begun = now();
    let answer = ledger
        .read(move |c| Ok(c.query_row(endless, [], |row| row.get::<_, i64>(0))?))
        .await;
    assert!(matches!(answer, Err(LedgerError::Busy(_))), "{answer:?}");
    assert!(since(begun) < Duration::from_secs(7));
    assert_eq!(ledger.broadcasts(None).await.unwrap().len(), 1);
}
