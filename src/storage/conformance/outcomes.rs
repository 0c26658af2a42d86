//! Promises about outcomes, retries and what is given back.

use super::Store;
use super::stage::{
    MAIL, Plan, Stage, accepted, at, deferred, email, first_window, ordinals, outcome,
};
use oyez_domain::LedgerError;
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::ledger::{DeliveryFilter, Follow, Taken};
use oyez_domain::outcome::{OutcomeCode, Reason};

/// Repeating a batch whose result was lost changes nothing.
pub async fn a_repeated_batch_changes_nothing(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 4).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let outcomes = [
        accepted(&window, &window.armed[0], at(11)),
        deferred(&window, &window.armed[1], at(11), at(20)),
        outcome(
            &window,
            &window.armed[2],
            at(11),
            OutcomeCode::Unknown,
            Follow::Unknown,
        ),
    ];
    stage.ledger.record(1, &outcomes).await.unwrap();
    let once = stage.view(window.update, MAIL).await;
    stage.ledger.record(1, &outcomes).await.unwrap();
    stage.ledger.record(2, &outcomes).await.unwrap();
    assert_eq!(stage.view(window.update, MAIL).await, once);
    stage.check_truth().await;
    let last = [accepted(&window, &window.armed[3], at(12))];
    stage.ledger.record(3, &last).await.unwrap();
    let crashed = stage.crash(at(15)).await;
    assert_eq!(
        crashed.take(MAIL, at(15)).await,
        Taken::Idle(Some(at(20))),
        "no orphan is left"
    );
}

/// A refused delivery comes back at its time with its history.
pub async fn a_deferred_delivery_is_due_at_its_time(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let throttled = Follow::Wait {
        not_before: at(30),
        charged: 0,
        unknowns: 0,
    };
    let outcomes = [
        deferred(&window, &window.armed[0], at(11), at(20)),
        outcome(
            &window,
            &window.armed[1],
            at(11),
            OutcomeCode::Throttled,
            throttled,
        ),
    ];
    stage.record(&outcomes).await;
    let view = stage.view(window.update, MAIL).await;
    assert_eq!(
        (view.waiting, view.in_flight, view.counts.pending),
        (2, 0, 2)
    );
    assert_eq!(view.next_due_at, Some(at(20)));
    assert_eq!(stage.take(MAIL, at(19)).await, Taken::Idle(Some(at(20))));
    let again = stage.window(MAIL, at(20)).await;
    let first = &again.armed[0];
    assert_eq!((first.ordinal.0, first.attempt, first.charged), (0, 2, 1));
    stage.accept(&again, at(21)).await;
    let again = stage.window(MAIL, at(30)).await;
    let second = &again.armed[0];
    assert_eq!(
        (second.ordinal.0, second.attempt, second.charged),
        (1, 2, 0)
    );
    stage.accept(&again, at(31)).await;
    assert_eq!(
        stage.view(window.update, MAIL).await.state,
        BroadcastState::Done
    );
    stage.check_truth().await;
}

/// What is due again goes before what was not begun.
pub async fn what_is_due_goes_before_what_is_fresh(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 8).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    stage
        .record(&[deferred(&window, &window.armed[2], at(11), at(12))])
        .await;
    assert_eq!(ordinals(&stage.window(MAIL, at(12)).await), [2]);
    assert_eq!(ordinals(&stage.window(MAIL, at(12)).await), [4, 5, 6, 7]);
}

/// A window is never larger than asked for, nor than the broadcast allows.
pub async fn a_window_keeps_to_both_limits(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 12).await;
    stage.release(&Plan::default()).await;
    for (rows, expected) in [(2, 2), (100, 4), (0, 1)] {
        match stage.take_rows(MAIL, rows, at(11)).await {
            Taken::Window(window) => assert_eq!(window.armed.len(), expected),
            other @ (Taken::Idle(_) | Taken::Held(_)) => panic!("{other:?}"),
        }
    }
}

