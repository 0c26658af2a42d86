//! The `Ledger` port: the durable record behind the engine, split by who asks.
//!
//! Every verb that changes something is one transaction, durable when it returns. Words: design of the
//! chunk, window and exception in `ARCHITECTURE.md`.

mod endpoints;
mod evidence;
mod incidents;
mod queue;
mod releases;
mod reports;
mod subscribers;
mod upkeep;

pub use endpoints::*;
pub use evidence::*;
pub use incidents::*;
pub use queue::*;
pub use releases::*;
pub use reports::*;
pub use subscribers::*;
pub use upkeep::*;

use crate::error::LedgerResult;
use crate::ports::BoxFuture;
use crate::time::Wall;

/// What a verb returns.
pub type Answer<'a, T> = BoxFuture<'a, LedgerResult<T>>;

/// The whole port.
pub trait Ledger:
    Incidents + Releases + Queue + Subscribers + Endpoints + Reports + Upkeep + Send + Sync
{
}
impl<T: Incidents + Releases + Queue + Subscribers + Endpoints + Reports + Upkeep + Send + Sync>
    Ledger for T
{
}

/// Who did something, for the audit trail, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Who, e.g. `cli`, `token:comms`.
    pub actor: String,
    /// When.
    pub at: Wall,
}

/// Makes a repeated request harmless: same key and same request give the first answer again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Credential and route.
    pub scope: String,
    /// The caller's key.
    pub key: String,
    /// Hash of the request.
    pub request_hash: [u8; 32],
}

/// Whether this call did it, or an earlier one with the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done<T> {
    /// What was made.
    pub value: T,
    /// An earlier call had made it.
    pub replayed: bool,
}
