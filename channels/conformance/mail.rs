//! The corpus of mail: each reply of a relay at each stage, and what the adapter says and concludes, field by field.
//!
//! `tests/corpus/providers/smtp.jsonl` begins with a line of settings; every other line is one case: the stage at which
//! the relay gives `reply` in place of the usual one (null: it hangs up), and the outcome that follows.

use super::corpus::concluded;
use super::relay::{Play, Relay, is, usual};
use crate::fixture::{channel, notice, parcel};
use oyez_domain::address::AddressKind;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The first line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    kind: String,
    settings: Value,
    address: String,
}

/// One case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// The part of the standards that it is about.
    section: String,
    case: String,
    /// Extensions that the relay offers beside the usual ones.
    #[serde(default)]
    offers: Vec<String>,
    stage: String,
    reply: Option<String>,
    /// Everything the relay has to hear, where the case is about that.
    #[serde(default)]
    commands: Vec<String>,
    outcome: Value,
}

#[tokio::test]
async fn vector_every_reply_of_a_relay_has_its_outcome_at_every_stage() {
    let file =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus/providers/smtp.jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines = text.lines();
    let head: Head = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(head.kind, "smtp");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines {
        let case: Case = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        for pipelining in [true, false] {
            play(&head, &case, pipelining).await;
        }
        *counts.entry(format!("smtp {}", case.section)).or_default() += 1;
    }
    for (section, cases) in &counts {
        println!("{cases:>4}  {section}");
    }
    assert!(!counts.is_empty());
}

/// What a stage begins with on the wire.
fn command(stage: &str) -> &str {
    match stage {
        "CONNECT" => "connect",
        "DOT" => ".",
        other => other,
    }
}

async fn play(head: &Head, case: &Case, pipelining: bool) {
    let name = format!("{}: {} (pipelining {pipelining})", case.section, case.case);
    let at = command(&case.stage).to_owned();
    let reply = case
        .reply
        .clone()
        .map(|reply| -> &'static str { reply.leak() });
    let secured = case.stage == "STARTTLS";
    let offers = extended(&case.offers, secured);
    let relay = Relay::playing(move |heard| match reply {
        Some(reply) if is(heard, &at) => Play::Say(reply),
        None if is(heard, &at) => Play::Cut,
        Some(_) | None if is(heard, "EHLO") => Play::Say(offers),
        Some(_) | None => Play::Usual,
    })
    .await;
    let mut settings = head.settings.clone();
    settings["host"] = json!("127.0.0.1");
    settings["port"] = json!(relay.address.port());
    settings["tls"] = json!(if secured { "starttls" } else { "none" });
    settings["pipelining"] = json!(pipelining);
    let channel = channel(&head.kind, &settings);
    let rendered = channel.render(&notice()).unwrap();
    let parcel = parcel(rendered, AddressKind::Email, &head.address);
    let verdict = channel.send(&parcel).await;
    assert_eq!(concluded(&verdict.outcome), case.outcome, "{name}");
    assert!(
        !verdict.reply.contains(&head.address),
        "{name}: {}",
        verdict.reply
    );
    if !case.commands.is_empty() {
        let expected: Vec<_> = case
            .commands
            .iter()
            .map(|line| line.replace("{reference}", parcel.reference.as_str()))
            .collect();
        let heard: Vec<_> = relay.commands().iter().map(|line| generic(line)).collect();
        assert_eq!(heard, expected, "{name}");
    }
}

/// The usual answer to EHLO with more in it.
fn extended(offers: &[String], secured: bool) -> &'static str {
    let mut lines = String::from("250-relay.test\r\n");
    let more = offers.iter().map(String::as_str);
    for offer in more.chain(secured.then_some("STARTTLS")) {
        lines.push_str(&format!("250-{offer}\r\n"));
    }
    let rest = usual("EHLO")
        .split_once("\r\n")
        .map_or("", |(_, rest)| rest);
    (lines + rest).leak()
}

/// A command without the number of its connection, and without the size, which the text decides.
fn generic(line: &str) -> String {
    let line = line.split_once(' ').map_or(line, |(_, line)| line);
    let Some((before, size)) = line.split_once("SIZE=") else {
        return line.to_owned();
    };
    let rest = size.trim_start_matches(|sign: char| sign.is_ascii_digit());
    format!("{before}SIZE={{size}}{rest}")
}
