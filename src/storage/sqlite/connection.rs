//! Connections: the same care on each, one that writes, some that read.

use super::vitals::Vitals;
use crate::directory::OpenError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// SQLite 3.51.3 is the first without the bug that could reset a write-ahead log under a reader.
const OLDEST_ENGINE: i32 = 3_051_003;

/// How long a statement waits for another program's lock before the caller is told, in milliseconds. Who asks
/// may have waited as long for somebody else's statement already.
const WRITER_PATIENCE: u32 = 2_400;
const READER_PATIENCE: u32 = 5_000;

/// Statements kept prepared; there are fewer.
const STATEMENTS: usize = 200;

pub(super) fn refuse_old_engine() -> Result<(), OpenError> {
    if rusqlite::version_number() < OLDEST_ENGINE {
        return Err(OpenError::OldEngine(rusqlite::version().to_owned()));
    }
    Ok(())
}

/// A connection that may write: the writer's, and the one that copies its log back. The log is cut back to
/// `log_bytes` when it begins anew.
pub(super) fn writer(path: &Path, log_bytes: u64) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA journal_size_limit = {log_bytes};
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA cache_size = -24000;"
    ))?;
    careful(connection, WRITER_PATIENCE)
}

/// The connection that copies the log back. It waits for nobody: it is asked again.
pub(super) fn copier(path: &Path, log_bytes: u64) -> rusqlite::Result<Connection> {
    let connection = writer(path, log_bytes)?;
    connection.execute_batch("PRAGMA busy_timeout = 0")?;
    Ok(connection)
}

/// A connection that cannot write.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -4000;")?;
    careful(connection, READER_PATIENCE)
}

fn careful(connection: Connection, patience_milliseconds: u32) -> rusqlite::Result<Connection> {
    connection.execute_batch(&format!(
        "PRAGMA busy_timeout = {patience_milliseconds};
         PRAGMA foreign_keys = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF;"
    ))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Closes a connection that may write. The last one to close copies the log back, unless the store failed: after
/// a failed fsync a second one may seem to work, and what the first lost would be taken for safe.
pub(super) fn close(connection: Connection, vitals: &Vitals) {
    if vitals.failure().is_some() {
        drop(connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true));
    }
    drop(connection);
}
