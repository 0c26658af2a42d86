//! Looks once a second whether the clock jumped, and gives the store its sign of life.

use crate::desk::Desk;
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(1);

/// Looks until the program begins to end.
pub(crate) async fn run(desk: Desk) {
    let mut frozen = None;
    while !desk.ending.is_cancelled() {
        let now = desk.guard.expiry_frozen();
        match (frozen, now) {
            (None, Some(freeze)) => tracing::error!("{}", freeze.trouble().line),
            (Some(_), None) => {
                tracing::warn!("the clock is trusted again; what is too late expires");
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
        frozen = now;
        desk.ledger.beat(desk.clock.wall());
        tokio::select! {
            biased;
            () = desk.ending.cancelled() => {}
            () = desk.clock.sleep_until(desk.clock.now().plus(LOOK)) => {}
        }
    }
}
