//! Receipts: applied where they belong, parked where nobody knows yet, never believed about what was not sent.

use super::state::{Place, State};
use oyez_domain::LedgerResult;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::ledger::{
    PARKED_RECEIPTS, PARKED_SECONDS, ReceiptAbout, ReceiptRecord, Received, Recorded,
};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::receipt::ReceiptStatus;
use oyez_domain::subscriber::SuppressionCause;
use oyez_domain::time::Wall;
use std::time::Duration;

impl State {
    pub(super) fn receive(
        &mut self,
        records: &[ReceiptRecord],
        last_write_wins: bool,
    ) -> LedgerResult<Received> {
        let mut received = Received::default();
        for record in records {
            match self.place_of(&record.about) {
                Some((broadcast, ordinal)) => {
                    match self.take_in((broadcast, ordinal), record, record.at, last_write_wins)? {
                        Effect::Applied => received.applied += 1,
                        Effect::Repeated => received.repeated += 1,
                        Effect::NeverArmed => received.never_armed += 1,
                    }
                }
                None => match self.park(record) {
                    Effect::Applied | Effect::NeverArmed => received.parked += 1,
                    Effect::Repeated => received.repeated += 1,
                },
            }
        }
        Ok(received)
    }

    /// Keeps a receipt until its acceptance comes; the oldest gives way to the newest.
    fn park(&mut self, record: &ReceiptRecord) -> Effect {
        self.parked.retain(|parked| is_fresh(parked, record.at));
        let same =
            |parked: &ReceiptRecord| parked.about == record.about && parked.status == record.status;
        if self.parked.iter().any(same) {
            return Effect::Repeated;
        }
        if self.parked.len() >= usize::try_from(PARKED_RECEIPTS).unwrap() {
            self.parked.remove(0);
        }
        self.parked.push(record.clone());
        Effect::Applied
    }

    fn place_of(&self, about: &ReceiptAbout) -> Option<(BroadcastId, Ordinal)> {
        match about {
            ReceiptAbout::Delivery(broadcast, ordinal) => Some((*broadcast, *ordinal)),
            ReceiptAbout::ProviderId {
                channel,
                provider,
                id,
            } => {
                let newest_first = self.broadcasts.iter().rev();
                let mut of_channel = newest_first.filter(|b| b.rules.channel == *channel);
                of_channel.find_map(|broadcast| {
                    let mut all = (0..).map(Ordinal).zip(&broadcast.deliveries);
                    let (ordinal, _) = all.find(|(_, delivery)| {
                        let mut taken = delivery
                            .ends
                            .iter()
                            .filter(|end| end.view.provider_id.as_ref() == Some(id));
                        taken.any(|end| end.provider.as_ref() == Some(provider))
                    })?;
                    Some((broadcast.id, ordinal))
                })
            }
        }
    }

    /// Applies the receipts that waited for this acceptance.
    pub(super) fn join_parked(&mut self, recorded: &Recorded, id: &str) -> LedgerResult<()> {
        let channel = self.broadcast(recorded.broadcast)?.rules.channel.clone();
        let about = ReceiptAbout::ProviderId {
            channel,
            provider: self.provider_of(recorded.window).unwrap_or_default(),
            id: id.to_owned(),
        };
        let (mine, others) = std::mem::take(&mut self.parked)
            .into_iter()
            .partition::<Vec<_>, _>(|record| record.about == about);
        self.parked = others;
        for record in mine.iter().filter(|record| is_fresh(record, recorded.at)) {
            let place = (recorded.broadcast, recorded.ordinal);
            self.take_in(place, record, recorded.at, false)?;
        }
        Ok(())
    }

    fn take_in(
        &mut self,
        (id, ordinal): (BroadcastId, Ordinal),
        record: &ReceiptRecord,
        known_at: Wall,
        last_write_wins: bool,
    ) -> LedgerResult<Effect> {
        let broadcast = self.broadcast_mut(id).ok();
        let delivery = broadcast.and_then(|b| b.delivery_mut(ordinal));
        let Some(delivery) = delivery.filter(|delivery| delivery.was_armed()) else {
            return Ok(Effect::NeverArmed);
        };
        if delivery
            .receipts
            .iter()
            .any(|(_, known, _)| *known == record.status)
        {
            return Ok(Effect::Repeated);
        }
        let before = delivery.state();
        delivery
            .receipts
            .push((record.at, record.status, record.reason));
        let higher = |known: ReceiptStatus| known.rank() >= record.status.rank();
        match delivery.told {
            Some(known) if higher(known) && !last_write_wins => {}
            Some(_) | None => delivery.told = Some(record.status),
        }
        let (row, after) = (delivery.row, delivery.state());
        delivery.place = Place::Settled(OutcomeCode::Accepted);
        if let Some(cause) = stops(record) {
            let address = self.known(row)?.address.clone();
            self.suppress(&address, cause, known_at);
        }
        if matches!(
            record.status,
            ReceiptStatus::Bounced | ReceiptStatus::BouncedForNow
        ) {
            self.note_miss((id, row), record.reason, record.at)?;
        }
        self.broadcast_mut(id)?.see_whether_done();
        Ok(if before == after {
            Effect::Repeated
        } else {
            Effect::Applied
        })
    }
}

enum Effect {
    Applied,
    Repeated,
    NeverArmed,
}

/// Whether a parked receipt may still be joined.
fn is_fresh(parked: &ReceiptRecord, now: Wall) -> bool {
    now.since(parked.at) < Duration::from_secs(PARKED_SECONDS)
}

/// Why the address must not be used after this receipt, if so.
fn stops(record: &ReceiptRecord) -> Option<SuppressionCause> {
    match (record.status, record.reason) {
        (ReceiptStatus::Complained, _) => Some(SuppressionCause::Complaint),
        (ReceiptStatus::Bounced | ReceiptStatus::Undelivered, Some(Reason::AddressUnknown)) => {
            Some(SuppressionCause::AddressUnknown)
        }
        (ReceiptStatus::Bounced | ReceiptStatus::Undelivered, Some(Reason::OptedOut)) => {
            Some(SuppressionCause::StopWord)
        }
        (
            ReceiptStatus::Bounced
            | ReceiptStatus::Undelivered
            | ReceiptStatus::Underway
            | ReceiptStatus::UndeliveredForNow
            | ReceiptStatus::Delivered
            | ReceiptStatus::BouncedForNow,
            _,
        ) => None,
    }
}
