//! Rooms of staff: how much fits into each, whom a text can call, and which addresses are none.

use crate::fixture::{channel, name, notice_with, surroundings};
use crate::registry::{Via, build};
use oyez_domain::notice::Notice;
use oyez_domain::rendered::Rendered;
use serde_json::{Value, json};

/// What stands in an address that nobody may see.
const SECRET: &str = "s3cret";

fn url(kind: &str) -> &'static str {
    match kind {
        "slack" => "https://hooks.slack.com/services/T0/B0/s3cret",
        "discord" => "https://discord.com/api/webhooks/42/s3cret",
        "teams" => "https://e.environment.api.powerplatform.com/workflows/1/invoke?sig=s3cret",
        other => panic!("{other} has no address"),
    }
}

fn room(kind: &str, text: &str) -> Result<Rendered, oyez_domain::Refusal> {
    channel(kind, &json!({ "url": url(kind) })).render(&own(text))
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
    let channel = channel("teams", &json!({ "url": url("teams") }));
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
