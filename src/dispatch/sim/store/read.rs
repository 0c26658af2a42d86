//! What people and the judge are shown.

use super::state::{Answer, Broadcast, Delivery, State};
use oyez_domain::LedgerResult;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::{BroadcastId, Ordinal, UpdateId};
use oyez_domain::ledger::{
    Answered, AttemptEnd, BroadcastEvidence, BroadcastView, DeliveryFilter, DeliveryView,
    ReceiptSeen, Recipient, Start, SystemEvidence, WindowId,
};
use oyez_domain::outcome::Reason;
use std::collections::BTreeMap;

impl State {
    pub(super) fn views(&self, of: &[BroadcastId]) -> LedgerResult<Vec<BroadcastView>> {
        of.iter()
            .map(|id| self.view(self.broadcast(*id)?))
            .collect()
    }

    /// Broadcasts of one update, or all with something still to be settled.
    pub(super) fn broadcasts(&self, update: Option<UpdateId>) -> LedgerResult<Vec<BroadcastView>> {
        let wanted = |broadcast: &&Broadcast| match update {
            Some(update) => broadcast.update == update,
            None => !broadcast.planned || broadcast.deliveries.iter().any(Delivery::is_open),
        };
        let found = self.broadcasts.iter().filter(wanted);
        found.map(|broadcast| self.view(broadcast)).collect()
    }

    fn view(&self, broadcast: &Broadcast) -> LedgerResult<BroadcastView> {
        let counts = broadcast.counts();
        let in_state = |state| {
            let found = broadcast.deliveries.iter().filter(|d| d.state() == state);
            found.count() as u64
        };
        Ok(BroadcastView {
            id: broadcast.id,
            update: broadcast.update,
            reference: self.update(broadcast.update)?.reference.clone(),
            channel: broadcast.rules.channel.clone(),
            kind: broadcast.rules.kind.clone(),
            state: broadcast.state,
            counts,
            in_flight: in_state(DeliveryState::Sending),
            waiting: in_state(DeliveryState::Waiting),
            planned: broadcast.planned,
            urgent: broadcast.urgent,
            duplicate_bound: broadcast.rules.duplicate_bound,
            released_at: broadcast.released_at,
            first_outcome_at: broadcast.first_outcome_at,
            last_outcome_at: broadcast.last_outcome_at,
            next_due_at: broadcast.deliveries.iter().filter_map(Delivery::due).min(),
            reasons: reasons(broadcast),
        })
    }

    pub(super) fn deliveries(
        &self,
        update: UpdateId,
        filter: &DeliveryFilter,
    ) -> LedgerResult<Vec<DeliveryView>> {
        self.update(update)?;
        let mut found = Vec::new();
        for broadcast in self.broadcasts.iter().filter(|b| b.update == update) {
            let channel = &broadcast.rules.channel;
            if filter.channel.as_ref().is_some_and(|name| name != channel) {
                continue;
            }
            for (ordinal, delivery) in (0..).map(Ordinal).zip(&broadcast.deliveries) {
                let address = &self.known(delivery.row)?.address;
                let wanted = filter
                    .after
                    .is_none_or(|after| (broadcast.id, ordinal) > after)
                    && filter.address.as_ref().is_none_or(|a| a == address)
                    && filter.state.is_none_or(|state| state == delivery.state());
                if wanted {
                    found.push(DeliveryView {
                        broadcast: broadcast.id,
                        channel: channel.clone(),
                        ordinal,
                        address: address.clone(),
                        state: delivery.state(),
                        not_before: delivery.due(),
                        attempts: delivery.ends.iter().map(|end| end.view.clone()).collect(),
                        receipts: delivery.receipts.clone(),
                    });
                }
            }
        }
        found.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    pub(super) fn evidence(&self, id: BroadcastId) -> LedgerResult<BroadcastEvidence> {
        let broadcast = self.broadcast(id)?;
        let deliveries = || (0..).map(Ordinal).zip(&broadcast.deliveries);
        let mut audience = Vec::with_capacity(broadcast.deliveries.len());
        for (ordinal, delivery) in deliveries() {
            audience.push(Recipient {
                ordinal,
                address_id: delivery.row,
                address: self.known(delivery.row)?.address.clone(),
                stops: self.stops(delivery.row),
            });
        }
        let ends = deliveries().flat_map(|(ordinal, delivery)| {
            delivery.ends.iter().map(move |end| AttemptEnd {
                ordinal,
                attempt: end.view.attempt,
                at: end.view.at,
                code: end.view.outcome,
                again: end.again,
                not_before: end.not_before,
                reason: end.view.reason,
                late: end.late,
            })
        });
        let receipts = deliveries().flat_map(|(ordinal, delivery)| {
            let seen = move |(at, status, _): &_| ReceiptSeen {
                ordinal,
                status: *status,
                at: *at,
            };
            delivery.receipts.iter().map(seen)
        });
        Ok(BroadcastEvidence {
            view: self.view(broadcast)?,
            incident: broadcast.incident,
            expires_at: broadcast.rules.expires_at,
            holds_unknown: broadcast.rules.holds_unknown,
            audience,
            armed: broadcast.armed.clone(),
            providers: (1..)
                .map(WindowId)
                .zip(&self.windows)
                .filter(|(_, window)| window.broadcast == broadcast.id)
                .map(|(id, window)| (id, window.provider.clone()))
                .collect(),
            disarmed: broadcast.disarmed.clone(),
            ends: ends.collect(),
            spans: broadcast.spans.clone(),
            receipts: receipts.collect(),
        })
    }

    pub(super) fn system_evidence(&self) -> SystemEvidence {
        let starts = (1..).zip(&self.starts).map(|(boot, start)| Start {
            boot,
            at: start.at,
            ended: start.ended,
        });
        let answered = self.answers.values().map(|(_, answer)| Answered {
            made: answer.made(),
            stands: self.stands(answer),
        });
        SystemEvidence {
            starts: starts.collect(),
            resumes: self.resumes.clone(),
            answered: answered.collect(),
        }
    }
}

impl State {
    /// Whether what a request made is there.
    fn stands(&self, answer: &Answer) -> bool {
        match answer {
            Answer::Incident(id) => self.incidents.contains_key(id),
            Answer::Update(id) => self.updates.contains_key(id),
            Answer::Release(_, made) => made.iter().all(|(id, _)| self.broadcast(*id).is_ok()),
            Answer::Decided(_) | Answer::Test(_) => true,
        }
    }
}

/// Failed, unknown and waiting by reason, most first.
fn reasons(broadcast: &Broadcast) -> Vec<(Reason, u64)> {
    let mut counted: BTreeMap<Reason, u64> = BTreeMap::new();
    for delivery in &broadcast.deliveries {
        let counts = match delivery.state() {
            DeliveryState::Rejected | DeliveryState::Waiting | DeliveryState::Unknown => true,
            DeliveryState::Pending
            | DeliveryState::Sending
            | DeliveryState::Accepted
            | DeliveryState::Delivered
            | DeliveryState::Undelivered
            | DeliveryState::Suppressed
            | DeliveryState::Expired
            | DeliveryState::Superseded
            | DeliveryState::Stopped => false,
        };
        if let Some(reason) = delivery.reason.filter(|_| counts) {
            *counted.entry(reason).or_default() += 1;
        }
    }
    let mut counted: Vec<_> = counted.into_iter().collect();
    counted.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), *reason));
    counted
}
