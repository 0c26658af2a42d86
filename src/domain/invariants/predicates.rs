//! Each invariant as a search for cases that break it.

use super::case::Case;
use super::{Effect, counts};
use crate::broadcast::BroadcastState;
use crate::delivery::{DeliveryState, Record, fold};
use crate::id::{BroadcastId, Ordinal};
use crate::outcome::OutcomeCode;
use crate::time::Wall;
use std::collections::BTreeMap;
use std::time::Duration;

/// Clocks of provider and ledger may differ by so much when a log is read on one machine.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(50);
/// Copies of one message no recipient may ever get more of.
const COPIES: u64 = 3;

/// Whom the ledger calls reached although the log knows nothing, and who has no end in a broadcast that is done.
pub(super) fn lost(cases: &[Case<'_>], logged: impl Fn(BroadcastId) -> bool) -> Vec<String> {
    let mut lost = Vec::new();
    for case in cases {
        let done = case.evidence.view.state == BroadcastState::Done;
        let log = logged(case.evidence.view.id);
        for (ordinal, state) in case.states() {
            let taken = state.is_taken();
            let open = !state.is_settled() && state != DeliveryState::Unknown;
            if taken && log && case.copies(ordinal) == 0 {
                lost.push(format!(
                    "{}: the ledger says {}, the log knows nothing",
                    case.name(ordinal),
                    state.code()
                ));
            } else if open && done {
                lost.push(format!(
                    "{}: still {} in a broadcast that is done",
                    case.name(ordinal),
                    state.code()
                ));
            }
        }
    }
    lost
}

pub(super) fn before_intent(cases: &[Case<'_>], effects: &[Effect]) -> Vec<String> {
    let mut first_armed: BTreeMap<(BroadcastId, Ordinal), Wall> = BTreeMap::new();
    for case in cases {
        for (lo, hi, _, at) in &case.evidence.armed {
            for ordinal in lo.0..=hi.0 {
                let known = first_armed
                    .entry((case.evidence.view.id, Ordinal(ordinal)))
                    .or_insert(*at);
                *known = (*known).min(*at);
            }
        }
    }
    let early = |effect: &&Effect| match effect.place.and_then(|place| first_armed.get(&place)) {
        Some(armed) => *armed > effect.at.plus(CLOCK_TOLERANCE),
        None => true,
    };
    effects
        .iter()
        .filter(early)
        .map(|effect| match effect.place {
            Some((broadcast, ordinal)) => format!(
                "broadcast {}, ordinal {} was never announced in time",
                broadcast.0, ordinal.0
            ),
            None => "a request whose key is not ours".to_owned(),
        })
        .collect()
}

pub(super) fn too_many_copies(cases: &[Case<'_>], unclean_ends: u64) -> Vec<String> {
    let mut found = Vec::new();
    for case in cases {
        let retried = |(_, _, code, again): &&(Ordinal, u32, OutcomeCode, bool)| {
            *code == OutcomeCode::Unknown && *again
        };
        let unknown_retries = case.evidence.outcomes.iter().filter(retried).count() as u64;
        let allowed = unclean_ends * case.bound() + unknown_retries;
        let copies = case.duplicates();
        if copies > allowed {
            let view = &case.evidence.view;
            found.push(format!(
                "broadcast {} ({}): {copies} copies, {allowed} allowed",
                view.id.0, view.channel
            ));
        }
    }
    found
}

pub(super) fn sent_after_success(cases: &[Case<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    for case in cases {
        for (ordinal, records) in &case.records {
            let success = records.iter().filter_map(|record| match record {
                Record::Outcome {
                    attempt,
                    code: OutcomeCode::Accepted,
                    ..
                } => Some(*attempt),
                Record::Outcome { .. }
                | Record::Armed { .. }
                | Record::Disarmed { .. }
                | Record::Receipt(_) => None,
            });
            let Some(success) = success.min() else {
                continue;
            };
            let later = records
                .iter()
                .any(|record| matches!(record, Record::Armed { attempt } if *attempt > success));
            if later {
                found.push(format!(
                    "{}: announced again after attempt {success} had been accepted",
                    case.name(*ordinal)
                ));
            }
        }
    }
    found
}

pub(super) fn suppressed_reached(cases: &[Case<'_>]) -> Vec<String> {
    let reached = |case: &Case<'_>| {
        let unwanted = case
            .states()
            .filter(|(o, state)| *state == DeliveryState::Suppressed && case.copies(*o) > 0);
        unwanted
            .map(|(ordinal, _)| case.name(ordinal))
            .collect::<Vec<_>>()
    };
    cases.iter().flat_map(reached).collect()
}

pub(super) fn fold_laws_broken(cases: &[Case<'_>]) -> Vec<String> {
    let breaks = |records: &Vec<Record>| {
        let mut other: Vec<_> = records.iter().rev().copied().collect();
        other.extend(records.iter().copied());
        fold(&other) != fold(records)
    };
    let broken = |case: &Case<'_>| {
        let found = case.records.iter().filter(|(_, records)| breaks(records));
        found
            .map(|(ordinal, _)| case.name(*ordinal))
            .collect::<Vec<_>>()
    };
    cases.iter().flat_map(broken).collect()
}

pub(super) fn untrue_counts(cases: &[Case<'_>]) -> Vec<String> {
    let untrue = |case: &Case<'_>| {
        let folded = counts(case.states().map(|(_, state)| state));
        let shown = case.evidence.view.counts;
        (folded != shown || !shown.adds_up()).then(|| {
            format!(
                "broadcast {}: shown {shown:?}, folded {folded:?}",
                case.evidence.view.id.0
            )
        })
    };
    cases.iter().filter_map(untrue).collect()
}

pub(super) fn copies_beyond_limit(cases: &[Case<'_>]) -> Vec<String> {
    let many = |case: &Case<'_>| {
        let found = case.copies.iter().filter(|(_, copies)| **copies > COPIES);
        found
            .map(|(ordinal, copies)| format!("{}: {copies} copies", case.name(*ordinal)))
            .collect::<Vec<_>>()
    };
    cases.iter().flat_map(many).collect()
}
