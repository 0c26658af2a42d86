//! A provider that asks for patience gets it: the whole channel pauses, and nobody is charged for it.

use crate::office::{Office, busiest_second};
use serde_json::json;

const PEOPLE: u32 = 200;
const CONCURRENCY: usize = 4;
const RATE: usize = 150;
const BURST: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_429_pauses_the_channel_for_as_long_as_it_says() {
    let channels = json!({ "residents_sms": {
        "pace": { "rate_per_second": RATE, "burst": BURST, "concurrency": CONCURRENCY },
        // One attempt: whoever were charged for the pause would have failed.
        "retry": { "max_attempts": 1 },
    }});
    let too_fast = json!({
        "when": { "since": "first_request", "from_ms": 400, "to_ms": 900 },
        "do": { "http": { "status": 429, "retry_after": "2" } },
    });
    let slow = json!({ "latency_ms": 10 });
    let script = json!({ "residents_sms": { "rules": [too_fast, slow] } });
    let office = Office::open(channels, script).await;
    office.populate(PEOPLE).await;
    let update = office.put_out().await;

    office
        .until("the queue says why it waits", async || {
            let paused = office.broadcast(update, "residents_sms").await.paused;
            paused.is_some_and(|paused| paused.reason.code() == "rate_limited")
        })
        .await;
    let ended = office.finish(update).await;
    assert_eq!(
        ended.counts.accepted,
        u64::from(PEOPLE),
        "{:?}",
        ended.counts
    );
    office.is_in_order().await;

    let log = office.log("residents_sms");
    let refused = log
        .iter()
        .find(|record| record.reply == "429")
        .unwrap()
        .t_us;
    let meanwhile = log
        .iter()
        .filter(|record| (refused + 1..refused + 2_000_000).contains(&record.t_us));
    let meanwhile = meanwhile.count();
    assert!(
        meanwhile <= CONCURRENCY,
        "{meanwhile} requests came although the provider had asked for two seconds"
    );
    let moments: Vec<u64> = log.iter().map(|record| record.t_us).collect();
    // The log has the moments of arrival: what was in flight may arrive together.
    let most = busiest_second(&moments);
    assert!(most <= RATE + BURST + CONCURRENCY, "{most} in one second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_slower_than_our_limit_still_gets_everything_once() {
    let channels = json!({ "residents_sms": {
        "pace": { "rate_per_second": 80, "concurrency": 4 },
        "retry": { "max_attempts": 1 },
    }});
    let limit = json!({ "do": { "rate_limit": { "max_per_second": 40, "retry_after": "1" } } });
    let office = Office::open(channels, json!({ "residents_sms": { "rules": [limit] } })).await;
    office.populate(100).await;
    let update = office.put_out().await;
    let ended = office.finish(update).await;
    assert_eq!(ended.counts.accepted, 100, "{:?}", ended.counts);
    assert!(office.log("residents_sms").len() > 100, "it was throttled");
    office.is_in_order().await;
}
