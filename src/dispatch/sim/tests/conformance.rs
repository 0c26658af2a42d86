//! The simulated store keeps what every store promises: the same suite that SQLite passes.

use crate::sim::bugs::Bugs;
use crate::sim::store::SimStore;
use crate::suite::conformance::Store;
use oyez_domain::BoxFuture;
use oyez_domain::ledger::Ledger;
use oyez_domain::time::Wall;

impl Store for SimStore {
    fn open(&self, now: Wall) -> BoxFuture<'_, Box<dyn Ledger>> {
        let ledger = self.start(now);
        Box::pin(async move { Box::new(ledger) as Box<dyn Ledger> })
    }

    fn open_beside(&self, now: Wall) -> BoxFuture<'_, Box<dyn Ledger>> {
        self.open(now)
    }
}

fn empty() -> SimStore {
    SimStore::new(None, Bugs::default())
}

crate::ledger_promises!(empty());

#[tokio::test]
async fn counters_stay_true_whatever_happens() {
    for seed in 0..200 {
        crate::suite::conformance::counters_stay_true_in_game(&empty(), seed).await;
    }
}
