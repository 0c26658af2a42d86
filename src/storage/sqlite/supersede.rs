//! Newer updates that take an older one's place: whom they concern, asked of their frozen audiences.

use super::broadcast::Broadcast;
use super::fault::Step;
use oyez_domain::id::BroadcastId;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashSet;

/// The newer broadcasts of an incident on a channel that take one's place.
#[derive(Debug, Default)]
pub(super) struct Newer(Vec<Audience>);

#[derive(Debug)]
struct Audience {
    id: BroadcastId,
    rows: u32,
    /// The last address it has decided about.
    written_to: i64,
}

/// Whether somebody gets a newer update instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replaced {
    Yes,
    No,
    /// A newer audience is not written out that far.
    NotKnown,
}

impl Newer {
    pub(super) fn of(connection: &Connection, broadcast: &Broadcast) -> Step<Self> {
        if broadcast.superseded_by.is_none() {
            return Ok(Self::default());
        }
        let mut statement = connection.prepare_cached(
            "SELECT id, asked, iif(planned, NULL, scanned_to) FROM broadcast
             WHERE incident_id = ?1 AND channel = ?2 AND id > ?3 AND supersedes = 1",
        )?;
        let rows = statement.query(params![
            broadcast.incident,
            broadcast.channel,
            broadcast.id.0
        ])?;
        let newer = super::words::collect(rows, |row| {
            Ok(Audience {
                id: BroadcastId(row.get(0)?),
                rows: row.get(1)?,
                written_to: row.get::<_, Option<i64>>(2)?.unwrap_or(i64::MAX),
            })
        })?;
        Ok(Self(newer))
    }

    /// The last address that all of them have decided about.
    pub(super) fn known_to(&self) -> i64 {
        let furthest = self.0.iter().map(|audience| audience.written_to);
        furthest.min().unwrap_or(i64::MAX)
    }

    /// Whether this address is in one of them.
    pub(super) fn has(&self, connection: &Connection, address_id: i64) -> Step<Replaced> {
        Ok(
            if !self.between(connection, address_id, address_id)?.is_empty() {
                Replaced::Yes
            } else if address_id > self.known_to() {
                Replaced::NotKnown
            } else {
                Replaced::No
            },
        )
    }

    /// The addresses of a range that are in one of them.
    pub(super) fn between(
        &self,
        connection: &Connection,
        from: i64,
        to: i64,
    ) -> Step<HashSet<i64>> {
        let mut found = HashSet::new();
        for audience in &self.0 {
            audience.add_between(connection, from, to, &mut found)?;
        }
        Ok(found)
    }
}

impl Audience {
    fn add_between(
        &self,
        connection: &Connection,
        from: i64,
        to: i64,
        found: &mut HashSet<i64>,
    ) -> Step<()> {
        let first = first_from(connection, self.id, self.rows, from)?;
        let mut statement = connection.prepare_cached(
            "SELECT address_id FROM audience WHERE broadcast_id = ?1 AND ordinal >= ?2
             ORDER BY ordinal",
        )?;
        let mut rows = statement.query([self.id.0, first])?;
        while let Some(row) = rows.next()? {
            let address_id: i64 = row.get(0)?;
            if address_id > to {
                break;
            }
            found.insert(address_id);
        }
        Ok(())
    }
}

/// The place of an address in an audience, if it has one.
pub(super) fn place_of(
    connection: &Connection,
    broadcast: &Broadcast,
    address_id: i64,
) -> Step<Option<u32>> {
    let first = first_from(connection, broadcast.id, broadcast.asked(), address_id)?;
    let there = address_at(connection, broadcast.id, first)?;
    Ok((there == Some(address_id)).then_some(first))
}

/// The first ordinal whose address is this one or a later one. Audiences are written out by rising address, which
/// spares them an index of their own.
fn first_from(
    connection: &Connection,
    broadcast: BroadcastId,
    rows: u32,
    address_id: i64,
) -> Step<u32> {
    let (mut low, mut high) = (0, rows);
    while low < high {
        let middle = low + (high - low) / 2;
        match address_at(connection, broadcast, middle)? {
            Some(there) if there < address_id => low = middle + 1,
            Some(_) | None => high = middle,
        }
    }
    Ok(low)
}

fn address_at(connection: &Connection, broadcast: BroadcastId, ordinal: u32) -> Step<Option<i64>> {
    Ok(connection
        .prepare_cached("SELECT address_id FROM audience WHERE broadcast_id = ?1 AND ordinal = ?2")?
        .query_row([broadcast.0, ordinal], |row| row.get(0))
        .optional()?)
}
