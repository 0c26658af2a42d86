//! How the store itself is, and the sign of life that it keeps for the next start.

use crate::ports::BoxFuture;
use crate::time::Wall;
use crate::trouble::Trouble;

/// How the store is at the moment. Known without asking the database, which may be what is in trouble.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// Bytes that may still be written on the file system of the data directory; nothing when it does not say.
    pub free_bytes: Option<u64>,
    /// Bytes of the write-ahead log that are in use.
    pub log_bytes: u64,
    /// What stands in its way.
    pub troubles: Vec<Trouble>,
}

/// Looking after the store. A store that needs none of it keeps the defaults.
pub trait Upkeep {
    /// How the store is.
    fn condition(&self) -> Condition {
        Condition::default()
    }

    /// Tells the store the time, about every second. It keeps the newest one with what it writes anyway, so that
    /// the next start knows how long nobody was there.
    fn beat(&self, _now: Wall) {}

    /// Returns with the reason when the store can never be written again by this start of the program (an I/O
    /// error, a failed fsync, damage): whoever runs it has to end it at once and start anew.
    fn failed(&self) -> BoxFuture<'_, String> {
        Box::pin(std::future::pending())
    }
}
