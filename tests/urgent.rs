//! An urgent update overtakes what waits: its first message leaves within two seconds, however busy the channel is.

use crate::office::Office;
use serde_json::{Value, json};

const TWO_SECONDS_US: u64 = 2_000_000;

async fn leaves_at_once(channel: Value, script: Value, under_way: u64) {
    let channels = json!({ "residents_sms": channel });
    let office = Office::open(channels, json!({ "residents_sms": script })).await;
    office.populate(1000).await;
    let backlog = office.put_out().await;
    office.accepted(backlog, "residents_sms", under_way).await;
    let urgent = office.write_update(json!({ "urgent": true })).await;
    let began = office.now_us();
    office.release(urgent).await;
    let broadcast = office.broadcast(urgent, "residents_sms").await.broadcast;
    office
        .until("the urgent update leaves", async || {
            !office.effects("residents_sms", broadcast).is_empty()
        })
        .await;
    let (first, _) = office.effects("residents_sms", broadcast)[0];
    assert!(
        first - began <= TWO_SECONDS_US,
        "after {} µs",
        first - began
    );
    let left = office.counts(backlog, "residents_sms").await;
    assert!(
        left.pending > 100,
        "there was nothing to overtake: {left:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_channel_that_is_at_its_limit() {
    let channel = json!({ "pace": { "rate_per_second": 100, "concurrency": 8 } });
    leaves_at_once(channel, json!({}), 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_channel_without_a_limit_whose_provider_is_slow() {
    let channel = json!({ "pace": { "concurrency": 4 } });
    leaves_at_once(channel, json!({ "rules": [{ "latency_ms": 300 }] }), 12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_channel_whose_provider_is_slower_than_its_limit() {
    let channel = json!({ "pace": { "rate_per_second": 200, "concurrency": 4 } });
    leaves_at_once(channel, json!({ "rules": [{ "latency_ms": 300 }] }), 12).await;
}
