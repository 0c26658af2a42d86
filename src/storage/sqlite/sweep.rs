//! Sweeping: what is unsent of an update that a newer one took the place of is settled page by page, so that people
//! see at once that it will not leave, and no transaction is long.

use super::arm::superseded;
use super::attempt::settle_unsent;
use super::broadcast::Broadcast;
use super::exception::{COLUMNS, Care, Exception};
use super::fault::Step;
use super::supersede::Newer;
use super::take::settle_ordinals;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::outcome::OutcomeCode;
use oyez_domain::time::Wall;
use rusqlite::{Connection, params};

/// Deliveries settled in one transaction.
const PAGE: u32 = 5_000;

/// Sweeps a page of the first broadcast that has one, as far as the newer audiences are written out; nothing when
/// there is none.
pub(super) fn sweep_next(connection: &Connection, now: Wall) -> Step<Option<BroadcastId>> {
    for mut broadcast in Broadcast::all(connection, "sweep_from IS NOT NULL ORDER BY id", [])? {
        let newer = Newer::of(connection, &broadcast)?;
        let before = (broadcast.sweep_from, broadcast.next);
        if !broadcast.is_open() {
            broadcast.sweep_from = None;
        } else if broadcast
            .sweep_from
            .is_some_and(|from| from < broadcast.next)
        {
            sweep_waiting(connection, &mut broadcast, &newer, now)?;
        } else {
            sweep_fresh(connection, &mut broadcast, &newer, now)?;
        }
        if before != (broadcast.sweep_from, broadcast.next) {
            broadcast.save(connection)?;
            return Ok(Some(broadcast.id));
        }
    }
    Ok(None)
}

/// A page of those that wait for another attempt.
fn sweep_waiting(
    connection: &Connection,
    broadcast: &mut Broadcast,
    newer: &Newer,
    now: Wall,
) -> Step<()> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM exception WHERE broadcast_id = ?1 AND ordinal >= ?2
         AND state IN (1, 4) ORDER BY ordinal LIMIT ?3"
    ))?;
    let rows = statement.query(params![broadcast.id.0, broadcast.sweep_from, PAGE])?;
    let waiting = super::words::collect(rows, Exception::read)?;
    let decided = |exception: &&Exception| exception.address_id <= newer.known_to();
    let page: Vec<_> = waiting.iter().take_while(decided).collect();
    if let (Some(first), Some(last)) = (page.first(), page.last()) {
        let replaced = newer.between(connection, first.address_id, last.address_id)?;
        for exception in &page {
            if replaced.contains(&exception.address_id) {
                let ending = superseded(exception.ordinal, exception.attempt + 1, now);
                settle_unsent(connection, broadcast, exception, ending)?;
            }
        }
        broadcast.sweep_from = Some(last.ordinal.0 + 1);
    }
    if page.len() == waiting.len() && waiting.len() < PAGE as usize {
        broadcast.sweep_from = Some(broadcast.next);
    }
    Ok(())
}

/// A page of those that nobody has begun with. Who is not in a newer audience is put aside to be sent after it;
/// where they are many, the sweep ends and arming asks for each.
fn sweep_fresh(
    connection: &Connection,
    broadcast: &mut Broadcast,
    newer: &Newer,
    now: Wall,
) -> Step<()> {
    let page = next_page(connection, broadcast, newer.known_to())?;
    let (Some((_, first)), Some((last, to))) = (page.first(), page.last()) else {
        let at_the_end = broadcast.planned && broadcast.next >= broadcast.asked();
        broadcast.sweep_from = Some(broadcast.next).filter(|_| !at_the_end);
        return Ok(());
    };
    let replaced = newer.between(connection, *first, *to)?;
    let is_replaced = |(_, address_id): &(Ordinal, i64)| replaced.contains(address_id);
    let (swept, left): (Vec<_>, Vec<_>) = page.iter().copied().partition(is_replaced);
    if left.len() > swept.len() {
        broadcast.sweep_from = None;
        return Ok(());
    }
    let swept: Vec<_> = swept.into_iter().map(|(ordinal, _)| ordinal).collect();
    settle_ordinals(connection, broadcast, &swept, OutcomeCode::Superseded, now)?;
    for (ordinal, address_id) in left {
        Exception::untouched(ordinal, address_id, Care::Waiting, now)
            .put(connection, broadcast.id)?;
    }
    broadcast.next = last.0 + 1;
    broadcast.sweep_from = Some(broadcast.next);
    Ok(())
}

fn next_page(
    connection: &Connection,
    broadcast: &Broadcast,
    known_to: i64,
) -> Step<Vec<(Ordinal, i64)>> {
    let mut statement = connection.prepare_cached(
        "SELECT ordinal, address_id FROM audience WHERE broadcast_id = ?1 AND ordinal >= ?2
         ORDER BY ordinal LIMIT ?3",
    )?;
    let rows = statement.query(params![broadcast.id.0, broadcast.next, PAGE])?;
    let mut page = super::words::collect(rows, |row| Ok((Ordinal(row.get(0)?), row.get(1)?)))?;
    page.retain(|(_, address_id)| *address_id <= known_to);
    Ok(page)
}
