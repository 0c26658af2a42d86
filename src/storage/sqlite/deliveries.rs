//! Single deliveries as people see them, folded from what the ledger holds.

use super::broadcast::Broadcast;
use super::fault::Step;
use super::words::{channel_name, code_from, moment_after, reason_from, status_from};
use crate::key::Keys;
use oyez_domain::address::Address;
use oyez_domain::delivery::{DeliveryState, Record, fold};
use oyez_domain::id::{Ordinal, UpdateId};
use oyez_domain::ledger::{AttemptView, DeliveryFilter, DeliveryView};
use oyez_domain::outcome::Reason;
use oyez_domain::receipt::ReceiptStatus;
use oyez_domain::time::Wall;
use rusqlite::{Connection, params};

/// Rows of the audience looked at in one go.
const PAGE: u32 = 500;

/// Deliveries of one update that match, in the order of broadcast and ordinal.
pub(super) fn deliveries(
    connection: &Connection,
    keys: &Keys,
    update: UpdateId,
    filter: &DeliveryFilter,
) -> Step<Vec<DeliveryView>> {
    super::incidents::read_update(connection, update)?;
    let wanted = filter.address.as_ref().map(|address| keys.hash(address));
    let mut found = Vec::new();
    let broadcasts = Broadcast::all(
        connection,
        "update_id = ?1 ORDER BY id",
        [update.as_bytes()],
    )?;
    for broadcast in broadcasts {
        let other_channel = filter
            .channel
            .as_ref()
            .is_some_and(|channel| channel.as_str() != broadcast.channel);
        let from = match filter.after {
            Some((after, _)) if after > broadcast.id => continue,
            Some((after, Ordinal(ordinal))) if after == broadcast.id => ordinal + 1,
            Some(_) | None => 0,
        };
        if other_channel {
            continue;
        }
        let mut page = Page {
            connection,
            keys,
            broadcast: &broadcast,
            where_to_look: where_to_look(filter.state),
            next: from,
        };
        loop {
            let looked_at = page.next(wanted.as_ref().map(<[u8; 16]>::as_slice))?;
            if looked_at.is_empty() {
                break;
            }
            for (ordinal, address) in looked_at {
                let view = delivery(connection, &broadcast, ordinal, address)?;
                if filter.state.is_none_or(|state| state == view.state) {
                    found.push(view);
                }
                if found.len() >= usize::try_from(filter.limit).unwrap_or(usize::MAX) {
                    return Ok(found);
                }
            }
        }
    }
    Ok(found)
}

/// Narrows the walk to where deliveries in a state leave a trace, so that the few of a large audience are found at once.
fn where_to_look(state: Option<DeliveryState>) -> &'static str {
    use DeliveryState as S;
    match state {
        Some(S::Waiting | S::Unknown) => {
            "AND u.ordinal IN (SELECT ordinal FROM exception WHERE broadcast_id = ?1)"
        }
        // Any outcome but an acceptance; 1 is `OutcomeCode::Accepted`.
        Some(S::Rejected) => {
            "AND u.ordinal IN (SELECT ordinal FROM attempt WHERE broadcast_id = ?1 AND code <> 1)"
        }
        Some(S::Delivered | S::Undelivered) => {
            "AND u.ordinal IN (SELECT ordinal FROM receipt WHERE broadcast_id = ?1)"
        }
        Some(
            S::Pending
            | S::Sending
            | S::Accepted
            | S::Suppressed
            | S::Expired
            | S::Superseded
            | S::Stopped,
        )
        | None => "",
    }
}

/// A walk through one audience.
struct Page<'a> {
    connection: &'a Connection,
    keys: &'a Keys,
    broadcast: &'a Broadcast,
    where_to_look: &'static str,
    next: u32,
}

