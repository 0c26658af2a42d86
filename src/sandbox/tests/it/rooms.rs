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
async fn discord_gives_the_message_to_who_waits_for_it_and_a_code_for_what_is_wrong() {
    let stage = play_json(r#"{"channels":{"room":{"bearer_token":"right"}}}"#).await;
    let webhook = "/room/discord/api/v10/webhooks/42/right";
    let waiting = &format!("{webhook}?wait=true");
    let long = format!(r#"{{"content":"{}"}}"#, "x".repeat(2_001));
    for (path, body, status, code) in [
        (
            "/room/discord/api/v10/webhooks/42/wrong?wait=true",
            "{}",
            401,
            50_027,
        ),
        (waiting, "hear ye", 400, 50_109),
        (waiting, r#"{"content":" "}"#, 400, 50_006),
        (waiting, &long, 400, 50_035),
    ] {
        let reply = post(&stage, path, body).await;
        assert_eq!(
            (reply.status, &reply.json()["code"]),
            (status, &code.into()),
            "{body}"
        );
        assert!(reply.json()["message"].is_string());
    }
    assert_eq!(effects(&stage), []);
    let calling = r#"{"content":"@everyone hear ye"}"#;
    let message = post(&stage, waiting, calling).await.json();
    assert_eq!(message["mention_everyone"], true);
    let silent = r#"{"content":"@everyone hear ye","allowed_mentions":{"parse":[]}}"#;
    let message = post(&stage, waiting, silent).await.json();
    assert_eq!(message["mention_everyone"], false);
    let mut ids = stage
        .records()
        .into_iter()
        .filter_map(|record| record.provider_id);
    assert_eq!(
        Some(message["id"].as_str().unwrap()),
        ids.next_back().as_deref()
    );
    assert_eq!(post(&stage, webhook, silent).await.status, 204);
    assert_eq!(effects(&stage).len(), 3);
    assert_eq!(stage.get(webhook, &[]).await.unwrap().json()["id"], "42");
}

#[tokio::test]
async fn discord_takes_five_messages_in_two_seconds_and_says_when_it_takes_more() {
    let stage = play(Scenario::default()).await;
    let webhook = "/room/discord/api/v10/webhooks/42/x?wait=true";
    for left in ["4", "3", "2", "1", "0"] {
        let reply = post(&stage, webhook, r#"{"content":"hear ye"}"#).await;
        assert_eq!(
            (reply.status, reply.header("x-ratelimit-remaining")),
            (200, Some(left))
        );
    }
    let reply = post(&stage, webhook, r#"{"content":"hear ye"}"#).await;
    let wait = reply.json()["retry_after"].as_f64().unwrap();
    assert!(reply.status == 429 && wait > 0.0 && wait <= 2.0, "{wait}");
    assert!(matches!(reply.header("retry-after"), Some("1" | "2")));
    assert_eq!(effects(&stage).len(), 5);
}

#[tokio::test]
async fn teams_begins_a_workflow_and_says_nothing_of_its_end() {
    let stage = play_json(r#"{"channels":{"room":{"bearer_token":"right"}}}"#).await;
    let card = |version: &str, text: &str| {
        let content = format!(
            r#"{{"type":"AdaptiveCard","version":"{version}","body":[{{"type":"TextBlock","text":"{text}"}}]}}"#
        );
        format!(
            r#"{{"type":"message","attachments":[{{"contentType":"application/vnd.microsoft.card.adaptive","contentUrl":null,"content":{content}}}]}}"#
        )
    };
    let right = "/room/teams/workflows/1/invoke?api-version=1&sig=right";
    let whole = card("1.4", "hear ye");
    for (path, body, status, effect) in [
        (right, whole.as_str(), 202, true),
        (
            "/room/teams/workflows/1/invoke?sig=wrong",
            &whole,
            401,
            false,
        ),
        ("/room/teams/workflows/1/invoke", &whole, 401, false),
        (right, "hear ye", 400, false),
        (right, r#"{"text":"hear ye"}"#, 400, false),
        // The workflow fails behind the answer: a card too new, too long or empty.
        (right, &card("1.5", "hear ye"), 202, false),
        (right, &card("1.4", &"x".repeat(24_453)), 202, false),
        (right, &card("1.4", ""), 202, false),
    ] {
        let reply = post(&stage, path, body).await;
        let record = stage.records().pop().unwrap();
        assert_eq!((reply.status, record.effect), (status, effect), "{path}");
        assert_eq!(reply.body.is_empty(), status == 202, "{}", reply.body);
    }
}

#[tokio::test]
async fn telegram_numbers_what_it_takes_and_says_in_words_what_it_does_not() {
    let stage = play_json(r#"{"channels":{"room":{"bearer_token":"1:right"}}}"#).await;
    let bot = "/room/telegram/bot1:right/sendMessage";
    let message = |chat: &str, text: &str| format!(r#"{{"chat_id":{chat},"text":"{text}"}}"#);
    for (path, body, status, said) in [
        (
            "/room/telegram/bot1:wrong/sendMessage",
            "{}".to_owned(),
            404,
            "Not Found",
        ),
        (
            bot,
            message("\"council\"", "hear ye"),
            400,
            "chat not found",
        ),
        (bot, message("-7", "  "), 400, "message text is empty"),
        (
            bot,
            message("-7", &"x".repeat(4_097)),
            400,
            "message is too long",
        ),
    ] {
        let reply = post(&stage, path, &body).await;
        let json = reply.json();
        assert_eq!(
            (reply.status, &json["ok"], &json["error_code"]),
            (status, &false.into(), &status.into())
        );
        assert!(
            json["description"].as_str().unwrap().contains(said),
            "{json}"
        );
    }
    assert_eq!(effects(&stage), []);
    for number in 1..=20 {
        let json = post(&stage, bot, &message("-7", &"x".repeat(4_096)))
            .await
            .json();
        assert_eq!(
            (&json["ok"], &json["result"]["message_id"]),
            (&true.into(), &number.into())
        );
        assert_eq!(json["result"]["chat"]["id"], -7);
    }
    let reply = post(&stage, bot, &message("-7", "hear ye")).await;
    let wait = reply.json()["parameters"]["retry_after"].as_u64().unwrap();
    assert!(reply.status == 429 && (1..=60).contains(&wait), "{wait}");
    assert_eq!(reply.header("retry-after"), Some(wait.to_string().as_str()));
    assert_eq!(effects(&stage).len(), 20);
    for (chat, status) in [("%40council", 200), ("-7", 200), ("council", 400)] {
        let path = format!("/room/telegram/bot1:right/getChat?chat_id={chat}");
        assert_eq!(
            stage.get(&path, &[]).await.unwrap().status,
            status,
            "{chat}"
        );
    }
}

#[tokio::test]
async fn a_scripted_fault_comes_in_the_networks_own_words() {
    let rule = r#"{"rules":[{"do":{"http":{"status":503}}}]}"#;
    let stage = play_json(&format!(r#"{{"channels":{{"room":{rule}}}}}"#)).await;
    for (path, said) in [
        ("/room/slack/services/T0/B0/x", "rollup_error"),
        (
            "/room/discord/api/v10/webhooks/42/x",
            r#"{"code":0,"message":"Internal Server Error"}"#,
        ),
    ] {
        let reply = post(&stage, path, r#"{"text":"hear ye"}"#).await;
        assert_eq!((reply.status, reply.body.as_str()), (503, said));
    }
    assert_eq!(effects(&stage), []);
}

#[tokio::test]
async fn an_address_that_is_none_is_nowhere() {
    let stage = play(Scenario::default()).await;
    for path in [
        "/room/slack/services/T0/B0",
        "/room/slack/triggers/T0/1/x",
        "/room/discord/api/webhooks/42/x",
        "/room/discord/api/v10/webhooks/42/x/slack",
    ] {
        assert_eq!(post(&stage, path, r#"{"text":"x"}"#).await.status, 404);
    }
}
