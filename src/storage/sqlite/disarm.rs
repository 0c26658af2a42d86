//! Taking back what was announced and not sent.

use super::attempt::{Ending, settle_unsent};
use super::broadcast::{Broadcast, Standing};
use super::exception::{Care, Exception};
use super::fault::Step;
use super::follow::halted;
use super::record::address_of;
use super::window::{Announced, close, runs};
use oyez_domain::LedgerError;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::Ordinal;
use oyez_domain::ledger::WindowId;
use oyez_domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, params};

/// Takes back the window's deliveries from `from` on that have no outcome. They are due at once, at the same
/// attempt; of a stopped broadcast they are stopped.
pub(super) fn disarm(
    connection: &Connection,
    window: WindowId,
    from: Ordinal,
    now: Wall,
) -> Step<()> {
    let announced = Announced::find(connection, window)?
        .ok_or_else(|| LedgerError::NotFound(format!("window {}", window.0)))?;
    let mut broadcast = Broadcast::get(connection, announced.broadcast)?;
    let mut unsent = Vec::new();
    for (ordinal, attempt) in announced.deliveries(from) {
        if !has_evidence(connection, &broadcast, ordinal, attempt)? {
            unsent.push((ordinal, attempt));
        }
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO disarmed (broadcast_id, window_id, lo, hi, attempt, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for run in runs(unsent.iter().copied()) {
        let (id, at) = (broadcast.id.0, now.0);
        insert.execute(params![id, window.0, run.lo, run.hi, run.attempt, at])?;
    }
    for (ordinal, _) in &unsent {
        give_back(connection, &mut broadcast, *ordinal, now)?;
    }
    close(connection, window, unsent.len())?;
    broadcast.save(connection)
}

/// Whether something is known of this attempt that a withdrawal may not overrule, or an earlier one succeeded after
/// all.
pub(super) fn has_evidence(
    connection: &Connection,
    broadcast: &Broadcast,
    ordinal: Ordinal,
    attempt: u32,
) -> Step<bool> {
    Ok(connection
        .prepare_cached(
            "SELECT 1 FROM attempt WHERE broadcast_id = ?1 AND ordinal = ?2
             AND (attempt = ?3 OR code IN (1, 14))
             UNION ALL SELECT 1 FROM receipt WHERE broadcast_id = ?1 AND ordinal = ?2 LIMIT 1",
        )?
        .query_row([broadcast.id.0, ordinal.0, attempt], |_| Ok(()))
        .optional()?
        .is_some())
}

fn give_back(
    connection: &Connection,
    broadcast: &mut Broadcast,
    ordinal: Ordinal,
    now: Wall,
) -> Step<()> {
    let known = match Exception::find(connection, broadcast.id, ordinal)? {
        Some(known) => known,
        None => {
            let address_id = address_of(connection, broadcast.id, ordinal)?;
            Exception::untouched(ordinal, address_id, Care::Waiting, now)
        }
    };
    let given_back = Exception {
        care: Care::Waiting,
        not_before: now,
        // Of a first attempt that was taken back no provider has ever seen the key.
        first_armed_at: known.first_armed_at.filter(|_| known.attempt > 0),
        ..known
    };
    let sending = Standing::new(DeliveryState::Sending, None);
    broadcast.shift(sending, given_back.standing());
    match halted(connection, broadcast, ordinal)? {
        Some((code, reason)) => {
            let attempt = given_back.attempt + 1;
            let ending = Ending::decided(ordinal, attempt, now, code, Some(reason));
            settle_unsent(connection, broadcast, &given_back, ending)
        }
        None => given_back.put(connection, broadcast.id),
    }
}
