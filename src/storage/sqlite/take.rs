//! Which deliveries a channel gets next, and what is too late for any.

use super::arm::{Found, Moment, Older, SealedWindow, due, fresh};
use super::attempt::{Ending, settle_unsent};
use super::broadcast::Broadcast;
use super::exception::{COLUMNS, Exception, wake_behind_broadcast};
use super::fault::Step;
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::delivery::settled_by;
use oyez_domain::id::BroadcastId;
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, params};

/// What a channel gets, addresses still encrypted.
#[derive(Debug)]
pub(super) enum SealedTaken {
    Window(Box<SealedWindow>),
    Idle(Option<Wall>),
    Held(String),
}

/// The next window of a channel.
pub(super) fn take(
    connection: &Connection,
    channel: &str,
    rows: u32,
    moment: Moment,
) -> Step<SealedTaken> {
    let mut open = Broadcast::all(
        connection,
        "channel = ?1 AND state IN (1, 2) ORDER BY urgent DESC, id",
        [channel],
    )?;
    for broadcast in &mut open {
        if moment.now >= broadcast.expires_at {
            expire(connection, broadcast, moment.now)?;
            broadcast.save(connection)?;
        }
    }
    if let Some(reason) = held(connection, channel)? {
        return Ok(SealedTaken::Held(reason));
    }
    open.retain(|broadcast| broadcast.state == BroadcastState::Sending);
    let (urgent, other): (Vec<_>, Vec<_>) = open.into_iter().partition(|b| b.urgent);
    let mut more = false;
    for class in [urgent, other] {
        for look in [Look::Due, Look::Fresh] {
            for broadcast in &class {
                match look_in(connection, broadcast.id, look, rows, moment)? {
                    Found::Window(window) => return Ok(SealedTaken::Window(window)),
                    Found::More => more = true,
                    Found::Nothing => {}
                }
            }
        }
    }
    let next = if more {
        Some(moment.now)
    } else {
        next_due(connection, channel)?
    };
    Ok(SealedTaken::Idle(next))
}

#[derive(Clone, Copy)]
enum Look {
    Due,
    Fresh,
}

/// Looks for work in one broadcast. Its fresh ordinals have to wait while an older update of the same
/// incident has some; then the older one is served in its place, so that an urgent update does not wait for
/// other incidents through it.
fn look_in(
    connection: &Connection,
    broadcast: BroadcastId,
    look: Look,
    rows: u32,
    moment: Moment,
) -> Step<Found> {
    // Read anew: serving an older broadcast may have changed it.
    let mut broadcast = Broadcast::get(connection, broadcast)?;
    let older = broadcast.older_unsettled(connection)?;
    let behind = Older::of(connection, &older)?;
    match look {
        Look::Due => due(connection, &mut broadcast, rows, &behind, moment),
        Look::Fresh => match older.into_iter().find(Broadcast::has_fresh) {
            None => fresh(connection, &mut broadcast, rows, &behind, moment),
            Some(mut first) if first.state == BroadcastState::Sending => {
                let behind = Older::of(connection, &first.older_unsettled(connection)?)?;
                fresh(connection, &mut first, rows, &behind, moment)
            }
            Some(_) => Ok(Found::Nothing),
        },
    }
}

/// Why a channel is held, if it is: by its own name or with the whole system.
pub(super) fn held(connection: &Connection, channel: &str) -> Step<Option<String>> {
    Ok(connection
        .prepare_cached(
            "SELECT reason FROM hold WHERE channel IN ('', ?1) ORDER BY channel LIMIT 1",
        )?
        .query_row([channel], |row| row.get(0))
        .optional()?)
}

/// When something of a channel is due again, or too late.
fn next_due(connection: &Connection, channel: &str) -> Step<Option<Wall>> {
    let due: Option<i64> = connection
        .prepare_cached(
            "SELECT min(min(b.expires_at,
                 (SELECT min(not_before) FROM exception x WHERE x.broadcast_id = b.id AND x.state = 1)))
             FROM broadcast b WHERE b.channel = ?1 AND b.state = 1",
        )?
        .query_row([channel], |row| row.get(0))?;
    Ok(due.map(Wall))
}

/// Settles as expired what nobody has begun or what waits for another attempt.
pub(super) fn expire(connection: &Connection, broadcast: &mut Broadcast, now: Wall) -> Step<()> {
    settle_rest(
        connection,
        broadcast,
        OutcomeCode::Expired,
        Reason::Expired,
        now,
    )
}

/// Settles everything that is not on its way: fresh ordinals as one range, waiting ones each.
pub(super) fn settle_rest(
    connection: &Connection,
    broadcast: &mut Broadcast,
    code: OutcomeCode,
    reason: Reason,
    now: Wall,
) -> Step<()> {
    let fresh = settle_fresh(connection, broadcast, code, now)?;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM exception WHERE broadcast_id = ?1 AND state IN (1, 4)"
    ))?;
    let rows = statement.query([broadcast.id.0])?;
    let waiting = super::words::collect(rows, Exception::read)?;
    for exception in &waiting {
        let (ordinal, attempt) = (exception.ordinal, exception.attempt + 1);
        let ending = Ending::decided(ordinal, attempt, now, code, Some(reason));
        settle_unsent(connection, broadcast, exception, ending)?;
    }
    if fresh > 0 || !waiting.is_empty() {
        wake_behind_broadcast(connection, broadcast, now)?;
    }
    Ok(())
}

/// Settles the ordinals nobody has looked at as one range; how many there were.
pub(super) fn settle_fresh(
    connection: &Connection,
    broadcast: &mut Broadcast,
    code: OutcomeCode,
    now: Wall,
) -> Step<u32> {
    let (lo, end) = (broadcast.next, broadcast.asked());
    if lo < end {
        connection
            .prepare_cached(
                "INSERT INTO span (broadcast_id, lo, hi, code, at) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![broadcast.id.0, lo, end - 1, code.number(), now.0])?;
        broadcast.settle_fresh(settled_by(code), end - lo);
        broadcast.next = end;
    }
    Ok(end - lo)
}
