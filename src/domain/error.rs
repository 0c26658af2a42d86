//! The two families of error: the caller is wrong (`Refusal`), or the ledger is (`LedgerError`).

use serde::{Deserialize, Serialize};

/// Input that goes no further: which field, a code that programs can rely on, and why in plain words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{field}: {why}")]
pub struct Refusal {
    /// The field as the caller named it, e.g. `headline` or `audience.channels`.
    pub field: String,
    /// A stable code, e.g. `too_long`, `control_character`, `empty`.
    pub code: String,
    /// What is wrong and what would be right, for people.
    pub why: String,
}

impl Refusal {
    /// A refusal of `field`.
    pub fn new(field: impl Into<String>, code: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code: code.into(),
            why: why.into(),
        }
    }
}

/// What can go wrong between the engine and its ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Another writer holds the store; trying again later can help.
    #[error("the ledger is busy: {0}")]
    Busy(String),
    /// The store refuses writes or is gone (closed, an I/O error, a failed fsync). Only a new start helps.
    #[error("the ledger cannot be written: {0}")]
    Down(String),
    /// There is no room for more; reading still works, and so does writing once there is room again.
    #[error("there is no room left to write: {0}")]
    Full(String),
    /// A newer start of the program has taken over: this one may arm nothing more. Its outcomes are facts and
    /// were kept.
    #[error("another start of oyez has taken over this data directory; this one ends")]
    Fenced,
    /// The thing asked for does not exist.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The thing exists, but its state forbids the action.
    #[error("{0}")]
    State(String),
    /// Same idempotency key, different request.
    #[error("this idempotency key was used before with a different request")]
    KeyReused,
    /// The request itself is wrong.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Stored data that cannot be read back.
    #[error("corrupt data in {table}, column {column}, row {row}")]
    Corrupt {
        /// Table name.
        table: &'static str,
        /// Column name.
        column: &'static str,
        /// Row, as far as it is known.
        row: String,
    },
}

/// Shorthand for what every verb of the ledger returns.
pub type LedgerResult<T> = Result<T, LedgerError>;
