//! `oyez channel test`: one marked message to one address, what the provider answered, and what to do about it.

use super::suggest;
use crate::args::{ChannelTest, Global};
use crate::door::{self, Need};
use crate::exit::Exit;
use crate::terminal;
use oyez_domain::outcome::{OutcomeCode, Reason};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The answer of the API.
#[derive(Debug, Deserialize)]
struct Answer {
    channel: String,
    kind: String,
    to: String,
    reference: Option<String>,
    outcome: OutcomeCode,
    reason: Option<Reason>,
    label: Option<String>,
    reply: String,
    provider_id: Option<String>,
    text: String,
}

/// The same for programs, with what a person can do.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    test: bool,
    channel: &'a str,
    kind: &'a str,
    to: &'a str,
    reference: Option<&'a str>,
    outcome: OutcomeCode,
    reason: Option<Reason>,
    label: Option<&'a str>,
    reply: &'a str,
    provider_id: Option<&'a str>,
    what_to_do: Option<&'static str>,
    text: &'a str,
}

/// Sends it and says what came of it.
pub(super) async fn run(args: &ChannelTest, global: &Global) -> anyhow::Result<Exit> {
    door::through(global, Need::Write, async |door| {
        let path = ["channels", &args.name, "test"];
        let body = json!({ "to": args.to, "via": args.via });
        let answer = match door
            .post(&path, &body, args.idempotency_key.as_deref())
            .await
        {
            Ok(answer) => answer,
            Err(failure) if failure.what.contains(&format!("channel {}", args.name)) => {
                return Err(suggest(door, &args.name, failure).await.into());
            }
            Err(failure) => return Err(failure.into()),
        };
        let answer: Answer = door::read(&answer)?;
        terminal::data(global.json, &shown(&answer), || words(&answer))?;
        Ok(exit(answer.outcome))
    })
    .await
}

fn shown(answer: &Answer) -> Shown<'_> {
    Shown {
        test: true,
        channel: &answer.channel,
        kind: &answer.kind,
        to: &answer.to,
        reference: answer.reference.as_deref(),
        outcome: answer.outcome,
        reason: answer.reason,
        label: answer.label.as_deref(),
        reply: &answer.reply,
        provider_id: answer.provider_id.as_deref(),
        what_to_do: advice(answer.outcome, answer.reason),
        text: &answer.text,
    }
}

fn words(answer: &Answer) -> String {
    let whom = if answer.to == answer.channel {
        "to everybody in its room".to_owned()
    } else {
        format!("to {}, to nobody else", answer.to)
    };
    let mut lines = vec![format!(
        "TEST on {} ({}) {whom}:\n{}\n",
        answer.channel,
        answer.kind,
        indented(&answer.text)
    )];
    let mut line = |name: &str, value: Option<&str>| {
        let value = value.filter(|value| !value.is_empty());
        lines.extend(value.map(|value| format!("{name:12}{value}")));
    };
    line("outcome", Some(answer.outcome.code()));
    line("reason", answer.label.as_deref());
    line("answer", Some(&answer.reply));
    line("provider id", answer.provider_id.as_deref());
    line("reference", answer.reference.as_deref());
    line("fix", advice(answer.outcome, answer.reason));
    lines.join("\n")
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| format!("  {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn exit(outcome: OutcomeCode) -> Exit {
    match outcome {
        OutcomeCode::Accepted => Exit::Done,
        OutcomeCode::ChannelDown => Exit::Unreachable,
        OutcomeCode::Throttled
        | OutcomeCode::Deferred
        | OutcomeCode::Rejected
        | OutcomeCode::BadMessage
        | OutcomeCode::ChannelRefused
        | OutcomeCode::Unknown
        | OutcomeCode::Suppressed
        | OutcomeCode::Stopped
        | OutcomeCode::Expired
        | OutcomeCode::Superseded
        | OutcomeCode::Orphaned
        | OutcomeCode::Confirmed
        | OutcomeCode::Reopened
        | OutcomeCode::GivenUp => Exit::SomeFailed,
    }
}

/// What a person can do, where something is to be done.
fn advice(outcome: OutcomeCode, reason: Option<Reason>) -> Option<&'static str> {
    if outcome == OutcomeCode::Accepted {
        return None;
    }
    if outcome == OutcomeCode::Unknown {
        return Some("look whether it arrived before you test again: it may have been sent");
    }
    Some(match reason? {
        Reason::AddressUnknown | Reason::NumberInvalid => "check the address after --to",
        Reason::AuthFailed => "mend the password or token of this channel, then: oyez check",
        Reason::NoCredit => "top up the account at the provider",
        Reason::Misconfigured => {
            "compare sender, template and address of the service with the provider's own page"
        }
        Reason::RateLimited => "the provider says too fast: wait a minute, then test again",
        Reason::TooLong => "test with fewer languages, or allow more parts",
        Reason::ContentRejected | Reason::DuplicateBlocked | Reason::Unrenderable => {
            "ask the provider why it does not take this text"
        }
        Reason::Blocked => "ask the provider why it blocks this address or our sender",
        Reason::EndpointGone => "ask the partner for the address of its webhook now",
        Reason::ForbiddenAddress => {
            "name the network in network.allow_networks, if it may be called"
        }
        Reason::Dns => "check the host name in the settings, and the machine's resolver",
        Reason::Connect | Reason::Timeout => {
            "check host and port in the settings, and whether a firewall is in between"
        }
        Reason::Tls => "check tls in the settings, and the certificate of the server",
        Reason::ProviderDown | Reason::TryLater | Reason::InboxFull | Reason::PhoneOff => {
            "test again in some minutes"
        }
        Reason::ClockWrong => "set the clock of this machine right, then: oyez check",
        Reason::Protocol => "is the address in the settings the provider's own?",
        Reason::Expired
        | Reason::Uncertain
        | Reason::OptedOut
        | Reason::Suppressed
        | Reason::Stopped
        | Reason::Superseded
        | Reason::Exhausted
        | Reason::Interrupted
        | Reason::Undeliverable
        | Reason::Held
        | Reason::NotFoundYet
        | Reason::Decided
        | Reason::Runaway
        | Reason::Unreadable => return None,
    })
}
