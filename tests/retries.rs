//! What is refused for now is tried again, with an end; what is refused for good is not, and the address rests.

use crate::office::{Office, email, mobile};
use oyez_domain::address::Address;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::outcome::{OutcomeCode, Reason};
use serde_json::{Value, json};
use std::time::Duration;

fn refuse(rest: u32, code: u16, text: &str) -> Value {
    json!({
        "stage": "rcpt",
        "when": { "number": { "every": 50, "rest": rest } },
        "do": { "smtp": { "code": code, "text": text } },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_ends_as_it_says() {
    let mut greylist = refuse(1, 451, "4.7.1 Greylisted, try again later");
    greylist["times_each"] = json!(1);
    let script = json!({ "residents_email": { "rules": [
        greylist,
        refuse(2, 451, "4.3.0 Always later"),
        refuse(3, 550, "5.1.1 No such mailbox"),
    ]}});
    let office = Office::open(json!({ "residents_email": {} }), script).await;
    office.populate(100).await;
    let update = office.put_out().await;
    let ended = office.finish(update).await.counts;
    assert_eq!((ended.accepted, ended.failed), (96, 4));

    let ways = [
        (1, DeliveryState::Accepted, 2),
        (2, DeliveryState::Rejected, 3),
        (3, DeliveryState::Rejected, 1),
        (4, DeliveryState::Accepted, 1),
    ];
    for (number, state, attempts) in ways {
        let address = Address::email(&email(number)).unwrap();
        let delivery = office.delivery(update, address).await;
        assert_eq!(delivery.state, state, "resident {number}");
        assert_eq!(delivery.attempts.len(), attempts, "resident {number}");
        for pair in delivery.attempts.windows(2) {
            assert_eq!(pair[0].outcome, OutcomeCode::Deferred);
            let wait = pair[1].at.since(pair[0].at);
            assert!(wait >= Duration::from_millis(10), "again after {wait:?}");
        }
        let asked = office.log("residents_email");
        let asked = asked.iter().filter(|record| record.to == email(number));
        assert_eq!(asked.count(), attempts, "the relay saw resident {number}");
    }

    // Who does not exist is never written to again; who was only busy is.
    let later = office.put_out().await;
    let ended = office.finish(later).await.counts;
    assert_eq!((ended.accepted, ended.failed, ended.suppressed), (96, 2, 2));
    let asked = office.log("residents_email");
    let asked = asked.iter().filter(|record| record.to == email(3));
    assert_eq!(asked.count(), 1, "a dead address was written to again");
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_cuts_before_it_takes_is_not_believed_to_have_taken_nothing() {
    let cut =
        json!({ "when": { "number": { "every": 10, "rest": 1 } }, "do": "drop_before_effect" });
    let script = json!({ "residents_sms": { "rules": [cut] } });
    let office = Office::open(json!({ "residents_sms": {} }), script).await;
    office.populate(20).await;
    let update = office.put_out().await;
    let ended = office.finish(update).await.counts;
    assert_eq!((ended.accepted, ended.unknown), (18, 2));
    let address = Address::uk_telephone(&mobile(11)).unwrap();
    let delivery = office.delivery(update, address).await;
    assert_eq!(delivery.state, DeliveryState::Unknown);
    assert_eq!(
        delivery.attempts.len(),
        1,
        "nobody guesses with a text message"
    );
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_tried_again_by_reason_where_that_can_help() {
    let mut full = refuse(1, 452, "4.2.2 Mailbox full");
    full["times_each"] = json!(3);
    let script =
        json!({ "residents_email": { "rules": [full, refuse(3, 550, "5.1.1 No such mailbox")] }});
    let office = Office::open(json!({ "residents_email": {} }), script).await;
    office.populate(100).await;
    let update = office.put_out().await;
    assert_eq!(office.finish(update).await.counts.failed, 4);
    let failures = office.desk.failures(update).await.unwrap();
    let rows: Vec<_> = failures
        .iter()
        .map(|row| (row.reason, row.count, row.can_succeed))
        .collect();
    assert_eq!(
        rows,
        [
            (Reason::AddressUnknown, 2, false),
            (Reason::InboxFull, 2, true)
        ]
    );
    let retry = async |reason| {
        office
            .desk
            .retry(update, None, &[reason], None, "test")
            .await
    };
    assert!(retry(Reason::AddressUnknown).await.is_err(), "pointless");
    assert!(retry(Reason::TryLater).await.is_err(), "nothing failed so");
    assert_eq!(retry(Reason::InboxFull).await.unwrap().value, 2);
    let ended = office.finish(update).await.counts;
    assert_eq!((ended.accepted, ended.failed), (98, 2));
    let address = Address::email(&email(1)).unwrap();
    assert_eq!(
        office.delivery(update, address).await.state,
        DeliveryState::Accepted
    );
    office.is_in_order().await;
}
