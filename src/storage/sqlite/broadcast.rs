//! One broadcast's row: its rules, its place in the audience, and the counters that are changed with it.

use super::fault::{Step, corrupt};
use super::words::{integer, kind_from, natural};
use oyez_domain::LedgerError;
use oyez_domain::address::AddressKind;
use oyez_domain::broadcast::{BroadcastState, Counts};
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::{BroadcastId, UpdateId};
use oyez_domain::outcome::Reason;
use oyez_domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use std::collections::BTreeMap;

const COLUMNS: &str = "id, update_id, incident_id, channel, kind, carries, urgent, released_at, \
    released_seq, expires_at, duplicate_bound, window_rows, page_rows, holds_unknown, topics, \
    languages, state, planned, scanned_to, next, asked, accepted, delivered, undelivered, failed, \
    unknown, suppressed, stopped, expired, superseded, in_flight, waiting, first_outcome_at, \
    last_outcome_at, receipts_by_provider_id, supersedes, superseded_by, sweep_from";

/// A broadcast as one transaction sees and changes it.
#[derive(Debug, Clone)]
pub(super) struct Broadcast {
    pub(super) id: BroadcastId,
    pub(super) update: UpdateId,
    pub(super) incident: Vec<u8>,
    pub(super) channel: String,
    pub(super) kind: String,
    pub(super) carries: AddressKind,
    pub(super) urgent: bool,
    pub(super) released_at: Wall,
    pub(super) released_seq: i64,
    pub(super) expires_at: Wall,
    pub(super) duplicate_bound: u32,
    pub(super) window_rows: u32,
    pub(super) page_rows: u32,
    pub(super) holds_unknown: bool,
    pub(super) topics: Option<String>,
    pub(super) languages: Option<String>,
    pub(super) state: BroadcastState,
    pub(super) planned: bool,
    /// The last address the planner has looked at.
    pub(super) scanned_to: i64,
    /// The first ordinal that no worker has looked at.
    pub(super) next: u32,
    /// `pending` follows from the others; see [`Broadcast::counts`].
    tallied: Counts,
    pub(super) in_flight: u64,
    pub(super) waiting: u64,
    pub(super) first_outcome_at: Option<Wall>,
    pub(super) last_outcome_at: Option<Wall>,
    pub(super) receipts_by_provider_id: bool,
    /// Whether what is unsent of older updates of the incident gives way to it.
    pub(super) supersedes: bool,
    /// The newest broadcast that this one gives way to.
    pub(super) superseded_by: Option<BroadcastId>,
    /// The first ordinal that may still have to give way; nothing when none has.
    pub(super) sweep_from: Option<u32>,
    reasons: BTreeMap<Reason, i64>,
}

impl Broadcast {
    pub(super) fn find(connection: &Connection, id: BroadcastId) -> Step<Option<Self>> {
        let sql = format!("SELECT {COLUMNS} FROM broadcast WHERE id = ?1");
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([id.0])?;
        rows.next()?.map(Self::read).transpose()
    }

    pub(super) fn get(connection: &Connection, id: BroadcastId) -> Step<Self> {
        Self::find(connection, id)?
            .ok_or_else(|| LedgerError::NotFound(format!("broadcast {}", id.0)).into())
    }

    /// All that match `condition`; the order is that of their numbers unless the condition says otherwise.
    pub(super) fn all(
        connection: &Connection,
        condition: &str,
        params: impl Params,
    ) -> Step<Vec<Self>> {
        let sql = format!("SELECT {COLUMNS} FROM broadcast WHERE {condition}");
        let mut statement = connection.prepare_cached(&sql)?;
        let rows = statement.query(params)?;
        super::words::collect(rows, Self::read)
    }

