//! Attempts: appended once each, and read back to say where a delivery stands.

use super::broadcast::{Broadcast, Standing};
use super::exception::{Care, Exception, wake_behind_address};
use super::fault::Step;
use super::words::{code_from, milliseconds_after, reason_from, reason_number, status_from};
use oyez_domain::delivery::{DeliveryState, Record, fold, settled_by};
use oyez_domain::id::Ordinal;
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, params};

/// One attempt's end, or what was decided instead of an attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending<'a> {
    pub(super) ordinal: Ordinal,
    pub(super) attempt: u32,
    pub(super) at: Wall,
    pub(super) code: OutcomeCode,
    pub(super) again: bool,
    pub(super) reason: Option<Reason>,
    pub(super) reply: &'a str,
    pub(super) provider_id: Option<&'a str>,
}

impl Ending<'_> {
    /// What was decided without sending.
    pub(super) fn decided(
        ordinal: Ordinal,
        attempt: u32,
        at: Wall,
        code: OutcomeCode,
        reason: Option<Reason>,
    ) -> Self {
        Self {
            ordinal,
            attempt,
            at,
            code,
            again: false,
            reason,
            reply: "",
            provider_id: None,
        }
    }

    /// Appends it; false when this attempt's end was known already. That an attempt was orphaned is what we noted
    /// for want of anything better: what is known of it after all takes that note's place.
    pub(super) fn append(&self, connection: &Connection, broadcast: &Broadcast) -> Step<bool> {
        let reply = (!self.reply.is_empty()).then_some(self.reply);
        let new = connection
            .prepare_cached(
                "INSERT INTO attempt (broadcast_id, ordinal, attempt, at_ms, code, again,
                     reason, reply, provider_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms, code = excluded.code,
                     again = excluded.again, reason = excluded.reason, reply = excluded.reply,
                     provider_id = excluded.provider_id
                 WHERE code = ?10 AND excluded.code <> ?10",
            )?
            .execute(params![
                broadcast.id.0,
                self.ordinal.0,
                self.attempt,
                milliseconds_after(broadcast.released_at, self.at),
                self.code.number(),
                self.again,
                reason_number(self.reason),
                reply,
                self.provider_id,
                OutcomeCode::Orphaned.number(),
            ])?;
        Ok(new == 1)
    }
}

/// Settles a waiting delivery without another attempt. One that may have been sent is never called unsent:
/// it is unknown. Whoever waited behind it is looked at again.
pub(super) fn settle_unsent(
    connection: &Connection,
    broadcast: &mut Broadcast,
    exception: &Exception,
    ending: Ending<'_>,
) -> Step<()> {
    let before = exception.standing();
    if exception.unsure {
        let reason = Some(Reason::Uncertain);
        Ending {
            code: OutcomeCode::Unknown,
            reason,
            ..ending
        }
        .append(connection, broadcast)?;
        let unknown = Exception {
            care: Care::Unknown,
            attempt: ending.attempt,
            not_before: ending.at,
            reason,
            ..exception.clone()
        };
        unknown.put(connection, broadcast.id)?;
        broadcast.shift(before, unknown.standing());
    } else {
        ending.append(connection, broadcast)?;
        Exception::remove(connection, broadcast.id, exception.ordinal)?;
        broadcast.shift(
            before,
            Standing::new(settled_by(ending.code), ending.reason),
        );
    }
    wake_behind_address(connection, exception.address_id, ending.at)
}

/// Where a delivery stands, from everything the ledger holds of it. The slow way: for what is out of the
/// ordinary only.
pub(super) fn standing(
    connection: &Connection,
    broadcast: &Broadcast,
    ordinal: Ordinal,
    exception: Option<&Exception>,
) -> Step<Standing> {
    History::read(connection, broadcast, ordinal)?.standing(connection, broadcast, exception)
}

/// What the ledger holds of one delivery, but for its exception.
pub(super) struct History {
    ordinal: Ordinal,
    pub(super) endings: Vec<Record>,
    pub(super) receipts: Vec<Record>,
    reason: Option<Reason>,
}

impl History {
    pub(super) fn read(
        connection: &Connection,
        broadcast: &Broadcast,
        ordinal: Ordinal,
    ) -> Step<Self> {
        let (endings, reason) = endings(connection, broadcast, ordinal)?;
        Ok(Self {
            ordinal,
            endings,
            receipts: receipts(connection, broadcast, ordinal)?,
            reason,
        })
    }

    pub(super) fn standing(
        &self,
        connection: &Connection,
        broadcast: &Broadcast,
        exception: Option<&Exception>,
    ) -> Step<Standing> {
        if !self.receipts.is_empty() {
            return Ok(Standing::new(fold(&self.receipts), self.reason));
        }
        if let Some(exception) = exception {
            return Ok(exception.standing());
        }
        if !self.endings.is_empty() {
            return Ok(Standing::new(fold(&self.endings), self.reason));
        }
        let untouched = match spanned(connection, broadcast, self.ordinal)? {
            Some(code) => settled_by(code),
            None if self.ordinal.0 < broadcast.next => DeliveryState::Sending,
            None => DeliveryState::Pending,
        };
        Ok(Standing::new(untouched, None))
    }
}

/// The ends of a delivery's attempts, and the reason of the last.
fn endings(
    connection: &Connection,
    broadcast: &Broadcast,
    ordinal: Ordinal,
) -> Step<(Vec<Record>, Option<Reason>)> {
    let mut statement = connection.prepare_cached(
        "SELECT attempt, code, again, reason FROM attempt
         WHERE broadcast_id = ?1 AND ordinal = ?2 ORDER BY attempt",
    )?;
    let mut rows = statement.query([broadcast.id.0, ordinal.0])?;
    let (mut records, mut last) = (Vec::new(), None);
    while let Some(row) = rows.next()? {
        let reason = reason_from(row.get(3)?)?;
        records.push(Record::Outcome {
            attempt: row.get(0)?,
            code: code_from(row.get(1)?)?,
            reason,
            again: row.get(2)?,
        });
        last = reason;
    }
    Ok((records, last))
}

fn receipts(connection: &Connection, broadcast: &Broadcast, ordinal: Ordinal) -> Step<Vec<Record>> {
    let mut statement = connection
        .prepare_cached("SELECT status FROM receipt WHERE broadcast_id = ?1 AND ordinal = ?2")?;
    let rows = statement.query([broadcast.id.0, ordinal.0])?;
    super::words::collect(rows, |row| Ok(Record::Receipt(status_from(row.get(0)?)?)))
}

/// How the range that covers a delivery was settled, if one does.
pub(super) fn spanned(
    connection: &Connection,
    broadcast: &Broadcast,
    ordinal: Ordinal,
) -> Step<Option<OutcomeCode>> {
    let nearest: Option<(u32, u8)> = connection
        .prepare_cached(
            "SELECT hi, code FROM span WHERE broadcast_id = ?1 AND lo <= ?2
             ORDER BY lo DESC LIMIT 1",
        )?
        .query_row([broadcast.id.0, ordinal.0], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let covering = nearest.filter(|(hi, _)| *hi >= ordinal.0);
    covering.map(|(_, code)| code_from(code)).transpose()
}
