//! A provider that is down for an hour is tried now and then with one delivery, and nobody is charged for it.

use crate::office::{Office, Scripted};
use oyez_dispatch::breaker::BreakerState;
use oyez_domain::outcome::{Outcome, Reason, Scope};
use serde_json::json;
use std::time::Duration;

const PEOPLE: u32 = 100;
const CONCURRENCY: u64 = 8;
const EMAIL: &str = "scripted_email";

const DOWN: Outcome = Outcome::ChannelDown {
    reason: Reason::Connect,
    scope: Scope::Channel,
};

/// An office with one provider, to which nobody is sent twice for anything that is charged.
async fn office(provider: &std::sync::Arc<Scripted>, rate: Option<f64>) -> Office {
    let settings = json!({
        "pace": { "rate_per_second": rate, "concurrency": CONCURRENCY },
        "retry": { "max_attempts": 1, "base_milliseconds": 30_000, "cap_milliseconds": 1_800_000 },
    });
    let office = Office::with(|_| vec![provider.channel(EMAIL, settings)], json!({})).await;
    office.populate(PEOPLE).await;
    office
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_of_outage_is_tried_less_than_240_times_and_costs_nobody_an_attempt() {
    let provider = Scripted::new(None);
    provider.says(DOWN);
    let office = office(&provider, None).await;
    let update = office.put_out().await;
    office
        .until("the breaker opens", async || {
            office.pause(EMAIL) == Some(Reason::Connect)
        })
        .await;
    let first = provider.sent();
    assert!(first <= 5 + CONCURRENCY, "{first} before it opened");

    let began = office.now();
    while office.now().since(began) < Duration::from_secs(3600) {
        let before = provider.sent();
        office.turn_to_next_try(EMAIL).await;
        office
            .until("one delivery is tried", async || provider.sent() > before)
            .await;
        assert_eq!(provider.sent(), before + 1, "one and no more");
    }
    let tried = provider.sent() - first;
    assert!(tried <= 240, "{tried} tries in an hour");
    let counts = office.counts(update, EMAIL).await;
    assert_eq!((counts.failed, counts.unknown), (0, 0), "{counts:?}");

    provider.works();
    let back = office.now();
    office.turn_to_next_try(EMAIL).await;
    office.accepted(update, EMAIL, 1).await;
    let resumed = office.now().since(back);
    assert!(resumed <= Duration::from_secs(20), "after {resumed:?}");
    let ended = office.finish(update).await.counts;
    assert_eq!(ended.accepted, u64::from(PEOPLE), "{ended:?}");
    assert_eq!(provider.taken(), u64::from(PEOPLE), "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_outage_the_channel_begins_slowly_and_says_so() {
    let provider = Scripted::new(None);
    provider.says(DOWN);
    let office = office(&provider, Some(1000.0)).await;
    let update = office.put_out().await;
    office
        .until("the breaker opens", async || office.pause(EMAIL).is_some())
        .await;
    let row = office.desk.queue().await.unwrap().remove(0);
    assert_eq!(row.breaker, BreakerState::Open);
    assert_eq!(row.eta_seconds, None, "nobody knows when it works again");
    let line = row.paused.unwrap().line;
    assert!(line.contains("tries one delivery"), "{line}");

    provider.works();
    office.turn_to_next_try(EMAIL).await;
    office
        .until("it works again", async || office.pause(EMAIL).is_none())
        .await;
    let row = office.desk.queue().await.unwrap().remove(0);
    let pace = row.pace_per_second.unwrap();
    assert!((100.0..300.0).contains(&pace), "{pace} of 1000 at once");
    office.turn_clock(Duration::from_secs(30));
    let row = office.desk.queue().await.unwrap().remove(0);
    assert_eq!(row.pace_per_second, Some(1000.0), "and whole after 30 s");
    let ended = office.finish(update).await.counts;
    assert_eq!(ended.accepted, u64::from(PEOPLE), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_post_is_not_forgotten_in_an_outage() {
    let provider = Scripted::new(None);
    provider.says(DOWN);
    let settings = json!({ "retry": { "max_attempts": 1, "base_milliseconds": 30_000, "cap_milliseconds": 1_800_000 } });
    let office = Office::with(|_| vec![provider.channel(EMAIL, settings)], json!({})).await;
    office.populate(1).await;
    let update = office.put_out().await;
    // Before the breaker opens the delivery's own waits count, and those are short at first.
    while office.pause(EMAIL).is_none() {
        let before = provider.sent();
        office.turn_clock(Duration::from_secs(5));
        office
            .until("it is tried again", async || {
                provider.sent() > before || office.pause(EMAIL).is_some()
            })
            .await;
    }
    for _ in 0..10 {
        let before = provider.sent();
        // Longer than any wait between two tries.
        office.turn_clock(Duration::from_secs(16));
        office
            .until("it is tried again", async || provider.sent() > before)
            .await;
    }
    provider.works();
    let back = office.now();
    office.turn_to_next_try(EMAIL).await;
    let ended = office.finish(update).await.counts;
    assert_eq!(ended.accepted, 1, "{ended:?}");
    let resumed = office.now().since(back);
    assert!(resumed <= Duration::from_secs(20), "after {resumed:?}");
}