    fn read(row: &Row<'_>) -> Step<Self> {
        let count = |at: usize| row.get::<_, i64>(at).map(natural);
        let state: u8 = row.get(16)?;
        let id = BroadcastId(row.get(0)?);
        Ok(Self {
            id,
            update: UpdateId::from_bytes(row.get(1)?),
            incident: row.get(2)?,
            channel: row.get(3)?,
            kind: row.get(4)?,
            carries: kind_from(row.get(5)?)?,
            urgent: row.get(6)?,
            released_at: Wall(row.get(7)?),
            released_seq: row.get(8)?,
            expires_at: Wall(row.get(9)?),
            duplicate_bound: row.get(10)?,
            window_rows: row.get(11)?,
            page_rows: row.get(12)?,
            holds_unknown: row.get(13)?,
            topics: row.get(14)?,
            languages: row.get(15)?,
            state: BroadcastState::from_number(state)
                .ok_or_else(|| corrupt("broadcast", "state", &id.0))?,
            planned: row.get(17)?,
            scanned_to: row.get(18)?,
            next: row.get(19)?,
            tallied: Counts {
                asked: count(20)?,
                accepted: count(21)?,
                delivered: count(22)?,
                undelivered: count(23)?,
                failed: count(24)?,
                unknown: count(25)?,
                suppressed: count(26)?,
                stopped: count(27)?,
                expired: count(28)?,
                superseded: count(29)?,
                pending: 0,
            },
            in_flight: count(30)?,
            waiting: count(31)?,
            first_outcome_at: row.get::<_, Option<i64>>(32)?.map(Wall),
            last_outcome_at: row.get::<_, Option<i64>>(33)?.map(Wall),
            receipts_by_provider_id: row.get(34)?,
            supersedes: row.get(35)?,
            superseded_by: row.get::<_, Option<u32>>(36)?.map(BroadcastId),
            sweep_from: row.get(37)?,
            reasons: BTreeMap::new(),
        })
    }

    /// Writes back what a transaction may change. With nothing left to do, the broadcast is done.
    pub(super) fn save(&mut self, connection: &Connection) -> Step<()> {
        if self.is_open() && self.planned && self.counts().pending == 0 {
            self.state = BroadcastState::Done;
        }
        let Counts {
            asked,
            accepted,
            delivered,
            undelivered,
            failed,
            unknown,
            suppressed,
            stopped,
            expired,
            superseded,
            pending: _,
        } = self.tallied;
        connection
            .prepare_cached(
                "UPDATE broadcast SET state = ?2, planned = ?3, scanned_to = ?4, next = ?5, asked = ?6,
                     accepted = ?7, delivered = ?8, undelivered = ?9, failed = ?10, unknown = ?11,
                     suppressed = ?12, stopped = ?13, expired = ?14, superseded = ?15,
                     in_flight = ?16, waiting = ?17, first_outcome_at = ?18, last_outcome_at = ?19,
                     sweep_from = ?20
                 WHERE id = ?1",
            )?
            .execute(params![
                self.id.0,
                self.state.number(),
                self.planned,
                self.scanned_to,
                self.next,
                integer(asked),
                integer(accepted),
                integer(delivered),
                integer(undelivered),
                integer(failed),
                integer(unknown),
                integer(suppressed),
                integer(stopped),
                integer(expired),
                integer(superseded),
                integer(self.in_flight),
                integer(self.waiting),
                self.first_outcome_at.map(|at| at.0),
                self.last_outcome_at.map(|at| at.0),
                self.sweep_from,
            ])?;
        self.save_reasons(connection)
    }

    fn save_reasons(&mut self, connection: &Connection) -> Step<()> {
        let mut add = connection.prepare_cached(
            "INSERT INTO reason_count (broadcast_id, reason, deliveries) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET deliveries = deliveries + excluded.deliveries",
        )?;
        for (reason, by) in std::mem::take(&mut self.reasons) {
            if by != 0 {
                add.execute(params![self.id.0, reason.number(), by])?;
            }
        }
        Ok(())
    }

    /// Whether workers may still be given something: not stopped and not done.
    pub(super) fn is_open(&self) -> bool {
        match self.state {
            BroadcastState::Sending | BroadcastState::Held => true,
            BroadcastState::Stopped | BroadcastState::Done => false,
        }
    }

    /// The counters with `pending` worked out.
    pub(super) fn counts(&self) -> Counts {
        Counts {
            pending: self.tallied.asked.saturating_sub(self.tallied.settled()),
            ..self.tallied
        }
    }

    /// Ordinals written out so far.
    pub(super) fn asked(&self) -> u32 {
        u32::try_from(self.tallied.asked).unwrap_or(u32::MAX)
    }

    /// More of the audience is written out.
    pub(super) fn grow(&mut self, rows: u32) {
        self.tallied.asked += u64::from(rows);
    }

    /// Whether there are ordinals nobody has looked at, written out or still to be.
    pub(super) fn has_fresh(&self) -> bool {
        self.is_open() && (self.next < self.asked() || !self.planned)
    }

