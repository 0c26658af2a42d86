//! The SMS gateway's answers.

use crate::support::{Reply, Stage, play, play_json};
use oyez_sandbox::Scenario;

const PATH: &str = "/residents_sms/sms/messages";

async fn send(stage: &Stage, to: &str, reference: &str) -> Option<Reply> {
    let body =
        format!(r#"{{"to":"{to}","from":"COUNCIL","text":"hear ye","reference":"{reference}"}}"#);
    stage
        .post(PATH, &[("content-type", "application/json")], &body)
        .await
}

#[tokio::test]
async fn a_message_is_taken_with_an_id_and_the_same_reference_again_is_a_second_message() {
    let stage = play(Scenario::default()).await;
    for _ in 0..2 {
        let reply = send(&stage, "+447700900001", "r1").await.unwrap();
        assert_eq!(
            (reply.status, &reply.json()["status"]),
            (202, &"queued".into())
        );
    }
    let records = stage.records();
    assert_eq!(
        records
            .iter()
            .filter(|record| record.effect && record.key == "r1")
            .count(),
        2
    );
    assert_ne!(records[0].provider_id, records[1].provider_id);
    assert_eq!(
        (records[0].channel.as_str(), records[0].to.as_str()),
        ("residents_sms", "+447700900001")
    );
}

#[tokio::test]
async fn each_bad_request_gets_its_own_code_and_no_effect() {
    let stage = play_json(r#"{"channels":{"locked":{"bearer_token":"t"}}}"#).await;
    let json = |to: &str, text: &str, callback: &str| {
        format!(r#"{{"to":"{to}","text":"{text}","callback_url":"{callback}"}}"#)
    };
    let local = "http://127.0.0.1:1/x";
    let cases = [
        (PATH, json("07700900001", "x", local), 400, "invalid_number"),
        (
            PATH,
            json("+447700900001", "", local),
            400,
            "invalid_request",
        ),
        (
            PATH,
            json("+447700900001", "x", "http://192.0.2.1/x"),
            400,
            "invalid_callback_url",
        ),
        (PATH, "not json".to_owned(), 400, "invalid_request"),
        (
            "/locked/sms/messages",
            json("+447700900001", "x", local),
            401,
            "unauthorised",
        ),
    ];
    for (path, body, status, code) in cases {
        let reply = stage.post(path, &[], &body).await.unwrap();
        assert_eq!(
            (reply.status, &reply.json()["code"]),
            (status, &code.into()),
            "{body}"
        );
    }
    assert!(stage.records().iter().all(|record| !record.effect));
    assert_eq!(stage.records().len(), 5);
}

#[tokio::test]
async fn every_request_within_the_window_is_throttled_and_none_after_it() {
    let stage = play_json(
        r#"{"channels":{"residents_sms":{"rules":[{"when":{"since":"first_request","from_ms":100,"to_ms":300},
            "do":{"http":{"status":429,"retry_after":"2"}}}]}}}"#,
    )
    .await;
    let mut throttled = 0;
    loop {
        let reply = send(&stage, "+447700900001", "r").await.unwrap();
        if reply.status == 429 {
            throttled += 1;
            assert_eq!(reply.header("retry-after"), Some("2"));
            assert_eq!(reply.json()["code"], "too_many_requests");
        } else if throttled > 0 {
            break;
        }
    }
    let mut replies: Vec<String> = stage
        .records()
        .into_iter()
        .map(|record| record.reply)
        .collect();
    replies.dedup();
    assert_eq!(replies, ["202", "429", "202"]);
}

#[tokio::test]
async fn more_than_the_allowed_requests_in_a_second_are_refused() {
    let stage = play_json(
        r#"{"channels":{"residents_sms":{"rules":[{"do":{"rate_limit":{"max_per_second":1,"retry_after":"soon"}}}]}}}"#,
    )
    .await;
    assert_eq!(
        send(&stage, "+447700900001", "r").await.unwrap().status,
        202
    );
    let mut reply = send(&stage, "+447700900001", "r").await.unwrap();
    while reply.status != 429 {
        reply = send(&stage, "+447700900001", "r").await.unwrap();
    }
    assert_eq!(reply.header("retry-after"), Some("soon"));
    while reply.status != 202 {
        reply = send(&stage, "+447700900001", "r").await.unwrap();
    }
}

#[tokio::test]
async fn a_share_of_references_is_always_the_same_and_about_the_asked_size() {
    let stage = play_json(
        r#"{"channels":{"residents_sms":{"rules":[{"when":{"fraction":0.2},"times_each":1,"do":"drop_after_effect"}]}}}"#,
    )
    .await;
    let mut dropped = 0;
    for number in 0..300 {
        let to = format!("+4479{number:08}");
        let reference = format!("ref{number}");
        if send(&stage, &to, &reference).await.is_none() {
            dropped += 1;
            assert_eq!(send(&stage, &to, &reference).await.unwrap().status, 202);
        }
    }
    assert!((30..90).contains(&dropped), "{dropped}");
    let effects = stage
        .records()
        .iter()
        .filter(|record| record.effect)
        .count();
    assert_eq!(effects, 300 + dropped);
}

#[tokio::test]
async fn a_scripted_answer_can_be_anything_even_with_the_effect() {
    let stage = play_json(
        r#"{"channels":{"residents_sms":{"rules":[
            {"times":1,"do":{"http":{"status":200,"body":"<html>sign in</html>","headers":{"content-type":"text/html"},"effect":true}}},
            {"times":1,"do":{"http":{"status":302,"headers":{"location":"/elsewhere"}}}},
            {"times":1,"do":{"http":{"status":503}}},
            {"times":1,"do":{"slow_drip":{"ms_per_byte":1}}},
            {"do":"drop_before_effect"}]}}}"#,
    )
    .await;
    let login = send(&stage, "+447700900001", "r").await.unwrap();
    assert_eq!(
        (login.status, login.body.as_str()),
        (200, "<html>sign in</html>")
    );
    assert_eq!(login.header("content-type"), Some("text/html"));
    assert_eq!(
        send(&stage, "+447700900001", "r")
            .await
            .unwrap()
            .header("location"),
        Some("/elsewhere")
    );
    assert_eq!(
        send(&stage, "+447700900001", "r").await.unwrap().json()["code"],
        "unavailable"
    );
    assert!(
        send(&stage, "+447700900001", "r")
            .await
            .unwrap()
            .body
            .contains("queued")
    );
    assert!(send(&stage, "+447700900001", "r").await.is_none());
    let expected = [
        ("200", true),
        ("302", false),
        ("503", false),
        ("202", true),
        ("dropped", false),
    ];
    assert_eq!(
        stage.replies(),
        expected.map(|(reply, effect)| (reply.to_owned(), effect))
    );
}

#[tokio::test]
async fn what_nobody_serves_is_404_and_logged() {
    let stage = play(Scenario::default()).await;
    for path in ["/", "/x", "/x/sms", "/x/sms/messages/", "/x/hook/"] {
        let expected = if path == "/x/sms/messages/" { 400 } else { 404 };
        assert_eq!(
            stage.post(path, &[], "{}").await.unwrap().status,
            expected,
            "{path}"
        );
    }
    assert_eq!(stage.get("/x/sms/messages", &[]).await.unwrap().status, 404);
    assert_eq!(stage.records().len(), 6);
    assert_eq!(stage.sandbox.counts()["x"].effects, 0);
}
