//! Migrations: embedded, each applied once, in order, and never changed afterwards.

use crate::directory::OpenError;
use aws_lc_rs::digest::{SHA256, digest};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

const MIGRATIONS: [(u32, &str); 8] = [
    (1, include_str!("../migrations/sqlite/0001_ledger.sql")),
    (
        2,
        include_str!("../migrations/sqlite/0002_delivery_truth.sql"),
    ),
    (3, include_str!("../migrations/sqlite/0003_accounts.sql")),
    (4, include_str!("../migrations/sqlite/0004_misses.sql")),
    (5, include_str!("../migrations/sqlite/0005_replies.sql")),
    (6, include_str!("../migrations/sqlite/0006_providers.sql")),
    (
        7,
        include_str!("../migrations/sqlite/0007_newest_updates.sql"),
    ),
    (
        8,
        include_str!("../migrations/sqlite/0008_endpoint_keys.sql"),
    ),
];

/// Brings the database up to date, or refuses one that a newer or another program made.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let database = |error: rusqlite::Error| OpenError::Database(error.to_string());
    connection
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS migration (
                 id INTEGER PRIMARY KEY, checksum BLOB NOT NULL) STRICT",
        )
        .map_err(database)?;
    check(connection, path)?;
    for (id, sql) in MIGRATIONS {
        let transaction = connection.transaction().map_err(database)?;
        if applied(&transaction, id).map_err(database)?.is_none() {
            transaction.execute_batch(sql).map_err(database)?;
            transaction
                .execute(
                    "INSERT INTO migration (id, checksum) VALUES (?1, ?2)",
                    params![id, checksum(sql)],
                )
                .map_err(database)?;
        }
        transaction.commit().map_err(database)?;
    }
    Ok(())
}

/// Refuses a schema that this program does not know.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let database = |error: rusqlite::Error| OpenError::Database(error.to_string());
    let found: u32 = connection
        .query_row("SELECT coalesce(max(id), 0) FROM migration", [], |row| {
            row.get(0)
        })
        .map_err(database)?;
    let known = MIGRATIONS.iter().map(|(id, _)| *id).max().unwrap_or(0);
    if found > known {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    for (id, sql) in MIGRATIONS {
        let was = applied(connection, id).map_err(database)?;
        if was.is_some_and(|was| was != checksum(sql)) {
            return Err(OpenError::Foreign {
                path: path.to_owned(),
                id,
            });
        }
    }
    Ok(())
}

fn applied(connection: &Connection, id: u32) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .query_row(
            "SELECT checksum FROM migration WHERE id = ?1",
            [id],
            |row| row.get(0),
        )
        .optional()
}

fn checksum(sql: &str) -> Vec<u8> {
    digest(&SHA256, sql.as_bytes()).as_ref().to_vec()
}
