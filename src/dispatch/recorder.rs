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
/// The pause before a commit that had to wait is tried again.
const AGAIN: Duration = Duration::from_millis(200);

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
            // What is not recorded gives no permit back, or more would leave than one crash may repeat.
            while outlet.recv_many(&mut pending, BATCH).await > 0 {}
            return;
        }
        for (live, broadcast, permit) in kept.drain(..) {
            live.recorded(broadcast);
            drop(permit);
        }
    }
}

/// Repeats a commit that found no room or another program's lock, under the same batch number, which makes a repeat
/// harmless. What is known is kept in memory for as long as it takes: there are at most D outcomes of a broadcast,
/// and nothing more is armed meanwhile. The store says on its own what is in the way.
async fn commit(
    ledger: &dyn Ledger,
    clock: &dyn Clock,
    batch: u64,
    recorded: &[Recorded],
) -> Result<(), LedgerError> {
    let mut told = false;
    loop {
        match ledger.record(batch, recorded).await {
            Err(LedgerError::Busy(why) | LedgerError::Full(why)) => {
                if !told {
                    tracing::warn!(why, outcomes = recorded.len(), "outcomes wait in memory");
                }
                told = true;
                clock.sleep_until(clock.now().plus(AGAIN)).await;
            }
            result => {
                if told && result.is_ok() {
                    tracing::info!(
                        outcomes = recorded.len(),
                        "outcomes that had to wait are recorded"
                    );
                }
                return result;
            }
        }
    }
}
