//! What people ask for is carried out to its end, although whoever asked may be gone by then.
//!
//! A use-case that tells both the ledger and the workers must not stop between the two: a browser that is closed, or a
//! request that ran out of time, would leave them of different minds.

use crate::desk::DeskResult;
use oyez_domain::LedgerError;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};
use tokio_util::task::TaskTracker;

/// The use-cases under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Errands {
    under_way: TaskTracker,
    turn: Arc<Mutex<()>>,
}

impl Errands {
    /// Carries an errand out, whether or not the caller goes on listening.
    pub(crate) async fn carry_out<T: Send + 'static>(
        &self,
        errand: impl Future<Output = DeskResult<T>> + Send + 'static,
    ) -> DeskResult<T> {
        let ended = self.under_way.spawn(errand).await;
        ended.unwrap_or_else(|_| Err(LedgerError::Down("the program is ending".to_owned()).into()))
    }

    /// Waits for the right to open and shut gates. Two at once could each see half of what the other does.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Returns when nothing is under way any more.
    pub(crate) async fn finish(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }
}
