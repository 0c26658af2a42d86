//! The suite on SQLite, and what only SQLite promises.

use crate::conformance::Store;
use crate::{OpenError, SqliteLedger, StorageSettings};
use oyez_domain::ledger::Ledger;
use oyez_domain::time::Wall;
use oyez_domain::{BoxFuture, Random};
use tempfile::TempDir;

/// Random games, each on a store of its own.
const GAMES: u64 = 12;

/// Chance that is none.
struct Counting;

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(at % 251).unwrap();
        }
    }
}

/// A database in a directory that goes away with the test.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn settings(&self) -> StorageSettings {
        StorageSettings::in_directory(self.0.path().join("data"))
    }

    fn open(&self) -> Result<SqliteLedger, OpenError> {
        SqliteLedger::open(&self.settings(), Wall(1), &Counting)
    }
}

impl Store for Scratch {
    fn open(&self, now: Wall) -> BoxFuture<'_, Box<dyn Ledger>> {
        let ledger = SqliteLedger::open(&self.settings(), now, &Counting).unwrap();
        Box::pin(async move { Box::new(ledger) as Box<dyn Ledger> })
    }
}

mod promises {
    use super::{GAMES, Scratch};

    crate::ledger_promises!(Scratch::new());

    #[tokio::test]
    async fn counters_stay_true_whatever_happens() {
        for seed in 0..GAMES {
            crate::conformance::counters_stay_true_in_game(&Scratch::new(), seed).await;
        }
    }
}
