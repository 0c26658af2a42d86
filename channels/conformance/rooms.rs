//! Rooms of staff: how much fits into each, whom a text can call, which addresses are none, and a room that moves.

use super::provider::of;
use super::stage::{Play, Stage, answer};
use crate::fixture::{channel, name, notice_with, surroundings};
use crate::registry::{Via, build};
use oyez_domain::notice::Notice;
use oyez_domain::outcome::{Outcome, Reason};
use oyez_domain::rendered::Rendered;
use serde_json::{Value, json};

/// What stands in an address that nobody may see.
const SECRET: &str = "s3cret";

fn settings(kind: &str) -> Value {
    match kind {
        "telegram" => json!({"token": "110201543:s3cret", "chat": "-100123"}),
        _ => json!({ "url": url(kind) }),
    }
}

fn url(kind: &str) -> &'static str {
    match kind {
        "slack" => "https://hooks.slack.com/services/T0/B0/s3cret",
        "discord" => "https://discord.com/api/webhooks/42/s3cret",
        "teams" => "https://e.environment.api.powerplatform.com/workflows/1/invoke?sig=s3cret",
        other => panic!("{other} has no address"),
    }
}

fn room(kind: &str, text: &str) -> Result<Rendered, oyez_domain::Refusal> {
    channel(kind, &settings(kind)).render(&own(text))
}

/// An update with a text of its own for the channel.
fn own(text: &str) -> Notice {
    notice_with(&json!({"versions": {"test_channel": text}}))
}

fn body(rendered: &Rendered) -> Value {
    serde_json::from_slice(&rendered.splice(|_| "".into())).unwrap()
}

#[test]
fn the_longest_text_fits_and_one_character_more_does_not() {
    for (kind, fits, over, by) in [
        ("slack", "&".repeat(600), "&".repeat(601), 5),
        ("slack", "x".repeat(3_000), "x".repeat(3_001), 1),
        ("discord", "👍🏽".repeat(500), "👍🏽".repeat(501), 4),
        ("telegram", "👍🏽".repeat(1_024), "👍🏽".repeat(1_025), 4),
    ] {
        let fit = room(kind, &fits).unwrap().fit;
        assert_eq!(Some(fit.length), fit.limit, "{kind}");
        let refusal = room(kind, &over).unwrap_err();
        assert_eq!(refusal.code, "too_long", "{kind}");
        let why = format!("{by} character");
        assert!(refusal.why.starts_with(&why), "{kind}: {}", refusal.why);
    }
}

#[test]
fn a_card_has_at_most_20_kib_however_its_text_is_made() {
    let line = "Ring \"us\" \\ – ŵ.\n";
    for text in [line.repeat(600), "Mae dŵr yn ôl. ".repeat(1_300)] {
        let rendered = room("teams", &text).unwrap();
        let length = rendered.splice(|_| "".into()).len();
        assert!((20_480 - 120..=20_480).contains(&length), "{length}");
        assert!(!rendered.fit.left_out.is_empty());
        assert_eq!(rendered.fit.length as usize, length);
        assert_eq!(rendered.fit.limit, Some(20_480));
    }
    let refusal = room("teams", &"€".repeat(7_000)).unwrap_err();
    assert_eq!(refusal.code, "too_long");
}

#[test]
fn a_card_has_a_block_for_each_line_and_a_heading_that_stands_out() {
    let channel = channel("teams", &settings("teams"));
    let card = body(&channel.render(&notice_with(&json!({}))).unwrap());
    let blocks = card["attachments"][0]["content"]["body"]
        .as_array()
        .unwrap();
    let lines: Vec<_> = blocks
        .iter()
        .map(|block| block["text"].as_str().unwrap())
        .collect();
    assert_eq!(lines[0], "Phones & payments: what to do");
    assert_eq!(
        lines[1..3],
        ["What to do:", "- Call 020 7641 6000 if it is urgent."]
    );
    let bold: Vec<_> = blocks
        .iter()
        .map(|block| block["weight"] == "Bolder")
        .collect();
    assert!(bold[0] && !bold[1..].contains(&true));
    assert!(
        lines
            .iter()
            .all(|line| !line.is_empty() && !line.contains('\n'))
    );
}

