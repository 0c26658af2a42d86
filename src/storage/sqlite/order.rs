//! Never old after new: who has to wait for an older update of the same incident, and who gets a newer one instead.

use super::broadcast::Broadcast;
use super::fault::Step;
use super::supersede::Newer;
use oyez_domain::id::BroadcastId;
use rusqlite::Connection;
use std::collections::HashSet;

/// What the other updates of an incident on a channel mean for one broadcast.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Older ones whose waiting deliveries go first; none when this one supersedes them.
    first: Vec<BroadcastId>,
    /// Addresses that something of an older one is on its way to.
    in_flight: HashSet<i64>,
    /// Those that take its place.
    pub(super) newer: Newer,
}

impl Order {
    /// `older` are the older broadcasts with something unsettled.
    pub(super) fn of(
        connection: &Connection,
        broadcast: &Broadcast,
        older: &[Broadcast],
    ) -> Step<Self> {
        let mut in_flight = HashSet::new();
        for broadcast in older.iter().filter(|older| older.in_flight > 0) {
            in_flight.extend(addresses_in_flight(connection, broadcast.id)?);
        }
        let waits_for = older.iter().filter(|_| !broadcast.supersedes);
        Ok(Self {
            first: waits_for.map(|older| older.id).collect(),
            in_flight,
            newer: Newer::of(connection, broadcast)?,
        })
    }

    /// Whether this address has to wait for an older update. One that may have been sent does not count: nothing
    /// more of it leaves by itself.
    pub(super) fn is_behind(&self, connection: &Connection, address_id: i64) -> Step<bool> {
        if self.in_flight.contains(&address_id) {
            return Ok(true);
        }
        if self.first.is_empty() {
            return Ok(false);
        }
        let mut statement = connection.prepare_cached(
            "SELECT broadcast_id FROM exception WHERE address_id = ?1 AND state IN (1, 3, 4)",
        )?;
        let mut rows = statement.query([address_id])?;
        while let Some(row) = rows.next()? {
            if self.first.contains(&BroadcastId(row.get(0)?)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn addresses_in_flight(connection: &Connection, broadcast: BroadcastId) -> Step<Vec<i64>> {
    let mut statement = connection.prepare_cached(
        "SELECT u.address_id FROM window_ w
         JOIN armed r ON r.broadcast_id = w.broadcast_id AND r.window_id = w.id
         JOIN audience u ON u.broadcast_id = w.broadcast_id AND u.ordinal BETWEEN r.lo AND r.hi
         WHERE w.broadcast_id = ?1 AND w.outstanding > 0
         AND NOT EXISTS (SELECT 1 FROM attempt t WHERE t.broadcast_id = w.broadcast_id
             AND t.ordinal = u.ordinal AND t.attempt = r.attempt)
         AND NOT EXISTS (SELECT 1 FROM receipt c WHERE c.broadcast_id = w.broadcast_id
             AND c.ordinal = u.ordinal)
         AND NOT EXISTS (SELECT 1 FROM disarmed d WHERE d.broadcast_id = w.broadcast_id
             AND d.window_id = w.id AND u.ordinal BETWEEN d.lo AND d.hi)",
    )?;
    let rows = statement.query([broadcast.0])?;
    super::words::collect(rows, |row| Ok(row.get(0)?))
}