/// Exactly what was not sent comes back, at the same attempt, and nothing of it is counted.
pub async fn disarming_gives_back_exactly_the_unsent_rest(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 6).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    stage
        .record(&[accepted(&window, &window.armed[2], at(11))])
        .await;
    let from = window.armed[1].ordinal;
    stage.ledger.disarm(window.id, from, at(12)).await.unwrap();
    stage.ledger.disarm(window.id, from, at(12)).await.unwrap();
    let view = stage.view(window.update, MAIL).await;
    assert_eq!(
        (view.in_flight, view.waiting, view.counts.pending),
        (1, 0, 5)
    );
    stage.check_truth().await;
    let back = stage.window(MAIL, at(13)).await;
    assert_eq!(ordinals(&back), [1, 3]);
    assert!(back.armed.iter().all(|a| (a.attempt, a.charged) == (1, 0)));
    stage.accept(&back, at(14)).await;
    stage.accept_rest(&window, 0, at(14)).await;
    stage.drain(MAIL, at(15)).await;
    let view = stage.view(window.update, MAIL).await;
    assert_eq!(
        (view.state, view.counts.accepted),
        (BroadcastState::Done, 6)
    );
    stage.check_truth().await;
}

/// What was given back and not taken again is no orphan after a crash.
pub async fn what_was_given_back_is_no_orphan(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    stage
        .ledger
        .disarm(window.id, Ordinal(1), at(12))
        .await
        .unwrap();
    let stage = stage.crash(at(20)).await;
    let again = stage.window(MAIL, at(20)).await;
    let attempts: Vec<_> = again
        .armed
        .iter()
        .map(|a| (a.ordinal.0, a.attempt))
        .collect();
    assert_eq!(attempts, [(0, 2), (1, 1)]);
    stage.check_truth().await;
}

/// A retry that was given back keeps its history.
pub async fn a_retry_that_was_given_back_keeps_its_history(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    stage
        .record(&[deferred(&window, &window.armed[0], at(11), at(12))])
        .await;
    let retry = stage.window(MAIL, at(12)).await;
    stage
        .ledger
        .disarm(retry.id, Ordinal(0), at(13))
        .await
        .unwrap();
    let view = stage.view(window.update, MAIL).await;
    assert_eq!((view.waiting, view.in_flight), (1, 0));
    assert_eq!(view.reasons, [(Reason::TryLater, 1)]);
    let again = stage.window(MAIL, at(14)).await;
    assert_eq!((again.armed[0].attempt, again.armed[0].charged), (2, 1));
    stage.accept(&again, at(15)).await;
    assert!(stage.view(window.update, MAIL).await.reasons.is_empty());
    stage.check_truth().await;
}

/// A delivery that may have been sent ends the broadcast, is counted as unknown, and is not sent again.
pub async fn an_unknown_outcome_is_called_unknown(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let unknown = outcome(
        &window,
        &window.armed[0],
        at(11),
        OutcomeCode::Unknown,
        Follow::Unknown,
    );
    stage.record(&[unknown]).await;
    let view = stage.view(window.update, MAIL).await;
    assert_eq!((view.state, view.counts.unknown), (BroadcastState::Done, 1));
    assert_eq!(view.reasons, [(Reason::Timeout, 1)]);
    assert_eq!(stage.take(MAIL, at(99)).await, Taken::Idle(None));
    stage.check_truth().await;
}

/// The engine's word on what follows is what the evidence folds to, whatever the outcome was.
pub async fn what_follows_is_what_the_evidence_shows(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 4).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let with = |n: usize, code, follow| outcome(&window, &window.armed[n], at(11), code, follow);
    let outcomes = [
        with(0, OutcomeCode::Deferred, Follow::Failed),
        with(1, OutcomeCode::Deferred, Follow::Expired),
        with(2, OutcomeCode::Rejected, Follow::Suppressed),
        with(3, OutcomeCode::ChannelDown, Follow::Unknown),
    ];
    stage.record(&outcomes).await;
    let states = stage.states(window.update, MAIL).await;
    let expected = [
        DeliveryState::Rejected,
        DeliveryState::Expired,
        DeliveryState::Suppressed,
        DeliveryState::Unknown,
    ];
    assert_eq!(states, expected);
    stage.check_truth().await;
}

