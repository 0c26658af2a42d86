//! A store that keeps no outcome: what was sent is handed out again, as if nothing were known of it.

use super::state::{Place, State};
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::ledger::Recorded;
use std::time::Duration;

/// How long after it was sent a delivery is handed out again: until then everybody has had it once.
const AGAIN: Duration = Duration::from_secs(60);

impl State {
    /// Puts these deliveries back to where they were before they were sent.
    pub(super) fn forget(&mut self, outcomes: &[Recorded]) {
        for recorded in outcomes {
            let Ok(broadcast) = self.broadcast_mut(recorded.broadcast) else {
                continue;
            };
            broadcast.state = BroadcastState::Sending;
            if let Some(delivery) = broadcast.delivery_mut(recorded.ordinal) {
                delivery.ends.clear();
                delivery.attempt = 0;
                delivery.reason = None;
                delivery.place = Place::Due(recorded.at.plus(AGAIN));
            }
        }
    }
}
