//! A channel in trouble never touches another.

use crate::office::{Office, PARTNER_SECRET};
use serde_json::{Value, json};

const EMAILS: u32 = 150;
const RATE: f64 = 100.0;

/// One SMS provider in trouble beside an email channel that must keep its pace, an account and two partners.
async fn others_finish_beside(trouble: Value) {
    let channels = json!({
        "residents_email": { "pace": { "rate_per_second": RATE, "concurrency": 8 } },
        // One attempt: whoever were charged for the provider's trouble would have failed.
        "residents_sms": { "retry": { "max_attempts": 1 }, "pace": { "concurrency": 8 } },
        "council_mastodon": {},
        "partners": {},
    });
    let script = json!({
        "residents_sms": { "rules": [trouble] },
        "partners": { "endpoints": { "hackney": PARTNER_SECRET, "camden": PARTNER_SECRET } },
    });
    let office = Office::open(channels, script).await;
    office.populate(EMAILS).await;
    office.partners("partners", &["hackney", "camden"]).await;
    let update = office.put_out().await;
    for (channel, asked) in [
        ("residents_email", u64::from(EMAILS)),
        ("council_mastodon", 1),
        ("partners", 2),
    ] {
        office.accepted(update, channel, asked).await;
    }
    let email = office.broadcast(update, "residents_email").await.broadcast;
    let live = office
        .desk
        .lives
        .get(&crate::office::name("residents_email"));
    let speed = live.unwrap().overall_per_second(email).unwrap();
    assert!(
        speed >= 0.9 * RATE,
        "email kept {speed:.1} of {RATE} a second"
    );

    let sms = office.counts(update, "residents_sms").await;
    assert_eq!(
        sms.pending,
        u64::from(EMAILS),
        "nobody was charged: {sms:?}"
    );
    assert!(
        !office.log("residents_sms").is_empty(),
        "the provider was asked"
    );
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_down_stops_no_other_channel() {
    others_finish_beside(json!({ "do": { "http": { "status": 503 } } })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_throttles_stops_no_other_channel() {
    others_finish_beside(json!({ "do": { "http": { "status": 429, "retry_after": "120" } } }))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_hangs_stops_no_other_channel() {
    others_finish_beside(json!({ "do": "drop_before_effect", "latency_ms": 19_000 })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_refuses_our_password_stops_no_other_channel() {
    others_finish_beside(json!({ "do": { "http": { "status": 401 } } })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_partner_in_trouble_is_no_trouble_for_the_others() {
    let trouble = |name: &str, status: u16| json!({ "when": { "to": name }, "do": { "http": { "status": status, "retry_after": "60" } } });
    let channels = json!({ "partners": { "retry": { "max_attempts": 1 } } });
    let names = ["hackney", "camden", "islington", "lambeth", "southwark"];
    let script = json!({ "partners": { "rules": [
        trouble("hackney", 429),
        trouble("camden", 503),
        trouble("islington", 401),
    ]}});
    let office = Office::open(channels, script).await;
    office.partners("partners", &names).await;
    let update = office.put_out().await;
    office.accepted(update, "partners", 2).await;
    office
        .until("the three wait", async || {
            office.broadcast(update, "partners").await.waiting == 3
        })
        .await;
    let paused = office.broadcast(update, "partners").await.paused;
    assert_eq!(
        paused, None,
        "one partner's answer is no pause of the channel"
    );
    let reached = office.reached("partners");
    assert!(reached.keys().eq(["lambeth", "southwark"]), "{reached:?}");
    office.is_in_order().await;
}
