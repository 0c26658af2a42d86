//! What an update leaves for a person: deliveries that failed, and those that may have been sent, by reason.

use super::exception::Care;
use super::fault::{Step, corrupt};
use super::words::{channel_name, kind_from, natural, reason_from, reason_number};
use crate::key::Keys;
use oyez_domain::channel::ChannelName;
use oyez_domain::id::{BroadcastId, Ordinal, UpdateId};
use oyez_domain::ledger::{UnknownDelivery, UnknownFilter, UnknownGroup};
use oyez_domain::outcome::Reason;
use oyez_domain::time::Wall;
use rusqlite::{Connection, params};

/// Attempts `t` that a delivery failed with: the last one, unless something else shows that the message was taken.
pub(super) const FAILED: &str = "t.code BETWEEN 2 AND 7 AND t.again = 0 AND t.reason IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM attempt o WHERE o.broadcast_id = t.broadcast_id
        AND o.ordinal = t.ordinal AND (o.attempt > t.attempt OR o.code IN (1, 14)))
    AND NOT EXISTS (SELECT 1 FROM receipt r WHERE r.broadcast_id = t.broadcast_id
        AND r.ordinal = t.ordinal)";

/// Failed deliveries of an update by channel and last reason. It reads every attempt of the update: a person asks
/// for it, no loop does.
pub(super) fn failures(
    connection: &Connection,
    update: UpdateId,
) -> Step<Vec<(ChannelName, Reason, u64)>> {
    super::incidents::read_update(connection, update)?;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT b.channel, t.reason, count(*) FROM broadcast b
         JOIN attempt t ON t.broadcast_id = b.id
         WHERE b.update_id = ?1 AND {FAILED}
         GROUP BY b.id, t.reason ORDER BY b.id, count(*) DESC, t.reason"
    ))?;
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

/// Broadcasts `b` with the exceptions `x` that a filter chooses of those that may have been sent.
const CHOSEN: &str = "broadcast b JOIN exception x ON x.broadcast_id = b.id AND x.state = ?1
    WHERE (?2 IS NULL OR b.update_id = ?2) AND (?3 IS NULL OR b.channel = ?3)
    AND (?4 IS NULL OR x.reason = ?4)
    AND (?5 OR x.broadcast_id || '-' || x.ordinal IN (SELECT value FROM json_each(?6)))";

fn named(which: &UnknownFilter) -> Vec<String> {
    let named = which.deliveries.iter();
    named
        .map(|(broadcast, ordinal)| format!("{}-{}", broadcast.0, ordinal.0))
        .collect()
}

/// Deliveries that may have been sent and wait for a receipt or a person, oldest update first.
pub(super) fn unknowns(connection: &Connection, which: &UnknownFilter) -> Step<Vec<UnknownGroup>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT b.update_id, b.channel, x.reason, count(*), min(x.not_before) FROM {CHOSEN}
         GROUP BY b.id, x.reason ORDER BY b.id, count(*) DESC, x.reason"
    ))?;
    let named = named(which);
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

/// The same one by one, after a place.
pub(super) fn unknown_deliveries(
    connection: &Connection,
    keys: &Keys,
    which: &UnknownFilter,
    after: Option<(BroadcastId, Ordinal)>,
    limit: u32,
) -> Step<Vec<UnknownDelivery>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT b.update_id, b.id, b.channel, b.carries, x.ordinal, a.keyed_hash, a.ciphertext,
             x.reason, x.not_before
         FROM address a JOIN {CHOSEN}
         AND a.id = x.address_id AND (x.broadcast_id, x.ordinal) > (?7, ?8)
         ORDER BY x.broadcast_id, x.ordinal LIMIT ?9"
    ))?;
    let (broadcast, ordinal) = after.map_or((-1, -1), |(BroadcastId(id), Ordinal(ordinal))| {
        (i64::from(id), i64::from(ordinal))
    });
    let named = named(which);
    let rows = statement.query(params![
        Care::Unknown.number(),
        which.update.map(|update| update.as_bytes().to_vec()),
        which.channel.as_ref().map(ChannelName::as_str),
        reason_number(which.reason),
        named.is_empty(),
        super::words::to_json("exception", &named)?,
        broadcast,
        ordinal,
        limit,
    ])?;
    super::words::collect(rows, |row| {
        let (hash, sealed): (_, Vec<u8>) = (row.get(5)?, row.get(6)?);
        Ok(UnknownDelivery {
            update: UpdateId::from_bytes(row.get(0)?),
            broadcast: BroadcastId(row.get(1)?),
            channel: channel_name("broadcast", row.get(2)?)?,
            ordinal: Ordinal(row.get(4)?),
            address: keys.open_address(kind_from(row.get(3)?)?, &hash, &sealed)?,
            reason: reason_from(row.get(7)?)?,
            since: Wall(row.get(8)?),
        })
    })
}
