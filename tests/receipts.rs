//! Receipts come early, late, twice and out of order, and some are forged: the counts are those of the truth.

use crate::office::{Office, RECEIPT_TOKEN, mobile, name};
use oyez_dispatch::{Desk, DeskError};
use oyez_domain::id::Ordinal;
use oyez_domain::ledger::Received;
use oyez_domain::receipt::{Callback, CallbackRefusal};
use oyez_sandbox::Scenario;
use serde_json::{Value, json};

const SMS: &str = "residents_sms";

/// Hands a report in as the gateway would, under `token`.
pub(crate) async fn hand_in(desk: &Desk, token: &str, body: &Value) -> Result<Received, DeskError> {
    let headers = [("authorization".to_owned(), format!("Bearer {token}"))];
    let body = body.to_string();
    let callback = Callback {
        method: "POST",
        url: "https://status.example.gov.uk/callbacks/residents_sms",
        headers: &headers,
        body: body.as_bytes(),
    };
    desk.receive_callback(&name(SMS), None, &callback).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_order_the_counts_are_those_of_the_provider() {
    const PEOPLE: u32 = 300;
    let script = json!({ SMS: {
        // The receipt of every fifth message is out before its reply is.
        "rules": [{ "when": { "fraction": 0.2 }, "latency_ms": 200 }],
        "receipt_token": RECEIPT_TOKEN,
        "receipts": [
            { "number": { "every": 30, "rest": 7 }, "outcome": "undelivered", "duplicate": 0.5, "forged": 1 },
            { "duplicate": 0.3, "reorder": 0.3, "reorder_ms": 400, "forged": 2 },
        ],
    }});
    let office = Office::open(json!({ SMS: {} }), script.clone()).await;
    office.populate(PEOPLE).await;
    let update = office.put_out().await;
    office.finish(update).await;
    office
        .until("every receipt is in", async || {
            let counts = office.counts(update, SMS).await;
            counts.delivered.unwrap() + counts.undelivered.unwrap() == u64::from(PEOPLE)
        })
        .await;

    let script: Scenario = serde_json::from_value(json!({ "channels": script })).unwrap();
    let expected = script.expected(SMS, (1..=PEOPLE).map(mobile));
    let counts = office.counts(update, SMS).await;
    assert_eq!(
        (counts.accepted, counts.delivered, counts.undelivered),
        (
            expected.accepted,
            Some(expected.delivered),
            Some(expected.undelivered)
        )
    );
    office
        .until("the forgeries are refused", async || {
            office.sandbox.counts()[SMS].receipts_refused == u64::from(PEOPLE)
        })
        .await;
    let taken = office.sandbox.counts()[SMS].receipts_taken;
    assert!(taken > u64::from(PEOPLE), "none came twice: {taken}");
    assert_eq!(office.counts(update, SMS).await, counts);
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_forgeries_change_nothing() {
    let quiet = json!({ SMS: { "receipts": [{ "outcome": "none" }] } });
    let office = Office::open(json!({ SMS: {} }), quiet).await;
    office.populate(20).await;
    let update = office.put_out().await;
    office.finish(update).await;
    let before = office.broadcast(update, SMS).await;
    let (log, desk) = (office.log(SMS), &office.desk);
    for n in 0..500_usize {
        let real = &log[n % log.len()];
        let lie = json!({ "id": real.provider_id, "reference": real.key, "status": "failed" });
        let token = format!("{RECEIPT_TOKEN}{n}");
        let answer = hand_in(desk, &token, &lie).await;
        assert!(matches!(
            answer,
            Err(DeskError::Callback(CallbackRefusal::Unauthenticated))
        ));

        // A reference with one sign changed is not ours.
        let (head, tail) = real.key.split_at(real.key.len() - 1);
        let other = if tail == "0" { "1" } else { "0" };
        let made_up = format!("{head}{other}");
        let never =
            json!({ "id": format!("never-{n}"), "reference": made_up, "status": "delivered" });
        let received = hand_in(desk, RECEIPT_TOKEN, &never).await.unwrap();
        assert_eq!((received.applied, received.never_armed), (0, 1));
    }
    let after = office.broadcast(update, SMS).await;
    assert_eq!(after.counts, before.counts);
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_for_what_was_never_announced_changes_nothing() {
    let office = Office::open(json!({ SMS: {} }), json!({})).await;
    office.populate(10).await;
    let desk = &office.desk;
    desk.hold_channel(Some(&name(SMS)), Some("test"), "test")
        .await
        .unwrap();
    let update = office.put_out().await;
    let before = office.broadcast(update, SMS).await;
    let reference = desk.reference_key.seal(before.broadcast, Ordinal(4));
    let early = json!({ "reference": reference, "status": "delivered" });
    let received = hand_in(desk, RECEIPT_TOKEN, &early).await.unwrap();
    assert_eq!((received.applied, received.never_armed), (0, 1));
    let after = office.broadcast(update, SMS).await;
    assert_eq!(after.counts, before.counts);
    assert_eq!(after.counts.pending, 10);
}
