//! D of each broadcast as permits: a send takes one, and gives it back when its outcome is durable.

use oyez_domain::id::BroadcastId;
use oyez_domain::ledger::Window;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// The permits of a channel's broadcasts, for all of its providers together.
#[derive(Debug, Default)]
pub(crate) struct Bounds(Mutex<BTreeMap<BroadcastId, Arc<Semaphore>>>);

impl Bounds {
    /// The permits of a window's broadcast: D in all.
    pub(crate) fn of(&self, window: &Window) -> Arc<Semaphore> {
        let mut bounds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Permits on loan keep their semaphore alive; only what nobody uses is forgotten.
        bounds.retain(|id, bound| *id == window.broadcast || Arc::strong_count(bound) > 1);
        let permits = window.duplicate_bound as usize;
        let bound = bounds.entry(window.broadcast);
        Arc::clone(bound.or_insert_with(|| Arc::new(Semaphore::new(permits))))
    }
}
