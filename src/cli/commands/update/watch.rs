//! `oyez update watch`: bars until the update is settled, held, or the person has seen enough.

use crate::app::storage_failed;
use crate::args::Global;
use crate::bars::Bars;
use crate::door::{self, Door, Need};
use crate::exit::{Exit, Failure};
use crate::terminal::{self, say};
use crate::wire;
use oyez_dispatch::progress::{BroadcastProgress, Progress};
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::outcome::Reason;
use serde_json::Value;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often a watcher looks.
const LOOK: Duration = Duration::from_millis(250);

/// Watches an update that somebody put out.
pub(super) async fn run(
    update: &str,
    timeout: Option<u64>,
    global: &Global,
) -> anyhow::Result<Exit> {
    let interrupted = crate::lifecycle::ending(&TaskTracker::new())?;
    door::through(global, Need::Read, async |door| {
        let timeout = timeout.map(Duration::from_secs);
        follow(door, update, timeout, global.json, &interrupted).await
    })
    .await
}

/// Shows how an update goes, to its end. Exit code and table are those of the end.
pub(super) async fn follow(
    door: &Door,
    update: &str,
    timeout: Option<Duration>,
    json: bool,
    interrupted: &CancellationToken,
) -> anyhow::Result<Exit> {
    let mut bars = Bars::new(terminal::is_terminal() && !json);
    let over = async {
        match timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    let watched = tokio::select! {
        watched = to_the_end(door, update, &mut bars) => watched.map(Some),
        () = interrupted.cancelled() => Ok(None),
        why = door.failed() => return Err(storage_failed(&why).into()),
        () = over => {
            bars.finish();
            say(format!("Still running. oyez update watch {update} goes on watching."));
            return Ok(Exit::StillRunning);
        }
    };
    bars.finish();
    let Some((answer, progress, exit)) = watched? else {
        say(detached(door, update));
        return Ok(Exit::Interrupted);
    };
    terminal::data(json, &answer, || terminal::outcomes(&progress))?;
    if exit == Exit::StoppedOrHeld && !progress.finished {
        say(format!(
            "Held. oyez update resume {update} goes on, oyez update stop {update} --reason … halts it."
        ));
    }
    Ok(exit)
}

async fn to_the_end(
    door: &Door,
    update: &str,
    bars: &mut Bars,
) -> anyhow::Result<(Value, Progress, Exit)> {
    loop {
        let answer = door.get(&["updates", update, "progress"], &[]).await?;
        let progress = wire::progress(&answer)?;
        bars.show(&progress);
        if let Some(exit) = ended(&progress) {
            return Ok((answer, progress, exit));
        }
        if progress.broadcasts.is_empty() {
            let help = format!("oyez update send {update} puts it out");
            return Err(Failure::new(
                Exit::RefusedByState,
                "not_released",
                format!("{update} is a draft: there is nothing to watch"),
                help,
            )
            .into());
        }
        if door.nothing_sends() {
            let what = format!(
                "{} messages wait, and nothing sends: `oyez serve` does not run",
                terminal::count(progress.counts.pending)
            );
            return Err(Failure::new(
                Exit::RefusedByState,
                "nothing_sends",
                what,
                "start `oyez serve`; it goes on where it ended",
            )
            .into());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The exit code once nothing more happens by itself.
fn ended(progress: &Progress) -> Option<Exit> {
    let counts = &progress.counts;
    let pending: Vec<_> = progress
        .broadcasts
        .iter()
        .filter(|b| b.counts.pending > 0 || !b.planned)
        .collect();
    let lost = counts.failed + counts.unknown + counts.expired + counts.undelivered;
    match (progress.finished, counts.stopped, lost) {
        (true, 0, 0) => Some(Exit::Done),
        (true, 0, _) => Some(Exit::SomeFailed),
        (true, _, _) => Some(Exit::StoppedOrHeld),
        (false, _, _) if !pending.is_empty() && pending.iter().all(|b| held(b)) => {
            Some(Exit::StoppedOrHeld)
        }
        (false, _, _) => None,
    }
}

/// Held by a person, and nothing of it is on its way any more.
fn held(broadcast: &BroadcastProgress) -> bool {
    let by_person = broadcast
        .paused
        .as_ref()
        .is_some_and(|paused| paused.reason == Reason::Held);
    (broadcast.state == BroadcastState::Held || by_person) && broadcast.in_flight == 0
}

fn detached(door: &Door, update: &str) -> String {
    if door.sends_here() {
        format!(
            "Interrupted. What was on its way is recorded; the rest waits until `oyez serve` goes on with it.\n\
            oyez update stop {update} --reason … halts it for good."
        )
    } else {
        format!(
            "Sending continues on the server.  oyez update watch {update} | oyez update stop {update} --reason …"
        )
    }
}
