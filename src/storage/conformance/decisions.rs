//! Promises about what a person decides of deliveries that may have been sent.

use super::Store;
use super::stage::{
    MAIL, Plan, Stage, accepted, at, by, channel, first_window, ordinals, outcome, receipt, unknown,
};
use oyez_domain::LedgerError;
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::delivery::DeliveryState as State;
use oyez_domain::id::Ordinal;
use oyez_domain::ledger::{
    Decision, DeliveryFilter, Follow, Idempotency, Taken, UnknownFilter, Window,
};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::receipt::ReceiptStatus;

fn of_update(window: &Window) -> UnknownFilter {
    UnknownFilter {
        update: Some(window.update),
        ..UnknownFilter::default()
    }
}

fn only(window: &Window, ordinals: &[u32]) -> UnknownFilter {
    let places = ordinals.iter();
    UnknownFilter {
        deliveries: places.map(|o| (window.broadcast, Ordinal(*o))).collect(),
        ..UnknownFilter::default()
    }
}

/// So many people of whom nobody can say whether they were reached.
async fn in_doubt<'s>(store: &'s dyn Store, people: u32) -> (Stage<'s>, Window) {
    let mut stage = Stage::with_people(store, people).await;
    let plan = Plan {
        window_rows: people,
        holds_unknown: true,
        expires_after: 1_000,
        ..Plan::default()
    };
    let window = first_window(&stage.release(&plan).await);
    let doubts = window.armed.iter();
    let doubts: Vec<_> = doubts
        .map(|armed| unknown(&window, armed, at(11)))
        .collect();
    stage.record(&doubts).await;
    (stage, window)
}

async fn decide(stage: &Stage<'_>, which: &UnknownFilter, decision: Decision, now: u64) -> u64 {
    let by = by(at(now));
    let decided = stage
        .ledger
        .decide_unknown(which, decision, None, &by)
        .await;
    decided.unwrap().value
}

async fn listed(stage: &Stage<'_>, which: &UnknownFilter) -> u64 {
    let groups = stage.ledger.unknowns(which).await.unwrap();
    groups.iter().map(|group| group.deliveries).sum()
}

/// What a person says was sent counts as accepted; of what they give up nothing more is asked, and it stays unknown.
pub async fn a_person_settles_what_may_have_been_sent(store: &dyn Store) {
    let (stage, window) = in_doubt(store, 4).await;
    assert_eq!(listed(&stage, &of_update(&window)).await, 4);
    let sent = decide(&stage, &only(&window, &[0, 1]), Decision::WasSent, 20).await;
    let given_up = decide(&stage, &only(&window, &[2]), Decision::GiveUp, 20).await;
    assert_eq!((sent, given_up), (2, 1));
    let view = stage.view(window.update, MAIL).await;
    assert_eq!((view.counts.accepted, view.counts.unknown), (2, 2));
    assert_eq!(view.state, BroadcastState::Done);
    assert_eq!(
        stage.states(window.update, MAIL).await,
        [
            State::Accepted,
            State::Accepted,
            State::Unknown,
            State::Unknown
        ]
    );
    assert_eq!(listed(&stage, &of_update(&window)).await, 1);
    assert_eq!(stage.take(MAIL, at(30)).await, Taken::Idle(None));
    stage.check_truth().await;
    let stage = stage.crash(at(40)).await;
    assert_eq!(listed(&stage, &of_update(&window)).await, 1);
    assert_eq!(stage.take(MAIL, at(40)).await, Taken::Idle(None));
}

/// What a person lets go again is due at once, with the doubt still on it, and the broadcast is under way again.
pub async fn a_person_lets_what_may_have_been_sent_go_again(store: &dyn Store) {
    let (mut stage, window) = in_doubt(store, 2).await;
    let again = decide(&stage, &only(&window, &[1]), Decision::SendAgain, 20).await;
    assert_eq!(again, 1);
    let view = stage.view(window.update, MAIL).await;
    assert_eq!(
        (view.state, view.counts.pending, view.counts.unknown),
        (BroadcastState::Sending, 1, 1)
    );
    stage.check_truth().await;
    let second = stage.window(MAIL, at(20)).await;
    let armed = &second.armed[0];
    assert_eq!(ordinals(&second), [1]);
    assert_eq!((armed.charged, armed.unsure), (0, true));
    assert!(armed.attempt > 1);
    assert_eq!(armed.first_armed_at, at(10));
    stage.accept(&second, at(21)).await;
    let view = stage.view(window.update, MAIL).await;
    assert_eq!(
        (view.state, view.counts.accepted),
        (BroadcastState::Done, 1)
    );
    stage.check_truth().await;
}

