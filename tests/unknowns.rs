//! What may have been sent is called unknown, and each kind does with it what is safest for residents.

use crate::office::{Office, RECEIPT_TOKEN, email, mobile};
use crate::receipts::hand_in;
use oyez_domain::address::Address;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::ledger::{Decision, UnknownFilter};
use oyez_sandbox::LogRecord;
use serde_json::json;
use std::time::Duration;

const PEOPLE: u32 = 40;

fn requests(log: &[LogRecord], to: &str) -> Vec<LogRecord> {
    log.iter()
        .filter(|record| record.to == to)
        .cloned()
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_may_have_been_taken_is_sent_once_more_under_the_same_name() {
    let script = json!({ "residents_email": { "rules": [
        { "when": { "number": { "every": 20, "rest": 5 } }, "times_each": 1, "do": "drop_after_effect" },
        { "when": { "number": { "every": 20, "rest": 6 } }, "do": "drop_after_effect" },
    ]}});
    let office = Office::open(json!({ "residents_email": {} }), script).await;
    office.populate(PEOPLE).await;
    let update = office.put_out().await;
    let ended = office.finish(update).await.counts;
    assert_eq!((ended.accepted, ended.unknown), (38, 2));
    let log = office.log("residents_email");
    for (number, state) in [(5, DeliveryState::Accepted), (26, DeliveryState::Unknown)] {
        let address = Address::email(&email(number)).unwrap();
        assert_eq!(office.delivery(update, address).await.state, state);
        let sent = requests(&log, &email(number));
        assert_eq!(sent.len(), 2, "resident {number}");
        assert_eq!(
            sent[0].key, sent[1].key,
            "the Message-ID tells a copy from news"
        );
    }
    // Four copies that unknown outcomes explain, and not one more.
    let verdict = office.verdict().await;
    assert_eq!((verdict.violations, verdict.duplicates), (vec![], 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_may_have_been_taken_waits_for_its_receipt() {
    let script = json!({ "residents_sms": {
        "rules": [{ "when": { "number": { "every": 20, "rest": 5 } }, "do": "drop_after_effect" }],
        "receipts": [{ "outcome": "none" }],
    }});
    let office = Office::open(json!({ "residents_sms": {} }), script).await;
    office.populate(PEOPLE).await;
    let update = office.put_out().await;
    let ended = office.finish(update).await.counts;
    assert_eq!((ended.accepted, ended.unknown), (38, 2));
    office
        .throughout(Duration::from_millis(500), async || {
            office.log("residents_sms").len() == PEOPLE as usize
        })
        .await;

    let lost = &requests(&office.log("residents_sms"), &mobile(25))[0];
    let body = json!({ "id": lost.provider_id, "reference": lost.key, "status": "delivered" });
    let received = hand_in(&office.desk, RECEIPT_TOKEN, &body).await.unwrap();
    assert_eq!(received.applied, 1);
    let counts = office.counts(update, "residents_sms").await;
    assert_eq!(
        (counts.accepted, counts.delivered, counts.unknown),
        (39, Some(1), 1)
    );
    let address = Address::uk_telephone(&mobile(25)).unwrap();
    let state = office.delivery(update, address).await.state;
    assert_eq!(state, DeliveryState::Delivered);
    assert!(
        office
            .reached("residents_sms")
            .values()
            .all(|times| *times == 1)
    );
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_is_repeated_under_its_key_and_shown_once() {
    let script = json!({
        "council_mastodon": { "rules": [{ "times": 2, "do": "drop_after_effect" }] },
        "partners": { "rules": [{ "times": 2, "do": "drop_after_effect" }] },
    });
    let channels = json!({ "council_mastodon": {}, "partners": {} });
    let office = Office::open(channels, script).await;
    office.partners("partners", &["hackney"]).await;
    let update = office.put_out().await;
    let ended = office.finish(update).await.counts;
    assert_eq!((ended.accepted, ended.unknown), (2, 0));
    for channel in ["council_mastodon", "partners"] {
        let log = office.log(channel);
        assert_eq!(log.len(), 3, "{channel}");
        assert!(
            log.iter().all(|record| record.key == log[0].key),
            "{channel}"
        );
        let shown = log.iter().filter(|record| record.effect).count();
        assert_eq!(shown, 1, "{channel} was shown twice");
    }
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_lets_go_is_sent_again_and_nothing_else() {
    let lost = |rest: u32| {
        json!({
            "when": { "number": { "every": 20, "rest": rest } }, "times_each": 1, "do": "drop_after_effect"
        })
    };
    let script = json!({ "residents_sms": {
        "rules": [lost(5), lost(6), lost(7)],
        "receipts": [{ "outcome": "none" }],
    }});
    let office = Office::open(json!({ "residents_sms": {} }), script).await;
    office.populate(PEOPLE).await;
    let update = office.put_out().await;
    assert_eq!(office.finish(update).await.counts.unknown, 6);
    let desk = &office.desk;
    let all = UnknownFilter::default();
    let listed = desk.unknowns(&all).await.unwrap();
    assert_eq!(listed.iter().map(|row| row.count).sum::<u64>(), 6);
    let to = async |number| {
        let address = Address::uk_telephone(&mobile(number)).unwrap();
        desk.unknown_to(all.clone(), &address).await.unwrap()
    };
    let decide = async |which: &UnknownFilter, decision| {
        let decided = desk.decide_unknown(which, decision, None, "test").await;
        decided.unwrap().value
    };
    assert_eq!(decide(&to(5).await, Decision::WasSent).await, 1);
    assert_eq!(decide(&to(6).await, Decision::GiveUp).await, 1);
    assert_eq!(decide(&to(7).await, Decision::SendAgain).await, 1);
    office.accepted(update, "residents_sms", 36).await;
    let reached = office.reached("residents_sms");
    for (number, times) in [(5, 1), (6, 1), (7, 2), (25, 1)] {
        assert_eq!(reached[&mobile(number)], times, "resident {number}");
    }
    let left: u64 = desk
        .unknowns(&all)
        .await
        .unwrap()
        .iter()
        .map(|row| row.count)
        .sum();
    assert_eq!(left, 3, "given up is listed no more");
    let counts = office.counts(update, "residents_sms").await;
    assert_eq!(
        (counts.accepted, counts.unknown),
        (36, 4),
        "and still unknown"
    );
    assert_eq!(
        decide(&all, Decision::SendAgain).await,
        3,
        "the rest in bulk"
    );
    office.accepted(update, "residents_sms", 39).await;
    let nothing = desk
        .decide_unknown(&all, Decision::SendAgain, None, "test")
        .await;
    assert!(nothing.is_err(), "there is nothing left to decide");
}
