//! Promises about a program that ends without a word.

use super::Store;
use super::stage::{
    MAIL, Plan, Stage, accepted, addresses, at, deferred, email, first_window, ordinals,
};
use oyez_domain::delivery::DeliveryState;
use oyez_domain::ledger::Taken;
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::receipt::ReceiptStatus;

/// What was announced without an outcome is sent again, and nothing else.
pub async fn orphans_are_sent_again_and_nobody_else_is(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 10).await;
    let released = stage.release(&Plan::default()).await;
    let window = first_window(&released);
    stage
        .record(&[accepted(&window, &window.armed[1], at(11))])
        .await;
    let mut stage = stage.crash(at(20)).await;
    stage.check_truth().await;
    let again = stage.window(MAIL, at(20)).await;
    assert_eq!(ordinals(&again), [0, 2, 3]);
    assert!(
        again
            .armed
            .iter()
            .all(|a| (a.attempt, a.charged, a.unknowns) == (2, 0, 1))
    );
    stage.accept(&again, at(21)).await;
    let fresh = stage.window(MAIL, at(22)).await;
    assert_eq!(addresses(&fresh), (4..8).map(email).collect::<Vec<_>>());
    stage.accept(&fresh, at(22)).await;
    stage.drain(MAIL, at(23)).await;
    let view = stage.view(released.update.id, MAIL).await;
    assert_eq!((view.counts.accepted, view.counts.pending), (10, 0));
    stage.check_truth().await;
}

/// An orphan shows what happened to it.
pub async fn an_orphan_says_that_the_program_ended(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let update = stage.release(&Plan::default()).await.update.id;
    let stage = stage.crash(at(20)).await;
    let filter = oyez_domain::ledger::DeliveryFilter {
        limit: 10,
        ..Default::default()
    };
    let deliveries = stage.ledger.deliveries(update, &filter).await.unwrap();
    assert_eq!(deliveries[0].state, DeliveryState::Waiting);
    let attempt = &deliveries[0].attempts[0];
    assert_eq!(
        (attempt.outcome, attempt.at),
        (OutcomeCode::Orphaned, at(20))
    );
    assert_eq!(attempt.reason, Some(Reason::Interrupted));
    assert_eq!(
        stage.view(update, MAIL).await.reasons,
        [(Reason::Interrupted, 1)]
    );
}

/// A kind that must not repeat itself leaves its orphans to a person, and goes on with the rest.
pub async fn orphans_of_a_holding_kind_are_unknown(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 6).await;
    let plan = Plan {
        holds_unknown: true,
        ..Plan::default()
    };
    let update = stage.release(&plan).await.update.id;
    let mut stage = stage.crash(at(20)).await;
    let next = stage.window(MAIL, at(20)).await;
    assert_eq!(ordinals(&next), [4, 5], "the orphans are not among them");
    stage.accept(&next, at(21)).await;
    let view = stage.view(update, MAIL).await;
    assert_eq!(
        (
            view.counts.unknown,
            view.counts.accepted,
            view.counts.pending
        ),
        (4, 2, 0)
    );
    stage.check_truth().await;
}

/// A delivery orphaned again and again keeps its place and counts its attempts.
pub async fn every_crash_orphans_only_what_is_on_its_way(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 3).await;
    let update = stage.release(&Plan::default()).await.update.id;
    for crash in 1..4 {
        stage = stage.crash(at(20 + crash)).await;
        let windows = stage.windows(MAIL, at(20 + crash)).await;
        let armed = windows.iter().flat_map(|window| &window.armed);
        let attempts: Vec<_> = armed.map(|a| u64::from(a.attempt)).collect();
        assert_eq!(attempts, [crash + 1; 3]);
        for window in windows.iter().filter(|_| crash == 3) {
            stage.accept(window, at(30)).await;
        }
    }
    let stage = stage.crash(at(40)).await;
    assert_eq!(stage.take(MAIL, at(40)).await, Taken::Idle(None));
    assert_eq!(stage.view(update, MAIL).await.counts.accepted, 3);
    stage.check_truth().await;
}

/// A receipt that came before the crash proves the delivery; it is not sent again.
pub async fn a_receipt_saves_an_orphan(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let place = (window.broadcast, window.armed[0].ordinal);
    stage.receive(place, ReceiptStatus::Delivered, at(11)).await;
    let stage = stage.crash(at(20)).await;
    assert_eq!(ordinals(&stage.window(MAIL, at(20)).await), [1]);
    stage.check_truth().await;
}

/// What waits for its time waits through a crash.
pub async fn a_wait_survives_a_crash(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let wait = deferred(&window, &window.armed[0], at(11), at(60));
    stage.record(&[wait]).await;
    let stage = stage.crash(at(20)).await;
    assert_eq!(stage.take(MAIL, at(20)).await, Taken::Idle(Some(at(60))));
    let again = stage.window(MAIL, at(60)).await;
    assert_eq!((again.armed[0].attempt, again.armed[0].charged), (2, 1));
}

/// Of a stopped broadcast nothing is sent again; an orphan of it may have been sent.
pub async fn an_orphan_of_a_stopped_broadcast_is_unknown(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 6).await;
    let update = stage.release(&Plan::default()).await.update.id;
    let by = super::stage::by(at(11));
    stage
        .ledger
        .stop(update, None, "wrong text", &by)
        .await
        .unwrap();
    let stage = stage.crash(at(20)).await;
    assert_eq!(stage.take(MAIL, at(20)).await, Taken::Idle(None));
    let counts = stage.view(update, MAIL).await.counts;
    assert_eq!((counts.unknown, counts.stopped, counts.pending), (4, 2, 0));
    stage.check_truth().await;
}

/// Only ends that nobody asked for are counted.
pub async fn unclean_ends_are_counted(store: &dyn Store) {
    let stage = Stage::set(store).await;
    assert_eq!(
        stage.ledger.unclean_ends().await.unwrap(),
        0,
        "this one runs"
    );
    let stage = stage.crash(at(20)).await;
    assert_eq!(stage.ledger.unclean_ends().await.unwrap(), 1);
    stage.ledger.end_cleanly(at(30)).await.unwrap();
    let stage = stage.crash(at(40)).await;
    assert_eq!(stage.ledger.unclean_ends().await.unwrap(), 1);
}

/// An end that gave up on something on its way is counted like a crash: that may be sent twice.
pub async fn an_end_with_something_on_its_way_is_unclean(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 4).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    stage
        .record(&[accepted(&window, &window.armed[0], at(11))])
        .await;
    stage.ledger.end_cleanly(at(12)).await.unwrap();
    let mut stage = stage.crash(at(20)).await;
    assert_eq!(stage.ledger.unclean_ends().await.unwrap(), 1);
    stage.drain(MAIL, at(21)).await;
    stage.ledger.end_cleanly(at(22)).await.unwrap();
    let stage = stage.crash(at(30)).await;
    assert_eq!(stage.ledger.unclean_ends().await.unwrap(), 1);
}
