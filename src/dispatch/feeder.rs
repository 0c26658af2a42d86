//! Arms windows ahead of a worker, so that one slow reply stalls nothing.

use crate::supervisor::Live;
use oyez_domain::ledger::{Ask, Ledger, Taken, Window};
use oyez_domain::time::Wall;
use oyez_domain::{Clock, LedgerError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// A window on its way to the worker, with the feeder's turn to arm the next.
pub(crate) struct Fed {
    pub(crate) window: Window,
    /// Given back when the next window may be armed.
    pub(crate) turn: Option<OwnedSemaphorePermit>,
}

/// Feeds one channel's worker until it is told to end.
pub(crate) async fn run(
    live: Arc<Live>,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    feed: mpsc::Sender<Fed>,
    end: CancellationToken,
) {
    let rows = live
        .channel
        .settings
        .pace
        .window_rows(live.channel.holds_unknown());
    let turns = Arc::new(Semaphore::new(1));
    while !end.is_cancelled() {
        // One window ahead at most: what is armed and not sent is what a crash makes uncertain.
        let turn = tokio::select! {
            biased;
            () = end.cancelled() => return,
            turn = Arc::clone(&turns).acquire_owned() => turn.ok(),
        };
        let wait = match live.health.pause(clock.wall()) {
            Some(pause) => Some(pause.until.since(clock.wall())),
            None => match ledger.take(&ask(&live, rows, clock.wall())).await {
                Ok(Taken::Window(window)) => {
                    if feed.send(Fed { window, turn }).await.is_err() {
                        return;
                    }
                    continue;
                }
                Ok(Taken::Idle(due)) => due.map(|due| due.since(clock.wall())),
                Ok(Taken::Held(_)) => None,
                Err(LedgerError::Busy(_)) => Some(Duration::from_millis(200)),
                Err(error) => {
                    tracing::error!(channel.name = %live.channel.name, %error, "nothing can be taken from the queue; trying again in 5 s");
                    Some(Duration::from_secs(5))
                }
            },
        };
        drop(turn);
        let until = clock.now().plus(
            wait.unwrap_or(Duration::from_secs(60))
                .max(Duration::from_millis(1)),
        );
        tokio::select! {
            () = live.bell.notified() => {}
            () = clock.sleep_until(until) => {}
            () = end.cancelled() => {}
        }
    }
}

fn ask(live: &Live, rows: u32, now: Wall) -> Ask<'_> {
    Ask {
        channel: &live.channel.name,
        rows,
        now,
        may_expire: true,
        shut_destinations: &[],
    }
}
