//! Everything the ledger holds, for the judge.

use super::broadcast::Broadcast;
use super::fault::{Step, corrupt};
use super::views::view;
use super::words::{code_from, moment_after, reason_from, status_from};
use crate::key::Keys;
use oyez_domain::address::Address;
use oyez_domain::channel::ChannelName;
use oyez_domain::id::{BroadcastId, IncidentId, Ordinal, UpdateId};
use oyez_domain::ledger::{
    Answered, ArmedRun, AttemptEnd, BroadcastEvidence, DisarmedRun, ReceiptSeen, Recipient,
    SettledRun, Start, Stop, SystemEvidence, WindowId,
};
use oyez_domain::subscriber::SuppressionCause;
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
    Ok(BroadcastEvidence {
        view: view(connection, &broadcast)?,
        incident: incident(&broadcast)?,
        expires_at: broadcast.expires_at,
        holds_unknown: broadcast.holds_unknown,
        audience: audience(connection, keys, &broadcast)?,
        armed: armed(connection, id)?,
        providers: all(
            connection,
            id,
            "SELECT id, provider FROM window_ WHERE broadcast_id = ?1",
            |row| Ok((WindowId(row.get(0)?), row.get(1)?)),
        )?
        .into_iter()
        .collect(),
        disarmed: all(
            connection,
            id,
            "SELECT lo, hi, window_id, attempt FROM disarmed WHERE broadcast_id = ?1
             ORDER BY window_id, lo",
            |row| {
                Ok(DisarmedRun {
                    window: WindowId(row.get(2)?),
                    lo: Ordinal(row.get(0)?),
                    hi: Ordinal(row.get(1)?),
                    attempt: row.get(3)?,
                })
            },
        )?,
        ends: ends(connection, &broadcast)?,
        spans: all(
            connection,
            id,
            "SELECT lo, hi, code, at FROM span WHERE broadcast_id = ?1",
            |row| {
                Ok(SettledRun {
                    lo: Ordinal(row.get(0)?),
                    hi: Ordinal(row.get(1)?),
                    code: code_from(row.get(2)?)?,
                    at: Wall(row.get(3)?),
                })
            },
        )?,
        receipts: all(
            connection,
            id,
            "SELECT ordinal, status, at_ms FROM receipt WHERE broadcast_id = ?1",
            |row| {
                Ok(ReceiptSeen {
                    ordinal: Ordinal(row.get(0)?),
                    status: status_from(row.get(1)?)?,
                    at: moment_after(broadcast.released_at, row.get(2)?),
                })
            },
        )?,
    })
}

fn incident(broadcast: &Broadcast) -> Step<IncidentId> {
    let bytes = <[u8; 16]>::try_from(broadcast.incident.as_slice());
    bytes
        .map(IncidentId::from_bytes)
        .map_err(|_| corrupt("broadcast", "incident_id", &broadcast.id.0))
}

fn audience(connection: &Connection, keys: &Keys, broadcast: &Broadcast) -> Step<Vec<Recipient>> {
    let mut audience = all(
        connection,
        broadcast.id,
        "SELECT u.ordinal, a.id, a.keyed_hash, a.ciphertext, s.at, s.cause FROM audience u
         JOIN address a ON a.id = u.address_id
         LEFT JOIN suppression s ON s.keyed_hash = a.keyed_hash
         WHERE u.broadcast_id = ?1 ORDER BY u.ordinal",
        |row| {
            let (hash, sealed): (_, Vec<u8>) = (row.get(2)?, row.get(3)?);
            let since: Option<i64> = row.get(4)?;
            let cause: Option<String> = row.get(5)?;
            let still = |at| Stop {
                from: Wall(at),
                until: None,
                concluded: cause
                    .and_then(|cause| SuppressionCause::from_code(&cause))
                    .is_some_and(SuppressionCause::is_concluded),
            };
            Ok(Recipient {
                ordinal: Ordinal(row.get(0)?),
                address_id: row.get(1)?,
                // One that cannot be opened must not keep the judge from all the others.
                address: keys
                    .open_address(broadcast.carries, &hash, &sealed)
                    .unwrap_or_else(|_| Address::unreadable(broadcast.carries)),
                stops: since.map(still).into_iter().collect(),
            })
        },
    )?;
    add_lifted(connection, broadcast.id, &mut audience)?;
    Ok(audience)
}

