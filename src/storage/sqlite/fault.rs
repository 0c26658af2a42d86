//! What goes wrong inside the engine, until it becomes the port's error.

use crate::key::Unreadable;
use oyez_domain::{LedgerError, Refusal};
use rusqlite::{ErrorCode, ffi};
use std::fmt;

/// Either SQLite complains or the ledger refuses.
#[derive(Debug)]
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    Ledger(LedgerError),
}

/// What a fault means for the store as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gravity {
    /// Nothing: it concerns one verb.
    None,
    /// Somebody else is in the way for now.
    Busy,
    /// There is no room for now.
    Full,
    /// The disk cannot be trusted any more in this start of the program.
    Io,
    /// What is stored is not what was written.
    Damage,
}

/// What every step inside a transaction returns.
pub(super) type Step<T> = Result<T, Fault>;

impl Fault {
    pub(super) fn gravity(&self) -> Gravity {
        match self {
            Self::Ledger(_) => Gravity::None,
            Self::Sqlite(error) => gravity(error),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => f.write_str(&words(error)),
            Self::Ledger(error) => error.fmt(f),
        }
    }
}

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
        let (gravity, why) = (fault.gravity(), fault.to_string());
        match (fault, gravity) {
            (Fault::Ledger(error), _) => error,
            (Fault::Sqlite(_), Gravity::Busy) => Self::Busy(why),
            (Fault::Sqlite(_), Gravity::Full) => Self::Full(why),
            (Fault::Sqlite(_), Gravity::None | Gravity::Io | Gravity::Damage) => Self::Down(why),
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

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the list of codes is SQLite's, and it grows"
)]
fn gravity(error: &rusqlite::Error) -> Gravity {
    let Some(code) = error.sqlite_error() else {
        return Gravity::None;
    };
    match code.code {
        // An interrupted read took too long; somebody may try again.
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted => {
            Gravity::Busy
        }
        ErrorCode::DiskFull => Gravity::Full,
        // The index of the write-ahead log could not grow: there, too, room is what is missing.
        ErrorCode::SystemIoFailure if code.extended_code == ffi::SQLITE_IOERR_SHMSIZE => {
            Gravity::Full
        }
        ErrorCode::SystemIoFailure if code.extended_code == ffi::SQLITE_IOERR_NOMEM => {
            Gravity::None
        }
        ErrorCode::SystemIoFailure => Gravity::Io,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Gravity::Damage,
        _ => Gravity::None,
    }
}

/// SQLite's words with the number that says which of its many I/O errors it is.
fn words(error: &rusqlite::Error) -> String {
    match error.sqlite_error() {
        Some(code) => format!("{error} (SQLite {})", code.extended_code),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(extended: i32) -> Fault {
        Fault::Sqlite(rusqlite::Error::SqliteFailure(
            ffi::Error::new(extended),
            None,
        ))
    }

    #[test]
    fn an_io_error_is_never_taken_for_something_that_passes() {
        for code in [
            ffi::SQLITE_IOERR,
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_IOERR_DIR_FSYNC,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_READ,
            ffi::SQLITE_IOERR_TRUNCATE,
        ] {
            assert_eq!(fault(code).gravity(), Gravity::Io, "{code}");
            assert!(matches!(
                LedgerError::from(fault(code)),
                LedgerError::Down(_)
            ));
        }
    }

    #[test]
    fn missing_room_and_a_lock_pass_and_damage_does_not() {
        let table = [
            (ffi::SQLITE_FULL, Gravity::Full),
            (ffi::SQLITE_IOERR_SHMSIZE, Gravity::Full),
            (ffi::SQLITE_BUSY, Gravity::Busy),
            (ffi::SQLITE_BUSY_SNAPSHOT, Gravity::Busy),
            (ffi::SQLITE_CORRUPT, Gravity::Damage),
            (ffi::SQLITE_CONSTRAINT, Gravity::None),
        ];
        for (code, gravity) in table {
            assert_eq!(fault(code).gravity(), gravity, "{code}");
        }
        assert!(matches!(
            LedgerError::from(fault(ffi::SQLITE_FULL)),
            LedgerError::Full(_)
        ));
        assert!(fault(ffi::SQLITE_FULL).to_string().contains("13"));
    }
}
