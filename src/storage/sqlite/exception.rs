//! Deliveries that need looking after: waiting, unknown, given up, armed again, or behind an older update.

use super::broadcast::Standing;
use super::fault::{Step, corrupt};
use super::words::{reason_from, reason_number};
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::outcome::Reason;
use oyez_domain::time::Wall;
use rusqlite::{Connection, Row, params};
use std::sync::Arc;

/// What an exceptional delivery is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// Its time.
    Waiting = 1,
    /// A receipt or a person.
    Unknown = 2,
    /// The outcome of another attempt.
    Armed = 3,
    /// The same person's delivery of an older update.
    Behind = 4,
    /// Nothing more: a person gave up finding out whether it was sent.
    GivenUp = 5,
}

impl Care {
    pub(super) fn number(self) -> u8 {
        self as u8
    }

    fn from_number(number: u8) -> Step<Self> {
        [
            Self::Waiting,
            Self::Unknown,
            Self::Armed,
            Self::Behind,
            Self::GivenUp,
        ]
        .into_iter()
        .find(|care| care.number() == number)
        .ok_or_else(|| corrupt("exception", "state", &number))
    }
}

/// One exceptional delivery.
#[derive(Debug, Clone)]
pub(super) struct Exception {
    pub(super) ordinal: Ordinal,
    pub(super) address_id: i64,
    pub(super) care: Care,
    /// The last attempt with an outcome; 0 when nothing was ever sent.
    pub(super) attempt: u32,
    pub(super) charged: u32,
    pub(super) unknowns: u32,
    /// One of its attempts may have been sent.
    pub(super) unsure: bool,
    /// When it is due; for an unknown one, since when it is unknown.
    pub(super) not_before: Wall,
    pub(super) reason: Option<Reason>,
    /// When the oldest announcement that still stands was made, if there is one and it is known.
    pub(super) first_armed_at: Option<Wall>,
    /// The kind of the provider through which it may have been sent, if it may: no other may have it.
    pub(super) provider: Option<Arc<str>>,
}

pub(super) const COLUMNS: &str = "ordinal, address_id, state, attempt, charged, unknowns, unsure, \
     not_before, reason, first_armed_at, provider";

impl Exception {
    /// A delivery that nothing was sent of, due from `not_before` on.
    pub(super) fn untouched(
        ordinal: Ordinal,
        address_id: i64,
        care: Care,
        not_before: Wall,
    ) -> Self {
        Self {
            ordinal,
            address_id,
            care,
            attempt: 0,
            charged: 0,
            unknowns: 0,
            unsure: false,
            not_before,
            reason: None,
            first_armed_at: None,
            provider: None,
        }
    }

    pub(super) fn find(
        connection: &Connection,
        broadcast: BroadcastId,
        ordinal: Ordinal,
    ) -> Step<Option<Self>> {
        let mut statement = connection.prepare_cached(
            "SELECT ordinal, address_id, state, attempt, charged, unknowns, unsure, not_before,
                 reason, first_armed_at, provider
             FROM exception WHERE broadcast_id = ?1 AND ordinal = ?2",
        )?;
        let mut rows = statement.query([broadcast.0, ordinal.0])?;
        rows.next()?.map(Self::read).transpose()
    }

    pub(super) fn read(row: &Row<'_>) -> Step<Self> {
        Self::read_from(row, 0)
    }

    /// Reads one whose columns begin at `first`.
    pub(super) fn read_from(row: &Row<'_>, first: usize) -> Step<Self> {
        Ok(Self {
            ordinal: Ordinal(row.get(first)?),
            address_id: row.get(first + 1)?,
            care: Care::from_number(row.get(first + 2)?)?,
            attempt: row.get(first + 3)?,
            charged: row.get(first + 4)?,
            unknowns: row.get(first + 5)?,
            unsure: row.get(first + 6)?,
            not_before: Wall(row.get(first + 7)?),
            reason: reason_from(row.get(first + 8)?)?,
            first_armed_at: row.get::<_, Option<i64>>(first + 9)?.map(Wall),
            provider: row.get(first + 10)?,
        })
    }

    pub(super) fn put(&self, connection: &Connection, broadcast: BroadcastId) -> Step<()> {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO exception (broadcast_id, ordinal, address_id, state, attempt,
                     charged, unknowns, unsure, not_before, reason, first_armed_at, provider)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                broadcast.0,
                self.ordinal.0,
                self.address_id,
                self.care.number(),
                self.attempt,
                self.charged,
                self.unknowns,
                self.unsure,
                self.not_before.0,
                reason_number(self.reason),
                self.first_armed_at.map(|at| at.0),
                self.provider,
            ])?;
        Ok(())
    }

    pub(super) fn remove(
        connection: &Connection,
        broadcast: BroadcastId,
        ordinal: Ordinal,
    ) -> Step<()> {
        connection
            .prepare_cached("DELETE FROM exception WHERE broadcast_id = ?1 AND ordinal = ?2")?
            .execute([broadcast.0, ordinal.0])?;
        Ok(())
    }

    /// Where the delivery stands because of it.
    pub(super) fn standing(&self) -> Standing {
        let state = match self.care {
            Care::Armed => DeliveryState::Sending,
            Care::Unknown | Care::GivenUp => DeliveryState::Unknown,
            Care::Waiting | Care::Behind if self.attempt == 0 => DeliveryState::Pending,
            Care::Waiting | Care::Behind => DeliveryState::Waiting,
        };
        Standing::new(state, self.reason)
    }
}

/// Lets deliveries of newer updates to this address be looked at again: something older of it is settled.
pub(super) fn wake_behind_address(connection: &Connection, address_id: i64, now: Wall) -> Step<()> {
    connection
        .prepare_cached(
            "UPDATE exception SET state = 1, not_before = ?2 WHERE address_id = ?1 AND state = 4",
        )?
        .execute(params![address_id, now.0])?;
    Ok(())
}