/// One decision for all that fits: by update, channel, reason, or one by one.
pub async fn decisions_are_made_in_bulk(store: &dyn Store) {
    let (mut stage, first) = in_doubt(store, 3).await;
    let plan = Plan {
        window_rows: 3,
        released_after: 12,
        ..Plan::default()
    };
    let second = first_window(&stage.release(&plan).await);
    let doubts = second.armed.iter();
    let doubts: Vec<_> = doubts
        .map(|armed| unknown(&second, armed, at(13)))
        .collect();
    stage.record(&doubts).await;
    let by_reason = |reason| UnknownFilter {
        reason: Some(reason),
        ..UnknownFilter::default()
    };
    let elsewhere = UnknownFilter {
        channel: Some(channel("elsewhere")),
        ..UnknownFilter::default()
    };
    for (which, expected) in [
        (by_reason(Reason::Timeout), 6),
        (by_reason(Reason::Connect), 0),
        (elsewhere, 0),
        (of_update(&first), 3),
        (only(&second, &[0, 2]), 2),
    ] {
        assert_eq!(listed(&stage, &which).await, expected, "{which:?}");
    }
    assert_eq!(
        decide(&stage, &of_update(&first), Decision::GiveUp, 20).await,
        3
    );
    let all = by_reason(Reason::Timeout);
    assert_eq!(decide(&stage, &all, Decision::WasSent, 21).await, 3);
    assert_eq!(decide(&stage, &all, Decision::WasSent, 22).await, 0);
    stage.check_truth().await;
}

/// Evidence that comes late counts more than any decision, and calls back what was let go again.
pub async fn a_late_receipt_outranks_any_decision(store: &dyn Store) {
    let (stage, window) = in_doubt(store, 4).await;
    for (ordinal, decision) in [
        (0, Decision::WasSent),
        (1, Decision::SendAgain),
        (2, Decision::GiveUp),
    ] {
        decide(&stage, &only(&window, &[ordinal]), decision, 20).await;
    }
    let receipts = [0, 1, 2, 3].map(|ordinal| {
        let status = [ReceiptStatus::Undelivered, ReceiptStatus::Delivered][ordinal as usize % 2];
        receipt((window.broadcast, Ordinal(ordinal)), status, at(21))
    });
    stage.ledger.receive(&receipts).await.unwrap();
    let expected = [
        State::Undelivered,
        State::Delivered,
        State::Undelivered,
        State::Delivered,
    ];
    assert_eq!(stage.states(window.update, MAIL).await, expected);
    assert_eq!(stage.take(MAIL, at(22)).await, Taken::Idle(None));
    assert_eq!(listed(&stage, &of_update(&window)).await, 0);
    assert_eq!(
        stage.view(window.update, MAIL).await.state,
        BroadcastState::Done
    );
    stage.check_truth().await;
}

/// A decision with the same key is made once.
pub async fn a_decision_with_the_same_key_happens_once(store: &dyn Store) {
    let (stage, window) = in_doubt(store, 2).await;
    let key = Idempotency {
        scope: "cli decide".to_owned(),
        key: "k1".to_owned(),
        request_hash: [1; 32],
    };
    let mut answers = Vec::new();
    for which in [only(&window, &[0]), only(&window, &[1])] {
        let by = by(at(20));
        let ledger = &stage.ledger;
        let answer = ledger.decide_unknown(&which, Decision::GiveUp, Some(&key), &by);
        let answer = answer.await.unwrap();
        answers.push((answer.value, answer.replayed));
    }
    assert_eq!(answers, [(1, false), (1, true)]);
    assert_eq!(listed(&stage, &of_update(&window)).await, 1);
}

