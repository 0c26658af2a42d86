//! Texts that people send back: STOP suppresses, START lifts what STOP did.

use super::common::audit;
use super::fault::Step;
use super::subscribers::{row_with_hash, write_suppression};
use crate::key::{KeyedHash, Keys};
use oyez_domain::inbound::Wish;
use oyez_domain::ledger::{By, HEARD_SECONDS, WrittenBack};
use oyez_domain::subscriber::{Heard, SuppressionCause};
use oyez_domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;

/// Does what a text asks for, once.
pub(super) fn hear(
    connection: &Connection,
    keys: &Keys,
    text: &WrittenBack,
    by: &By,
) -> Step<Heard> {
    if !is_new(connection, text, by.at)? {
        return Ok(Heard::Nothing);
    }
    let hash = keys.hash(&text.from);
    let row = row_with_hash(connection, &hash)?;
    let object = row.map_or("address".to_owned(), |row| format!("address {row}"));
    match text.wish {
        Wish::Stop => {
            write_suppression(connection, &hash, SuppressionCause::StopWord, by)?;
            audit(connection, by, "stop_word", &object, &text.provider_id)?;
            Ok(Heard::Stopped(row))
        }
        Wish::Start if lift(connection, &hash, by.at)? => {
            audit(connection, by, "start_word", &object, &text.provider_id)?;
            Ok(Heard::Lifted(row))
        }
        Wish::Start | Wish::Other => Ok(Heard::Nothing),
    }
}

/// Remembers a text, and forgets those that no provider repeats any more.
fn is_new(connection: &Connection, text: &WrittenBack, now: Wall) -> Step<bool> {
    let kept = Duration::from_secs(HEARD_SECONDS).as_micros();
    connection
        .prepare_cached("DELETE FROM reply WHERE at < ?1")?
        .execute([now.0 - i64::try_from(kept).unwrap_or(i64::MAX)])?;
    let new = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO reply (channel, provider_id, at) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![text.channel.as_str(), text.provider_id, now.0])?;
    Ok(new == 1)
}

/// Lifts a stop that came by a word; whether there was one.
fn lift(connection: &Connection, hash: &KeyedHash, now: Wall) -> Step<bool> {
    let stopped_at: Option<i64> = connection
        .prepare_cached(
            "DELETE FROM suppression WHERE keyed_hash = ?1 AND cause = ?2 RETURNING at",
        )?
        .query_row(params![hash, SuppressionCause::StopWord.code()], |row| {
            row.get(0)
        })
        .optional()?;
    let Some(stopped_at) = stopped_at else {
        return Ok(false);
    };
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO lifted_stop (keyed_hash, at, lifted_at) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![hash, stopped_at, now.0])?;
    Ok(true)
}
