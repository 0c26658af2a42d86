//! The corpus of providers: each documented request, answer and error, and what the adapter makes of it.
//!
//! `tests/corpus/providers/KIND.jsonl` begins with a line of settings; every other line is one case. `{server}` stands
//! for the address of the local server that plays the provider. Mail speaks no HTTP and has a form of its own, in `mail`.

use super::stage::{Play, Stage, answer};
use crate::fixture::{NOW, channel, notice_with, parcel};
use oyez_domain::outcome::{Outcome, Scope};
use oyez_domain::ports::LookUp;
use oyez_domain::remark::Remark;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The first line of a file.
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
    /// The part of the provider's documentation that it is about.
    section: String,
    case: String,
    /// Fields of the update that differ from the fixture's.
    #[serde(default)]
    update: Option<Value>,
    /// Whether the adapter is to look a message up instead of sending it.
    #[serde(default)]
    look_up: bool,
    /// Whether the adapter is to look at the provider instead; it may ask more than once, and gets this answer each time.
    #[serde(default)]
    examine: bool,
    /// What the adapter has to send, where the case is about that.
    #[serde(default)]
    request: Option<Request>,
    reply: Reply,
    outcome: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    line: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    json: Option<Value>,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// A string as it is, anything else as JSON.
    #[serde(default)]
    body: Value,
}

#[tokio::test]
async fn vector_every_documented_answer_has_its_outcome() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus/providers");
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let mut lines = text.lines();
        let head: Head = serde_json::from_str(lines.next().unwrap()).unwrap();
        if head.kind == "smtp" {
            continue;
        }
        for line in lines {
            let case: Case = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            play(&head, &case).await;
            *counts
                .entry(format!("{} {}", head.kind, case.section))
                .or_default() += 1;
        }
    }
    for (section, cases) in &counts {
        println!("{cases:>4}  {section}");
    }
    assert!(!counts.is_empty());
}

async fn play(head: &Head, case: &Case) {
    let name = format!("{}: {}", head.kind, case.case);
    let stage = Stage::playing(Play::Say(reply(&case.reply))).await;
    let server = format!("http://{}", stage.address);
    let in_place = |text: &str| text.replace("{server}", &server);
    let settings: Value = serde_json::from_str(&in_place(&head.settings.to_string())).unwrap();
    let channel = channel(&head.kind, &settings);
    let notice = notice_with(case.update.as_ref().unwrap_or(&json!({})));
    let rendered = channel.render(&notice).unwrap();
    let parcel = parcel(
        rendered,
        channel.capabilities().carries,
        &in_place(&head.address),
    );
    let found = match (case.look_up, case.examine) {
        (true, _) => looked_up(&channel.look_up(&parcel).await),
        (false, true) => seen(&channel.examine().await),
        (false, false) => concluded(&channel.send(&parcel).await.outcome),
    };
    assert_eq!(found, case.outcome, "{name}");
    let heard = stage.heard();
    assert!(heard.len() == 1 || case.examine, "{name}: one request");
    if let Some(expected) = &case.request {
        let expected_text = |text: &str| {
            text.replace("{reference}", parcel.reference.as_str())
                .replace("{stop_token}", &parcel.stop_token)
        };
        compare(&name, expected, &heard[0], expected_text);
    }
}

fn reply(reply: &Reply) -> Vec<u8> {
    let headers: String = reply
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let body = match &reply.body {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        json @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            json.to_string()
        }
    };
    answer(reply.status, &headers, &body)
}

fn compare(name: &str, expected: &Request, heard: &str, fill: impl Fn(&str) -> String) {
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().trim_end_matches(" HTTP/1.1");
    assert_eq!(line, fill(&expected.line), "{name}");
    let headers: BTreeMap<_, _> = lines.filter_map(|line| line.split_once(": ")).collect();
    for (header, value) in &expected.headers {
        assert_eq!(
            headers.get(header.as_str()),
            Some(&fill(value).as_str()),
            "{name}: {header}"
        );
    }
    if let Some(expected) = &expected.json {
        let sent: Value = serde_json::from_str(body).unwrap();
        let expected: Value = serde_json::from_str(&fill(&expected.to_string())).unwrap();
        assert_eq!(sent, expected, "{name}");
    }
    if let Some(expected) = &expected.body {
        assert_eq!(body, fill(expected), "{name}");
    }
}

fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Channel => "channel",
        Scope::Destination => "destination",
    }
}

pub(super) fn concluded(outcome: &Outcome) -> Value {
    let mut said = json!({"code": outcome.code().code()});
    match outcome {
        Outcome::Accepted { reference } => said["reference"] = json!(reference),
        Outcome::Throttled { until, scope: whom } => {
            said["seconds"] = json!(until.since(NOW).as_secs());
            said["scope"] = scope(*whom).into();
        }
        Outcome::Rejected { reason, suppress } => {
            said["reason"] = reason.code().into();
            said["suppress"] = (*suppress).into();
        }
        Outcome::ChannelDown {
            reason,
            scope: whom,
        }
        | Outcome::ChannelRefused {
            reason,
            scope: whom,
        } => {
            said["reason"] = reason.code().into();
            said["scope"] = scope(*whom).into();
        }
        Outcome::Deferred { reason }
        | Outcome::BadMessage { reason }
        | Outcome::Unknown { reason } => said["reason"] = reason.code().into(),
    }
    said
}

fn looked_up(answer: &LookUp) -> Value {
    match answer {
        LookUp::Found(id) => json!({"found": id}),
        LookUp::NotThere => json!({"found": false}),
        LookUp::CannotTell => json!("cannot_tell"),
    }
}

/// Level and words of each remark.
fn seen(remarks: &[Remark]) -> Value {
    let remarks = remarks.iter();
    remarks
        .map(|remark| json!([remark.level, remark.what]))
        .collect()
}

#[test]
fn every_kind_with_a_provider_has_its_documented_cases() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus/providers");
    for kind in crate::registry::KINDS {
        let file = folder.join(format!("{}.jsonl", kind.kind));
        // A folder answers nothing.
        assert_eq!(file.exists(), kind.kind != "file", "{}", file.display());
    }
}
