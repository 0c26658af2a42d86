//! The `Ledger` port on SQLite: durable, encrypted at rest, one writer, many readers.
//!
//! [`open`] takes the data directory for one running program; [`open_read_only`] reads beside it. What the
//! verbs promise stands with the port in `oyez_domain::ledger`; the module `conformance` proves it for any engine.

#[cfg(any(test, feature = "conformance"))]
#[expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a promise that is not kept ends its test"
)]
pub mod conformance;
mod directory;
mod disk;
mod key;
mod notes;
mod sqlite;

pub use directory::{OpenError, StorageSettings};
pub use sqlite::SqliteLedger;

use oyez_domain::Random;
use oyez_domain::time::Wall;
use std::sync::Arc;

/// Opens the ledger for the one program that may write it, creating directory, key and tables when they are
/// missing. What was announced and has no outcome when the last program ended is orphaned here.
///
/// # Errors
/// See [`OpenError`]; nothing is changed when the directory is held, the key missing or the schema newer.
pub fn open(
    settings: &StorageSettings,
    now: Wall,
    random: &dyn Random,
) -> Result<Arc<SqliteLedger>, OpenError> {
    SqliteLedger::open(settings, now, random).map(Arc::new)
}

/// Opens an existing ledger for reading, beside a running program if there is one.
///
/// # Errors
/// See [`OpenError`].
pub fn open_read_only(settings: &StorageSettings) -> Result<Arc<SqliteLedger>, OpenError> {
    SqliteLedger::open_read_only(settings).map(Arc::new)
}
