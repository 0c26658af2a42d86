//! Each invariant, broken on purpose.

use super::*;
use crate::address::Address;
use crate::broadcast::BroadcastState;
use crate::id::UpdateId;
use crate::ledger::BroadcastView;
use crate::outcome::OutcomeCode;

/// Two recipients, both announced and accepted.
fn evidence() -> Evidence {
    let counts = Counts {
        asked: 2,
        accepted: 2,
        ..Counts::default()
    };
    let view = BroadcastView {
        id: BroadcastId(1),
        update: UpdateId::from_bytes([0; 16]),
        reference: "7QX-4HM".parse().unwrap(),
        channel: "sms".parse().unwrap(),
        kind: "sms_http".to_owned(),
        state: BroadcastState::Done,
        counts,
        in_flight: 0,
        waiting: 0,
        planned: true,
        urgent: false,
        duplicate_bound: 10,
        released_at: Wall(0),
        first_outcome_at: None,
        last_outcome_at: None,
        next_due_at: None,
        reasons: vec![],
    };
    let audience = (0..2)
        .map(|n| (Ordinal(n), Address::account("a")))
        .collect();
    let broadcast = BroadcastEvidence {
        view,
        audience,
        armed: vec![(Ordinal(0), Ordinal(1), 1, Wall(1_000_000))],
        outcomes: (0..2)
            .map(|n| (Ordinal(n), 1, OutcomeCode::Accepted, false))
            .collect(),
        disarmed: vec![],
        spans: vec![],
        receipts: vec![],
    };
    let effects = (0..2).map(|n| effect(n, 2_000_000)).collect();
    Evidence {
        broadcasts: vec![broadcast],
        effects: Some(effects),
        not_logged: vec![],
        unclean_ends: 0,
    }
}

fn effect(ordinal: u32, at: i64) -> Effect {
    Effect {
        place: Some((BroadcastId(1), Ordinal(ordinal))),
        to: "x".to_owned(),
        at: Wall(at),
    }
}

fn violated(evidence: &Evidence) -> Vec<String> {
    let judged = judge(evidence).invariants;
    judged
        .into_iter()
        .filter(|j| matches!(j.finding, Finding::Violated { .. }))
        .map(|j| j.invariant)
        .collect()
}

#[test]
fn a_clean_run_violates_nothing() {
    let verdict = judge(&evidence());
    assert_eq!(verdict.violations, Vec::<String>::new());
    assert_eq!(
        (
            verdict.recipients,
            verdict.accepted,
            verdict.lost,
            verdict.duplicates
        ),
        (2, 2, 0, 0)
    );
}

#[test]
fn each_wrong_is_found() {
    let mut case = evidence();
    case.effects.as_mut().unwrap().pop();
    assert_eq!(
        violated(&case),
        ["I1"],
        "accepted, and the log knows nothing"
    );

    let mut case = evidence();
    case.effects.as_mut().unwrap()[0].at = Wall(0);
    assert_eq!(violated(&case), ["I2"], "sent before it was announced");

    let mut case = evidence();
    case.effects.as_mut().unwrap().push(effect(0, 3_000_000));
    assert_eq!(violated(&case), ["I3"], "a copy without a crash");
    case.unclean_ends = 1;
    assert_eq!(
        violated(&case),
        Vec::<String>::new(),
        "a copy within the bound of a crash"
    );

    let mut case = evidence();
    case.broadcasts[0]
        .armed
        .push((Ordinal(1), Ordinal(1), 2, Wall(1_500_000)));
    assert_eq!(violated(&case), ["I4"], "announced again after success");

    let mut case = evidence();
    case.broadcasts[0].view.counts.accepted = 1;
    assert_eq!(violated(&case), ["I12"], "the screen says something else");

    let mut case = evidence();
    case.broadcasts[0].outcomes.pop();
    assert_eq!(violated(&case), ["I1", "I12"], "a delivery without an end");

    let mut case = evidence();
    case.unclean_ends = 9;
    case.effects
        .as_mut()
        .unwrap()
        .extend((0..3).map(|n| effect(0, 3_000_000 + n)));
    assert_eq!(
        violated(&case),
        ["I20"],
        "four copies are too many whatever the reason"
    );
}

#[test]
fn without_a_log_what_needs_one_is_not_claimed() {
    let mut case = evidence();
    case.effects = None;
    let judged = judge(&case);
    let i2 = judged
        .invariants
        .iter()
        .find(|j| j.invariant == "I2")
        .unwrap();
    assert!(matches!(i2.finding, Finding::NotCheckable { .. }));
    assert!(judged.violations.is_empty());
}
