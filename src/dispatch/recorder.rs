//! Commits outcomes in groups: everything that came in while the last commit was under way goes into the next.

use crate::settings::EngineSettings;
use crate::supervisor::Live;
use oyez_domain::ledger::{Ledger, Recorded};
use oyez_domain::{Clock, LedgerError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

/// Outcomes in one commit at most.
const BATCH: usize = 2000;

/// An outcome with the permit it holds until it is durable.
pub(crate) struct Pending {
    pub(crate) recorded: Recorded,
    /// One of D; given back when the outcome is durable.
    pub(crate) permit: OwnedSemaphorePermit,
    /// The channel, which counts it.
    pub(crate) live: Arc<Live>,
}

/// Where senders put outcomes.
pub(crate) type Inlet = mpsc::UnboundedSender<Pending>;

/// Records until every sender is gone. Ends `fatal` when the store can no longer be written: whoever runs
/// the engine must then end the program and start anew, never carry on.
pub(crate) async fn run(
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    settings: EngineSettings,
    mut outlet: mpsc::UnboundedReceiver<Pending>,
    fatal: CancellationToken,
) {
    let mut batch = 0;
    let mut pending = Vec::with_capacity(BATCH);
    let mut kept = Vec::with_capacity(BATCH);
    while outlet.recv_many(&mut pending, BATCH).await > 0 {
        if !settings.flush().is_zero() && pending.len() < BATCH && !outlet.is_closed() {
            clock.sleep_until(clock.now().plus(settings.flush())).await;
            let room = BATCH - pending.len();
            for _ in 0..room {
                let Ok(more) = outlet.try_recv() else { break };
                pending.push(more);
            }
        }
        batch += 1;
        let mut recorded = Vec::with_capacity(pending.len());
        for item in pending.drain(..) {
            kept.push((item.live, item.recorded.broadcast, item.permit));
            recorded.push(item.recorded);
        }
        if let Err(error) = commit(&*ledger, &*clock, batch, &recorded).await {
            tracing::error!(%error, outcomes = recorded.len(), "outcomes cannot be recorded; ending so that a new start can recover");
            fatal.cancel();
            return;
        }
        for (live, broadcast, permit) in kept.drain(..) {
            live.recorded(broadcast);
            drop(permit);
        }
    }
}

/// Repeats a busy commit under the same batch number, which makes a repeat harmless, for at most 60 s.
async fn commit(
    ledger: &dyn Ledger,
    clock: &dyn Clock,
    batch: u64,
    recorded: &[Recorded],
) -> Result<(), LedgerError> {
    let give_up = clock.now().plus(Duration::from_secs(60));
    loop {
        match ledger.record(batch, recorded).await {
            Err(LedgerError::Busy(why)) if clock.now() < give_up => {
                tracing::warn!(why, "the ledger is busy; outcomes wait in memory");
                clock
                    .sleep_until(clock.now().plus(Duration::from_millis(200)))
                    .await;
            }
            result => return result,
        }
    }
}
