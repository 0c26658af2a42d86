//! Deliveries on their way to a worker while their addresses are still encrypted.

use super::arm::Moment;
use super::broadcast::Broadcast;
use super::exception::Exception;
use super::fault::Step;
use crate::key::{KeyedHash, Keys, Unreadable};
use oyez_domain::address::AddressKind;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::ledger::{Armed, Follow, Recorded, Window, WindowId};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::parcel::Secret;
use oyez_domain::time::Wall;
use rusqlite::{Connection, Row, params};

/// A window whose addresses are still encrypted: the writer's time is too dear for opening them.
#[derive(Debug)]
pub(super) struct SealedWindow {
    pub(super) id: WindowId,
    pub(super) provider: String,
    pub(super) broadcast: Broadcast,
    pub(super) armed: Vec<Sealed>,
}

impl SealedWindow {
    /// Opens every address. What cannot be opened is no longer in the window, and comes back with how it ends.
    pub(super) fn open(self, keys: &Keys, now: Wall) -> (Window, Vec<Recorded>) {
        let Broadcast { carries, id, .. } = self.broadcast;
        let (mut armed, mut unreadable) = (Vec::with_capacity(self.armed.len()), Vec::new());
        for sealed in self.armed {
            let unread = sealed.unreadable(id, self.id, now);
            match sealed.open(keys, carries) {
                Ok(opened) => armed.push(opened),
                Err(Unreadable) => unreadable.push(unread),
            }
        }
        let window = Window {
            id: self.id,
            broadcast: id,
            update: self.broadcast.update,
            provider: self.provider,
            duplicate_bound: self.broadcast.duplicate_bound,
            asked: u64::from(self.broadcast.asked()),
            urgent: self.broadcast.urgent,
            expires_at: self.broadcast.expires_at,
            armed,
        };
        (window, unreadable)
    }
}

/// One delivery as the tables hold it.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) ordinal: Ordinal,
    pub(super) attempt: u32,
    charged: u32,
    unknowns: u32,
    unsure: bool,
    last_reason: Option<Reason>,
    first_armed_at: Wall,
    pub(super) address_id: i64,
    keyed_hash: KeyedHash,
    ciphertext: Vec<u8>,
    /// Empty where an address has no destination of its own.
    pub(super) destination: String,
    secret: Option<Vec<u8>>,
    /// The secret before it, while it still signs beside it.
    previous: Option<Vec<u8>>,
    language: String,
    /// Why the address must not be used, if so.
    pub(super) suppressed: Option<String>,
}

/// How many that a crash interrupted are announced together again.
const INTERRUPTED_ROWS: usize = 16;

const COLUMNS: &str = "a.id, a.keyed_hash, a.ciphertext, a.destination, e.secret, l.tag, s.cause, e.previous, \
    e.previous_until, u.ordinal";
const JOINED: &str = "JOIN address a ON a.id = u.address_id
    JOIN language l ON l.id = u.language
    LEFT JOIN suppression s ON s.keyed_hash = a.keyed_hash
    LEFT JOIN endpoint e ON e.address_id = a.id";

/// How many of these go into one window. What a crash interrupted goes with few others, and what two interrupted goes
/// alone: then the next crash leaves few in doubt, and one that a message causes leaves that message.
fn together<'a>(due: impl Iterator<Item = &'a Sealed>) -> usize {
    let (mut most, mut many) = (usize::MAX, 0);
    for sealed in due {
        if sealed.last_reason == Some(Reason::Interrupted) {
            most = most.min(if sealed.unknowns > 1 {
                1
            } else {
                INTERRUPTED_ROWS
            });
        }
        if many >= most {
            break;
        }
        many += 1;
    }
    many
}

