//! `oyez update report`: what happened in all, or each attempt to one address, in plain words.

use crate::args::Global;
use crate::door::{self, Door, Need};
use crate::exit::{Exit, Failure};
use crate::{terminal, wire};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use oyez_domain::outcome::{OutcomeCode, Reason};
use serde::Deserialize;
use serde_json::Value;

/// One delivery as the API gives it.
#[derive(Debug, Deserialize)]
struct Delivery {
    channel: String,
    address: String,
    state: String,
    not_before: Option<Timestamp>,
    attempts: Vec<Attempt>,
    receipts: Vec<Receipt>,
}

#[derive(Debug, Deserialize)]
struct Attempt {
    attempt: u32,
    at: Timestamp,
    outcome: OutcomeCode,
    reason: Option<Reason>,
    reply: String,
}

#[derive(Debug, Deserialize)]
struct Receipt {
    at: Timestamp,
    status: String,
    reason: Option<Reason>,
}

/// Shows the counts, or the attempts to one address.
pub(super) async fn run(update: &str, to: Option<&str>, global: &Global) -> anyhow::Result<Exit> {
    door::through(global, Need::Read, async |door| match to {
        Some(address) => one(door, update, address, global.json).await,
        None => all(door, update, global.json).await,
    })
    .await
}

async fn all(door: &Door, update: &str, json: bool) -> anyhow::Result<Exit> {
    let report = door.get(&["updates", update, "report"], &[]).await?;
    let progress = wire::progress(report.get("progress").unwrap_or(&Value::Null))?;
    terminal::data(json, &report, || {
        let head = format!(
            "{}  \"{}\"  {}",
            progress.reference, progress.headline, progress.state
        );
        if progress.broadcasts.is_empty() {
            format!("{head}\nIt was not put out yet.")
        } else {
            format!("{head}\n{}", terminal::outcomes(&progress))
        }
    })?;
    Ok(Exit::Done)
}

async fn one(door: &Door, update: &str, address: &str, json: bool) -> anyhow::Result<Exit> {
    let answer = door
        .get(&["updates", update, "deliveries"], &[("to", address)])
        .await?;
    let deliveries: Vec<Delivery> = door::read(&Value::Array(door::rows(&answer).to_vec()))?;
    if deliveries.is_empty() {
        let help = "is it spelt as it was imported, and was the person subscribed when the update was released?";
        return Err(Failure::new(
            Exit::NotFound,
            "not_in_audience",
            format!("that address is not in the audience of {update}"),
            help,
        )
        .into());
    }
    let zone = TimeZone::get(&door.settings.organisation.time_zone).unwrap_or(TimeZone::UTC);
    terminal::data(json, &answer, || {
        deliveries
            .iter()
            .map(|delivery| text(delivery, &zone))
            .collect::<Vec<_>>()
            .join("\n")
    })?;
    Ok(Exit::Done)
}

fn text(delivery: &Delivery, zone: &TimeZone) -> String {
    let time = |at: Timestamp| {
        at.to_zoned(zone.clone())
            .strftime("%-d %b %Y %H:%M:%S")
            .to_string()
    };
    let mut lines = vec![format!(
        "{}  {}  {}",
        delivery.channel, delivery.address, delivery.state
    )];
    for attempt in &delivery.attempts {
        let reply = if attempt.reply.is_empty() {
            String::new()
        } else {
            format!("  ({})", attempt.reply)
        };
        lines.push(format!(
            "  {}  attempt {}  {}{reply}",
            time(attempt.at),
            attempt.attempt,
            words(attempt)
        ));
    }
    for receipt in &delivery.receipts {
        let why = receipt
            .reason
            .map_or_else(String::new, |reason| format!(": {}", reason.label()));
        lines.push(format!(
            "  {}  receipt    {}{why}",
            time(receipt.at),
            receipt.status.replace('_', " ")
        ));
    }
    if delivery.attempts.is_empty() {
        lines.push("  Nothing was sent to it.".to_owned());
    }
    lines.extend(
        delivery
            .not_before
            .map(|at| format!("  Tried again at {}", time(at))),
    );
    lines.join("\n")
}

fn words(attempt: &Attempt) -> String {
    let outcome = match attempt.outcome {
        OutcomeCode::Accepted => "Taken by the provider",
        OutcomeCode::Throttled => "Not taken: too fast for the provider; costs no attempt",
        OutcomeCode::Deferred => "Not taken now",
        OutcomeCode::Rejected => "Refused for good",
        OutcomeCode::BadMessage => "The message itself was refused",
        OutcomeCode::ChannelDown => "Not taken: the provider did not work; costs no attempt",
        OutcomeCode::ChannelRefused => "Not taken: the provider refused us; costs no attempt",
        OutcomeCode::Unknown => "May have been taken: nobody can tell",
        OutcomeCode::Suppressed => "Not sent: the address must not be used",
        OutcomeCode::Stopped => "Not sent: stopped by a person",
        OutcomeCode::Expired => "Not sent: too late to be useful",
        OutcomeCode::Superseded => "Not sent: a newer update took its place",
        OutcomeCode::Orphaned => "The program ended while it was on its way",
        OutcomeCode::Confirmed => "A person found that it was sent",
        OutcomeCode::Reopened => "A person let it be sent again",
        OutcomeCode::GivenUp => "A person found that nobody can tell",
    };
    attempt.reason.map_or_else(
        || outcome.to_owned(),
        |reason| format!("{outcome}. {}", reason.label()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_says_when_what_why_and_the_reply() {
        let delivery: Delivery = serde_json::from_value(serde_json::json!({
            "channel": "residents_email", "address": "r•••@x.uk", "state": "waiting", "not_before": null, "receipts": [],
            "attempts": [{"attempt": 1, "at": "2025-11-27T10:30:00Z", "outcome": "deferred", "reason": "try_later",
                "reason_label": "x", "reply": "451 4.7.1 Greylisted", "provider_id": null}]
        }))
        .unwrap();
        let text = text(&delivery, &TimeZone::get("Europe/London").unwrap());
        assert!(
            text.contains("27 Nov 2025 10:30:00  attempt 1  Not taken now. Receiver asked us to try again later  (451 4.7.1 Greylisted)"),
            "{text}"
        );
    }
}
