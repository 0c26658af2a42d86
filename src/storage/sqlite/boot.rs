//! Starts of the program: each leaves a row, and makes orphans of what the last one left announced.

use super::attempt::Ending;
use super::broadcast::{Broadcast, Standing};
use super::disarm::has_evidence;
use super::exception::{Care, Exception};
use super::fault::Step;
use super::follow::halted;
use super::record::address_of;
use super::window::Announced;
use oyez_domain::LedgerError;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::ledger::WindowId;
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::time::Wall;
use rusqlite::{Connection, params};
use std::sync::Arc;

/// Notes this start and settles what the last one left behind. Only windows with something outstanding are
/// read, so the time it takes does not depend on how much is still to be sent.
pub(super) fn start(connection: &Connection, now: Wall) -> Step<i64> {
    for (window, broadcast) in open_windows(connection)? {
        let mut broadcast = Broadcast::get(connection, broadcast)?;
        orphan_window(connection, window, &mut broadcast, now)?;
        broadcast.save(connection)?;
    }
    // Whatever they waited behind may be settled by now; arming looks again.
    connection.execute(
        "UPDATE exception SET state = 1, not_before = ?1 WHERE state = 4 AND broadcast_id IN
             (SELECT id FROM broadcast WHERE state IN (1, 2))",
        [now.0],
    )?;
    connection.execute("INSERT INTO boot (started_at) VALUES (?1)", [now.0])?;
    Ok(connection.last_insert_rowid())
}

fn open_windows(connection: &Connection) -> Step<Vec<(WindowId, BroadcastId)>> {
    let mut statement = connection
        .prepare("SELECT id, broadcast_id FROM window_ WHERE outstanding > 0 ORDER BY id")?;
    let rows = statement.query([])?;
    super::words::collect(rows, |row| {
        Ok((WindowId(row.get(0)?), BroadcastId(row.get(1)?)))
    })
}

fn orphan_window(
    connection: &Connection,
    window: WindowId,
    broadcast: &mut Broadcast,
    now: Wall,
) -> Step<()> {
    let announced = Announced::find(connection, window)?
        .ok_or_else(|| LedgerError::NotFound(format!("window {}", window.0)))?;
    for (ordinal, attempt) in announced.deliveries(Ordinal(0)) {
        if !has_evidence(connection, broadcast, ordinal, attempt)? {
            orphan(connection, broadcast, (ordinal, attempt), &announced, now)?;
        }
    }
    connection.execute(
        "UPDATE window_ SET outstanding = 0 WHERE id = ?1",
        [window.0],
    )?;
    Ok(())
}

/// A kind that may repeat itself tries again; otherwise, and where nothing more may be sent, nobody can tell
/// whether it left. Whether it is too late is for arming to say, which knows whether the clock can be trusted.
fn orphan(
    connection: &Connection,
    broadcast: &mut Broadcast,
    (ordinal, attempt): (Ordinal, u32),
    announced: &Announced,
    now: Wall,
) -> Step<()> {
    let again = !broadcast.holds_unknown && halted(connection, broadcast, ordinal)?.is_none();
    let reason = Some(Reason::Interrupted);
    Ending {
        again,
        ..Ending::decided(ordinal, attempt, now, OutcomeCode::Orphaned, reason)
    }
    .append(connection, broadcast)?;
    let known = match Exception::find(connection, broadcast.id, ordinal)? {
        Some(known) => known,
        None => {
            let address_id = address_of(connection, broadcast.id, ordinal)?;
            Exception {
                first_armed_at: Some(announced.at),
                ..Exception::untouched(ordinal, address_id, Care::Armed, now)
            }
        }
    };
    let orphaned = Exception {
        care: if again { Care::Waiting } else { Care::Unknown },
        attempt,
        unknowns: known.unknowns + 1,
        unsure: true,
        provider: Some(Arc::clone(&announced.provider)),
        not_before: now,
        reason,
        ..known
    };
    orphaned.put(connection, broadcast.id)?;
    let sending = Standing::new(DeliveryState::Sending, None);
    broadcast.shift(sending, orphaned.standing());
    Ok(())
}

/// Notes that this start ended on purpose. One that gave up on something on its way did not: that may be sent twice.
pub(super) fn end(connection: &Connection, boot: i64, now: Wall) -> Step<()> {
    connection.execute(
        "UPDATE boot SET ended_at = ?2 WHERE id = ?1
         AND NOT EXISTS (SELECT 1 FROM window_ WHERE outstanding > 0)",
        params![boot, now.0],
    )?;
    Ok(())
}

/// Starts that did not end on purpose, the one that runs now left out.
pub(super) fn unclean_ends(connection: &Connection, running: Option<i64>) -> Step<u64> {
    Ok(super::words::natural(connection.query_row(
        "SELECT count(*) FROM boot WHERE ended_at IS NULL AND id <> coalesce(?1, 0)",
        [running],
        |row| row.get(0),
    )?))
}

/// The newest start.
pub(super) fn newest(connection: &Connection) -> Step<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT max(id) FROM boot")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}