    /// Whether a newer update of the same incident has to wait behind something here.
    pub(super) fn is_unsettled(&self) -> bool {
        self.has_fresh() || self.in_flight > 0 || self.counts().pending > 0
    }

    /// Moves one delivery from one state to another in the counters.
    pub(super) fn shift(&mut self, from: Standing, to: Standing) {
        self.count(from, -1);
        self.count(to, 1);
    }

    /// Settles `rows` fresh deliveries at once.
    pub(super) fn settle_fresh(&mut self, state: DeliveryState, rows: u32) {
        self.count(
            Standing {
                state,
                reason: None,
            },
            i64::from(rows),
        );
    }

    fn count(&mut self, standing: Standing, by: i64) {
        let counts = &mut self.tallied;
        let slots: [Option<&mut u64>; 2] = match standing.state {
            DeliveryState::Pending => [None, None],
            DeliveryState::Sending => [Some(&mut self.in_flight), None],
            DeliveryState::Waiting => [Some(&mut self.waiting), None],
            DeliveryState::Accepted => [Some(&mut counts.accepted), None],
            DeliveryState::Delivered => [Some(&mut counts.accepted), Some(&mut counts.delivered)],
            DeliveryState::Undelivered => {
                [Some(&mut counts.accepted), Some(&mut counts.undelivered)]
            }
            DeliveryState::Rejected => [Some(&mut counts.failed), None],
            DeliveryState::Unknown => [Some(&mut counts.unknown), None],
            DeliveryState::Suppressed => [Some(&mut counts.suppressed), None],
            DeliveryState::Expired => [Some(&mut counts.expired), None],
            DeliveryState::Superseded => [Some(&mut counts.superseded), None],
            DeliveryState::Stopped => [Some(&mut counts.stopped), None],
        };
        for slot in slots.into_iter().flatten() {
            *slot = slot.saturating_add_signed(by);
        }
        if let Some(reason) = standing.counted_reason() {
            *self.reasons.entry(reason).or_insert(0) += by;
        }
    }

    /// A broadcast that was done is under way again when one of its deliveries is to be sent after all.
    pub(super) fn reopen_for(&mut self, state: DeliveryState) {
        if self.state == BroadcastState::Done && state == DeliveryState::Waiting {
            self.state = BroadcastState::Sending;
        }
    }

    /// An outcome was known at this moment.
    pub(super) fn note_outcome(&mut self, at: Wall) {
        self.first_outcome_at = Some(self.first_outcome_at.map_or(at, |first| first.min(at)));
        self.last_outcome_at = Some(self.last_outcome_at.map_or(at, |last| last.max(at)));
    }

    /// Broadcasts of earlier updates of this incident on this channel that have something unsettled.
    pub(super) fn older_unsettled(&self, connection: &Connection) -> Step<Vec<Self>> {
        let mut older = Self::all(
            connection,
            "channel = ?1 AND state IN (1, 2, 3) AND incident_id = ?2 AND id < ?3 ORDER BY id",
            params![self.channel, self.incident, self.id.0],
        )?;
        older.retain(Self::is_unsettled);
        Ok(older)
    }

    /// Whether a later update of this incident on this channel may have somebody waiting behind this one.
    pub(super) fn has_newer(&self, connection: &Connection) -> Step<bool> {
        Ok(connection
            .prepare_cached(
                "SELECT 1 FROM broadcast WHERE channel = ?1 AND state IN (1, 2, 3) AND incident_id = ?2
                 AND id > ?3 LIMIT 1",
            )?
            .query_row(params![self.channel, self.incident, self.id.0], |_| Ok(()))
            .optional()?
            .is_some())
    }
}

/// Where one delivery stands and why, as far as the counters care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) state: DeliveryState,
    pub(super) reason: Option<Reason>,
}

impl Standing {
    pub(super) fn new(state: DeliveryState, reason: Option<Reason>) -> Self {
        Self { state, reason }
    }

    /// Reasons are counted for what failed, waits, or may have been sent.
    fn counted_reason(self) -> Option<Reason> {
        match self.state {
            DeliveryState::Rejected | DeliveryState::Waiting | DeliveryState::Unknown => {
                self.reason
            }
            DeliveryState::Pending
            | DeliveryState::Sending
            | DeliveryState::Accepted
            | DeliveryState::Delivered
            | DeliveryState::Undelivered
            | DeliveryState::Suppressed
            | DeliveryState::Expired
            | DeliveryState::Superseded
            | DeliveryState::Stopped => None,
        }
    }
}
