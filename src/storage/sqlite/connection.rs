//! Connections: the same care on each, one that writes, some that read.

use crate::directory::OpenError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// SQLite 3.51.3 is the first without the bug that could reset a write-ahead log under a reader.
const OLDEST_ENGINE: i32 = 3_051_003;

const WAL_LIMIT_BYTES: u32 = 64 * 1024 * 1024;

/// Statements kept prepared; there are fewer.
const STATEMENTS: usize = 200;

pub(super) fn refuse_old_engine() -> Result<(), OpenError> {
    if rusqlite::version_number() < OLDEST_ENGINE {
        return Err(OpenError::OldEngine(rusqlite::version().to_owned()));
    }
    Ok(())
}

/// A connection that may write: the writer's, and the one that copies its log back.
pub(super) fn writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA journal_size_limit = {WAL_LIMIT_BYTES};
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA cache_size = -24000;"
    ))?;
    careful(connection)
}

/// A connection that cannot write.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -4000;")?;
    careful(connection)
}

fn careful(connection: Connection) -> rusqlite::Result<Connection> {
    connection.execute_batch(
        "PRAGMA busy_timeout = 5000;
         PRAGMA foreign_keys = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF;",
    )?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}
