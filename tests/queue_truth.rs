//! What the screens say during a release adds up at every moment, never goes back, and is the ledger's fold.

use crate::office::{Office, email};
use oyez_dispatch::progress::{BroadcastProgress, CountsView};
use oyez_dispatch::queue::QueueRow;
use oyez_domain::address::Address;
use oyez_domain::invariants::folded_counts;
use oyez_domain::subscriber::SuppressionCause;
use serde_json::json;
use std::time::Duration;

const PEOPLE: u32 = 300;

fn adds_up(counts: &CountsView) -> bool {
    let settled = counts.accepted
        + counts.failed
        + counts.unknown
        + counts.suppressed
        + counts.stopped
        + counts.expired
        + counts.superseded;
    counts.asked == settled + counts.pending
}

fn is_true(broadcast: &BroadcastProgress) {
    let counts = &broadcast.counts;
    assert!(adds_up(counts), "{counts:?}");
    assert!(
        broadcast.in_flight + broadcast.waiting <= counts.pending,
        "{broadcast:?}"
    );
    let reported = counts.delivered.unwrap_or(0) + counts.undelivered.unwrap_or(0);
    assert!(reported <= counts.accepted, "{counts:?}");
}

fn is_sum(row: &QueueRow) {
    let pending = row.broadcasts.iter().map(|b| b.counts.pending).sum::<u64>();
    assert_eq!(row.pending, pending, "{}", row.channel);
    row.broadcasts.iter().for_each(is_true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sample_adds_up_and_the_last_is_the_fold_of_the_ledger() {
    let channels = json!({
        "residents_email": { "pace": { "rate_per_second": 150, "concurrency": 8 } },
        "residents_sms": { "pace": { "rate_per_second": 150, "concurrency": 8 } },
        "council_mastodon": {},
    });
    let at_dot = |rest: u32, act: serde_json::Value| json!({ "when": { "number": { "every": 30, "rest": rest } }, "do": act });
    let refuse = |code: u16, text: &str| json!({ "smtp": { "code": code, "text": text } });
    let script = json!({
        "residents_email": { "rules": [
            at_dot(1, refuse(451, "4.3.0 Always later")),
            at_dot(2, refuse(550, "5.1.1 No such mailbox")),
            at_dot(3, json!("drop_after_effect")),
        ]},
        "residents_sms": { "rules": [
            { "when": { "since": "first_request", "from_ms": 500, "to_ms": 700 }, "do": { "http": { "status": 429, "retry_after": "1" } } },
            at_dot(4, json!("drop_after_effect")),
        ]},
    });
    let office = Office::open(channels, script).await;
    office.populate(PEOPLE).await;
    for number in [10, 20, 30] {
        let address = Address::email(&email(number)).unwrap();
        let by = office.desk.by("test");
        let (ledger, cause) = (&office.desk.ledger, SuppressionCause::Manual);
        ledger.suppress(&address, cause, &by).await.unwrap();
    }
    let update = office.put_out().await;

    let (mut samples, mut most) = (0, 0);
    loop {
        let progress = office.progress(update).await;
        assert!(progress.counts.adds_up(), "{:?}", progress.counts);
        progress.broadcasts.iter().for_each(is_true);
        assert!(
            progress.counts.accepted >= most,
            "accepted fell below {most}"
        );
        most = progress.counts.accepted;
        office.desk.queue().await.unwrap().iter().for_each(is_sum);
        samples += 1;
        if progress.finished {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        samples > 20,
        "only {samples} looks at a release of two seconds"
    );

    let email = office.counts(update, "residents_email").await;
    let sms = office.counts(update, "residents_sms").await;
    assert_eq!((email.suppressed, email.failed, email.unknown), (3, 20, 10));
    assert_eq!((sms.failed, sms.unknown, sms.accepted), (0, 10, 290));
    for view in office.progress(update).await.broadcasts {
        let evidence = office.desk.ledger.evidence(view.broadcast).await.unwrap();
        let receipts = office
            .live(view.channel.as_str())
            .channel
            .adapter
            .receipts();
        let folded = CountsView::new(&folded_counts(&evidence), receipts);
        assert_eq!(folded, view.counts, "{}", view.channel);
    }
    let left = office.desk.queue().await.unwrap();
    assert!(
        left.iter()
            .all(|row| row.pending == 0 && row.leads.is_none())
    );
    assert_eq!(office.verdict().await.violations, [] as [String; 0]);
}