/// A provider that says the address does not exist is believed from then on.
pub async fn a_dead_address_is_not_used_again(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let mut dead = outcome(
        &window,
        &window.armed[0],
        at(11),
        OutcomeCode::Rejected,
        Follow::Failed,
    );
    dead.suppress = true;
    stage.record(&[dead]).await;
    stage.accept_rest(&window, 1, at(11)).await;
    let counts = stage.view(window.update, MAIL).await.counts;
    assert_eq!(
        (counts.failed, counts.suppressed),
        (1, 0),
        "this time it failed"
    );
    let next = first_window(&stage.release(&Plan::default()).await);
    stage.accept(&next, at(12)).await;
    let counts = stage.view(next.update, MAIL).await.counts;
    assert_eq!(
        (counts.failed, counts.suppressed, counts.accepted),
        (0, 1, 1)
    );
    stage.check_truth().await;
}

/// An outcome of something that nobody announced is an error of the caller, and changes nothing.
pub async fn an_outcome_of_nothing_is_refused(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 8).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let mut stray = accepted(&window, &window.armed[0], at(11));
    stray.ordinal = Ordinal(7);
    let batch = [accepted(&window, &window.armed[0], at(11)), stray.clone()];
    let refused = stage.ledger.record(1, &batch).await;
    assert!(matches!(refused, Err(LedgerError::State(_))), "{refused:?}");
    stray.broadcast = BroadcastId(99);
    let refused = stage.ledger.record(1, &[stray]).await;
    assert!(
        matches!(refused, Err(LedgerError::NotFound(_))),
        "{refused:?}"
    );
    assert_eq!(stage.view(window.update, MAIL).await.counts.accepted, 0);
    stage.check_truth().await;
}

/// Every attempt can be read: when, what, why, and the provider's own words.
pub async fn a_delivery_shows_each_attempt(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 3).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let mut refused = deferred(&window, &window.armed[1], at(11), at(20));
    refused.reply = "451 greylisted".to_owned();
    stage.record(&[refused]).await;
    let retry = stage.window(MAIL, at(20)).await;
    let mut taken = accepted(&retry, &retry.armed[0], at(21));
    taken.provider_id = Some("q-77".to_owned());
    stage.record(&[taken]).await;
    let filter = DeliveryFilter {
        address: Some(email(1)),
        limit: 10,
        ..DeliveryFilter::default()
    };
    let found = stage
        .ledger
        .deliveries(window.update, &filter)
        .await
        .unwrap();
    let [delivery] = found.as_slice() else {
        panic!("one delivery, not {found:?}")
    };
    assert_eq!(
        (delivery.ordinal, &delivery.address),
        (Ordinal(1), &email(1))
    );
    let [first, second] = delivery.attempts.as_slice() else {
        panic!("two attempts, not {:?}", delivery.attempts)
    };
    assert_eq!((first.at, first.reply.as_str()), (at(11), "451 greylisted"));
    assert_eq!(
        (first.outcome, first.reason),
        (OutcomeCode::Deferred, Some(Reason::TryLater))
    );
    assert_eq!((second.attempt, second.outcome), (2, OutcomeCode::Accepted));
}

/// Deliveries come in pages and by state.
pub async fn deliveries_can_be_paged_and_filtered(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 7).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    stage
        .record(&[accepted(&window, &window.armed[2], at(11))])
        .await;
    let mut filter = DeliveryFilter {
        limit: 3,
        ..DeliveryFilter::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = stage
            .ledger
            .deliveries(window.update, &filter)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        filter.after = Some((last.broadcast, last.ordinal));
        assert!(page.len() <= 3);
        seen.extend(page.into_iter().map(|d| d.state));
    }
    use DeliveryState::{Accepted, Pending, Sending};
    assert_eq!(
        seen,
        [
            Sending, Sending, Accepted, Sending, Pending, Pending, Pending
        ]
    );
    let sending = DeliveryFilter {
        state: Some(Sending),
        limit: 10,
        ..DeliveryFilter::default()
    };
    assert_eq!(
        stage
            .ledger
            .deliveries(window.update, &sending)
            .await
            .unwrap()
            .len(),
        3
    );
}
