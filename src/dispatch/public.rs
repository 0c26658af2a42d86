//! What the public site has to follow: how often what it says has changed, and what keeps it from saying so.

use oyez_domain::trouble::{Trouble, TroubleCode};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Counts public changes, and remembers what the site could not do about them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PublicChanges(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    count: watch::Sender<u64>,
    troubles: Mutex<Vec<Trouble>>,
}

impl Default for PublicChanges {
    fn default() -> Self {
        Self(Arc::new(Inner {
            count: watch::Sender::new(0),
            troubles: Mutex::default(),
        }))
    }
}

impl PublicChanges {
    /// Something that the public site says has changed, or may have. Called when the ledger has it.
    pub fn tell(&self) {
        self.0.count.send_modify(|count| *count += 1);
    }

    /// Changes since the start of the program.
    pub fn count(&self) -> u64 {
        *self.0.count.borrow()
    }

    /// Hears of every change from now on.
    pub fn listen(&self) -> watch::Receiver<u64> {
        self.0.count.subscribe()
    }

    /// Remembers why one part of the site is not as it should be; with no reason, that it is again.
    pub fn note(&self, code: TroubleCode, why: Option<String>) {
        let mut troubles = self
            .0
            .troubles
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        troubles.retain(|trouble| trouble.code != code);
        troubles.extend(why.map(|line| Trouble::new(code, line)));
    }

    /// What is not as it should be.
    pub fn troubles(&self) -> Vec<Trouble> {
        let troubles = self.0.troubles.lock();
        troubles.unwrap_or_else(PoisonError::into_inner).clone()
    }
}
