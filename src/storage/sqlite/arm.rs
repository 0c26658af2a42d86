//! Arming: choosing a broadcast's next deliveries, leaving out who must not get them, announcing the rest.

use super::attempt::{Ending, settle_unsent};
use super::broadcast::{Broadcast, Standing};
use super::exception::{Care, Exception};
use super::fault::{Fault, Step};
use super::window::{announce, runs};
use crate::key::{KeyedHash, Keys};
use oyez_domain::address::AddressKind;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::ledger::{Armed, Window, WindowId};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::parcel::Secret;
use oyez_domain::subscriber::SuppressionCause;
use oyez_domain::time::Wall;
use oyez_domain::{LedgerError, LedgerResult};
use rusqlite::{Connection, Row, params};
use std::collections::HashSet;

/// A window whose addresses are still encrypted: the writer's time is too dear for opening them.
#[derive(Debug)]
pub(super) struct SealedWindow {
    id: WindowId,
    broadcast: Broadcast,
    armed: Vec<Sealed>,
}

/// One delivery as the tables hold it.
#[derive(Debug)]
struct Sealed {
    ordinal: Ordinal,
    attempt: u32,
    charged: u32,
    unknowns: u32,
    unsure: bool,
    last_reason: Option<Reason>,
    first_armed_at: Wall,
    address_id: i64,
    keyed_hash: KeyedHash,
    ciphertext: Vec<u8>,
    destination: String,
    secret: Option<Vec<u8>>,
    language: String,
    suppressed: Option<String>,
}

impl SealedWindow {
    /// Opens every address.
    pub(super) fn open(self, keys: &Keys) -> LedgerResult<Window> {
        let carries = self.broadcast.carries;
        let armed = self
            .armed
            .into_iter()
            .map(|sealed| sealed.open(keys, carries))
            .collect::<Result<_, Fault>>()
            .map_err(LedgerError::from)?;
        Ok(Window {
            id: self.id,
            broadcast: self.broadcast.id,
            update: self.broadcast.update,
            duplicate_bound: self.broadcast.duplicate_bound,
            asked: u64::from(self.broadcast.asked()),
            urgent: self.broadcast.urgent,
            expires_at: self.broadcast.expires_at,
            armed,
        })
    }
}

const COLUMNS: &str = "a.id, a.keyed_hash, a.ciphertext, a.destination, e.secret, l.tag, s.cause";
const JOINED: &str = "JOIN address a ON a.id = u.address_id
    JOIN language l ON l.id = u.language
    LEFT JOIN suppression s ON s.keyed_hash = a.keyed_hash
    LEFT JOIN endpoint e ON e.address_id = a.id";

impl Sealed {
    fn read(row: &Row<'_>) -> Step<Self> {
        Ok(Self {
            ordinal: Ordinal(row.get(7)?),
            attempt: row.get::<_, u32>(8)? + 1,
            charged: row.get(9)?,
            unknowns: row.get(10)?,
            unsure: row.get(11)?,
            last_reason: super::words::reason_from(row.get(13)?)?,
            first_armed_at: Wall(row.get(12)?),
            address_id: row.get(0)?,
            keyed_hash: row.get(1)?,
            ciphertext: row.get(2)?,
            destination: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
            secret: row.get(4)?,
            language: row.get(5)?,
            suppressed: row.get(6)?,
        })
    }

    fn open(self, keys: &Keys, kind: AddressKind) -> Result<Armed, Fault> {
        let secret = match &self.secret {
            Some(sealed) => keys.open_secret(&self.keyed_hash, sealed)?,
            None => Secret::default(),
        };
        Ok(Armed {
            ordinal: self.ordinal,
            attempt: self.attempt,
            charged: self.charged,
            unknowns: self.unknowns,
            unsure: self.unsure,
            last_reason: self.last_reason,
            first_armed_at: self.first_armed_at,
            address_id: self.address_id,
            address: keys.open_address(kind, &self.keyed_hash, &self.ciphertext)?,
            destination: self.destination,
            secret,
            language: self.language,
        })
    }
}

/// Who arms, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) boot: i64,
    pub(super) now: Wall,
}

/// How many ordinals are looked at in vain before the worker is asked to come back.
const LOOKED_AT: u32 = 2_000;

/// What came of looking for work in one broadcast.
#[derive(Debug)]
pub(super) enum Found {
    Window(Box<SealedWindow>),
    /// Nobody among those looked at, but there are more.
    More,
    Nothing,
}

/// Arms the next fresh ordinals.
pub(super) fn fresh(
    connection: &Connection,
    broadcast: &mut Broadcast,
    rows: u32,
    behind: &Older,
    Moment { boot, now }: Moment,
) -> Step<Found> {
    let rows = rows.min(broadcast.window_rows).max(1);
    let started_at = broadcast.next;
    while broadcast.next < broadcast.asked() {
        if broadcast.next - started_at > LOOKED_AT {
            broadcast.save(connection)?;
            return Ok(Found::More);
        }
        let looked_at = next_in_audience(connection, broadcast, rows)?;
        broadcast.next = looked_at
            .last()
            .map_or(broadcast.asked(), |last| last.ordinal.0 + 1);
        let mut armed = Vec::with_capacity(looked_at.len());
        for sealed in looked_at {
            if let Some(cause) = &sealed.suppressed {
                let reason = reason_of(cause);
                suppressed(sealed.ordinal, 1, reason, now).append(connection, broadcast)?;
                broadcast.settle_fresh(DeliveryState::Suppressed, 1);
            } else if behind.has(connection, sealed.address_id)? {
                Exception::untouched(sealed.ordinal, sealed.address_id, Care::Behind, now)
                    .put(connection, broadcast.id)?;
            } else {
                armed.push(sealed);
            }
        }
        if !armed.is_empty() {
            let pending = Standing::new(DeliveryState::Pending, None);
            for _ in &armed {
                broadcast.shift(pending, Standing::new(DeliveryState::Sending, None));
            }
            return window(connection, broadcast, armed, boot, now)
                .map(|window| Found::Window(Box::new(window)));
        }
    }
    broadcast.save(connection)?;
    Ok(Found::Nothing)
}

