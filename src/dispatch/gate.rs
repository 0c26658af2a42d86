//! The gate before every send: broadcasts and channels that a person halted, and addresses that said stop.

use oyez_domain::id::BroadcastId;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// The time between two moments at which a channel's open windows were ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Round(u64);

/// One channel's gate. Closing it is heard at once by whoever waits for a slot or a permit.
#[derive(Debug, Default)]
pub struct Gate {
    shut: Mutex<Shut>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Shut {
    channel: bool,
    broadcasts: HashSet<BroadcastId>,
    /// Rows of addresses.
    addresses: HashSet<i64>,
    /// The channel was shut here before the ledger was told.
    channel_untold: bool,
    /// So were these broadcasts.
    untold: HashSet<BroadcastId>,
    /// How often all open windows were ended.
    round: Round,
}

impl Gate {
    /// Whether this broadcast may send here.
    pub fn lets(&self, broadcast: BroadcastId) -> bool {
        let shut = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        !shut.channel && !shut.broadcasts.contains(&broadcast)
    }

    /// Shuts the gate for one broadcast before the ledger is told. Follow it up with [`Self::set_broadcast`].
    pub fn shut_broadcast_ahead(&self, broadcast: BroadcastId) {
        let mut state = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        state.broadcasts.insert(broadcast);
        state.untold.insert(broadcast);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Shuts the gate for the whole channel before the ledger is told. Follow it up with [`Self::set_channel`].
    pub fn shut_channel_ahead(&self) {
        let mut state = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        (state.channel, state.channel_untold) = (true, true);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Shuts or opens the gate for one broadcast, as the ledger has it.
    pub fn set_broadcast(&self, broadcast: BroadcastId, shut: bool) {
        let mut state = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        state.untold.remove(&broadcast);
        if shut {
            state.broadcasts.insert(broadcast);
        } else {
            state.broadcasts.remove(&broadcast);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Shuts or opens the gate for the whole channel, as the ledger has it.
    pub fn set_channel(&self, shut: bool) {
        let mut state = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        (state.channel, state.channel_untold) = (shut, false);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Shuts the gate for one address, until [`Self::open_address`]: the ledger leaves it out when arming, this when it was armed before.
    pub fn shut_address(&self, address_id: i64) {
        let mut state = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        state.addresses.insert(address_id);
    }

    /// Opens the gate again for an address whose stop was lifted.
    pub fn open_address(&self, address_id: i64) {
        let mut state = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        state.addresses.remove(&address_id);
    }

    /// Whether this address may be sent to.
    pub fn lets_address(&self, address_id: i64) -> bool {
        let shut = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        !shut.addresses.contains(&address_id)
    }

    /// The round that goes on. To be asked before something is armed.
    pub(crate) fn round(&self) -> Round {
        self.shut
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .round
    }

    /// Ends what was armed before this moment: something came that takes its place. Returns the round that begins.
    pub(crate) fn end_windows(&self) -> Round {
        let mut state = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        state.round.0 += 1;
        let round = state.round;
        drop(state);
        self.changed.notify_waiters();
        round
    }

    /// Returns when a window of this broadcast that was armed in this round may no longer send.
    pub(crate) async fn closes(&self, broadcast: BroadcastId, round: Round) {
        let closed = |shut: &Shut| {
            shut.channel || shut.round != round || shut.broadcasts.contains(&broadcast)
        };
        self.until(closed).await;
    }

    /// Returns when the ledger has been told of everything that is shut. Until then it would hand out again and again
    /// what nobody may send.
    pub async fn agrees_with_the_ledger(&self) {
        self.until(|shut| !shut.channel_untold && shut.untold.is_empty())
            .await;
    }

    async fn until(&self, holds: impl Fn(&Shut) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if holds(&self.shut.lock().unwrap_or_else(PoisonError::into_inner)) {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn what_the_ledger_was_not_told_yet_is_known_until_it_was() {
        let (gate, broadcast) = (Gate::default(), BroadcastId(7));
        let agrees = || gate.agrees_with_the_ledger().now_or_never().is_some();
        assert!(agrees() && gate.lets(broadcast));
        gate.shut_broadcast_ahead(broadcast);
        assert!(!agrees() && !gate.lets(broadcast) && gate.lets(BroadcastId(8)));
        gate.set_broadcast(broadcast, true);
        assert!(agrees() && !gate.lets(broadcast));
        gate.shut_channel_ahead();
        assert!(!agrees() && !gate.lets(BroadcastId(8)));
        gate.set_channel(false);
        assert!(agrees() && gate.lets(BroadcastId(8)) && !gate.lets(broadcast));
    }

    #[tokio::test]
    async fn whoever_waits_hears_of_it_at_once() {
        let (gate, broadcast) = (Gate::default(), BroadcastId(7));
        gate.shut_broadcast_ahead(broadcast);
        let (mut closes, mut ends, mut agrees) = (
            Box::pin(gate.closes(BroadcastId(8), gate.round())),
            Box::pin(gate.closes(BroadcastId(9), gate.round())),
            Box::pin(gate.agrees_with_the_ledger()),
        );
        assert!((&mut closes).now_or_never().is_none());
        assert!((&mut agrees).now_or_never().is_none());
        gate.set_broadcast(broadcast, false);
        gate.set_broadcast(BroadcastId(8), true);
        assert!((&mut closes).now_or_never().is_some());
        assert!((&mut agrees).now_or_never().is_some());
        assert!((&mut ends).now_or_never().is_none());
        let round = gate.end_windows();
        assert!((&mut ends).now_or_never().is_some());
        let armed_since = gate.closes(BroadcastId(9), round);
        assert!(armed_since.now_or_never().is_none());
    }
}
