//! `oyez check` shows what each provider lets one see without sending, and what to do about what is wrong.

use crate::support::Town;
use serde_json::{Value, json};

const CHANNELS: [&str; 5] = [
    "notify_sms",
    "twilio_sms",
    "vonage_sms",
    "kannel_sms",
    "council_mastodon",
];

/// A town that also has the SMS providers, whose secrets are all `made-up-secret`.
fn town() -> Town {
    let town = Town::new();
    let http = town.http();
    let uuid = "3d844edf-8d35-48ac-975b-e847b4f122b0";
    let more = format!(
        r#"
        [channels.notify_sms.via.govuk_notify_sms]
        server = "http://{http}/notify_sms/notify"
        api_key = "made-up-secret-{uuid}-{uuid}"
        template_id = "{uuid}"
        [channels.twilio_sms.via.twilio]
        server = "http://{http}/twilio_sms/twilio"
        account_sid = "AC00000000000000000000000000000000"
        auth_token = "made-up-secret"
        messaging_service_sid = "MG00000000000000000000000000000000"
        [channels.vonage_sms.via.vonage]
        server = "http://{http}/vonage_sms/vonage"
        api_key = "k"
        api_secret = "made-up-secret"
        from = "WCC"
        [channels.kannel_sms.via.kannel]
        url = "http://{http}/kannel_sms/kannel/cgi-bin/sendsms"
        username = "u"
        password = "made-up-secret""#
    );
    town.write("oyez.toml", town.configuration(&more));
    town
}

/// What was said of a channel at one level, with what to do.
fn said(lines: &Value, channel: &str, level: &str) -> String {
    let lines = lines.as_array().unwrap().iter();
    let lines = lines.filter(|line| line["thing"] == channel && line["level"] == level);
    let texts = lines.map(|line| format!("{} ({})", line["detail"], line["fix"]));
    texts.collect::<Vec<_>>().join("\n")
}

#[test]
fn account_money_senders_and_token_are_seen_and_nothing_is_sent() {
    let town = town();
    let lines = town.json(&["check"]);
    for (channel, level, words) in [
        ("notify_sms", "ok", "knows the template"),
        ("twilio_sms", "ok", "the account is active"),
        ("twilio_sms", "ok", "the balance is 62.50 GBP"),
        ("twilio_sms", "ok", "has 1 sender"),
        ("vonage_sms", "ok", "takes our key"),
        (
            "vonage_sms",
            "warn",
            "31.40 EUR: enough for very few people",
        ),
        ("vonage_sms", "warn", "top up"),
        ("kannel_sms", "ok", "knows the user"),
        ("council_mastodon", "ok", "The token is that of @"),
        ("council_mastodon", "ok", "takes 500 characters"),
        ("residents_email", "ok", "The relay answers, in clear text"),
    ] {
        let said = said(&lines, channel, level);
        assert!(
            said.contains(words),
            "{channel}: {words:?} is not in: {said}"
        );
    }
    for channel in CHANNELS {
        assert_eq!(town.seen(channel).effects, 0, "{channel}");
        assert_ne!(town.seen(channel).requests, 0, "{channel}");
    }
}

#[test]
fn a_refused_secret_is_a_fault_with_what_to_do_and_is_never_shown() {
    let town = town();
    let uuid = "00000000-0000-0000-0000-000000000000";
    let another = |secret: &str| json!({ "bearer_token": secret });
    town.play(json!({ "channels": {
        "notify_sms": another(&format!("other-{uuid}-{uuid}")),
        "twilio_sms": another("other"),
        "kannel_sms": another("other"),
        "council_mastodon": another("other"),
    }}));
    let done = town.oyez(&["check", "--json"]);
    assert!(!done.stderr.contains("made-up-secret") && !done.stdout.contains("made-up"));
    let lines: Value = serde_json::from_str(&done.exits(3)).unwrap();
    for channel in ["notify_sms", "twilio_sms", "kannel_sms", "council_mastodon"] {
        let said = said(&lines, channel, "fail");
        assert!(
            !said.is_empty() && !said.contains("(null)"),
            "{channel}: {said}"
        );
    }
}

#[test]
fn offline_nobody_is_asked() {
    let town = town();
    let lines = town.json(&["check", "--offline"]);
    for channel in CHANNELS {
        assert!(
            said(&lines, channel, "ok").contains("not asked"),
            "{channel}"
        );
        assert_eq!(town.seen(channel).requests, 0, "{channel}");
    }
}
