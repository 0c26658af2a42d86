//! Everything the ledger holds of a broadcast, for the judge.

use super::broadcast::Broadcast;
use super::fault::Step;
use super::views::view;
use super::words::{code_from, status_from};
use crate::key::Keys;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::ledger::BroadcastEvidence;
use oyez_domain::time::Wall;
use rusqlite::{Connection, Row};

pub(super) fn broadcast_ids(connection: &Connection) -> Step<Vec<BroadcastId>> {
    let mut statement = connection.prepare_cached("SELECT id FROM broadcast ORDER BY id")?;
    let rows = statement.query([])?;
    super::words::collect(rows, |row| Ok(BroadcastId(row.get(0)?)))
}

pub(super) fn evidence(
    connection: &Connection,
    keys: &Keys,
    id: BroadcastId,
) -> Step<BroadcastEvidence> {
    let broadcast = Broadcast::get(connection, id)?;
    let carries = broadcast.carries;
    let ordinals = |row: &Row<'_>| -> Step<(Ordinal, Ordinal)> {
        Ok((Ordinal(row.get(0)?), Ordinal(row.get(1)?)))
    };
    let audience = all(
        connection,
        id,
        "SELECT u.ordinal, a.keyed_hash, a.ciphertext FROM audience u
         JOIN address a ON a.id = u.address_id WHERE u.broadcast_id = ?1 ORDER BY u.ordinal",
        |row| {
            let (hash, sealed): (_, Vec<u8>) = (row.get(1)?, row.get(2)?);
            let address = keys.open_address(carries, &hash, &sealed)?;
            Ok((Ordinal(row.get(0)?), address))
        },
    )?;
    let armed = all(
        connection,
        id,
        "SELECT r.lo, r.hi, r.attempt, w.at FROM armed r JOIN window_ w ON w.id = r.window_id
         WHERE r.broadcast_id = ?1 ORDER BY r.window_id, r.lo",
        |row| {
            let (lo, hi) = ordinals(row)?;
            Ok((lo, hi, row.get(2)?, Wall(row.get(3)?)))
        },
    )?;
    let outcomes = all(
        connection,
        id,
        "SELECT ordinal, attempt, code, again FROM attempt WHERE broadcast_id = ?1",
        |row| {
            let code = code_from(row.get(2)?)?;
            Ok((Ordinal(row.get(0)?), row.get(1)?, code, row.get(3)?))
        },
    )?;
    let disarmed = all(
        connection,
        id,
        "SELECT lo, hi, attempt FROM disarmed WHERE broadcast_id = ?1",
        |row| {
            let (lo, hi) = ordinals(row)?;
            Ok((lo, hi, row.get(2)?))
        },
    )?;
    let spans = all(
        connection,
        id,
        "SELECT lo, hi, code FROM span WHERE broadcast_id = ?1",
        |row| {
            let (lo, hi) = ordinals(row)?;
            Ok((lo, hi, code_from(row.get(2)?)?))
        },
    )?;
    let receipts = all(
        connection,
        id,
        "SELECT ordinal, status FROM receipt WHERE broadcast_id = ?1",
        |row| Ok((Ordinal(row.get(0)?), status_from(row.get(1)?)?)),
    )?;
    Ok(BroadcastEvidence {
        view: view(connection, &broadcast)?,
        audience,
        armed,
        outcomes,
        disarmed,
        spans,
        receipts,
    })
}

/// Bytes in use: pages that an earlier deletion left free are not counted, for the next rows go there.
pub(super) fn size_bytes(connection: &Connection) -> Step<u64> {
    let bytes: i64 = connection.query_row(
        "SELECT (page_count - freelist_count) * page_size
         FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        [],
        |row| row.get(0),
    )?;
    Ok(super::words::natural(bytes))
}

fn all<T>(
    connection: &Connection,
    broadcast: BroadcastId,
    sql: &str,
    read: impl Fn(&Row<'_>) -> Step<T>,
) -> Step<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    super::words::collect(statement.query([broadcast.0])?, read)
}
