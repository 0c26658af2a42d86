//! GOV.UK Notify's answers.

use crate::support::{Reply, Stage, play, play_json};
use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use oyez_sandbox::Scenario;
use serde_json::json;

const SERVICE: &str = "26785a09-ab16-4eb0-8407-a37497a57506";
const SECRET: &str = "3d844edf-8d35-48ac-975b-e847b4f122b0";

fn token(secret: &str, seconds_off: i64) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the sandbox reads the real clock"
    )]
    let now = jiff::Timestamp::now();
    let iat = now.as_second() + seconds_off;
    let head = BASE64URL_NOPAD.encode(br#"{"typ":"JWT","alg":"HS256"}"#);
    let claims = BASE64URL_NOPAD.encode(json!({"iss": SERVICE, "iat": iat}).to_string().as_bytes());
    let signed = format!("{head}.{claims}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, signed.as_bytes());
    format!("Bearer {signed}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
}

async fn text(stage: &Stage, token: &str, number: &str, body: &str) -> Reply {
    let body = json!({
        "phone_number": number, "template_id": "9d751e0e-f929-4891-82a1-a3e1c3c18ee3",
        "personalisation": {"body": body}, "reference": "r1",
    });
    let headers = [
        ("content-type", "application/json"),
        ("authorization", token),
    ];
    let path = "/residents_sms/notify/v2/notifications/sms";
    stage.post(path, &headers, &body.to_string()).await.unwrap()
}

#[tokio::test]
async fn what_was_taken_is_found_by_its_reference_as_often_as_it_was_sent() {
    let stage = play(Scenario::default()).await;
    let token = token(SECRET, 0);
    let path = "/residents_sms/notify/v2/notifications?reference=r1";
    let found = async || {
        let reply = stage.get(path, &[("authorization", &token)]).await.unwrap();
        reply.json()["notifications"].as_array().unwrap().len()
    };
    assert_eq!(found().await, 0);
    for sent in 1..=2 {
        let reply = text(&stage, &token, "+447700900001", "hear ye").await;
        assert_eq!(
            (reply.status, &reply.json()["reference"]),
            (201, &"r1".into())
        );
        assert_eq!(found().await, sent, "a reference need not be unique");
    }
    assert_eq!(
        stage
            .records()
            .iter()
            .filter(|record| record.effect)
            .count(),
        2
    );
}

#[tokio::test]
async fn a_token_must_be_signed_with_the_key_and_fresh() {
    let scenario =
        json!({"channels": {"residents_sms": {"bearer_token": format!("key-{SERVICE}-{SECRET}")}}});
    let stage = play_json(&scenario.to_string()).await;
    for (token, status) in [
        (token(SECRET, 0), 201),
        (token(SECRET, -29), 201),
        (token(SECRET, -40), 403),
        (token(SECRET, 40), 403),
        (token("another", 0), 403),
        ("Bearer nonsense".to_owned(), 403),
        (String::new(), 401),
    ] {
        let reply = text(&stage, &token, "+447700900001", "hear ye").await;
        assert_eq!(reply.status, status, "{}", reply.json());
    }
}

#[tokio::test]
async fn each_bad_message_gets_its_own_error_and_no_effect() {
    let stage = play(Scenario::default()).await;
    let token = token(SECRET, 0);
    for (number, body, kind) in [
        ("07700900001", "hear ye".to_owned(), "ValidationError"),
        ("+447700900001", String::new(), "BadRequestError"),
        ("+447700900001", "a".repeat(919), "BadRequestError"),
    ] {
        let reply = text(&stage, &token, number, &body).await;
        assert_eq!(reply.status, 400);
        assert_eq!(reply.json()["errors"][0]["error"], kind);
    }
    assert!(stage.records().iter().all(|record| !record.effect));
}