#[test]
fn no_text_calls_anybody() {
    let calling = "<!channel> <@U024BE7LH> @everyone <at>All</at>";
    let slack = body(&room("slack", calling).unwrap());
    let section = &slack["blocks"][0]["text"];
    let escaped = "&lt;!channel&gt; &lt;@U024BE7LH&gt; @everyone &lt;at&gt;All&lt;/at&gt;";
    assert_eq!(
        (&section["text"], &section["verbatim"]),
        (&escaped.into(), &true.into())
    );
    assert_eq!(slack["text"], escaped);
    let discord = body(&room("discord", calling).unwrap());
    assert_eq!(discord["allowed_mentions"], json!({"parse": []}));
    let teams = body(&room("teams", calling).unwrap());
    let card = &teams["attachments"][0]["content"];
    assert_eq!(card["msteams"], Value::Null, "mentions are listed there");
}

#[test]
fn an_address_that_leads_nowhere_is_refused_and_never_repeated() {
    for (kind, url) in [
        ("slack", "s3cret"),
        ("slack", "ftp://hooks.slack.com/services/T0/B0/s3cret"),
        ("slack", "https://hooks.slack.com/services/T0/s3cret"),
        ("slack", "https://hooks.slack.com/triggers/T0/1/s3cret"),
        (
            "discord",
            "https://discord.com/api/webhooks/42/s3cret/slack",
        ),
        ("discord", "https://discord.com/channels/42/s3cret"),
        (
            "teams",
            "https://wcc.webhook.office.com/webhookb2/1?sig=s3cret",
        ),
        ("teams", "https://outlook.office.com/webhook/1?sig=s3cret"),
        (
            "teams",
            "https://prod-1.westeurope.logic.azure.com/workflows/1?sig=s3cret",
        ),
        (
            "teams",
            "https://e.environment.api.powerplatform.com/workflows/s3cret",
        ),
        (
            "teams",
            "https://e.environment.api.powerplatform.com/s3cret?sig=",
        ),
    ] {
        let via: Via = serde_json::from_value(json!({ kind: {"url": url} })).unwrap();
        let faults = build(&name(), &via, &surroundings()).err().unwrap();
        let codes: Vec<_> = faults.iter().map(|fault| fault.code.as_str()).collect();
        assert_eq!(codes, ["malformed_url"], "{url}");
        assert!(
            !format!("{faults:?} {via:?}").contains(SECRET),
            "{faults:?}"
        );
    }
}

#[test]
fn a_chat_and_a_token_have_their_forms() {
    let faults = |token: &str, chat: &str| {
        let settings = json!({"token": token, "chat": chat});
        let via: Via = serde_json::from_value(json!({ "telegram": settings })).unwrap();
        let faults = via.check();
        assert!(!format!("{faults:?} {via:?}").contains(SECRET));
        let codes = faults.into_iter().map(|fault| fault.code);
        codes.collect::<Vec<_>>()
    };
    for chat in ["@council_news", "-100123"] {
        assert_eq!(faults("110201543:s3cret", chat), [""; 0], "{chat}");
    }
    for chat in ["council", "@", "@a/b", "100123", "0", ""] {
        assert_eq!(
            faults("110201543:s3cret", chat),
            ["malformed_chat"],
            "{chat}"
        );
    }
    for token in [
        "s3cret",
        ":s3cret",
        "110201543:",
        "1:s3cret/../x",
        "1:s3cret?x",
    ] {
        assert_eq!(faults(token, "@council"), ["malformed_token"]);
    }
}

#[tokio::test]
async fn a_group_that_grew_is_written_to_under_its_new_number() {
    let moved = r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1009876543210}}"#;
    let telegram = of("telegram");
    let stage = Stage::playing(Play::Say(answer(400, "", moved))).await;
    let (channel, parcel) = telegram.adapter(&format!("http://{}", stage.address));
    let verdict = channel.send(&parcel).await;
    let reason = Reason::TryLater;
    assert_eq!(verdict.outcome, Outcome::Deferred { reason });
    assert!(
        verdict.reply.contains("-1009876543210"),
        "{}",
        verdict.reply
    );
    stage.plays(Play::Say(answer(200, "", telegram.success.1)));
    let taken = channel.send(&parcel).await.outcome;
    assert!(matches!(taken, Outcome::Accepted { .. }), "{taken:?}");
    let chats: Vec<Value> = stage
        .heard()
        .iter()
        .map(|heard| heard.split_once("\r\n\r\n").unwrap().1)
        .map(|body| serde_json::from_str::<Value>(body).unwrap()["chat_id"].take())
        .collect();
    assert_eq!(chats, [json!("@council"), json!(-1_009_876_543_210_i64)]);
}
