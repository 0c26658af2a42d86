//! What goes wrong inside the engine, until it becomes the port's error.

use crate::key::Unreadable;
use oyez_domain::{LedgerError, Refusal};
use rusqlite::ErrorCode;

/// Either SQLite complains or the ledger refuses.
#[derive(Debug)]
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    Ledger(LedgerError),
}

/// What every step inside a transaction returns.
pub(super) type Step<T> = Result<T, Fault>;

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<LedgerError> for Fault {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Ledger(LedgerError::Refused(refusal))
    }
}

impl From<Unreadable> for Fault {
    fn from(_: Unreadable) -> Self {
        corrupt("address", "ciphertext", &"?")
    }
}

impl From<Fault> for LedgerError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Ledger(error) => error,
            Fault::Sqlite(error) => translated(&error),
        }
    }
}

/// Stored data that cannot be read back.
pub(super) fn corrupt(
    table: &'static str,
    column: &'static str,
    row: &dyn std::fmt::Display,
) -> Fault {
    Fault::Ledger(LedgerError::Corrupt {
        table,
        column,
        row: row.to_string(),
    })
}

fn translated(error: &rusqlite::Error) -> LedgerError {
    let busy = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    );
    if busy {
        LedgerError::Busy(error.to_string())
    } else {
        LedgerError::Down(error.to_string())
    }
}
