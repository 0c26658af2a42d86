//! A provider that is down costs nobody an attempt, and everybody is served once it is back.

use crate::office::Office;
use oyez_sandbox::{Sandbox, SandboxSettings, Scenario};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

const PEOPLE: u32 = 100;

/// One attempt: whoever were charged for the outage would have failed.
fn one_attempt(via: &Value) -> Value {
    json!({ "retry": { "max_attempts": 1 }, "via": via })
}

async fn all_are_served_and_nothing_is_unknown(channel: &str, script: Value) {
    let office = Office::open(json!({ channel: one_attempt(&json!({})) }), script).await;
    office.populate(PEOPLE).await;
    let update = office.put_out().await;
    office
        .until("the outage is seen", async || {
            office.broadcast(update, channel).await.paused.is_some()
        })
        .await;
    let ended = office.finish(update).await;
    let people = u64::from(PEOPLE);
    assert_eq!((ended.counts.accepted, ended.counts.unknown), (people, 0));
    assert!(office.log(channel).iter().any(|record| !record.effect));
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_answers_503_is_outlived() {
    let down = json!({
        "when": { "since": "first_request", "from_ms": 0, "to_ms": 1500 },
        "do": { "http": { "status": 503 } },
    });
    let script = json!({ "residents_sms": { "rules": [down] } });
    all_are_served_and_nothing_is_unknown("residents_sms", script).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_hangs_up_before_it_takes_a_mail_is_outlived() {
    let down = json!({
        "stage": "mail",
        "when": { "since": "first_request", "from_ms": 0, "to_ms": 1500 },
        "do": { "smtp": { "code": 421, "text": "4.3.2 Service not available" } },
    });
    let script = json!({ "residents_email": { "rules": [down] } });
    all_are_served_and_nothing_is_unknown("residents_email", script).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_nobody_reaches_is_tried_until_it_is_back() {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let nobody = TcpListener::bind(any).unwrap().local_addr().unwrap();
    let via = json!({ "smtp": { "port": nobody.port() } });
    let channels = json!({ "residents_email": one_attempt(&via) });
    let office = Office::open(channels, json!({})).await;
    office.populate(PEOPLE).await;
    let update = office.put_out().await;
    office
        .until("the outage is seen", async || {
            let paused = office.broadcast(update, "residents_email").await.paused;
            paused.is_some_and(|paused| paused.reason.code() == "connect")
        })
        .await;
    assert_eq!(office.counts(update, "residents_email").await.failed, 0);

    let relay = SandboxSettings {
        smtp: nobody,
        http: any,
        log: office.sandbox.log_path().to_owned(),
        scenario: Scenario::default(),
    };
    let relay = Sandbox::start(relay).await.unwrap();
    let ended = office.finish(update).await;
    assert_eq!(ended.counts.accepted, u64::from(PEOPLE));
    office.is_in_order().await;
    relay.shutdown().await;
}
