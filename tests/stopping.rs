//! Stop means stop, hold means later: counted exactly, and nobody is reached twice.

use crate::office::{Office, name};
use oyez_dispatch::desk::halt::Found;
use serde_json::json;
use std::time::Duration;

const PEOPLE: u32 = 400;
const EMAIL: &str = "residents_email";

async fn office() -> Office {
    let channels = json!({
        "residents_email": { "pace": { "rate_per_second": 200, "concurrency": 8 } },
        "residents_sms": { "pace": { "rate_per_second": 400, "concurrency": 8 } },
    });
    let latency = json!({ "rules": [{ "latency_ms": 20 }] });
    let office = Office::open(channels, json!({ "*": latency })).await;
    office.populate(PEOPLE).await;
    office
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_stop_nothing_new_leaves_and_the_counts_are_exact() {
    let office = office().await;
    let update = office.put_out().await;
    office.accepted(update, EMAIL, 120).await;
    let stopped_at = office.now_us();
    let stop = || {
        office
            .desk
            .stop(update, None, "wrong telephone number", "test")
    };
    stop().await.unwrap();
    office.finish(update).await;

    let counts = office.counts(update, EMAIL).await;
    assert!(counts.stopped > 0 && counts.accepted >= 120, "{counts:?}");
    assert_eq!(counts.accepted + counts.stopped, u64::from(PEOPLE));
    assert_eq!(stop().await.unwrap().found, Found::Stopped);
    assert_eq!(
        office.counts(update, EMAIL).await,
        counts,
        "a second stop changed something"
    );

    // Another update goes out meanwhile, long enough for a straggler to show itself.
    let other = office.put_out().await;
    let ended = office.finish(other).await;
    assert_eq!(ended.counts.accepted, 2 * u64::from(PEOPLE));
    for channel in [EMAIL, "residents_sms"] {
        let broadcast = office.broadcast(update, channel).await;
        let left = office.effects(channel, broadcast.broadcast);
        assert_eq!(left.len() as u64, broadcast.counts.accepted, "{channel}");
        let late = left.iter().filter(|(at, _)| *at > stopped_at + 1_000_000);
        assert_eq!(late.count(), 0, "{channel} went on after the stop");
    }
    office.is_in_order().await;
}

/// A window and one more are armed ahead; at 50 a second they would last for a second and longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_armed_when_somebody_stops_it_does_not_leave() {
    let channels = json!({ "residents_email": { "pace": { "concurrency": 1 } } });
    let latency = json!({ "rules": [{ "latency_ms": 20 }] });
    let office = Office::open(channels, json!({ "*": latency })).await;
    office.populate(PEOPLE).await;
    let update = office.put_out().await;
    office
        .until("much more is armed than is on its way", async || {
            let broadcast = office.broadcast(update, EMAIL).await;
            broadcast.counts.accepted > 50 && broadcast.in_flight > 40
        })
        .await;
    let stopped_at = office.now_us();
    let halted = office.desk.stop(update, None, "wrong", "test").await;
    let halted = halted.unwrap();
    assert_eq!(halted.found, Found::Underway);
    let told = &halted.progress.broadcasts[0];
    assert!(told.in_flight <= 1, "one connection carries one message");
    assert_eq!(
        told.counts.accepted + told.in_flight + told.counts.stopped,
        u64::from(PEOPLE)
    );
    let ended = office.finish(update).await;
    office
        .throughout(Duration::from_millis(1_500), async || {
            let left = office.effects(EMAIL, ended.broadcasts[0].broadcast);
            // The stop itself takes a moment, in which a few more leave.
            left.iter().filter(|(at, _)| *at > stopped_at).count() <= 15
        })
        .await;
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_goes_on_later_and_reaches_each_exactly_once() {
    let office = office().await;
    let update = office.put_out().await;
    office.accepted(update, EMAIL, 120).await;
    let hold = |held| office.desk.hold(update, None, held, "test");
    hold(true).await.unwrap();
    office
        .until("nothing is in flight", async || {
            let broadcasts = office.progress(update).await.broadcasts;
            broadcasts.iter().all(|b| b.in_flight == 0)
        })
        .await;
    let seen = office.reached(EMAIL).len();
    assert!(
        seen < PEOPLE as usize,
        "it was held too late to show anything"
    );

    // Other updates are not concerned.
    let other = office.put_out().await;
    let ended = office.finish(other).await;
    assert_eq!(ended.counts.accepted, 2 * u64::from(PEOPLE));
    let broadcast = office.broadcast(update, EMAIL).await;
    assert_eq!(broadcast.counts.accepted, seen as u64);
    assert_eq!(broadcast.paused.unwrap().reason.code(), "held");

    hold(false).await.unwrap();
    let ended = office.finish(update).await;
    assert_eq!(ended.counts.accepted, 2 * u64::from(PEOPLE));
    assert!(office.reached(EMAIL).values().all(|times| *times == 2));
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_channel_waits_while_the_others_finish() {
    let office = office().await;
    let (desk, email) = (&office.desk, name(EMAIL));
    let update = office.put_out().await;
    office.accepted(update, EMAIL, 50).await;
    let hold = |reason| desk.hold_channel(Some(&email), reason, "test");
    hold(Some("checking the text")).await.unwrap();
    office
        .accepted(update, "residents_sms", u64::from(PEOPLE))
        .await;
    office
        .until("nothing is in flight", async || {
            office.broadcast(update, EMAIL).await.in_flight == 0
        })
        .await;
    let seen = office.log(EMAIL).len();
    assert!((50..PEOPLE as usize).contains(&seen), "{seen} were sent");
    office
        .throughout(Duration::from_millis(500), async || {
            office.log(EMAIL).len() == seen
        })
        .await;
    hold(None).await.unwrap();
    office.finish(update).await;
    assert!(office.reached(EMAIL).values().all(|times| *times == 1));
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_system_sends_nothing_at_all() {
    let office = office().await;
    let hold = |reason| office.desk.hold_channel(None, reason, "test");
    hold(Some("exercise")).await.unwrap();
    let update = office.put_out().await;
    office
        .throughout(Duration::from_millis(500), async || {
            office.sandbox.records().unwrap().is_empty()
        })
        .await;
    for row in office.desk.queue().await.unwrap() {
        assert_eq!(row.pending, u64::from(PEOPLE), "{}", row.channel);
        assert!(row.paused.unwrap().line.contains("exercise"));
    }
    hold(None).await.unwrap();
    let ended = office.finish(update).await;
    assert_eq!(ended.counts.accepted, 2 * u64::from(PEOPLE));
    office.is_in_order().await;
}
