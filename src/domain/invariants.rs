//! The one judge: what must hold of every ledger, and of a provider's log beside it.
//!
//! `oyez verify`, the kill test and the conformance suite ask this module; nobody else decides what is right.

mod case;
mod predicates;
#[cfg(test)]
mod tests;

use crate::broadcast::Counts;
use crate::delivery::DeliveryState;
use crate::id::{BroadcastId, Ordinal};
use crate::ledger::BroadcastEvidence;
use crate::time::Wall;
use case::Case;
use serde::{Deserialize, Serialize};

/// Violations listed for each invariant at most.
const LISTED: usize = 10;

/// One request that reached somebody, from a provider's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The delivery its key names; nothing when the key is not ours.
    pub place: Option<(BroadcastId, Ordinal)>,
    /// Whom it reached, as the provider wrote it.
    pub to: String,
    /// When.
    pub at: Wall,
}

/// Everything there is to judge.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Each broadcast.
    pub broadcasts: Vec<BroadcastEvidence>,
    /// What reached somebody; absent without a log.
    pub effects: Option<Vec<Effect>>,
    /// Broadcasts on channels that the log does not cover, e.g. letters into a folder.
    pub not_logged: Vec<BroadcastId>,
    /// Starts of the program that did not end on purpose.
    pub unclean_ends: u64,
}

/// What was found about one invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "finding")]
pub enum Finding {
    /// It holds.
    Held,
    /// It does not.
    Violated {
        /// The first few cases.
        cases: Vec<String>,
    },
    /// It cannot be judged from this evidence.
    NotCheckable {
        /// Why.
        why: String,
    },
}

/// One invariant and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// `I1` to `I20`.
    pub invariant: String,
    /// What it says.
    pub says: String,
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
}

/// The verdict in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Recipients of all broadcasts.
    pub recipients: u64,
    /// Taken by a provider, as the ledger says.
    pub accepted: u64,
    /// Nobody can say what became of them, or the ledger says taken and the log knows nothing.
    pub lost: u64,
    /// Copies beyond the first that reached somebody.
    pub duplicates: u64,
    /// How many copies crashes may have caused: unclean ends × D, over all broadcasts.
    pub duplicate_bound: u64,
    /// May have been sent, and not sent again by itself.
    pub unknown: u64,
    /// Invariants that do not hold, in words.
    pub violations: Vec<String>,
    /// Every invariant.
    pub invariants: Vec<Judgement>,
}

/// The counts that the records fold to.
pub fn counts(states: impl Iterator<Item = DeliveryState>) -> Counts {
    let mut counts = Counts::default();
    for state in states {
        counts.asked += 1;
        match state {
            DeliveryState::Accepted => counts.accepted += 1,
            DeliveryState::Delivered => {
                counts.accepted += 1;
                counts.delivered += 1;
            }
            DeliveryState::Undelivered => {
                counts.accepted += 1;
                counts.undelivered += 1;
            }
            DeliveryState::Rejected => counts.failed += 1,
            DeliveryState::Unknown => counts.unknown += 1,
            DeliveryState::Suppressed => counts.suppressed += 1,
            DeliveryState::Expired => counts.expired += 1,
            DeliveryState::Superseded => counts.superseded += 1,
            DeliveryState::Stopped => counts.stopped += 1,
            DeliveryState::Pending | DeliveryState::Sending | DeliveryState::Waiting => {
                counts.pending += 1;
            }
        }
    }
    counts
}

/// Folds one broadcast's evidence to its counts.
pub fn folded_counts(evidence: &BroadcastEvidence) -> Counts {
    counts(Case::new(evidence, None).states().map(|(_, state)| state))
}

/// Judges everything.
pub fn judge(evidence: &Evidence) -> Verdict {
    let effects = evidence.effects.as_deref();
    let cases: Vec<_> = evidence
        .broadcasts
        .iter()
        .map(|b| Case::new(b, effects))
        .collect();
    let mut verdict = Verdict::default();
    for case in &cases {
        let counts = counts(case.states().map(|(_, state)| state));
        verdict.recipients += counts.asked;
        verdict.accepted += counts.accepted;
        verdict.unknown += counts.unknown;
        verdict.duplicates += case.duplicates();
        verdict.duplicate_bound += evidence.unclean_ends * case.bound();
    }
    let lost = predicates::lost(&cases, |id| {
        effects.is_some() && !evidence.not_logged.contains(&id)
    });
    verdict.lost = lost.len() as u64;
    verdict.invariants = ledger_invariants(&cases, lost);
    verdict.invariants.extend(log_invariants(&cases, evidence));
    verdict.invariants.extend(
        NOT_CHECKABLE
            .iter()
            .map(|(name, says, why)| not_checkable(name, says, why)),
    );
    verdict.invariants.sort_by_key(|j| {
        j.invariant
            .trim_start_matches('I')
            .parse::<u8>()
            .unwrap_or(0)
    });
    verdict.violations = verdict
        .invariants
        .iter()
        .filter_map(Judgement::violation)
        .collect();
    verdict
}