/// Adds the stops that were lifted since.
fn add_lifted(connection: &Connection, id: BroadcastId, audience: &mut [Recipient]) -> Step<()> {
    let lifted = all(
        connection,
        id,
        "SELECT u.ordinal, l.at, l.lifted_at FROM audience u
         JOIN address a ON a.id = u.address_id
         JOIN lifted_stop l ON l.keyed_hash = a.keyed_hash
         WHERE u.broadcast_id = ?1 ORDER BY u.ordinal, l.at",
        |row| {
            let stop = Stop {
                from: Wall(row.get(1)?),
                until: Some(Wall(row.get(2)?)),
                concluded: false,
            };
            Ok((Ordinal(row.get(0)?), stop))
        },
    )?;
    for (ordinal, stop) in lifted {
        let place = audience.binary_search_by_key(&ordinal, |recipient| recipient.ordinal);
        if let Some(recipient) = place.ok().and_then(|place| audience.get_mut(place)) {
            recipient.stops.push(stop);
        }
    }
    Ok(())
}

fn armed(connection: &Connection, id: BroadcastId) -> Step<Vec<ArmedRun>> {
    all(
        connection,
        id,
        "SELECT r.lo, r.hi, r.attempt, w.id, w.boot_id, w.at FROM armed r
         JOIN window_ w ON w.id = r.window_id
         WHERE r.broadcast_id = ?1 ORDER BY r.window_id, r.lo",
        |row| {
            Ok(ArmedRun {
                window: WindowId(row.get(3)?),
                boot: row.get(4)?,
                lo: Ordinal(row.get(0)?),
                hi: Ordinal(row.get(1)?),
                attempt: row.get(2)?,
                at: Wall(row.get(5)?),
            })
        },
    )
}

fn ends(connection: &Connection, broadcast: &Broadcast) -> Step<Vec<AttemptEnd>> {
    all(
        connection,
        broadcast.id,
        "SELECT ordinal, attempt, code, again, at_ms, reason FROM attempt WHERE broadcast_id = ?1",
        |row| {
            Ok(AttemptEnd {
                ordinal: Ordinal(row.get(0)?),
                attempt: row.get(1)?,
                at: moment_after(broadcast.released_at, row.get(4)?),
                code: code_from(row.get(2)?)?,
                reason: reason_from(row.get(5)?)?,
                again: row.get(3)?,
                // The tables keep neither: what waits is in `exception` until it goes, and one start at a time
                // holds the directory.
                not_before: None,
                late: false,
            })
        },
    )
}

/// Starts, what people let go on, and what requests were answered.
pub(super) fn system_evidence(connection: &Connection) -> Step<SystemEvidence> {
    let mut starts =
        connection.prepare("SELECT id, started_at, ended_at IS NOT NULL FROM boot ORDER BY id")?;
    let mut resumes =
        connection.prepare("SELECT object, at FROM audit WHERE action = 'resume' ORDER BY id")?;
    let mut results = connection.prepare("SELECT result FROM idempotency ORDER BY at")?;
    Ok(SystemEvidence {
        starts: super::words::collect(starts.query([])?, |row| {
            Ok(Start {
                boot: row.get(0)?,
                at: Wall(row.get(1)?),
                ended: row.get(2)?,
            })
        })?,
        resumes: super::words::collect(resumes.query([])?, |row| {
            let object: String = row.get(0)?;
            Ok((resumed(&object), Wall(row.get(1)?)))
        })?,
        answered: super::words::collect(results.query([])?, |row| {
            answered(connection, &row.get::<_, String>(0)?)
        })?,
    })
}

/// The channel that an audit entry of a resume names last; nothing where all of them went on.
fn resumed(object: &str) -> Option<ChannelName> {
    let last = object.rsplit(' ').next().unwrap_or_default();
    let everything = last == "system" || last.starts_with(UpdateId::PREFIX);
    (!everything).then(|| last.parse().ok()).flatten()
}

/// What a remembered answer says was made, and whether it stands. An answer of another form made nothing lasting.
fn answered(connection: &Connection, result: &str) -> Step<Answered> {
    let value: serde_json::Value = super::words::from_json("idempotency", result)?;
    let text = value.as_str().unwrap_or_default();
    let stands = if let Ok(id) = text.parse::<IncidentId>() {
        exists(connection, "incident", &id.as_bytes())?
    } else if let Ok(id) = text.parse::<UpdateId>() {
        exists(connection, "update_", &id.as_bytes())?
    } else {
        let broadcasts = value["broadcasts"].as_array().into_iter().flatten();
        let mut all = true;
        for number in broadcasts.map(|pair| pair[0].as_i64()) {
            all &= exists(connection, "broadcast", &number)?;
        }
        all
    };
    Ok(Answered {
        made: result.to_owned(),
        stands,
    })
}

fn exists(connection: &Connection, table: &str, id: &dyn rusqlite::ToSql) -> Step<bool> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE id = ?1)");
    Ok(connection
        .prepare_cached(&sql)?
        .query_row([id], |row| row.get(0))?)
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
