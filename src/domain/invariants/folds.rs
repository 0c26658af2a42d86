//! The laws of the fold (I11): order and repetition of records change no state, and no record takes back a success.

use super::Judgement;
use super::case::Event;
use super::findings::Findings;
use super::scene::Scene;
use crate::delivery::{DeliveryState, Record, fold};
use std::collections::HashSet;

/// Histories of up to so many records are tried in every order, longer ones in some rotations, both ways round.
const EVERY_ORDER: usize = 5;
/// Rotations tried of a longer one, and moments looked at within an order.
const SAMPLES: usize = 8;

pub(super) fn obeyed(scene: &Scene<'_>) -> Judgement {
    let mut found = Findings::default();
    // Most deliveries of a broadcast have the same history; each is tried once.
    let mut tried = HashSet::new();
    let mut history = Vec::new();
    for case in &scene.cases {
        for (place, _) in case.places() {
            history.clear();
            history.extend(case.events(place).iter().map(|event| event.record()));
            let key: Vec<_> = case.events(place).iter().map(spelt).collect();
            if !tried.insert(key) {
                continue;
            }
            if let Some(broken) = broken_law(&history) {
                found.broken(|| format!("{}: {broken}", case.name(place)));
            }
        }
    }
    found.judge("I11", "order and repetition of records change no state")
}

/// A record in numbers: equal ones fold alike.
fn spelt(event: &Event<'_>) -> (u8, u32, u8, bool) {
    match event {
        Event::Armed(run) => (0, run.attempt, 0, false),
        Event::Disarmed(run) => (1, run.attempt, 0, false),
        Event::Ended(end) => (2, end.attempt, end.code.number(), end.again),
        Event::Settled(run) => (3, 0, run.code.number(), false),
        Event::Receipt(receipt) => (4, 0, receipt.status.number(), false),
    }
}

/// The law that a history breaks, if any.
fn broken_law(history: &[Record]) -> Option<&'static str> {
    let state = fold(history);
    let twice: Vec<_> = history.iter().chain(history).copied().collect();
    if fold(&twice) != state {
        return Some("its records count differently when they come twice");
    }
    let mut taken_back = false;
    let mut reordered = false;
    let mut look = |order: &[Record]| {
        reordered |= fold(order) != state;
        taken_back |= falls(order);
    };
    if history.len() <= EVERY_ORDER {
        every_order(&mut history.to_vec(), 0, &mut look);
    } else {
        let mut order = history.to_vec();
        for _ in 0..SAMPLES {
            order.rotate_left(history.len().div_ceil(SAMPLES));
            look(&order);
            order.reverse();
            look(&order);
            order.reverse();
        }
    }
    if reordered {
        Some("its records count differently in another order")
    } else if taken_back {
        Some("a record that came later took a success back")
    } else {
        None
    }
}

/// Whether a success that was known at some point is no longer known later.
fn falls(order: &[Record]) -> bool {
    let mut highest = 0;
    let step = order.len().div_ceil(SAMPLES).max(1);
    let mut ends = (1..=order.len()).step_by(step).chain([order.len()]);
    ends.any(|end| {
        let rank = rank(fold(order.get(..end).unwrap_or_default()));
        let falls = rank < highest;
        highest = highest.max(rank);
        falls
    })
}

/// How much is known of a success: a receipt says more than an acceptance. Mail that was delivered may come back.
fn rank(state: DeliveryState) -> u8 {
    match state {
        DeliveryState::Delivered | DeliveryState::Undelivered => 2,
        DeliveryState::Accepted => 1,
        DeliveryState::Pending
        | DeliveryState::Sending
        | DeliveryState::Rejected
        | DeliveryState::Waiting
        | DeliveryState::Unknown
        | DeliveryState::Suppressed
        | DeliveryState::Expired
        | DeliveryState::Superseded
        | DeliveryState::Stopped => 0,
    }
}

fn every_order(records: &mut Vec<Record>, from: usize, look: &mut impl FnMut(&[Record])) {
    if from == records.len() {
        return look(records);
    }
    for at in from..records.len() {
        records.swap(from, at);
        every_order(records, from + 1, look);
        records.swap(from, at);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{play, violated};
    use super::*;
    use crate::outcome::OutcomeCode;
    use crate::receipt::ReceiptStatus;

    fn outcome(attempt: u32, code: OutcomeCode) -> Record {
        Record::Outcome {
            attempt,
            code,
            reason: None,
            again: false,
        }
    }

    #[test]
    fn the_histories_of_a_run_obey() {
        let history = [
            Record::Armed { attempt: 1 },
            outcome(1, OutcomeCode::Accepted),
            Record::Receipt(ReceiptStatus::Undelivered),
            Record::Receipt(ReceiptStatus::Delivered),
            Record::Receipt(ReceiptStatus::Bounced),
        ];
        assert_eq!(broken_law(&history), None);
        let longer: Vec<_> = history.iter().chain(&history[1..]).copied().collect();
        assert_eq!(broken_law(&longer), None);
    }

    #[test]
    fn a_history_whose_end_depends_on_its_order_is_found() {
        // Two ends of one attempt: the fold can only take the one that stands last.
        let history = [
            outcome(1, OutcomeCode::Rejected),
            outcome(1, OutcomeCode::Suppressed),
        ];
        let law = "its records count differently in another order";
        assert_eq!(broken_law(&history), Some(law));
        let mut play = play();
        play.forget(0);
        play.end(0, 1, OutcomeCode::Rejected, 1500);
        assert_eq!(violated(&play), [] as [String; 0]);
        play.end(0, 1, OutcomeCode::Suppressed, 1500);
        assert_eq!(violated(&play), ["I11"]);
    }

    #[test]
    fn every_order_is_every_order() {
        let mut seen = HashSet::new();
        let mut records: Vec<_> = (1..=4).map(|attempt| Record::Armed { attempt }).collect();
        every_order(&mut records, 0, &mut |order| {
            seen.insert(format!("{order:?}"));
        });
        assert_eq!(seen.len(), 24);
    }
}
