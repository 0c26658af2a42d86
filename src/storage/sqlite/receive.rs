//! Receipts: a receipt proves that its message was taken, and outranks every outcome.

use super::attempt::{History, spanned};
use super::broadcast::{Broadcast, Standing};
use super::exception::{Care, Exception, wake_behind_address};
use super::fault::Step;
use super::miss;
use super::parked::{self, Word};
use super::record::{address_of, suppress};
use super::seeded_bug::{Seeded, SeededBug};
use super::words::{milliseconds_after, reason_number};
use oyez_domain::delivery::{Record, fold};
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::ledger::{ReceiptAbout, ReceiptRecord, Received};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::receipt::ReceiptStatus;
use oyez_domain::subscriber::SuppressionCause;
use rusqlite::{Connection, params};

/// Appends receipts, one broadcast after the other. Those that name an identifier nobody knows yet are parked.
pub(super) fn receive(
    connection: &Connection,
    records: &[ReceiptRecord],
    seeded: Seeded,
) -> Step<Received> {
    let mut received = Received::default();
    let mut placed = Vec::with_capacity(records.len());
    for record in records {
        let word = Word {
            at: record.at,
            known_at: record.at,
            status: record.status,
            reason: record.reason,
        };
        match &record.about {
            ReceiptAbout::Delivery(broadcast, ordinal) => placed.push((*broadcast, *ordinal, word)),
            ReceiptAbout::ProviderId {
                channel,
                provider,
                id,
            } => {
                let id = &parked::named(provider, id);
                match parked::place(connection, channel, id)? {
                    Some((broadcast, ordinal)) => placed.push((broadcast, ordinal, word)),
                    None if parked::park(connection, channel, id, word)? => received.parked += 1,
                    None => received.repeated += 1,
                }
            }
        }
    }
    if let Some(last) = records.iter().map(|record| record.at).max()
        && received.parked > 0
    {
        parked::forget(connection, last)?;
    }
    placed.sort_by_key(|(broadcast, ordinal, _)| (*broadcast, *ordinal));
    for of_one in placed.chunk_by(|a, b| a.0 == b.0) {
        take_in_all(connection, of_one, &mut received, seeded)?;
    }
    Ok(received)
}

/// Takes in receipts of one broadcast.
fn take_in_all(
    connection: &Connection,
    placed: &[(BroadcastId, Ordinal, Word)],
    received: &mut Received,
    seeded: Seeded,
) -> Step<()> {
    let Some((id, ..)) = placed.first() else {
        return Ok(());
    };
    let Some(mut broadcast) = Broadcast::find(connection, *id)? else {
        received.never_armed += u64::try_from(placed.len()).unwrap_or(u64::MAX);
        tracing::warn!(
            broadcast = id.0,
            receipts = placed.len(),
            "receipts name a broadcast that does not exist; they were ignored"
        );
        return Ok(());
    };
    for (_, ordinal, word) in placed {
        match take_in(connection, &mut broadcast, *ordinal, word, seeded)? {
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
    broadcast.save(connection)
}

/// What a receipt changed.
pub(super) enum Effect {
    Applied,
    Repeated,
    NeverArmed,
}

pub(super) fn take_in(
    connection: &Connection,
    broadcast: &mut Broadcast,
    ordinal: Ordinal,
    word: &Word,
    seeded: Seeded,
) -> Step<Effect> {
    let exception = Exception::find(connection, broadcast.id, ordinal)?;
    let mut known = History::read(connection, broadcast, ordinal)?;
    if !was_armed(connection, broadcast, ordinal, exception.as_ref(), &known)? {
        return Ok(Effect::NeverArmed);
    }
    let before = known.standing(connection, broadcast, exception.as_ref())?;
    if !append(connection, broadcast, ordinal, word)? {
        return Ok(Effect::Repeated);
    }
    if let Some(cause) = word.suppresses() {
        suppress(connection, broadcast, ordinal, cause, word.known_at)?;
    }
    if word.came_back() {
        miss::note(connection, broadcast, ordinal, word.reason, word.at)?;
    }
    if seeded.has(SeededBug::ReceiptsLastWriteWins) {
        known.receipts.clear();
    }
    known.receipts.push(Record::Receipt(word.status));
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
        wake_behind_address(connection, address_id, word.at)?;
    }
    Ok(Effect::Applied)
}

/// False when this delivery has a receipt of this status already.
fn append(
    connection: &Connection,
    broadcast: &Broadcast,
    ordinal: Ordinal,
    word: &Word,
) -> Step<bool> {
    let new = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO receipt (broadcast_id, ordinal, status, at_ms, reason)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            broadcast.id.0,
            ordinal.0,
            word.status.number(),
            milliseconds_after(broadcast.released_at, word.at),
            reason_number(word.reason),
        ])?;
    Ok(new == 1)
}

impl Word {
    /// Whether it is a mail that came back.
    fn came_back(&self) -> bool {
        matches!(
            self.status,
            ReceiptStatus::Bounced | ReceiptStatus::BouncedForNow
        )
    }

    /// Why the address must not be used again, if it says so.
    fn suppresses(&self) -> Option<SuppressionCause> {
        match self.status {
            ReceiptStatus::Complained => Some(SuppressionCause::Complaint),
            ReceiptStatus::Undelivered | ReceiptStatus::Bounced => {
                let stops = matches!(self.reason, Some(Reason::AddressUnknown | Reason::OptedOut));
                stops.then(|| SuppressionCause::of_refusal(self.reason))
            }
            ReceiptStatus::Underway
            | ReceiptStatus::UndeliveredForNow
            | ReceiptStatus::BouncedForNow
            | ReceiptStatus::Delivered => None,
        }
    }
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
