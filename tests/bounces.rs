//! Mails that come back are told to the people who sent them, end what is pointless, and never cause a mail.

use crate::office::{Office, RECEIPT_TOKEN, email, name};
use oyez_dispatch::{Desk, DeskError};
use oyez_domain::address::Address;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::Ordinal;
use oyez_domain::ledger::Received;
use oyez_domain::receipt::{Callback, CallbackRefusal, ReceiptStatus};
use serde_json::{Value, json};

const EMAIL: &str = "residents_email";

/// An office whose mails may come back.
async fn office() -> Office {
    let bounces = json!({ "via": { "smtp": { "bounces": { "token": RECEIPT_TOKEN } } } });
    Office::open(json!({ EMAIL: bounces }), json!({})).await
}

/// What comes back from now on, as in a scenario's `receipts`.
fn relay_returns(office: &Office, receipts: &Value) {
    let url = format!("http://{}/callbacks/{EMAIL}", office.address);
    let script = json!({ "channels": { EMAIL: {
        "receipt_url": url, "receipt_token": RECEIPT_TOKEN, "receipts": receipts,
    }}});
    let scenario = serde_json::from_value(script).unwrap();
    office.sandbox.set_scenario(&scenario).unwrap();
}

/// Hands a mail in as a mail server would.
async fn hand_in(desk: &Desk, token: &str, mail: &str) -> Result<Received, DeskError> {
    let headers = [("authorization".to_owned(), format!("Bearer {token}"))];
    let callback = Callback {
        method: "POST",
        url: "https://status.example.gov.uk/callbacks/residents_email",
        headers: &headers,
        body: mail.as_bytes(),
    };
    desk.receive_callback(&name(EMAIL), None, &callback).await
}

fn report(reference: &str, action: &str, status: &str) -> String {
    format!(
        "From: MAILER-DAEMON@relay.example.net\r\nTo: b+{reference}@status.example.gov.uk\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example.net\r\n\r\n\
         Final-Recipient: rfc822; somebody@mail.example\r\nAction: {action}\r\nStatus: {status}\r\n--b--\r\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_back_is_told_ends_what_is_pointless_and_causes_no_mail() {
    const PEOPLE: u32 = 60;
    let office = office().await;
    office.populate(PEOPLE).await;
    let every_tenth = |rest: u32| json!({ "every": 10, "rest": rest });
    relay_returns(
        &office,
        &json!([
            { "number": every_tenth(1), "outcome": "undelivered", "duplicate": 1.0, "forged": 2 },
            { "number": every_tenth(2), "outcome": "undelivered", "error": "5.2.2 Mailbox full", "reorder": 0.5 },
            { "number": every_tenth(3), "outcome": "undelivered", "error": "5.7.1 Spam", "forged": 2 },
            { "number": every_tenth(4), "outcome": "delayed", "duplicate": 1.0 },
            { "number": every_tenth(5), "outcome": "complained", "duplicate": 1.0 },
            { "outcome": "none" },
        ]),
    );
    let update = office.put_out().await;
    office.finish(update).await;
    office
        .until("everything that comes back is in", async || {
            let counts = office.sandbox.counts()[EMAIL];
            // Six of each kind; twice where so scripted; of two forgeries one brings the token.
            (counts.receipts_taken, counts.receipts_refused) == (12 + 6 + 6 + 6 + 12 + 12 + 6, 12)
        })
        .await;
    let counts = office.counts(update, EMAIL).await;
    assert_eq!(
        (
            counts.accepted,
            counts.delivered,
            counts.undelivered,
            counts.failed
        ),
        (u64::from(PEOPLE), None, Some(18), 0)
    );
    for (number, state, status) in [
        (1, DeliveryState::Undelivered, ReceiptStatus::Bounced),
        (2, DeliveryState::Undelivered, ReceiptStatus::BouncedForNow),
        (3, DeliveryState::Undelivered, ReceiptStatus::Bounced),
        (4, DeliveryState::Accepted, ReceiptStatus::Underway),
        (5, DeliveryState::Accepted, ReceiptStatus::Complained),
    ] {
        let address = Address::email(&email(number)).unwrap();
        let delivery = office.delivery(update, address).await;
        let told: Vec<_> = delivery.receipts.iter().map(|(_, told, _)| *told).collect();
        assert_eq!((delivery.state, told), (state, vec![status]), "{number}");
    }
    assert_eq!(office.log(EMAIL).len(), 60, "a bounce never causes a mail");

    // Who is not there and who complained get no more; nobody else is left out.
    relay_returns(&office, &json!([]));
    let next = office.put_out().await;
    let ended = office.finish(next).await.counts;
    assert_eq!((ended.suppressed, ended.accepted), (12, 48));
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_bounce_changes_nothing() {
    let office = office().await;
    office.populate(20).await;
    let update = office.put_out().await;
    office.finish(update).await;
    let (before, log) = (office.broadcast(update, EMAIL).await, office.log(EMAIL));
    for n in 0..500_usize {
        let real = &log[n % log.len()];
        let genuine = report(&real.key, "failed", "5.1.1");
        let answer = hand_in(&office.desk, "no-token-of-ours", &genuine).await;
        assert!(matches!(
            answer,
            Err(DeskError::Callback(CallbackRefusal::Unauthenticated))
        ));
        let (head, tail) = real.key.split_at(real.key.len() - 1);
        let forged = format!("{head}{}", if tail == "0" { "1" } else { "0" });
        let mail = report(&forged, "failed", "5.1.1");
        let received = hand_in(&office.desk, RECEIPT_TOKEN, &mail).await.unwrap();
        assert_eq!((received.applied, received.never_armed), (0, 1));
    }
    // Ours, but of a delivery that never was.
    let stranger = office
        .desk
        .reference_key
        .seal(before.broadcast, Ordinal(99));
    let mail = report(stranger.as_str(), "failed", "5.1.1");
    let received = hand_in(&office.desk, RECEIPT_TOKEN, &mail).await.unwrap();
    assert_eq!((received.applied, received.never_armed), (0, 1));
    assert_eq!(office.broadcast(update, EMAIL).await.counts, before.counts);
    let next = office.put_out().await;
    assert_eq!(office.finish(next).await.counts.suppressed, 0);
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_settles_what_may_have_been_sent() {
    let office = office().await;
    office.populate(2).await;
    office
        .sandbox
        .set_scenario(
            &serde_json::from_value(json!({ "channels": { EMAIL: { "rules": [
                { "do": "drop_after_effect" }
            ]}}}))
            .unwrap(),
        )
        .unwrap();
    let update = office.put_out().await;
    office
        .until("both may have been sent", async || {
            office.log(EMAIL).iter().filter(|r| r.effect).count() >= 2
        })
        .await;
    let log = office.log(EMAIL);
    let both = [
        report(&log[0].key, "delayed", "4.4.1"),
        report(&log[1].key, "failed", "5.1.1"),
    ];
    for mail in &both {
        office
            .until("it is taken in", async || {
                let received = hand_in(&office.desk, RECEIPT_TOKEN, mail).await.unwrap();
                received.applied + received.repeated == 1
            })
            .await;
    }
    let ended = office.finish(update).await.counts;
    assert_eq!((ended.accepted, ended.unknown), (2, 0));
}