impl Page<'_> {
    fn next(&mut self, wanted: Option<&[u8]>) -> Step<Vec<(Ordinal, Address)>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT u.ordinal, a.keyed_hash, a.ciphertext FROM audience u
             JOIN address a ON a.id = u.address_id
             WHERE u.broadcast_id = ?1 AND u.ordinal >= ?2
             AND (?3 IS NULL OR u.address_id = (SELECT id FROM address WHERE keyed_hash = ?3))
             {} ORDER BY u.ordinal LIMIT ?4",
            self.where_to_look
        ))?;
        let rows = statement.query(params![self.broadcast.id.0, self.next, wanted, PAGE])?;
        let page = super::words::collect(rows, |row| {
            let (hash, sealed): (_, Vec<u8>) = (row.get(1)?, row.get(2)?);
            let address = self
                .keys
                .open_address(self.broadcast.carries, &hash, &sealed)?;
            Ok((Ordinal(row.get(0)?), address))
        })?;
        if let Some((Ordinal(last), _)) = page.last() {
            self.next = last + 1;
        }
        Ok(page)
    }
}

fn delivery(
    connection: &Connection,
    broadcast: &Broadcast,
    ordinal: Ordinal,
    address: Address,
) -> Step<DeliveryView> {
    let attempts = attempts(connection, broadcast, ordinal)?;
    let receipts = receipts(connection, broadcast, ordinal)?;
    let mut records: Vec<Record> = receipts
        .iter()
        .map(|(_, status, _)| Record::Receipt(*status))
        .collect();
    records.extend(attempts.iter().map(|(view, again)| Record::Outcome {
        attempt: view.attempt,
        code: view.outcome,
        reason: view.reason,
        again: *again,
    }));
    let exception = super::exception::Exception::find(connection, broadcast.id, ordinal)?;
    // What is on its way and what a range settled left no outcome; the standing knows.
    let state = if records.is_empty() || exception.is_some() {
        super::attempt::standing(connection, broadcast, ordinal, exception.as_ref())?.state
    } else {
        fold(&records)
    };
    let waits = matches!(state, DeliveryState::Waiting | DeliveryState::Pending);
    Ok(DeliveryView {
        broadcast: broadcast.id,
        channel: channel_name("broadcast", broadcast.channel.clone())?,
        ordinal,
        address,
        state,
        not_before: exception
            .filter(|_| waits)
            .map(|exception| exception.not_before),
        attempts: attempts.into_iter().map(|(view, _)| view).collect(),
        receipts,
    })
}

fn attempts(
    connection: &Connection,
    broadcast: &Broadcast,
    ordinal: Ordinal,
) -> Step<Vec<(AttemptView, bool)>> {
    let mut statement = connection.prepare_cached(
        "SELECT attempt, at_ms, code, reason, reply, provider_id, again FROM attempt
         WHERE broadcast_id = ?1 AND ordinal = ?2 ORDER BY attempt",
    )?;
    let rows = statement.query([broadcast.id.0, ordinal.0])?;
    super::words::collect(rows, |row| {
        let view = AttemptView {
            attempt: row.get(0)?,
            at: moment_after(broadcast.released_at, row.get(1)?),
            outcome: code_from(row.get(2)?)?,
            reason: reason_from(row.get(3)?)?,
            reply: row.get::<_, Option<String>>(4)?.unwrap_or_default(),
            provider_id: row.get(5)?,
        };
        Ok((view, row.get(6)?))
    })
}

type ReceiptView = (Wall, ReceiptStatus, Option<Reason>);

fn receipts(
    connection: &Connection,
    broadcast: &Broadcast,
    ordinal: Ordinal,
) -> Step<Vec<ReceiptView>> {
    let mut statement = connection.prepare_cached(
        "SELECT at_ms, status, reason FROM receipt
         WHERE broadcast_id = ?1 AND ordinal = ?2 ORDER BY at_ms, status",
    )?;
    let rows = statement.query([broadcast.id.0, ordinal.0])?;
    super::words::collect(rows, |row| {
        Ok((
            moment_after(broadcast.released_at, row.get(0)?),
            status_from(row.get(1)?)?,
            reason_from(row.get(2)?)?,
        ))
    })
}
