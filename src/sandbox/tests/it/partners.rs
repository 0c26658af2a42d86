//! A partner's webhook receiver.

use crate::support::{Reply, Stage, play, play_json};
use aws_lc_rs::hmac;
use data_encoding::BASE64;
use oyez_sandbox::Scenario;

const BODY: &str = r#"{"type":"update.published","data":{}}"#;
const SCENARIO: &str = r#"{"channels":{"neighbours":{"endpoints":{"kensington":"whsec_a2V5LW9mLWtlbnNpbmd0b24tMzItYnl0ZXM="}}}}"#;

async fn post(
    stage: &Stage,
    endpoint: &str,
    id: &str,
    timestamp: i64,
    key: &[u8],
    body: &str,
) -> Reply {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, format!("{id}.{timestamp}.{BODY}").as_bytes());
    let signature = format!("v1,AAAA v1,{}", BASE64.encode(tag.as_ref()));
    let timestamp = timestamp.to_string();
    let headers = [
        ("webhook-id", id),
        ("webhook-timestamp", &timestamp),
        ("webhook-signature", &signature),
    ];
    stage
        .post(&format!("/neighbours/hook/{endpoint}"), &headers, body)
        .await
        .unwrap()
}

const KEY: &[u8] = b"key-of-kensington-32-bytes";

fn now() -> i64 {
    std::time::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs()
        .try_into()
        .unwrap()
}

#[tokio::test]
async fn a_signed_event_is_taken_once() {
    let stage = play_json(SCENARIO).await;
    assert_eq!(
        post(&stage, "kensington", "msg_1", now(), KEY, BODY)
            .await
            .status,
        204
    );
    assert_eq!(
        post(&stage, "kensington", "msg_1", now() + 1, KEY, BODY)
            .await
            .status,
        204
    );
    let seen: Vec<_> = stage
        .records()
        .into_iter()
        .map(|r| (r.to, r.key, r.effect))
        .collect();
    let line = |effect| ("kensington".to_owned(), "msg_1".to_owned(), effect);
    assert_eq!(seen, [line(true), line(false)]);
}

#[tokio::test]
async fn a_bad_signature_body_time_or_endpoint_has_no_effect() {
    let stage = play_json(SCENARIO).await;
    assert_eq!(
        post(&stage, "kensington", "m", now(), b"another key", BODY)
            .await
            .status,
        401
    );
    assert_eq!(
        post(&stage, "kensington", "m", now(), KEY, "{}")
            .await
            .status,
        401
    );
    assert_eq!(
        post(&stage, "kensington", "m", now() - 400, KEY, BODY)
            .await
            .status,
        401
    );
    assert_eq!(
        post(&stage, "chelsea", "m", now(), KEY, BODY).await.status,
        404
    );
    assert_eq!(
        stage
            .post("/neighbours/hook/kensington", &[], BODY)
            .await
            .unwrap()
            .status,
        401
    );
    assert_eq!(stage.sandbox.counts()["neighbours"].effects, 0);
    assert_eq!(
        post(&stage, "kensington", "m", now(), KEY, BODY)
            .await
            .status,
        204
    );
    assert_eq!(stage.sandbox.counts()["neighbours"].effects, 1);
}

#[tokio::test]
async fn a_channel_without_secrets_takes_what_has_the_headers() {
    let stage = play(Scenario::default()).await;
    assert_eq!(
        post(&stage, "anyone", "m", now(), b"any", BODY)
            .await
            .status,
        204
    );
    assert_eq!(
        stage
            .post("/neighbours/hook/anyone", &[], BODY)
            .await
            .unwrap()
            .status,
        401
    );
}
