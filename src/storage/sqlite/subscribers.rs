//! People, and addresses never to be used.

use super::common::audit;
use super::fault::Step;
use super::words::{kind_from, kind_number, natural};
use crate::key::{KeyedHash, Keys};
use oyez_domain::LedgerError;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::ledger::By;
use oyez_domain::subscriber::SuppressionCause;
use rusqlite::{Connection, OptionalExtension, params};

/// The row of an address, made when it is missing, and whether it was.
pub(super) fn address_row(
    connection: &Connection,
    keys: &Keys,
    address: &Address,
) -> Step<(i64, bool)> {
    let hash = keys.hash(address);
    if let Some(id) = row_with_hash(connection, &hash)? {
        return Ok((id, false));
    }
    connection
        .prepare_cached("INSERT INTO address (kind, keyed_hash, ciphertext) VALUES (?1, ?2, ?3)")?
        .execute(params![
            kind_number(address.kind()),
            hash,
            keys.seal_address(address, &hash)?
        ])?;
    Ok((connection.last_insert_rowid(), true))
}

pub(super) fn row_with_hash(connection: &Connection, hash: &KeyedHash) -> Step<Option<i64>> {
    Ok(connection
        .prepare_cached("SELECT id FROM address WHERE keyed_hash = ?1")?
        .query_row([hash], |row| row.get(0))
        .optional()?)
}

fn hash_of_row(connection: &Connection, address_id: i64) -> Step<KeyedHash> {
    connection
        .prepare_cached("SELECT keyed_hash FROM address WHERE id = ?1")?
        .query_row([address_id], |row| row.get(0))
        .optional()?
        .ok_or_else(|| LedgerError::NotFound(format!("address {address_id}")).into())
}

/// The number of a language, made when it is new.
pub(super) fn language_row(connection: &Connection, tag: &str) -> Step<i64> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO language (tag) VALUES (?1)")?
        .execute([tag])?;
    Ok(connection
        .prepare_cached("SELECT id FROM language WHERE tag = ?1")?
        .query_row([tag], |row| row.get(0))?)
}

pub(super) fn is_subscribed(
    connection: &Connection,
    kind: AddressKind,
    address_id: i64,
) -> Step<bool> {
    Ok(connection
        .prepare_cached(
            "SELECT 1 FROM subscription WHERE kind = ?1 AND address_id = ?2 AND to_seq IS NULL",
        )?
        .query_row(params![kind_number(kind), address_id], |_| Ok(()))
        .optional()?
        .is_some())
}

/// Never use this address again.
pub(super) fn suppress(
    connection: &Connection,
    keys: &Keys,
    address: &Address,
    cause: SuppressionCause,
    by: &By,
) -> Step<()> {
    write_suppression(connection, &keys.hash(address), cause, by)?;
    audit(connection, by, "suppress", "address", cause.code())
}

/// Stops messages to the address with this row.
pub(super) fn opt_out(connection: &Connection, address_id: i64, by: &By) -> Step<()> {
    let hash = hash_of_row(connection, address_id)?;
    write_suppression(connection, &hash, SuppressionCause::OptOut, by)?;
    audit(
        connection,
        by,
        "opt_out",
        &format!("address {address_id}"),
        "",
    )
}

/// A stop that came by a word gives way to every other cause, so that START lifts no other.
pub(super) fn write_suppression(
    connection: &Connection,
    hash: &KeyedHash,
    cause: SuppressionCause,
    by: &By,
) -> Step<()> {
    connection
        .prepare_cached(
            "INSERT INTO suppression (keyed_hash, cause, at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET cause = excluded.cause WHERE cause = 'stop_word'",
        )?
        .execute(params![hash, cause.code(), by.at.0])?;
    Ok(())
}

pub(super) fn is_stopped(connection: &Connection, address_id: i64) -> Step<bool> {
    is_suppressed(connection, &hash_of_row(connection, address_id)?)
}

pub(super) fn is_suppressed(connection: &Connection, hash: &KeyedHash) -> Step<bool> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM suppression WHERE keyed_hash = ?1")?
        .query_row([hash], |_| Ok(()))
        .optional()?
        .is_some())
}

/// Subscriptions by kind, and how many of them are suppressed.
pub(super) fn subscriber_counts(connection: &Connection) -> Step<Vec<(AddressKind, u64, u64)>> {
    let mut statement = connection.prepare_cached(
        "SELECT c.kind, c.subscriptions, (
             SELECT count(*) FROM suppression x JOIN address a ON a.keyed_hash = x.keyed_hash
             JOIN subscription s ON s.kind = a.kind AND s.address_id = a.id AND s.to_seq IS NULL
             WHERE a.kind = c.kind)
         FROM (SELECT kind, count(*) AS subscriptions FROM subscription
             WHERE to_seq IS NULL GROUP BY kind) c ORDER BY c.kind",
    )?;
    let rows = statement.query([])?;
    super::words::collect(rows, |row| {
        Ok((
            kind_from(row.get(0)?)?,
            natural(row.get(1)?),
            natural(row.get(2)?),
        ))
    })
}
