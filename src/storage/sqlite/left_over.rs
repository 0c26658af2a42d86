//! What an update leaves for a person: deliveries that failed, and those that may have been sent, by reason.

use super::exception::Care;
use super::fault::{Step, corrupt};
use super::words::{channel_name, natural, reason_from, reason_number};
use oyez_domain::channel::ChannelName;
use oyez_domain::id::UpdateId;
use oyez_domain::ledger::{UnknownFilter, UnknownGroup};
use oyez_domain::outcome::Reason;
use oyez_domain::time::Wall;
use rusqlite::{Connection, params};

/// Failed deliveries of an update by channel and last reason. It reads every attempt of the update: a person asks
/// for it, no loop does.
pub(super) fn failures(
    connection: &Connection,
    update: UpdateId,
) -> Step<Vec<(ChannelName, Reason, u64)>> {
    super::incidents::read_update(connection, update)?;
    // The last attempt says why, unless something else shows that the message was taken.
    let mut statement = connection.prepare_cached(
        "SELECT b.channel, t.reason, count(*) FROM broadcast b
         JOIN attempt t ON t.broadcast_id = b.id
         WHERE b.update_id = ?1 AND t.code BETWEEN 2 AND 7 AND t.again = 0
         AND t.reason IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM attempt o WHERE o.broadcast_id = t.broadcast_id
             AND o.ordinal = t.ordinal AND (o.attempt > t.attempt OR o.code IN (1, 14)))
         AND NOT EXISTS (SELECT 1 FROM receipt r WHERE r.broadcast_id = t.broadcast_id
             AND r.ordinal = t.ordinal)
         GROUP BY b.id, t.reason ORDER BY b.id, count(*) DESC, t.reason",
    )?;
    let rows = statement.query([update.as_bytes()])?;
    super::words::collect(rows, |row| {
        let reason = reason_from(row.get(1)?)?.ok_or_else(|| corrupt("attempt", "reason", &""))?;
        Ok((
            channel_name("broadcast", row.get(0)?)?,
            reason,
            natural(row.get(2)?),
        ))
    })
}

/// Deliveries that may have been sent and wait for a receipt or a person, oldest update first.
pub(super) fn unknowns(connection: &Connection, which: &UnknownFilter) -> Step<Vec<UnknownGroup>> {
    let mut statement = connection.prepare_cached(
        "SELECT b.update_id, b.channel, x.reason, count(*), min(x.not_before)
         FROM broadcast b JOIN exception x ON x.broadcast_id = b.id AND x.state = ?1
         WHERE (?2 IS NULL OR b.update_id = ?2) AND (?3 IS NULL OR b.channel = ?3)
         AND (?4 IS NULL OR x.reason = ?4)
         AND (?5 OR x.broadcast_id || '-' || x.ordinal IN (SELECT value FROM json_each(?6)))
         GROUP BY b.id, x.reason ORDER BY b.id, count(*) DESC, x.reason",
    )?;
    let named: Vec<String> = which
        .deliveries
        .iter()
        .map(|(broadcast, ordinal)| format!("{}-{}", broadcast.0, ordinal.0))
        .collect();
    let rows = statement.query(params![
        Care::Unknown.number(),
        which.update.map(|update| update.as_bytes().to_vec()),
        which.channel.as_ref().map(ChannelName::as_str),
        reason_number(which.reason),
        named.is_empty(),
        super::words::to_json("exception", &named)?,
    ])?;
    super::words::collect(rows, |row| {
        Ok(UnknownGroup {
            update: UpdateId::from_bytes(row.get(0)?),
            channel: channel_name("broadcast", row.get(1)?)?,
            reason: reason_from(row.get(2)?)?,
            deliveries: natural(row.get(3)?),
            since: Wall(row.get(4)?),
        })
    })
}
