//! `oyez demo`: the whole thing at work on this machine, against providers played locally.

mod kinds;
mod story;
mod town;
mod verdict;

use crate::app::{Access, App, storage_failed};
use crate::args::{Demo, Global};
use crate::bars::Bars;
use crate::exit::{Exit, Failure};
use crate::terminal::{self, say};
use anyhow::Context;
use oyez_dispatch::event::Event;
use oyez_dispatch::progress::Progress;
use oyez_dispatch::{Desk, Engine};
use oyez_domain::id::UpdateId;
use oyez_sandbox::Sandbox;
use std::time::Duration;
use story::Story;
use tokio::sync::broadcast::Receiver;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long the table waits for receipts, at most.
const RECEIPTS: Duration = Duration::from_secs(10);
/// How often the bars move.
const LOOK: Duration = Duration::from_millis(100);

/// Runs the demonstration.
pub(crate) async fn run(args: &Demo, global: &Global) -> anyhow::Result<Exit> {
    let tasks = TaskTracker::new();
    let interrupted = crate::lifecycle::ending(&tasks)?;
    let stays = !args.exit && !global.json && terminal::is_terminal();
    let folder = tempfile::tempdir().context("a temporary directory could not be made")?;
    let story = Story::new(args, folder.path()).await?;
    crate::telemetry::start(&story.settings.log);
    let app = App::open(&story.settings, Access::Write)?;
    let end = CancellationToken::new();
    let web = story.serve_pages(&app, &tasks, end.clone())?;
    let (desk, engine) = app.start().await?;
    if !global.json {
        let more = if args.every_kind {
            ", by every other kind of channel there is"
        } else {
            ""
        };
        say(format!(
            "oyez demo: one update to {} made-up residents by email and SMS{more}, Mastodon and two neighbouring boroughs.",
            terminal::count(u64::from(args.recipients))
        ));
        say(
            "Everything stays on this machine: real SMTP and real HTTP, to providers played locally.",
        );
        story.say_addresses(&web);
    }
    let mut events = desk.events.listen();
    let released = story.release(&desk, args.recipients).await?;
    let bars = (!global.json).then(|| Bars::new(terminal::is_terminal()));
    let progress = tokio::select! {
        progress = watch(&desk, &released, &mut events, bars, &interrupted) => progress?,
        why = engine.failed() => return Err(storage_failed(&why).into()),
    };
    let stopped = interrupted.is_cancelled();
    let progress = if stopped {
        progress
    } else {
        await_receipts(&desk, &released, &story, progress).await?
    };
    let verdict = verdict::judge(&story, &progress, &released, args.recipients, stopped)?;
    if !global.json {
        say("\n");
    }
    terminal::data(global.json, &verdict.report, || verdict.text(&progress))?;
    if stays && !stopped {
        say("\nThe pages stay up:");
        story.say_addresses(&web);
        say("Press Ctrl-C to end.");
        interrupted.cancelled().await;
    }
    close(engine, story.sandbox, end, &tasks).await?;
    Ok(match (stopped, stays, verdict.agrees) {
        (true, ..) => Exit::Interrupted,
        (false, true, true) | (false, false, true) => Exit::Done,
        (false, _, false) => Exit::Error,
    })
}

/// What was released and when.
pub(crate) struct Release {
    pub(crate) update: UpdateId,
    /// Microseconds of the machine's own clock when the release was asked for.
    pub(crate) asked_at_us: u64,
}

/// Shows the bars until nothing is pending. Ctrl-C stops what is unsent.
async fn watch(
    desk: &Desk,
    released: &Release,
    events: &mut Receiver<Event>,
    mut bars: Option<Bars>,
    interrupted: &CancellationToken,
) -> anyhow::Result<Progress> {
    loop {
        let progress = desk.progress(released.update).await?;
        if let Some(bars) = &mut bars {
            while let Ok(event) = events.try_recv() {
                bars.line(&event.line);
            }
            bars.show(&progress);
        }
        if progress.finished {
            if let Some(bars) = &mut bars {
                bars.finish();
            }
            return Ok(progress);
        }
        tokio::select! {
            () = desk.clock.sleep_until(desk.clock.now().plus(LOOK)) => {}
            () = interrupted.cancelled() => {
                if let Some(bars) = &mut bars {
                    bars.finish();
                }
                say("Stopping: nothing new is sent, what is on its way ends. Press Ctrl-C again to end at once.");
                return stop(desk, released).await;
            }
        }
    }
}

/// Halts the unsent rest and waits until what was on its way has ended.
async fn stop(desk: &Desk, released: &Release) -> anyhow::Result<Progress> {
    let halted = desk
        .stop(
            released.update,
            None,
            "interrupted by the person at the terminal",
            "demo",
        )
        .await?;
    let mut progress = halted.progress;
    while !progress.finished {
        desk.clock.sleep_until(desk.clock.now().plus(LOOK)).await;
        progress = desk.progress(released.update).await?;
    }
    Ok(progress)
}

async fn await_receipts(
    desk: &Desk,
    released: &Release,
    story: &Story,
    mut progress: Progress,
) -> anyhow::Result<Progress> {
    let give_up = desk.clock.now().plus(RECEIPTS);
    while !verdict::receipts_complete(story, &progress) && desk.clock.now() < give_up {
        desk.clock.sleep_until(desk.clock.now().plus(LOOK)).await;
        progress = desk.progress(released.update).await?;
    }
    Ok(progress)
}

async fn close(
    engine: Engine,
    sandbox: Sandbox,
    end: CancellationToken,
    tasks: &TaskTracker,
) -> Result<(), Failure> {
    let ended = engine.shut_down().await;
    end.cancel();
    sandbox.shutdown().await;
    tasks.close();
    ended.map_err(|error| storage_failed(&error.to_string()))
}