fn next_in_audience(
    connection: &Connection,
    broadcast: &Broadcast,
    rows: u32,
) -> Step<Vec<Sealed>> {
    let sql = format!(
        "SELECT {COLUMNS}, u.ordinal, 0, 0, 0, 0, 0, NULL FROM audience u {JOINED}
         WHERE u.broadcast_id = ?1 AND u.ordinal >= ?2 ORDER BY u.ordinal LIMIT ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query(params![broadcast.id.0, broadcast.next, rows])?;
    super::words::collect(found, Sealed::read)
}

/// Arms what is due again.
pub(super) fn due(
    connection: &Connection,
    broadcast: &mut Broadcast,
    rows: u32,
    behind: &Older,
    Moment { boot, now }: Moment,
) -> Step<Found> {
    let rows = rows.min(broadcast.window_rows).max(1);
    let looked_at = due_now(connection, broadcast, rows, now)?;
    let any = !looked_at.is_empty();
    let mut armed = Vec::with_capacity(looked_at.len());
    for sealed in looked_at {
        let Some(exception) = Exception::find(connection, broadcast.id, sealed.ordinal)? else {
            continue;
        };
        if let Some(cause) = &sealed.suppressed {
            let reason = reason_of(cause);
            let ending = suppressed(sealed.ordinal, sealed.attempt, reason, now);
            settle_unsent(connection, broadcast, &exception, ending)?;
        } else if behind.has(connection, sealed.address_id)? {
            Exception {
                care: Care::Behind,
                ..exception
            }
            .put(connection, broadcast.id)?;
        } else {
            let before = exception.standing();
            let again = Exception {
                care: Care::Armed,
                ..exception
            };
            again.put(connection, broadcast.id)?;
            broadcast.shift(before, Standing::new(DeliveryState::Sending, None));
            armed.push(sealed);
        }
    }
    if !armed.is_empty() {
        return window(connection, broadcast, armed, boot, now)
            .map(|window| Found::Window(Box::new(window)));
    }
    if any {
        broadcast.save(connection)?;
        return Ok(Found::More);
    }
    Ok(Found::Nothing)
}

fn due_now(
    connection: &Connection,
    broadcast: &Broadcast,
    rows: u32,
    now: Wall,
) -> Step<Vec<Sealed>> {
    let sql = format!(
        "SELECT {COLUMNS}, x.ordinal, x.attempt, x.charged, x.unknowns, x.unsure, 0, x.reason
         FROM exception x
         JOIN audience u ON u.broadcast_id = x.broadcast_id AND u.ordinal = x.ordinal {JOINED}
         WHERE x.broadcast_id = ?1 AND x.state = 1 AND x.not_before <= ?2
         ORDER BY x.not_before, x.ordinal LIMIT ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query(params![broadcast.id.0, now.0, rows])?;
    let mut due = super::words::collect(found, Sealed::read)?;
    due.sort_unstable_by_key(|sealed| sealed.ordinal);
    Ok(due)
}

fn window(
    connection: &Connection,
    broadcast: &mut Broadcast,
    armed: Vec<Sealed>,
    boot: i64,
    now: Wall,
) -> Step<SealedWindow> {
    let runs = runs(armed.iter().map(|sealed| (sealed.ordinal, sealed.attempt)));
    let id = announce(connection, broadcast, boot, now, &runs)?;
    broadcast.save(connection)?;
    Ok(SealedWindow {
        id,
        broadcast: broadcast.clone(),
        armed,
    })
}

fn suppressed(ordinal: Ordinal, attempt: u32, reason: Reason, now: Wall) -> Ending<'static> {
    Ending::decided(ordinal, attempt, now, OutcomeCode::Suppressed, Some(reason))
}

fn reason_of(cause: &str) -> Reason {
    if cause == SuppressionCause::OptOut.code() {
        Reason::OptedOut
    } else {
        Reason::Suppressed
    }
}

/// The older broadcasts of the same incident and channel that still have something unsettled, and who is on
/// their way to somebody in them.
#[derive(Debug, Default)]
pub(super) struct Older {
    broadcasts: Vec<BroadcastId>,
    in_flight: HashSet<i64>,
}

impl Older {
    pub(super) fn of(connection: &Connection, older: &[Broadcast]) -> Step<Self> {
        let mut in_flight = HashSet::new();
        for broadcast in older.iter().filter(|older| older.in_flight > 0) {
            in_flight.extend(addresses_in_flight(connection, broadcast.id)?);
        }
        Ok(Self {
            broadcasts: older.iter().map(|older| older.id).collect(),
            in_flight,
        })
    }

    /// Whether this address has an unsettled delivery in one of them. One that may have been sent does not
    /// count: nothing more of it leaves by itself.
    fn has(&self, connection: &Connection, address_id: i64) -> Step<bool> {
        if self.broadcasts.is_empty() {
            return Ok(false);
        }
        if self.in_flight.contains(&address_id) {
            return Ok(true);
        }
        let mut statement = connection.prepare_cached(
            "SELECT broadcast_id FROM exception WHERE address_id = ?1 AND state IN (1, 3, 4)",
        )?;
        let mut rows = statement.query([address_id])?;
        while let Some(row) = rows.next()? {
            if self.broadcasts.contains(&BroadcastId(row.get(0)?)) {
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