/// What a ledger alone shows.
fn ledger_invariants(cases: &[Case<'_>], lost: Vec<String>) -> Vec<Judgement> {
    vec![
        judgement(
            "I1",
            "everybody asked ends somewhere, and whoever was accepted was reached",
            lost,
        ),
        judgement(
            "I4",
            "nothing was announced again after it had succeeded",
            predicates::sent_after_success(cases),
        ),
        judgement(
            "I11",
            "order and repetition of records change no state",
            predicates::fold_laws_broken(cases),
        ),
        judgement(
            "I12",
            "the counts on screen are the fold of the ledger",
            predicates::untrue_counts(cases),
        ),
    ]
}

/// What needs a provider's log beside it.
fn log_invariants(cases: &[Case<'_>], evidence: &Evidence) -> Vec<Judgement> {
    const I2: &str = "nothing reached anybody before its sending was announced";
    const I3: &str = "copies stay within what crashes and unknown outcomes allow";
    const I6: &str = "nothing reached an address that was stopped before";
    const I20: &str = "nobody got the same message more than three times";
    match evidence.effects.as_deref() {
        Some(effects) => vec![
            judgement("I2", I2, predicates::before_intent(cases, effects)),
            judgement(
                "I3",
                I3,
                predicates::too_many_copies(cases, evidence.unclean_ends),
            ),
            judgement("I6", I6, predicates::suppressed_reached(cases)),
            judgement("I20", I20, predicates::copies_beyond_limit(cases)),
        ],
        None => [("I2", I2), ("I3", I3), ("I6", I6), ("I20", I20)]
            .into_iter()
            .map(|(name, says)| not_checkable(name, says, "no provider's log was given (--log)"))
            .collect(),
    }
}

/// What neither a ledger nor a log shows, and who judges it instead.
const NOT_CHECKABLE: [(&str, &str, &str); 12] = [
    (
        "I5",
        "a lease that was lost arms nothing",
        "one process holds the directory; the storage tests judge it",
    ),
    (
        "I7",
        "nothing left without approval",
        "this version has no approval",
    ),
    (
        "I8",
        "no channel was faster than its limit",
        "the log does not know the limits; `oyez bench` measures them",
    ),
    (
        "I9",
        "retries kept their distance",
        "judged by the engine's own tests",
    ),
    (
        "I10",
        "a refused password stops a channel",
        "the log does not show when it was resumed",
    ),
    (
        "I13",
        "what was acknowledged survives",
        "the acknowledgements are not among the evidence",
    ),
    (
        "I14",
        "everything ends in time",
        "a ledger shows one moment",
    ),
    (
        "I15",
        "the audit trail is whole",
        "this version has no hash chain",
    ),
    ("I16", "never old after new", "judged by the storage tests"),
    (
        "I17",
        "nothing was sent after it had expired",
        "judged by the storage tests",
    ),
    (
        "I18",
        "a fault on one channel leaves the others alone",
        "a matter of time, not of records",
    ),
    (
        "I19",
        "no address stands in a log",
        "judged by the test that reads the logs",
    ),
];

impl Judgement {
    fn violation(&self) -> Option<String> {
        match &self.finding {
            Finding::Violated { cases } => Some(format!(
                "{} ({}): {}",
                self.invariant,
                self.says,
                cases.join("; ")
            )),
            Finding::Held | Finding::NotCheckable { .. } => None,
        }
    }
}

fn judgement(invariant: &str, says: &str, mut cases: Vec<String>) -> Judgement {
    let all = cases.len();
    cases.truncate(LISTED);
    if all > LISTED {
        cases.push(format!("and {} more", all - LISTED));
    }
    let finding = if all == 0 {
        Finding::Held
    } else {
        Finding::Violated { cases }
    };
    Judgement {
        invariant: invariant.to_owned(),
        says: says.to_owned(),
        finding,
    }
}

fn not_checkable(invariant: &str, says: &str, why: &str) -> Judgement {
    Judgement {
        invariant: invariant.to_owned(),
        says: says.to_owned(),
        finding: Finding::NotCheckable {
            why: why.to_owned(),
        },
    }
}