/// Of a broadcast that is stopped or too late nothing goes again, and the person is told so; the other decisions
/// can still be made.
pub async fn what_is_over_does_not_go_again(store: &dyn Store) {
    let (stage, window) = in_doubt(store, 3).await;
    let refused = |now| {
        let (which, by) = (of_update(&window), by(at(now)));
        let ledger = &stage.ledger;
        async move {
            let again = ledger.decide_unknown(&which, Decision::SendAgain, None, &by);
            again.await
        }
    };
    let late = refused(2_000).await;
    assert!(matches!(late, Err(LedgerError::State(_))), "{late:?}");
    let stop = by(at(30));
    stage
        .ledger
        .stop(window.update, None, "wrong", &stop)
        .await
        .unwrap();
    let stopped = refused(31).await;
    assert!(matches!(stopped, Err(LedgerError::State(_))), "{stopped:?}");
    assert_eq!(listed(&stage, &of_update(&window)).await, 3);
    let sent = decide(&stage, &of_update(&window), Decision::WasSent, 32).await;
    assert_eq!(sent, 3);
    stage.check_truth().await;
}

/// Nobody gets an older update after a newer one because a person lets the older go again.
pub async fn what_goes_again_does_not_overtake_a_newer_update(store: &dyn Store) {
    let (mut stage, old) = in_doubt(store, 4).await;
    let plan = Plan {
        released_after: 20,
        window_rows: 3,
        ..Plan::default()
    };
    let new = first_window(&stage.release(&plan).await);
    let outcomes = [
        accepted(&new, &new.armed[0], at(21)),
        outcome(
            &new,
            &new.armed[2],
            at(21),
            OutcomeCode::Rejected,
            Follow::Failed,
        ),
    ];
    stage.record(&outcomes).await;
    let again = decide(&stage, &of_update(&old), Decision::SendAgain, 22).await;
    assert_eq!(again, 2, "0 has the newer one, and it is on its way to 1");
    assert_eq!(listed(&stage, &of_update(&old)).await, 2);
    let next = stage.window(MAIL, at(23)).await;
    assert_eq!(
        (next.broadcast, ordinals(&next)),
        (old.broadcast, vec![2, 3])
    );
    let refused = stage
        .ledger
        .decide_unknown(&of_update(&old), Decision::SendAgain, None, &by(at(24)))
        .await;
    assert!(matches!(refused, Err(LedgerError::State(_))), "{refused:?}");
    stage.accept(&next, at(25)).await;
    stage.accept_rest(&new, 1, at(25)).await;
    stage.drain(MAIL, at(26)).await;
    assert_eq!(stage.view(new.update, MAIL).await.counts.accepted, 3);
    stage.check_truth().await;
}

/// The list for a person names each delivery: what, where, to whom, why, since when; in pages, across updates.
pub async fn each_unknown_delivery_is_listed(store: &dyn Store) {
    let (mut stage, first) = in_doubt(store, 3).await;
    let plan = Plan {
        window_rows: 2,
        released_after: 12,
        ..Plan::default()
    };
    let second = first_window(&stage.release(&plan).await);
    let doubts = [unknown(&second, &second.armed[1], at(15))];
    stage.record(&doubts).await;
    decide(&stage, &only(&first, &[1]), Decision::GiveUp, 20).await;
    let all = UnknownFilter::default();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = stage
            .ledger
            .unknown_deliveries(&all, after, 2)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.broadcast, last.ordinal));
        assert!(page.len() <= 2);
        seen.extend(page);
    }
    let places: Vec<_> = seen
        .iter()
        .map(|d| (d.update, d.ordinal.0, d.since))
        .collect();
    let expected = [
        (first.update, 0, at(11)),
        (first.update, 2, at(11)),
        (second.update, 1, at(15)),
    ];
    assert_eq!(places, expected);
    let last = seen.last().unwrap();
    assert_eq!(last.address, second.armed[1].address);
    assert_eq!(
        (&last.channel, last.reason),
        (&channel(MAIL), Some(Reason::Timeout))
    );
    let filter = DeliveryFilter {
        state: Some(State::Unknown),
        limit: 10,
        ..DeliveryFilter::default()
    };
    let unknown = stage
        .ledger
        .deliveries(first.update, &filter)
        .await
        .unwrap();
    assert_eq!(unknown.len(), 3, "what was given up is still unknown");
}