impl Sealed {
    /// The next of the audience that nobody has looked at, as they would be armed now.
    pub(super) fn fresh(
        connection: &Connection,
        broadcast: &Broadcast,
        rows: u32,
        now: Wall,
    ) -> Step<Vec<Self>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM audience u {JOINED}
             WHERE u.broadcast_id = ?1 AND u.ordinal >= ?2 ORDER BY u.ordinal LIMIT ?3"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let found = statement.query(params![broadcast.id.0, broadcast.next, rows])?;
        super::words::collect(found, |row| Self::read(row, now))
    }

    /// Those whose time has come again and that this provider may have, with their exceptions, as they would be armed now.
    pub(super) fn due(
        connection: &Connection,
        broadcast: &Broadcast,
        rows: u32,
        moment: &Moment<'_>,
    ) -> Step<Vec<(Self, Exception)>> {
        let now = moment.now;
        let sql = format!(
            "SELECT {COLUMNS}, x.address_id, x.state, x.attempt, x.charged, x.unknowns, x.unsure,
                 x.not_before, x.reason, x.first_armed_at, x.provider
             FROM exception x
             JOIN audience u ON u.broadcast_id = x.broadcast_id AND u.ordinal = x.ordinal {JOINED}
             WHERE x.broadcast_id = ?1 AND x.state = 1 AND x.not_before <= ?2
             AND (x.provider = ?4 OR (x.provider IS NULL AND NOT ?5))
             ORDER BY x.not_before, x.ordinal LIMIT ?3"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let found = statement.query(params![
            broadcast.id.0,
            now.0,
            rows,
            moment.provider,
            moment.only_its_own
        ])?;
        let mut due = super::words::collect(found, |row| {
            let exception = Exception::read_from(row, 9)?;
            let sealed = Self::read(row, now)?.following(&exception, broadcast.released_at);
            Ok((sealed, exception))
        })?;
        due.truncate(together(due.iter().map(|(sealed, _)| sealed)));
        due.sort_unstable_by_key(|(sealed, _)| sealed.ordinal);
        Ok(due)
    }

    fn read(row: &Row<'_>, now: Wall) -> Step<Self> {
        let both_until: Option<i64> = row.get(8)?;
        let previous = match both_until.map(Wall) {
            Some(until) if until > now => row.get(7)?,
            Some(_) | None => None,
        };
        Ok(Self {
            ordinal: Ordinal(row.get(9)?),
            attempt: 1,
            charged: 0,
            unknowns: 0,
            unsure: false,
            last_reason: None,
            first_armed_at: now,
            address_id: row.get(0)?,
            keyed_hash: row.get(1)?,
            ciphertext: row.get(2)?,
            destination: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
            secret: row.get(4)?,
            previous,
            language: row.get(5)?,
            suppressed: row.get(6)?,
        })
    }

    /// The same after what has happened to it. Where it is not known when it was armed first, it cannot have been
    /// before the release.
    fn following(self, past: &Exception, released_at: Wall) -> Self {
        let known = past.first_armed_at;
        Self {
            attempt: past.attempt + 1,
            charged: past.charged,
            unknowns: past.unknowns,
            unsure: past.unsure,
            last_reason: past.reason,
            first_armed_at: match known {
                Some(at) => at,
                None if past.attempt > 0 => released_at,
                None => self.first_armed_at,
            },
            ..self
        }
    }

    /// The exception that a delivery armed again is kept as.
    pub(super) fn armed_again(&self, past: &Exception) -> Exception {
        Exception {
            care: super::exception::Care::Armed,
            first_armed_at: Some(self.first_armed_at),
            ..past.clone()
        }
    }

    /// How it ends when it cannot be opened: nothing is sent, but what may have been sent before stays unknown.
    fn unreadable(&self, broadcast: BroadcastId, window: WindowId, now: Wall) -> Recorded {
        let (code, follow) = if self.unsure {
            (OutcomeCode::Unknown, Follow::Unknown)
        } else {
            (OutcomeCode::Rejected, Follow::Failed)
        };
        Recorded {
            broadcast,
            ordinal: self.ordinal,
            window,
            attempt: self.attempt,
            at: now,
            code,
            reason: Some(Reason::Unreadable),
            reply: "not sent: what is stored of this address cannot be opened".to_owned(),
            provider_id: None,
            suppress: false,
            follow,
        }
    }

    fn open(self, keys: &Keys, kind: AddressKind) -> Result<Armed, Unreadable> {
        let mut secrets = Vec::new();
        for sealed in self.secret.iter().chain(&self.previous) {
            secrets.push(keys.open_secret(&self.keyed_hash, sealed)?);
        }
        let secret = Secret::all(&secrets);
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
