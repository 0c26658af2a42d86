//! Rooms of staff: how each network takes a message, and how each refuses one.

use crate::support::{Reply, Stage, play, play_json};
use oyez_sandbox::Scenario;

const JSON: (&str, &str) = ("content-type", "application/json");
const KEY: (&str, &str) = ("x-request-id", "r1");

/// Where each message with an effect went, and under which key.
fn effects(stage: &Stage) -> Vec<(String, String)> {
    let records = stage.records().into_iter().filter(|record| record.effect);
    records.map(|record| (record.to, record.key)).collect()
}

async fn post(stage: &Stage, path: &str, body: &str) -> Reply {
    stage.post(path, &[JSON, KEY], body).await.unwrap()
}

#[tokio::test]
async fn slack_says_ok_or_one_word() {
    let stage = play_json(r#"{"channels":{"room":{"bearer_token":"right"}}}"#).await;
    let section = |text: &str| {
        let block = format!(r#"{{"type":"section","text":{{"type":"mrkdwn","text":"{text}"}}}}"#);
        format!(r#"{{"text":"hear ye","blocks":[{block}]}}"#)
    };
    let whole = section(&"x".repeat(3_000));
    let blocks = format!(r#"{{"blocks":[{}]}}"#, ["{}"; 51].join(","));
    let right = "/room/slack/services/T0/B0/right";
    for (path, body, status, word) in [
        (right, whole.as_str(), 200, "ok"),
        (right, r#"{"text":"hear ye"}"#, 200, "ok"),
        (
            "/room/slack/services/T0/B0/wrong",
            &whole,
            403,
            "invalid_token",
        ),
        (right, "hear ye", 400, "invalid_payload"),
        (right, "[]", 400, "invalid_payload"),
        (right, r#"{"text":""}"#, 400, "no_text"),
        (right, &section(&"x".repeat(3_001)), 400, "invalid_blocks"),
        (right, &section(""), 400, "invalid_blocks"),
        (right, &blocks, 400, "invalid_blocks"),
    ] {
        let reply = post(&stage, path, body).await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (status, word),
            "{body}"
        );
    }
    let room = || ("room".to_owned(), "r1".to_owned());
    assert_eq!(effects(&stage), [room(), room()]);
}

#[tokio::test]
async fn a_scripted_fault_comes_in_the_networks_own_words() {
    let rule = r#"{"rules":[{"do":{"http":{"status":503}}}]}"#;
    let stage = play_json(&format!(r#"{{"channels":{{"room":{rule}}}}}"#)).await;
    for (path, said) in [("/room/slack/services/T0/B0/x", "rollup_error")] {
        let reply = post(&stage, path, r#"{"text":"hear ye"}"#).await;
        assert_eq!((reply.status, reply.body.as_str()), (503, said));
    }
    assert_eq!(effects(&stage), []);
}

#[tokio::test]
async fn an_address_that_is_none_is_nowhere() {
    let stage = play(Scenario::default()).await;
    for path in ["/room/slack/services/T0/B0", "/room/slack/triggers/T0/1/x"] {
        assert_eq!(post(&stage, path, r#"{"text":"x"}"#).await.status, 404);
    }
}
