//! `oyez update retry`: tries again what failed, by reason; without a reason it says which can succeed.

use crate::args::{Global, UpdateRetry};
use crate::door::{self, Door, Need};
use crate::exit::Exit;
use crate::terminal::{self, count, say};
use serde::Deserialize;
use serde_json::{Value, json};

/// One row as the API gives it.
#[derive(Debug, Deserialize)]
struct Row {
    channel: String,
    reason: String,
    label: String,
    count: u64,
    can_succeed: bool,
}

/// Tries again, or lists what can be tried.
pub(super) async fn run(args: &UpdateRetry, global: &Global) -> anyhow::Result<Exit> {
    if args.reasons.is_empty() {
        return door::through(global, Need::Read, async |door| {
            list(door, args, global).await
        })
        .await;
    }
    door::through(global, Need::Write, async |door| {
        let body = json!({"reasons": args.reasons, "channel": args.channel});
        let key = args.idempotency_key.as_deref();
        let answer = door
            .post(&["updates", &args.update, "retry"], &body, key)
            .await?;
        let again = answer.get("again").and_then(Value::as_u64).unwrap_or(0);
        let reference = &args.update;
        terminal::data(global.json, &answer, || {
            format!(
                "{} tried again.  oyez update watch {reference}",
                count(again)
            )
        })?;
        if door.nothing_sends() {
            say("Nothing sends at the moment: start `oyez serve`.");
        }
        Ok(Exit::Done)
    })
    .await
}

async fn list(door: &Door, args: &UpdateRetry, global: &Global) -> anyhow::Result<Exit> {
    let answer = door
        .get(&["updates", &args.update, "failures"], &[])
        .await?;
    let rows: Vec<Row> = door::read(&Value::Array(door::rows(&answer).to_vec()))?;
    let here = |row: &Row| {
        args.channel
            .as_ref()
            .is_none_or(|name| *name == row.channel)
    };
    let (can, cannot): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .filter(here)
        .partition(|row| row.can_succeed);
    terminal::data(global.json, &answer, || text(&args.update, &can, &cannot))?;
    Ok(Exit::Done)
}

fn text(reference: &str, can: &[Row], cannot: &[Row]) -> String {
    let mut text = match can.first() {
        None if cannot.is_empty() => return "Nothing failed.".to_owned(),
        None => "Nothing that failed can succeed by trying again.".to_owned(),
        Some(first) => format!(
            "These can succeed when they are tried again:\n{}\n\nType: oyez update retry {reference} --reason {}",
            table(can),
            first.reason
        ),
    };
    if !cannot.is_empty() {
        text.push_str(&format!("\n\nThese would fail again:\n{}", table(cannot)));
    }
    text
}

fn table(rows: &[Row]) -> String {
    let row = |row: &Row| {
        vec![
            row.channel.clone(),
            row.reason.clone(),
            count(row.count),
            row.label.clone(),
        ]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    terminal::table(&["CHANNEL", "REASON", "MESSAGES", "WHY"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_can_succeed_and_what_to_type() {
        let row = |reason: &str, can_succeed| Row {
            channel: "residents_sms".to_owned(),
            reason: reason.to_owned(),
            label: "Why".to_owned(),
            count: 37,
            can_succeed,
        };
        let (can, cannot) = ([row("phone_off", true)], [row("number_invalid", false)]);
        let text = text("7QX-4HM", &can, &cannot);
        assert!(
            text.contains("Type: oyez update retry 7QX-4HM --reason phone_off"),
            "{text}"
        );
        let (before, after) = text.split_once("These would fail again").unwrap();
        assert!(
            before.contains("phone_off") && after.contains("number_invalid"),
            "{text}"
        );
    }
}
