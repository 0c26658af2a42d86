//! A provider that refuses our password, or has no credit left for us, stops its channel: nobody is charged, nothing
//! more is sent than was on its way, and it goes on once the provider accepts us or a person says so.

use crate::office::{Office, Scripted, name};
use oyez_domain::outcome::{Outcome, Reason, Scope};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const PEOPLE: u32 = 200;
const CONCURRENCY: u64 = 8;
const EMAIL: &str = "scripted_email";

fn refused(reason: Reason) -> Outcome {
    Outcome::ChannelRefused {
        reason,
        scope: Scope::Channel,
    }
}

fn once() -> Value {
    json!({ "max_attempts": 1, "base_milliseconds": 100, "cap_milliseconds": 400 })
}

/// Whoever were charged for the refusal would have failed.
fn one_attempt() -> Value {
    json!({ "retry": once(), "pace": { "concurrency": CONCURRENCY } })
}

async fn office(provider: &Arc<Scripted>) -> Office {
    let office = Office::with(|_| vec![provider.channel(EMAIL, one_attempt())], json!({})).await;
    office.populate(PEOPLE).await;
    office
}

async fn pauses(office: &Office, reason: Reason) {
    office
        .until("the channel pauses", async || {
            office.pause(EMAIL) == Some(reason)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_401_stops_the_channel_and_a_minute_later_one_delivery_is_tried() {
    let channels = json!({ "residents_sms": one_attempt() });
    let wrong = json!({
        "when": { "since": "first_request", "from_ms": 300, "to_ms": 1500 },
        "latency_ms": 10,
        "do": { "http": { "status": 401 } },
    });
    let script = json!({ "residents_sms": { "rules": [wrong, { "latency_ms": 10 }] } });
    let office = Office::open(channels, script).await;
    office.populate(1000).await;
    let mut events = office.desk.events.listen();
    let update = office.put_out().await;
    let refused = || {
        office
            .log("residents_sms")
            .iter()
            .filter(|r| r.reply == "401")
            .count() as u64
    };
    office
        .until("the channel pauses", async || {
            office.pause("residents_sms").is_some()
        })
        .await;
    let paused = office
        .broadcast(update, "residents_sms")
        .await
        .paused
        .unwrap();
    assert_eq!(paused.reason, Reason::AuthFailed);
    assert!(
        paused.line.contains("resume the channel"),
        "{}",
        paused.line
    );
    let mut said = Vec::new();
    while let Ok(event) = events.try_recv() {
        said.push(event.code);
    }
    assert_eq!(said, ["paused"], "said once, and no recipient is told of");

    // The provider's side is put right 1.5 s after the first request.
    let log = office.log("residents_sms");
    let right = log[0].t_us + 1_500_000;
    office
        .until("the provider is put right", async || {
            office.now_us() > right
        })
        .await;
    assert!(
        (1..=CONCURRENCY + 1).contains(&refused()),
        "{} were refused",
        refused()
    );
    office.turn_to_next_try("residents_sms").await;
    office
        .until("one delivery gets through", async || {
            office.pause("residents_sms").is_none()
        })
        .await;
    // The slow start is over.
    office.turn_clock(Duration::from_secs(30));
    let ended = office.finish(update).await.counts;
    assert_eq!((ended.accepted, ended.failed), (1000, 0), "{ended:?}");
    assert!(refused() <= CONCURRENCY + 1);
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_we_can_ask_nothing_is_sent_until_the_provider_accepts_us() {
    let provider = Scripted::new(Some(false));
    provider.says(refused(Reason::AuthFailed));
    let office = office(&provider).await;
    let update = office.put_out().await;
    pauses(&office, Reason::AuthFailed).await;
    office
        .until("what was on its way has ended", async || {
            office.broadcast(update, EMAIL).await.in_flight == 0
        })
        .await;
    let affected = provider.sent();
    assert!(affected <= CONCURRENCY + 1, "{affected} were refused");
    for minute in 1..=10 {
        office.turn_to_next_try(EMAIL).await;
        office
            .until("the provider is asked", async || {
                provider.checked() >= minute
            })
            .await;
    }
    assert_eq!(provider.sent(), affected, "asked, not sent to");
    assert_eq!(office.counts(update, EMAIL).await.failed, 0);

    provider.works();
    office.turn_to_next_try(EMAIL).await;
    let ended = office.finish(update).await.counts;
    assert_eq!(ended.accepted, u64::from(PEOPLE), "{ended:?}");
    assert_eq!(provider.taken(), u64::from(PEOPLE), "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_credit_nothing_is_sent_until_a_person_resumes_the_channel() {
    let provider = Scripted::new(None);
    provider.says(refused(Reason::NoCredit));
    let office = office(&provider).await;
    let update = office.put_out().await;
    pauses(&office, Reason::NoCredit).await;
    let affected = provider.sent();
    assert!(affected <= CONCURRENCY + 1, "{affected} were refused");
    provider.works();
    office
        .desk
        .hold_channel(Some(&name(EMAIL)), None, "test")
        .await
        .unwrap();
    assert_eq!(office.pause(EMAIL), None);
    let ended = office.finish(update).await.counts;
    assert_eq!(ended.accepted, u64::from(PEOPLE), "{ended:?}");
    assert_eq!(provider.taken(), u64::from(PEOPLE), "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_may_be_about_one_message_stops_the_channel_at_the_third() {
    let provider = Scripted::new(None);
    provider.says(refused(Reason::Misconfigured));
    let settings = json!({ "retry": once(), "pace": { "concurrency": 1 } });
    let office = Office::with(|_| vec![provider.channel(EMAIL, settings)], json!({})).await;
    office.populate(PEOPLE).await;
    let update = office.put_out().await;
    pauses(&office, Reason::Misconfigured).await;
    assert_eq!(provider.sent(), 3);
    let span = Duration::from_millis(200);
    office.throughout(span, async || provider.sent() == 3).await;
    assert_eq!(office.counts(update, EMAIL).await.failed, 0);
}
