//! One broadcast's evidence, sorted by recipient, with every state folded.

use super::Request;
use crate::delivery::{DeliveryState, Record, fold};
use crate::id::Ordinal;
use crate::ledger::{
    ArmedRun, AttemptEnd, BroadcastEvidence, DisarmedRun, ReceiptSeen, Recipient, SettledRun,
};
use crate::outcome::OutcomeCode;

/// One thing the ledger holds of a delivery.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event<'a> {
    Armed(&'a ArmedRun),
    Disarmed(&'a DisarmedRun),
    Ended(&'a AttemptEnd),
    Settled(&'a SettledRun),
    Receipt(&'a ReceiptSeen),
}

impl Event<'_> {
    /// The same for the fold.
    pub(super) fn record(self) -> Record {
        let outcome = |attempt, code, again| Record::Outcome {
            attempt,
            code,
            reason: None,
            again,
        };
        match self {
            Self::Armed(run) => Record::Armed {
                attempt: run.attempt,
            },
            Self::Disarmed(run) => Record::Disarmed {
                attempt: run.attempt,
            },
            Self::Ended(end) => outcome(end.attempt, end.code, end.again),
            // A range that was settled as a whole is the last word on everything in it that had no success.
            Self::Settled(run) => outcome(u32::MAX, run.code, false),
            Self::Receipt(receipt) => Record::Receipt(receipt.status),
        }
    }
}

/// One broadcast with everything folded. Places are positions in the audience.
pub(super) struct Case<'a> {
    pub(super) evidence: &'a BroadcastEvidence,
    pub(super) states: Vec<DeliveryState>,
    /// Records and requests that name nobody in the audience.
    pub(super) strangers: Vec<Ordinal>,
    events: Grouped<Event<'a>>,
    requests: Grouped<&'a Request>,
}

impl<'a> Case<'a> {
    /// `requests` are those whose key names this broadcast, in the order of time.
    pub(super) fn new(
        evidence: &'a BroadcastEvidence,
        requests: Vec<(Ordinal, &'a Request)>,
    ) -> Self {
        let audience = &evidence.audience;
        let mut strangers = Vec::new();
        let events = Grouped::new(audience.len(), events(evidence, &mut strangers));
        let mut placed = Vec::with_capacity(requests.len());
        for (ordinal, request) in requests {
            match place(audience, ordinal) {
                Some(place) => placed.push((place, request)),
                None => strangers.push(ordinal),
            }
        }
        let mut records = Vec::new();
        let states = (0..audience.len())
            .map(|place| {
                records.clear();
                records.extend(events.of(place).iter().map(|event| event.record()));
                fold(&records)
            })
            .collect();
        Self {
            evidence,
            states,
            strangers,
            requests: Grouped::new(audience.len(), placed),
            events,
        }
    }

    /// Every place with its recipient.
    pub(super) fn places(&self) -> impl Iterator<Item = (usize, &'a Recipient)> + use<'a> {
        self.evidence.audience.iter().enumerate()
    }

    /// What the ledger holds of the delivery at a place.
    pub(super) fn events(&self, place: usize) -> &[Event<'a>] {
        self.events.of(place)
    }

    /// What the provider saw of it, in the order of time.
    pub(super) fn requests(&self, place: usize) -> &[&'a Request] {
        self.requests.of(place)
    }

    /// What of that reached somebody.
    pub(super) fn effects(&self, place: usize) -> impl Iterator<Item = &'a Request> {
        self.requests(place)
            .iter()
            .copied()
            .filter(|request| request.effect)
    }

    /// How often it reached somebody.
    pub(super) fn copies(&self, place: usize) -> u64 {
        self.effects(place).count() as u64
    }

    /// Copies beyond the first, over all recipients.
    pub(super) fn duplicates(&self) -> u64 {
        self.places()
            .map(|(place, _)| self.copies(place).saturating_sub(1))
            .sum()
    }

    /// Recipients whose stored address cannot be opened.
    pub(super) fn unreadable(&self) -> u64 {
        let audience = self.evidence.audience.iter();
        let unreadable = audience.filter(|recipient| recipient.address.is_unreadable());
        u64::try_from(unreadable.count()).unwrap_or(u64::MAX)
    }

    /// D.
    pub(super) fn bound(&self) -> u64 {
        u64::from(self.evidence.view.duplicate_bound)
    }

    /// The delivery at a place, as a person finds it again.
    pub(super) fn name(&self, place: usize) -> String {
        let ordinal = self.evidence.audience.get(place).map(|r| r.ordinal);
        self.name_of(ordinal.unwrap_or(Ordinal(u32::MAX)))
    }

    /// The delivery with an ordinal, as a person finds it again.
    pub(super) fn name_of(&self, ordinal: Ordinal) -> String {
        let view = &self.evidence.view;
        format!(
            "broadcast {} ({}), ordinal {}",
            view.id.0, view.channel, ordinal.0
        )
    }
}

/// Where an ordinal stands in the audience. Ordinals count from 0 without gaps, so the first look finds most.
fn place(audience: &[Recipient], ordinal: Ordinal) -> Option<usize> {
    let direct = usize::try_from(ordinal.0).ok()?;
    if audience.get(direct).is_some_and(|r| r.ordinal == ordinal) {
        return Some(direct);
    }
    audience.binary_search_by_key(&ordinal, |r| r.ordinal).ok()
}

fn events<'a>(
    evidence: &'a BroadcastEvidence,
    strangers: &mut Vec<Ordinal>,
) -> Vec<(usize, Event<'a>)> {
    let audience = &evidence.audience;
    let mut events = Vec::with_capacity(audience.len() * 2);
    let mut spread = |lo: Ordinal, hi: Ordinal, event: Event<'a>| {
        if lo == hi {
            match place(audience, lo) {
                Some(place) => events.push((place, event)),
                None => strangers.push(lo),
            }
            return;
        }
        let from = audience.partition_point(|r| r.ordinal < lo);
        let to = audience.partition_point(|r| r.ordinal <= hi);
        events.extend((from..to).map(|place| (place, event)));
        let announced = u64::from(hi.0).saturating_sub(u64::from(lo.0)) + 1;
        if to.saturating_sub(from) as u64 != announced {
            strangers.push(hi);
        }
    };
    for run in &evidence.armed {
        spread(run.lo, run.hi, Event::Armed(run));
    }
    for run in &evidence.disarmed {
        spread(run.lo, run.hi, Event::Disarmed(run));
    }
    for run in &evidence.spans {
        spread(run.lo, run.hi, Event::Settled(run));
    }
    for end in &evidence.ends {
        spread(end.ordinal, end.ordinal, Event::Ended(end));
    }
    for receipt in &evidence.receipts {
        spread(receipt.ordinal, receipt.ordinal, Event::Receipt(receipt));
    }
    events
}

/// Whether this is how an attempt ended, and not what was decided instead of one.
pub(super) fn is_an_attempt(code: OutcomeCode) -> bool {
    match code {
        OutcomeCode::Accepted
        | OutcomeCode::Throttled
        | OutcomeCode::Deferred
        | OutcomeCode::Rejected
        | OutcomeCode::BadMessage
        | OutcomeCode::ChannelDown
        | OutcomeCode::ChannelRefused
        | OutcomeCode::Unknown
        | OutcomeCode::Orphaned => true,
        OutcomeCode::Suppressed
        | OutcomeCode::Stopped
        | OutcomeCode::Expired
        | OutcomeCode::Superseded
        | OutcomeCode::Confirmed
        | OutcomeCode::Reopened
        | OutcomeCode::GivenUp => false,
    }
}

/// Things by place, in two allocations however many places there are.
struct Grouped<T> {
    /// Where each place's things begin; one more than there are places.
    starts: Vec<usize>,
    things: Vec<T>,
}

impl<T: Copy> Grouped<T> {
    /// The order within a place is kept.
    fn new(places: usize, mut pairs: Vec<(usize, T)>) -> Self {
        pairs.sort_by_key(|(place, _)| *place);
        let mut starts = vec![0; places + 1];
        for (place, _) in &pairs {
            if let Some(count) = starts.get_mut(place + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        Self {
            starts,
            things: pairs.into_iter().map(|(_, thing)| thing).collect(),
        }
    }

    fn of(&self, place: usize) -> &[T] {
        match (self.starts.get(place), self.starts.get(place + 1)) {
            (Some(from), Some(to)) => self.things.get(*from..*to).unwrap_or_default(),
            (None, _) | (_, None) => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_found_at_their_place_in_their_order() {
        let grouped = Grouped::new(4, vec![(2, 'a'), (0, 'b'), (2, 'c'), (3, 'd')]);
        assert_eq!(grouped.of(0), ['b']);
        assert!(grouped.of(1).is_empty());
        assert_eq!(grouped.of(2), ['a', 'c']);
        assert_eq!(grouped.of(3), ['d']);
        assert!(grouped.of(4).is_empty());
    }
}
