//! Receipts: a receipt proves that its message was taken, and outranks every outcome.

use super::attempt::{History, spanned};
use super::broadcast::{Broadcast, Standing};
use super::deliveries::by_provider_id;
use super::exception::{Care, Exception, wake_behind_address};
use super::fault::Step;
use super::record::address_of;
use super::words::{milliseconds_after, reason_number};
use oyez_domain::delivery::{Record, fold};
use oyez_domain::id::Ordinal;
use oyez_domain::ledger::{ReceiptAbout, ReceiptRecord, Received};
use oyez_domain::outcome::OutcomeCode;
use rusqlite::{Connection, params};

/// Appends receipts, one broadcast after the other.
pub(super) fn receive(connection: &Connection, records: &[ReceiptRecord]) -> Step<Received> {
    let mut received = Received::default();
    let mut placed = Vec::with_capacity(records.len());
    for record in records {
        let place = match &record.about {
            ReceiptAbout::Delivery(broadcast, ordinal) => Some((*broadcast, *ordinal)),
            ReceiptAbout::ProviderId(channel, id) => {
                by_provider_id(connection, channel.as_str(), id)?
            }
        };
        match place {
            Some((broadcast, ordinal)) => placed.push((broadcast, ordinal, record)),
            None => received.never_armed += 1,
        }
    }
    placed.sort_by_key(|(broadcast, ordinal, _)| (*broadcast, *ordinal));
    for of_one in placed.chunk_by(|a, b| a.0 == b.0) {
        let Some((id, ..)) = of_one.first() else {
            continue;
        };
        let Some(mut broadcast) = Broadcast::find(connection, *id)? else {
            received.never_armed += super::words::natural(i64::try_from(of_one.len()).unwrap_or(0));
            tracing::warn!(
                broadcast = id.0,
                receipts = of_one.len(),
                "receipts name a broadcast that does not exist; they were ignored"
            );
            continue;
        };
        for (_, ordinal, record) in of_one {
            match take_in(connection, &mut broadcast, *ordinal, record)? {
                Effect::Applied => received.applied += 1,
                Effect::Repeated => received.repeated += 1,
                Effect::NeverArmed => {
                    received.never_armed += 1;
                    tracing::warn!(
                        broadcast = broadcast.id.0,
                        ordinal = ordinal.0,
                        "a receipt names a delivery that was never sent; it was ignored"
                    );
                }
            }
        }
        broadcast.save(connection)?;
    }
    Ok(received)
}

enum Effect {
    Applied,
    Repeated,
    NeverArmed,
}

fn take_in(
    connection: &Connection,
    broadcast: &mut Broadcast,
    ordinal: Ordinal,
    record: &ReceiptRecord,
) -> Step<Effect> {
    let exception = Exception::find(connection, broadcast.id, ordinal)?;
    let mut known = History::read(connection, broadcast, ordinal)?;
    if !was_armed(connection, broadcast, ordinal, exception.as_ref(), &known)? {
        return Ok(Effect::NeverArmed);
    }
    let before = known.standing(connection, broadcast, exception.as_ref())?;
    let new = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO receipt (broadcast_id, ordinal, status, at_ms, reason)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            broadcast.id.0,
            ordinal.0,
            record.status.number(),
            milliseconds_after(broadcast.released_at, record.at),
            reason_number(record.reason),
        ])?;
    if new == 0 {
        return Ok(Effect::Repeated);
    }
    known.receipts.push(Record::Receipt(record.status));
    let state = fold(&known.receipts);
    if before.state == state {
        return Ok(Effect::Repeated);
    }
    if exception.is_some() {
        Exception::remove(connection, broadcast.id, ordinal)?;
    }
    broadcast.shift(before, Standing::new(state, None));
    if !before.state.is_settled() && broadcast.has_newer(connection)? {
        let address_id = address_of(connection, broadcast.id, ordinal)?;
        wake_behind_address(connection, address_id, record.at)?;
    }
    Ok(Effect::Applied)
}

/// Whether anything was ever sent, or may be on its way, for which this could be a receipt.
fn was_armed(
    connection: &Connection,
    broadcast: &Broadcast,
    ordinal: Ordinal,
    exception: Option<&Exception>,
    known: &History,
) -> Step<bool> {
    if ordinal.0 >= broadcast.next {
        return Ok(false);
    }
    if exception.is_some_and(|exception| exception.care == Care::Armed) {
        return Ok(true);
    }
    if known.endings.iter().any(is_an_attempt) {
        return Ok(true);
    }
    // Without any attempt it is either on its way for the first time, or it was never to be sent.
    let never_to_be_sent = !known.endings.is_empty() || exception.is_some();
    Ok(!never_to_be_sent && spanned(connection, broadcast, ordinal)?.is_none())
}

fn is_an_attempt(record: &Record) -> bool {
    match record {
        Record::Outcome { code, .. } => match code {
            OutcomeCode::Suppressed
            | OutcomeCode::Stopped
            | OutcomeCode::Expired
            | OutcomeCode::Superseded
            | OutcomeCode::Confirmed
            | OutcomeCode::Reopened
            | OutcomeCode::GivenUp => false,
            OutcomeCode::Accepted
            | OutcomeCode::Throttled
            | OutcomeCode::Deferred
            | OutcomeCode::Rejected
            | OutcomeCode::BadMessage
            | OutcomeCode::ChannelDown
            | OutcomeCode::ChannelRefused
            | OutcomeCode::Unknown
            | OutcomeCode::Orphaned => true,
        },
        Record::Armed { .. } | Record::Disarmed { .. } | Record::Receipt(_) => false,
    }
}
