//! The one judge: what must hold of every ledger, and of a provider's log beside it.
//!
//! `oyez verify`, the simulator, the kill test and the conformance suite ask this module; nobody else decides what
//! is right. It does no input or output: whoever asks gathers the evidence. Each family of invariants has a file.

mod acknowledged;
mod case;
mod copies;
mod elsewhere;
mod ending;
mod evidence;
mod findings;
#[cfg(test)]
mod fixture;
mod folds;
mod intent;
mod order;
mod retries;
mod scene;
mod stops;
mod tempo;
mod verdict;

pub use evidence::{ChannelRules, Evidence, PaceRules, Request};
pub use verdict::{Finding, Judgement, Verdict};

use crate::broadcast::Counts;
use crate::delivery::DeliveryState;
use crate::ledger::BroadcastEvidence;
use case::Case;
use scene::Scene;

/// Judges everything.
pub fn judge(evidence: &Evidence) -> Verdict {
    let scene = Scene::new(evidence);
    let lost = ending::lost(&scene);
    let mut verdict = Verdict {
        lost: lost.all(),
        without_reference: evidence.without_reference,
        ..Verdict::default()
    };
    for case in &scene.cases {
        let counts = counts(case.states.iter().copied());
        verdict.recipients += counts.asked;
        verdict.accepted += counts.accepted;
        verdict.unknown += counts.unknown;
        verdict.unreadable += case.unreadable();
        verdict.duplicates += case.duplicates();
        verdict.duplicate_bound += evidence.unclean_ends * case.bound();
    }
    verdict.invariants = vec![
        ending::nobody_is_lost(&scene, lost),
        intent::announced_first(&scene),
        copies::bounded(&scene),
        intent::nothing_after_success(&scene),
        intent::one_start_at_a_time(&scene),
        stops::respected(&scene),
        elsewhere::approved(),
        tempo::within_the_rate(&scene),
        retries::disciplined(&scene),
        tempo::refused_credentials_pause(&scene),
        folds::obeyed(&scene),
        ending::counts_are_true(&scene),
        acknowledged::stands(&scene),
        ending::everything_ends(&scene),
        elsewhere::audit(),
        order::newest_last(&scene),
        order::never_too_late(&scene),
        elsewhere::isolated(),
        elsewhere::private(),
        copies::within_the_cap(&scene),
    ];
    verdict.violations = verdict
        .invariants
        .iter()
        .filter_map(Judgement::violation)
        .collect();
    verdict
}

/// The counts that these states add up to.
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
    counts(Case::new(evidence, Vec::new()).states.into_iter())
}

#[cfg(test)]
mod tests {
    use super::fixture::{play, violated};
    use super::*;

    #[test]
    fn a_clean_run_violates_nothing_and_every_invariant_is_spoken_of() {
        let verdict = judge(&play().evidence());
        assert_eq!(verdict.violations, Vec::<String>::new());
        let figures = (
            verdict.recipients,
            verdict.accepted,
            verdict.lost,
            verdict.duplicates,
        );
        assert_eq!(figures, (3, 3, 0, 0));
        let ids: Vec<_> = verdict.invariants.iter().map(|j| j.id.clone()).collect();
        assert_eq!(ids, (1..=20).map(|n| format!("I{n}")).collect::<Vec<_>>());
        let open: Vec<_> = verdict
            .invariants
            .iter()
            .filter(|j| j.finding == Finding::NotCheckable)
            .map(|j| j.id.as_str())
            .collect();
        assert_eq!(
            open,
            ["I7", "I15", "I18", "I19"],
            "given everything there is"
        );
    }

    #[test]
    fn without_a_log_what_needs_one_is_not_claimed() {
        let mut play = play();
        play.requests = None;
        let verdict = judge(&play.evidence());
        assert_eq!(verdict.violations, Vec::<String>::new());
        for id in ["I2", "I3", "I8", "I10", "I16", "I17", "I20"] {
            let judged = verdict.invariants.iter().find(|j| j.id == id).unwrap();
            assert_eq!(judged.finding, Finding::NotCheckable, "{id}");
            assert!(judged.why.contains("--log"), "{id}: {}", judged.why);
        }
    }

    #[test]
    fn without_the_rules_what_needs_them_is_not_claimed() {
        let mut play = play();
        play.rules.clear();
        let verdict = judge(&play.evidence());
        for id in ["I8", "I9", "I10", "I20"] {
            let judged = verdict.invariants.iter().find(|j| j.id == id).unwrap();
            assert_eq!(judged.finding, Finding::NotCheckable, "{id}");
            assert!(judged.why.contains("--config"), "{id}: {}", judged.why);
        }
    }

    #[test]
    fn a_clock_that_was_set_makes_no_violation_of_what_cannot_be_compared() {
        let mut play = play();
        for request in play.requests.as_mut().unwrap().iter_mut().skip(1) {
            request.at = request.at.plus(std::time::Duration::from_secs(900_000));
        }
        assert_eq!(violated(&play), [] as [String; 0]);
        let verdict = judge(&play.evidence());
        let expiry = verdict.invariants.iter().find(|j| j.id == "I17").unwrap();
        assert_eq!(expiry.finding, Finding::NotCheckable);
        assert!(expiry.why.contains("clock"), "{}", expiry.why);
    }
}
