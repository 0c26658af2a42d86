//! Writes audiences out page by page, so that a release answers before a million rows are planned.

use crate::supervisor::Lives;
use oyez_domain::ledger::Ledger;
use oyez_domain::{Clock, LedgerError};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Plans until it is told to end. Every page is a transaction of its own, so the writer stays fair.
pub(crate) async fn run(
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    lives: Lives,
    end: CancellationToken,
) {
    loop {
        let wait = match ledger.plan_page(clock.wall()).await {
            Ok(Some(_)) => {
                lives.ring_all();
                continue;
            }
            Ok(None) => Duration::from_secs(60),
            Err(LedgerError::Busy(_)) => Duration::from_millis(200),
            // The store has told it, and tells when there is room again.
            Err(LedgerError::Full(_)) => Duration::from_secs(2),
            Err(error) => {
                tracing::error!(%error, "the audience cannot be planned; trying again in 5 s");
                Duration::from_secs(5)
            }
        };
        let woken = clock.now().plus(wait);
        tokio::select! {
            biased;
            () = end.cancelled() => return,
            () = lives.planner_rung() => {}
            () = clock.sleep_until(woken) => {}
        }
    }
}
