//! `oyez unknown`: what may have been sent, and what a person decides about it.

use crate::args::{Global, Unknown, UnknownDecide, UnknownWhich};
use crate::confirm;
use crate::door::{self, Door, Need};
use crate::exit::Exit;
use crate::terminal::{self, count, say};
use oyez_domain::ledger::Decision;
use serde::Deserialize;
use serde_json::{Value, json};

/// One row as the API gives it.
#[derive(Debug, Deserialize)]
struct Row {
    reference: String,
    headline: String,
    channel: String,
    reason: Option<String>,
    label: String,
    count: u64,
}

/// Runs one of the verbs.
pub(crate) async fn run(command: Unknown, global: &Global) -> anyhow::Result<Exit> {
    match command {
        Unknown::List(which) => list(&which, global).await,
        Unknown::Decide(args) => decide(&args, global).await,
    }
}

async fn list(which: &UnknownWhich, global: &Global) -> anyhow::Result<Exit> {
    door::through(global, Need::Read, async |door| {
        let answer = listed(door, which).await?;
        let rows = rows(&answer)?;
        terminal::data(global.json, &answer, || {
            if rows.is_empty() {
                "Nothing: of every message it is known whether it was sent.".to_owned()
            } else {
                let end = "Settle them with: oyez unknown decide was-sent|send-again|give-up";
                format!("{}\n\n{end}", table(&rows))
            }
        })?;
        Ok(Exit::Done)
    })
    .await
}

async fn listed(door: &Door, which: &UnknownWhich) -> anyhow::Result<Value> {
    let asked = [
        ("update", &which.update),
        ("channel", &which.channel),
        ("reason", &which.reason),
        ("to", &which.to),
    ];
    let asked = asked.iter();
    let asked = asked.filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    let asked: Vec<(&str, &str)> = asked.collect();
    Ok(door.get(&["unknowns"], &asked).await?)
}

fn rows(answer: &Value) -> anyhow::Result<Vec<Row>> {
    Ok(door::read(&Value::Array(door::rows(answer).to_vec()))?)
}

fn table(rows: &[Row]) -> String {
    let row = |row: &Row| {
        vec![
            row.reference.clone(),
            row.channel.clone(),
            count(row.count),
            row.reason.clone().unwrap_or_else(|| "–".to_owned()),
            row.label.clone(),
            row.headline.clone(),
        ]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    let header = ["UPDATE", "CHANNEL", "MESSAGES", "REASON", "WHY", "HEADLINE"];
    terminal::table(&header, &rows)
}

async fn decide(args: &UnknownDecide, global: &Global) -> anyhow::Result<Exit> {
    let help = "add --yes when you are sure; `oyez unknown list` shows what it concerns";
    confirm::possible(args.yes, "nothing was changed", help)?;
    door::through(global, Need::Write, async |door| {
        settle(door, args, global).await
    })
    .await
}

async fn settle(door: &Door, args: &UnknownDecide, global: &Global) -> anyhow::Result<Exit> {
    let rows = rows(&listed(door, &args.which).await?)?;
    let messages: u64 = rows.iter().map(|row| row.count).sum();
    if messages == 0 {
        say("Nothing is listed there as possibly sent. Nothing was changed.");
        return Ok(Exit::RefusedByState);
    }
    let decision = Decision::from(args.decision);
    say(format!(
        "{}\n\n{} may have been sent. {}",
        table(&rows),
        messages_of(messages),
        consequence(decision)
    ));
    if !args.yes && !confirm::typed(&messages.to_string(), verb(decision))? {
        say("Nothing was changed.");
        return Ok(Exit::Error);
    }
    let UnknownWhich {
        update,
        channel,
        reason,
        to,
    } = &args.which;
    let body = json!({"decision": decision, "update": update, "channel": channel, "reason": reason, "to": to});
    let answer = door.post(&["unknowns", "decisions"], &body, None).await?;
    let decided = answer.get("decided").and_then(Value::as_u64).unwrap_or(0);
    terminal::data(global.json, &answer, || done(decision, decided))?;
    if decision == Decision::SendAgain && door.nothing_sends() {
        say("Nothing sends at the moment: start `oyez serve`.");
    }
    Ok(Exit::Done)
}

fn messages_of(many: u64) -> String {
    let end = if many == 1 { "" } else { "s" };
    format!("{} message{end}", count(many))
}

/// What follows from a decision, said before it is taken.
fn consequence(decision: Decision) -> &'static str {
    match decision {
        Decision::WasSent => "Was sent: they count as accepted, and nothing is sent.",
        Decision::SendAgain => "Send again: some people may get it twice.",
        Decision::GiveUp => "Give up: they stay unknown, are listed no more, and nothing is sent.",
    }
}

fn verb(decision: Decision) -> &'static str {
    match decision {
        Decision::WasSent => "count them as sent",
        Decision::SendAgain => "send them again",
        Decision::GiveUp => "give them up",
    }
}

fn done(decision: Decision, many: u64) -> String {
    let what = match decision {
        Decision::WasSent => "counted as accepted. Nothing was sent.",
        Decision::SendAgain => "sent again now.",
        Decision::GiveUp => "given up: still unknown, listed no more. Nothing was sent.",
    };
    let are = if many == 1 { "is" } else { "are" };
    format!("{} {are} {what}", messages_of(many))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_decision_means_is_said_before_and_after_it() {
        assert_eq!(
            consequence(Decision::SendAgain),
            "Send again: some people may get it twice."
        );
        assert_eq!(
            done(Decision::SendAgain, 1200),
            "1,200 messages are sent again now."
        );
        assert_eq!(
            done(Decision::WasSent, 1),
            "1 message is counted as accepted. Nothing was sent."
        );
    }
}
