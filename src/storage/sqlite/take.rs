//! Which deliveries a channel gets next, and what is too late for any.

use super::arm::{Found, Moment, due, fresh};
use super::attempt::{Ending, settle_unsent};
use super::broadcast::Broadcast;
use super::exception::{COLUMNS, Exception};
use super::fault::Step;
use super::order::Order;
use super::sealed::SealedWindow;
use super::window::runs;
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::delivery::settled_by;
use oyez_domain::id::{BroadcastId, Ordinal};
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
    may_expire: bool,
    moment: Moment<'_>,
) -> Step<SealedTaken> {
    let mut open = Broadcast::all(
        connection,
        "channel = ?1 AND state IN (1, 2)
         ORDER BY urgent DESC, coalesce(place, id), superseded_by IS NOT NULL, id",
        [channel],
    )?;
    for broadcast in open.iter_mut().filter(|_| may_expire) {
        if moment.now >= broadcast.expires_at {
            expire(connection, broadcast, moment.now)?;
            broadcast.save(connection)?;
        }
    }
    if let Some(reason) = held(connection, channel)? {
        return Ok(SealedTaken::Held(reason));
    }
    open.retain(|broadcast| broadcast.state == BroadcastState::Sending);
    let mut more = false;
    for (broadcast, look) in looks(&open) {
        match look_in(connection, broadcast, look, rows, moment)? {
            Found::Window(window) => return Ok(SealedTaken::Window(window)),
            Found::More => more = true,
            Found::Nothing => {}
        }
    }
    let next = if more {
        Some(moment.now)
    } else {
        next_due(connection, channel, may_expire, &moment)?
    };
    Ok(SealedTaken::Idle(next))
}

#[derive(Clone, Copy)]
enum Look {
    Due,
    Fresh,
}

/// Where to look, in this order: what is urgent before what is not, what is due again before what is fresh. Of an
/// update that was superseded all that is left comes after what took its place.
fn looks(open: &[Broadcast]) -> Vec<(BroadcastId, Look)> {
    let mut looks = Vec::with_capacity(2 * open.len());
    for urgent in [true, false] {
        let class = || {
            open.iter()
                .filter(move |broadcast| broadcast.urgent == urgent)
        };
        let current = class().filter(|broadcast| broadcast.superseded_by.is_none());
        looks.extend(current.map(|broadcast| (broadcast.id, Look::Due)));
        for broadcast in class() {
            if broadcast.superseded_by.is_some() {
                looks.push((broadcast.id, Look::Due));
            }
            looks.push((broadcast.id, Look::Fresh));
        }
    }
    looks
}

/// Looks for work in one broadcast. Unless it supersedes them, its fresh ordinals have to wait while an older update
/// of the same incident has some; then the older one is served in its place, so that an urgent update does not wait
/// for other incidents through it.
fn look_in(
    connection: &Connection,
    broadcast: BroadcastId,
    look: Look,
    rows: u32,
    moment: Moment<'_>,
) -> Step<Found> {
    // Read anew: serving an older broadcast may have changed it.
    let mut broadcast = Broadcast::get(connection, broadcast)?;
    let older = broadcast.older_unsettled(connection)?;
    let order = Order::of(connection, &broadcast, &older)?;
    let first = match look {
        Look::Due => return due(connection, &mut broadcast, rows, &order, moment),
        Look::Fresh if moment.only_its_own => return Ok(Found::Nothing),
        Look::Fresh if broadcast.supersedes => None,
        Look::Fresh => older.into_iter().find(Broadcast::has_fresh),
    };
    match first {
        None => fresh(connection, &mut broadcast, rows, &order, moment),
        Some(mut first) if first.state == BroadcastState::Sending => {
            let older = first.older_unsettled(connection)?;
            let order = Order::of(connection, &first, &older)?;
            fresh(connection, &mut first, rows, &order, moment)
        }
        Some(_) => Ok(Found::Nothing),
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

/// When something of a channel is due again through a provider, or (where that may be said) too late.
fn next_due(
    connection: &Connection,
    channel: &str,
    may_expire: bool,
    moment: &Moment<'_>,
) -> Step<Option<Wall>> {
    let due: Option<i64> = connection
        .prepare_cached(
            "SELECT min(min(iif(?2, b.expires_at, ?3),
                 (SELECT min(not_before) FROM exception x WHERE x.broadcast_id = b.id AND x.state = 1
                  AND (x.provider = ?4 OR (x.provider IS NULL AND NOT ?5)))))
             FROM broadcast b WHERE b.channel = ?1 AND b.state = 1",
        )?
        .query_row(
            params![channel, may_expire, i64::MAX, moment.provider, moment.only_its_own],
            |row| row.get(0),
        )?;
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
    settle_fresh(connection, broadcast, code, now)?;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM exception WHERE broadcast_id = ?1 AND state IN (1, 4)"
    ))?;
    let rows = statement.query([broadcast.id.0])?;
    for exception in super::words::collect(rows, Exception::read)? {
        let (ordinal, attempt) = (exception.ordinal, exception.attempt + 1);
        let ending = Ending::decided(ordinal, attempt, now, code, Some(reason));
        settle_unsent(connection, broadcast, &exception, ending)?;
    }
    Ok(())
}

/// Settles the ordinals nobody has looked at as one range.
pub(super) fn settle_fresh(
    connection: &Connection,
    broadcast: &mut Broadcast,
    code: OutcomeCode,
    now: Wall,
) -> Step<()> {
    let (lo, end) = (broadcast.next, broadcast.asked());
    if lo < end {
        settle_range(connection, broadcast, (lo, end - 1), code, now)?;
        broadcast.next = end;
    }
    Ok(())
}

/// Settles fresh ordinals, given by rising ordinal, as the ranges they make.
pub(super) fn settle_ordinals(
    connection: &Connection,
    broadcast: &mut Broadcast,
    ordinals: &[Ordinal],
    code: OutcomeCode,
    now: Wall,
) -> Step<()> {
    for run in runs(ordinals.iter().map(|ordinal| (*ordinal, 1))) {
        settle_range(connection, broadcast, (run.lo, run.hi), code, now)?;
    }
    Ok(())
}

fn settle_range(
    connection: &Connection,
    broadcast: &mut Broadcast,
    (lo, hi): (u32, u32),
    code: OutcomeCode,
    now: Wall,
) -> Step<()> {
    connection
        .prepare_cached(
            "INSERT INTO span (broadcast_id, lo, hi, code, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![broadcast.id.0, lo, hi, code.number(), now.0])?;
    broadcast.settle_fresh(settled_by(code), hi - lo + 1);
    Ok(())
}
