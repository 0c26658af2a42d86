//! Arms windows ahead of a worker, so that one slow reply stalls nothing.

use crate::supervisor::Live;
use oyez_domain::ledger::{Ledger, Taken, Window};
use oyez_domain::{Clock, LedgerError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Feeds one channel's worker until it is told to end.
pub(crate) async fn run(
    live: Arc<Live>,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    feed: mpsc::Sender<Window>,
    end: CancellationToken,
) {
    let rows = live
        .channel
        .settings
        .pace
        .window_rows(live.channel.holds_unknown());
    while !end.is_cancelled() {
        // Room first: a window is armed only when the worker can take it.
        let room = tokio::select! {
            biased;
            () = end.cancelled() => return,
            room = feed.reserve() => match room { Ok(room) => room, Err(_) => return },
        };
        let wait = match live.health.pause(clock.wall()) {
            Some(pause) => Some(pause.until.since(clock.wall())),
            None => match ledger.take(&live.channel.name, rows, clock.wall()).await {
                Ok(Taken::Window(window)) => {
                    room.send(window);
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
        drop(room);
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
