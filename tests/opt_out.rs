//! Who says stop is left alone from then on, whatever was queued for them already.

use crate::office::Office;
use oyez_domain::address::Address;
use oyez_domain::delivery::DeliveryState;
use serde_json::{Value, json};

/// A mail's recipient and the stop token in its unsubscribe link.
fn stop_token(mail: &str) -> (String, String) {
    let header = |name: &str| mail.split("\r\n").find_map(|line| line.strip_prefix(name));
    let to = header("To: ").unwrap().trim_matches(['<', '>']).to_owned();
    let unfolded = mail.replace("\r\n ", " ");
    let (_, rest) = unfolded.split_once("List-Unsubscribe: ").unwrap();
    let (_, rest) = rest.split_once("/x/").unwrap();
    let token = rest.chars().take_while(char::is_ascii_alphanumeric);
    (to, token.collect())
}

/// Two email channels to the same people: a first update on the quick one brings everybody's token; the second
/// is on its way on the slow one, as `changes` have it, when the person who comes last says stop.
async fn the_last_in_the_queue_says_stop(people: u32, slow: Value, script: Value) {
    let office = Office::open(json!({ "quick_email": {}, "slow_email": slow }), script).await;
    office.populate(people).await;
    let on = async |channel: &str| {
        let audience = json!({ "audience": { "channels": [channel] } });
        let update = office.write_update(audience).await;
        office.release(update).await;
        update
    };
    let first = on("quick_email").await;
    office.finish(first).await;
    let mail = office.sandbox.latest("quick_email").unwrap();
    let (to, token) = stop_token(&String::from_utf8_lossy(&mail));

    let second = on("slow_email").await;
    office
        .until("some have been asked for", async || {
            !office.log("slow_email").is_empty()
        })
        .await;
    office.desk.opt_out(&token).await.unwrap();
    let stopped_at = office.now_us();
    office.desk.opt_out(&token).await.unwrap();
    let ended = office.finish(second).await.counts;

    let late = office.log("slow_email");
    let late = late
        .iter()
        .filter(|r| r.to == to && r.t_us > stopped_at + 2_000_000);
    assert_eq!(late.count(), 0, "a message left two seconds after the stop");
    let delivery = office.delivery(second, Address::email(&to).unwrap()).await;
    assert_eq!(delivery.state, DeliveryState::Suppressed);
    assert_eq!(
        (ended.suppressed, ended.accepted),
        (1, u64::from(people) - 1)
    );
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_in_a_long_queue_is_left_out() {
    let pace = json!({ "pace": { "rate_per_second": 150, "concurrency": 8 } });
    the_last_in_the_queue_says_stop(600, pace, json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_slow_channel_is_left_out() {
    let pace = json!({ "pace": { "rate_per_second": 3, "concurrency": 16 } });
    the_last_in_the_queue_says_stop(14, pace, json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_another_attempt_is_left_out() {
    let busy = json!({
        "stage": "rcpt",
        "times_each": 1,
        "do": { "smtp": { "code": 451, "text": "4.7.1 Try later" } },
    });
    let slow = json!({
        "pace": { "rate_per_second": 20 },
        "retry": { "base_milliseconds": 1500, "cap_milliseconds": 1500 },
    });
    the_last_in_the_queue_says_stop(20, slow, json!({ "slow_email": { "rules": [busy] } })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_out_an_outage_is_left_out() {
    let down = json!({
        "stage": "mail",
        "when": { "since": "first_request", "to_ms": 1500 },
        "do": { "smtp": { "code": 421, "text": "4.3.2 Service not available" } },
    });
    let slow = json!({ "pace": { "rate_per_second": 40, "concurrency": 2 } });
    let script = json!({ "slow_email": { "rules": [down] } });
    the_last_in_the_queue_says_stop(20, slow, script).await;
}
