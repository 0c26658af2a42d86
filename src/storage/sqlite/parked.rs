//! Receipts that name a message by the provider's identifier: placed by it, or parked until an acceptance names it.

use super::broadcast::Broadcast;
use super::fault::Step;
use super::receive::take_in;
use super::seeded_bug::Seeded;
use super::words::{reason_from, reason_number, status_from};
use oyez_domain::channel::ChannelName;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::ledger::{PARKED_RECEIPTS, PARKED_SECONDS};
use oyez_domain::outcome::Reason;
use oyez_domain::receipt::ReceiptStatus;
use oyez_domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;

/// What a receipt says, without which message it means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    pub(super) at: Wall,
    /// When it became known whose it is: later, where it was parked.
    pub(super) known_at: Wall,
    pub(super) status: ReceiptStatus,
    pub(super) reason: Option<Reason>,
}

/// A provider's identifier as the tables have it, told apart from that of the channel's other providers.
pub(super) fn named(provider: &str, id: &str) -> String {
    format!("{provider}/{id}")
}

/// The delivery that a provider's identifier means.
pub(super) fn place(
    connection: &Connection,
    channel: &ChannelName,
    provider_id: &str,
) -> Step<Option<(BroadcastId, Ordinal)>> {
    Ok(connection
        .prepare_cached(
            "SELECT broadcast_id, ordinal FROM provider_message
             WHERE channel = ?1 AND provider_id = ?2",
        )?
        .query_row([channel.as_str(), provider_id], |row| {
            Ok((BroadcastId(row.get(0)?), Ordinal(row.get(1)?)))
        })
        .optional()?)
}

/// Keeps a receipt for the acceptance that may still come; false when it was there already.
pub(super) fn park(
    connection: &Connection,
    channel: &ChannelName,
    provider_id: &str,
    word: Word,
) -> Step<bool> {
    let new = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO parked_receipt (channel, provider_id, status, at, reason)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            channel.as_str(),
            provider_id,
            word.status.number(),
            word.at.0,
            reason_number(word.reason),
        ])?;
    Ok(new == 1)
}

/// Forgets what was parked too long ago, and the oldest of what is too many.
pub(super) fn forget(connection: &Connection, now: Wall) -> Step<()> {
    connection
        .prepare_cached("DELETE FROM parked_receipt WHERE at <= ?1")?
        .execute([forgotten_at(now).0])?;
    connection
        .prepare_cached(
            "DELETE FROM parked_receipt WHERE (channel, provider_id, status) IN (
                 SELECT channel, provider_id, status FROM parked_receipt ORDER BY at
                 LIMIT max(0, (SELECT count(*) FROM parked_receipt) - ?1))",
        )?
        .execute([PARKED_RECEIPTS])?;
    Ok(())
}

fn forgotten_at(now: Wall) -> Wall {
    let kept = Duration::from_secs(PARKED_SECONDS);
    Wall(now.0 - i64::try_from(kept.as_micros()).unwrap_or(i64::MAX))
}

/// Notes which delivery an identifier means, and takes in what was parked under it; whether anything was.
pub(super) fn join(
    connection: &Connection,
    broadcast: &mut Broadcast,
    (ordinal, provider_id): (Ordinal, &str),
    now: Wall,
) -> Step<bool> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO provider_message (channel, provider_id, broadcast_id, ordinal)
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            broadcast.channel,
            provider_id,
            broadcast.id.0,
            ordinal.0
        ])?;
    let mut statement = connection.prepare_cached(
        "DELETE FROM parked_receipt WHERE channel = ?1 AND provider_id = ?2
         RETURNING at, status, reason",
    )?;
    let rows = statement.query([broadcast.channel.as_str(), provider_id])?;
    let words = super::words::collect(rows, |row| {
        Ok(Word {
            at: Wall(row.get(0)?),
            known_at: now,
            status: status_from(row.get(1)?)?,
            reason: reason_from(row.get(2)?)?,
        })
    })?;
    let mut any = false;
    for word in words.iter().filter(|word| word.at > forgotten_at(now)) {
        take_in(connection, broadcast, ordinal, word, Seeded::default())?;
        any = true;
    }
    Ok(any)
}
