//! What a person decides afterwards: about what may have been sent, and about what failed.

use super::console::{see, signed_in};
use super::house::Fixture;
use hyper::StatusCode;
use oyez_domain::id::{Ordinal, UpdateId};
use oyez_domain::ledger::{Follow, Recorded, WindowId};
use oyez_domain::outcome::{OutcomeCode, Reason};
use serde_json::{Value, json};

/// An update whose mail to one resident ended like this; its reference and number.
async fn ended(fixture: &Fixture, code: OutcomeCode, reason: Reason, follow: Follow) -> Value {
    let update = fixture.released("Roads are closed").await;
    let id: UpdateId = update["id"].as_str().unwrap().parse().unwrap();
    let ledger = &fixture.desk.ledger;
    let broadcasts = ledger.broadcasts(Some(id)).await.unwrap();
    let mail = broadcasts.iter().find(|b| b.channel.as_str() == "mail");
    let outcome = Recorded {
        broadcast: mail.unwrap().id,
        ordinal: Ordinal(0),
        window: WindowId(2),
        attempt: 1,
        at: fixture.desk.clock.wall(),
        code,
        reason: Some(reason),
        reply: String::new(),
        provider_id: None,
        suppress: false,
        follow,
    };
    ledger.record(1, &[outcome]).await.unwrap();
    update
}

async fn unknown(fixture: &Fixture) -> Value {
    let (code, reason) = (OutcomeCode::Unknown, Reason::Timeout);
    ended(fixture, code, reason, Follow::Unknown).await
}

async fn counts(fixture: &Fixture, update: &Value) -> Value {
    let path = format!("/updates/{}/progress", update["id"].as_str().unwrap());
    fixture.api("GET", &path, None).await.json()["counts"].clone()
}

#[tokio::test]
async fn what_may_have_been_sent_is_listed_and_settled_once() {
    let fixture = Fixture::new();
    let update = unknown(&fixture).await;
    let listed = fixture.api("GET", "/unknowns", None).await.json();
    let row = &listed["data"][0];
    assert_eq!(
        (
            &row["reference"],
            &row["channel"],
            &row["reason"],
            &row["count"]
        ),
        (
            &update["reference"],
            &json!("mail"),
            &json!("timeout"),
            &json!(1)
        ),
        "{listed}"
    );
    let decision = json!({ "decision": "was_sent", "to": "resident@example.org" });
    let path = "/unknowns/decisions";
    let keyless = fixture.api("POST", path, Some(decision.clone())).await;
    assert_eq!(keyless.json()["code"], "idempotency-key-missing");
    let decide = async |body: &Value| {
        fixture
            .keyed("POST", path, Some(body.clone()), Some("k"))
            .await
    };
    let decided = decide(&decision).await;
    assert_eq!(
        (decided.status, &decided.json()["decided"]),
        (StatusCode::OK, &json!(1))
    );
    let after = counts(&fixture, &update).await;
    assert_eq!(
        (&after["accepted"], &after["unknown"]),
        (&json!(1), &json!(0))
    );
    let repeated = decide(&decision).await;
    assert_eq!(repeated.json()["decided"], 1);
    assert_eq!(repeated.header("idempotency-replayed"), "true");
    let nothing = fixture.keyed(
        "POST",
        path,
        Some(json!({ "decision": "send_again" })),
        Some("l"),
    );
    assert_eq!(nothing.await.status, StatusCode::CONFLICT);
    assert_eq!(
        fixture.api("GET", "/unknowns", None).await.json()["data"],
        json!([])
    );
}

#[tokio::test]
async fn a_repeated_decision_is_answered_again_and_changes_nothing() {
    let fixture = Fixture::new();
    let update = unknown(&fixture).await;
    let body = json!({ "decision": "send_again", "update": update["reference"], "channel": "mail", "reason": "timeout" });
    let decide = async || {
        fixture
            .keyed("POST", "/unknowns/decisions", Some(body.clone()), Some("k"))
            .await
    };
    assert_eq!(decide().await.json()["decided"], 1);
    let again = decide().await;
    assert_eq!(again.json()["decided"], 1);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let after = counts(&fixture, &update).await;
    assert_eq!(
        (&after["pending"], &after["unknown"]),
        (&json!(2), &json!(0)),
        "it waits to be sent"
    );
}

