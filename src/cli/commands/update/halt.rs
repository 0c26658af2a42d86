//! `oyez update stop`, `hold` and `resume`: halting what is unsent, for good or for a while.

use crate::args::{Global, UpdateStop};
use crate::door::{self, Need};
use crate::exit::Exit;
use crate::terminal::{self, count, say};
use crate::wire;
use oyez_dispatch::desk::halt::Found;
use oyez_dispatch::progress::{BroadcastProgress, Progress};
use serde_json::{Value, json};

/// Stops, and says exactly what went, what did not and what was on its way.
pub(super) async fn stop(args: &UpdateStop, global: &Global) -> anyhow::Result<Exit> {
    door::through(global, Need::Write, async |door| {
        let body = json!({"reason": args.reason, "channel": args.channel});
        let answer = door
            .post(&["updates", &args.update, "stop"], &body, None)
            .await?;
        let found: Found = door::read(answer.get("found").unwrap_or(&Value::Null))?;
        let progress = wire::progress(&answer)?;
        terminal::data(global.json, &answer, || {
            text(found, &progress, args.channel.as_deref())
        })?;
        Ok(Exit::Done)
    })
    .await
}

fn text(found: Found, progress: &Progress, channel: Option<&str>) -> String {
    let here = |b: &&BroadcastProgress| channel.is_none_or(|name| name == b.channel.as_str());
    let broadcasts: Vec<_> = progress.broadcasts.iter().filter(here).collect();
    let sum = |of: fn(&BroadcastProgress) -> u64| broadcasts.iter().map(|b| of(b)).sum::<u64>();
    let head = match found {
        Found::Underway => format!("Stopped. {} get nothing.", count(sum(unsent))),
        Found::Stopped => "It was stopped already; this changed nothing.".to_owned(),
        Found::Done => "It had been sent to its end already; there was nothing to stop.".to_owned(),
    };
    let row = |b: &&BroadcastProgress| {
        vec![
            b.channel.to_string(),
            count(b.counts.accepted),
            count(b.in_flight),
            count(unsent(b)),
            count(b.counts.unknown),
            count(b.counts.failed),
        ]
    };
    let rows: Vec<_> = broadcasts.iter().map(row).collect();
    let header = [
        "CHANNEL",
        "WENT OUT",
        "ON ITS WAY",
        "NOT SENT",
        "MAY HAVE BEEN SENT",
        "FAILED",
    ];
    let mut text = format!("{head}\n{}", terminal::table(&header, &rows));
    if sum(|b| b.in_flight) > 0 {
        text.push_str(&format!(
            "\nWhat is on its way ends and is recorded:  oyez update report {}",
            progress.reference
        ));
    }
    text
}

/// What nobody gets: stopped, and what was left out, too late or overtaken before.
fn unsent(broadcast: &BroadcastProgress) -> u64 {
    let counts = &broadcast.counts;
    let settled = counts.stopped + counts.suppressed + counts.expired + counts.superseded;
    settled + counts.pending.saturating_sub(broadcast.in_flight)
}

/// Holds, or goes on.
pub(super) async fn hold(
    update: &str,
    channel: Option<&str>,
    held: bool,
    global: &Global,
) -> anyhow::Result<Exit> {
    door::through(global, Need::Write, async |door| {
        let verb = if held { "hold" } else { "resume" };
        let body = json!({"channel": channel});
        let answer = door.post(&["updates", update, verb], &body, None).await?;
        terminal::data(global.json, &answer, || {
            if held {
                format!("Held: nothing new leaves. Go on with: oyez update resume {update}")
            } else {
                "It goes on.".to_owned()
            }
        })?;
        if !held && door.nothing_sends() {
            say("Nothing sends at the moment: start `oyez serve`.");
        }
        Ok(Exit::Done)
    })
    .await
}
