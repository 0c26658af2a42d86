//! The gate before every send: broadcasts and channels that a person halted, and addresses that said stop.

use oyez_domain::id::BroadcastId;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

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
}

impl Gate {
    /// Whether this broadcast may send here.
    pub fn lets(&self, broadcast: BroadcastId) -> bool {
        let shut = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        !shut.channel && !shut.broadcasts.contains(&broadcast)
    }

    /// Shuts or opens the gate for one broadcast.
    pub fn set_broadcast(&self, broadcast: BroadcastId, shut: bool) {
        let mut state = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        if shut {
            state.broadcasts.insert(broadcast);
        } else {
            state.broadcasts.remove(&broadcast);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Shuts or opens the gate for the whole channel.
    pub fn set_channel(&self, shut: bool) {
        self.shut
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .channel = shut;
        self.changed.notify_waiters();
    }

    /// Shuts the gate for one address for good: the ledger leaves it out when arming, this when it was armed before.
    pub fn shut_address(&self, address_id: i64) {
        let mut state = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        state.addresses.insert(address_id);
    }

    /// Whether this address may be sent to.
    pub fn lets_address(&self, address_id: i64) -> bool {
        let shut = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        !shut.addresses.contains(&address_id)
    }

    /// Returns when this broadcast may no longer send.
    pub async fn closes(&self, broadcast: BroadcastId) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !self.lets(broadcast) {
                return;
            }
            changed.await;
        }
    }
}
