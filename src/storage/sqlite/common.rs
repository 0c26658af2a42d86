//! What several verbs do in passing: the sequence, the audit trail, repeated requests.

use super::fault::Step;
use super::words::{from_json, to_json};
use oyez_domain::LedgerError;
use oyez_domain::ledger::{By, Idempotency};
use oyez_domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The next sequence number: audiences are frozen as of one.
pub(super) fn next_sequence(connection: &Connection) -> Step<i64> {
    Ok(connection
        .prepare_cached(
            "UPDATE meta SET value = value + 1 WHERE name = 'sequence' RETURNING value",
        )?
        .query_row([], |row| row.get(0))?)
}

/// Notes who did what. `detail` holds no address.
pub(super) fn audit(
    connection: &Connection,
    by: &By,
    action: &str,
    object: &str,
    detail: &str,
) -> Step<()> {
    connection
        .prepare_cached(
            "INSERT INTO audit (at, actor, action, object, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![by.at.0, by.actor, action, object, detail])?;
    Ok(())
}

/// What an earlier request with this key was answered.
pub(super) fn answered<T: DeserializeOwned>(
    connection: &Connection,
    key: Option<&Idempotency>,
) -> Step<Option<T>> {
    let Some(key) = key else { return Ok(None) };
    let known: Option<(Vec<u8>, String)> = connection
        .prepare_cached(
            "SELECT request_hash, result FROM idempotency WHERE scope = ?1 AND key = ?2",
        )?
        .query_row([&key.scope, &key.key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match known {
        None => Ok(None),
        Some((hash, _)) if hash != key.request_hash => Err(LedgerError::KeyReused.into()),
        Some((_, result)) => from_json("idempotency", &result).map(Some),
    }
}

/// Keeps the answer for a repeat of the request.
pub(super) fn remember<T: Serialize>(
    connection: &Connection,
    key: Option<&Idempotency>,
    result: &T,
    at: Wall,
) -> Step<()> {
    let Some(key) = key else { return Ok(()) };
    connection
        .prepare_cached(
            "INSERT INTO idempotency (scope, key, request_hash, result, at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            key.scope,
            key.key,
            key.request_hash.as_slice(),
            to_json("idempotency", result)?,
            at.0
        ])?;
    Ok(())
}