#[tokio::test]
async fn every_wrong_member_of_a_decision_is_named() {
    let fixture = Fixture::new();
    let wrong =
        json!({ "decision": "send_again", "channel": "No", "reason": "nope", "to": "here" });
    let answer = fixture
        .keyed("POST", "/unknowns/decisions", Some(wrong), Some("k"))
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        answer.json()["errors"].as_array().unwrap().len(),
        3,
        "{}",
        answer.text
    );
    let asked = fixture.api("GET", "/unknowns?state=x", None).await;
    assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn only_what_can_succeed_is_tried_again() {
    let fixture = Fixture::new();
    let (code, reason) = (OutcomeCode::Deferred, Reason::InboxFull);
    let update = ended(&fixture, code, reason, Follow::Failed).await;
    let path = |verb: &str| format!("/updates/{}/{verb}", update["id"].as_str().unwrap());
    let failures = fixture.api("GET", &path("failures"), None).await.json();
    assert_eq!(failures["data"][0]["reason"], "inbox_full");
    assert_eq!(failures["data"][0]["can_succeed"], true);
    let retry = async |reason: &str, key: &str| {
        let body = json!({ "reasons": [reason] });
        fixture
            .keyed("POST", &path("retry"), Some(body), Some(key))
            .await
    };
    let hopeless = retry("number_invalid", "a").await;
    assert_eq!(hopeless.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(hopeless.json()["errors"][0]["code"], "cannot_succeed");
    assert_eq!(retry("try_later", "b").await.status, StatusCode::CONFLICT);
    let again = retry("inbox_full", "c").await;
    assert_eq!(
        (again.status, &again.json()["again"]),
        (StatusCode::ACCEPTED, &json!(1))
    );
    let after = counts(&fixture, &update).await;
    assert_eq!(
        (&after["pending"], &after["failed"]),
        (&json!(2), &json!(0))
    );
}

#[tokio::test]
async fn a_second_stop_says_that_it_was_stopped_already() {
    let fixture = Fixture::new();
    let update = fixture.released("Roads are closed").await;
    let path = format!("/updates/{}/stop", update["id"].as_str().unwrap());
    let stop = async || {
        let body = json!({ "reason": "wrong number" });
        fixture.api("POST", &path, Some(body)).await.json()
    };
    let first = stop().await;
    assert_eq!(first["found"], "underway");
    let second = stop().await;
    assert_eq!(second["found"], "stopped");
    assert_eq!(first["counts"], second["counts"]);
}

#[tokio::test]
async fn the_console_says_what_each_button_does_before_it_is_pressed() {
    let fixture = Fixture::new();
    let cookie = signed_in(&fixture).await;
    let empty = see(&fixture, &cookie, "/console/unknowns").await;
    assert!(empty.contains("of every message it is known"), "{empty}");
    let update = unknown(&fixture).await;
    let reference = update["reference"].as_str().unwrap();
    let live = see(&fixture, &cookie, &format!("/console/updates/{reference}")).await;
    assert!(live.contains("1 messages may have been sent"), "{live}");
    let page = see(&fixture, &cookie, "/console/unknowns").await;
    for words in [
        "Some people may get it twice",
        "Send 1 again",
        "They were sent",
        "Give up",
        reference,
    ] {
        assert!(page.contains(words), "{words:?} is not in {page}");
    }
    let fields = [
        ("key", "k"),
        ("update", reference),
        ("channel", "mail"),
        ("reason", "timeout"),
        ("decision", "give_up"),
    ];
    let pressed = fixture.form("/console/unknowns", &cookie, &fields).await;
    assert_eq!(pressed.status, StatusCode::SEE_OTHER);
    let after = see(&fixture, &cookie, "/console/unknowns").await;
    assert!(!after.contains("Send 1 again"), "{after}");
    assert_eq!(
        counts(&fixture, &update).await["unknown"],
        1,
        "still unknown, listed no more"
    );
}

#[tokio::test]
async fn the_same_words_go_to_the_same_people_once_more_only_when_that_is_said() {
    let fixture = Fixture::new();
    let first = fixture.released("Roads are closed").await;
    let write = async |headline: &str| {
        let body = json!({
            "incident": first["incident"],
            "headline": headline,
            "what_to_do": first["what_to_do"],
            "what_not_to_do": first["what_not_to_do"],
            "next_update_by": "none",
        });
        let written = fixture.api("POST", "/updates", Some(body)).await.json();
        written["id"].as_str().unwrap().to_owned()
    };
    let send = async |update: &str, body: Value| {
        let path = format!("/updates/{update}/send");
        fixture.keyed("POST", &path, Some(body), Some(update)).await
    };
    let same = write("Roads are closed").await;
    let refused = send(&same, json!({})).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.json()["code"], "said-already");
    let other = write("Roads are open again").await;
    assert_eq!(send(&other, json!({})).await.status, StatusCode::ACCEPTED);

    let cookie = signed_in(&fixture).await;
    let path = format!("/console/updates/{same}/send");
    let asked = fixture.form(&path, &cookie, &[("key", "k")]).await;
    assert_eq!(asked.status, StatusCode::CONFLICT);
    assert!(asked.text.contains("people get it twice"), "{}", asked.text);
    let fields = [("key", "k"), ("again", "yes")];
    let sent = fixture.form(&path, &cookie, &fields).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    // Pressing once more is no third time, and neither is the same request of a program.
    assert_eq!(
        send(&same, json!({ "again": true })).await.status,
        StatusCode::CONFLICT
    );
}

#[tokio::test]
async fn the_console_tries_again_what_failed() {
    let fixture = Fixture::new();
    let cookie = signed_in(&fixture).await;
    let (code, reason) = (OutcomeCode::Deferred, Reason::InboxFull);
    let update = ended(&fixture, code, reason, Follow::Failed).await;
    let path = format!("/console/updates/{}", update["reference"].as_str().unwrap());
    let page = see(&fixture, &cookie, &path).await;
    assert!(page.contains("Try 1 again"), "{page}");
    let fields = [("key", "k"), ("channel", "mail"), ("reason", "inbox_full")];
    let pressed = fixture
        .form(&format!("{path}/retry"), &cookie, &fields)
        .await;
    assert_eq!(pressed.status, StatusCode::SEE_OTHER);
    assert_eq!(counts(&fixture, &update).await["pending"], 2);
}
