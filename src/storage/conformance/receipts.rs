//! Promises about receipts, whenever they come.

use super::Store;
use super::stage::{
    MAIL, Plan, Stage, accepted, at, by, deferred, email, first_window, outcome, receipt,
};
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::ledger::{Follow, Received, Taken};
use oyez_domain::outcome::OutcomeCode;
use oyez_domain::receipt::ReceiptStatus as Status;
use oyez_domain::subscriber::SuppressionCause;

/// A receipt before the provider's own reply settles the delivery; the reply adds nothing.
pub async fn a_receipt_may_come_before_the_outcome(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let place = (window.broadcast, Ordinal(0));
    stage.receive(place, Status::Delivered, at(11)).await;
    let view = stage.view(window.update, MAIL).await;
    assert_eq!(
        (view.counts.accepted, view.counts.delivered, view.in_flight),
        (1, 1, 0)
    );
    stage
        .record(&[accepted(&window, &window.armed[0], at(12))])
        .await;
    let view = stage.view(window.update, MAIL).await;
    assert_eq!((view.counts.accepted, view.counts.delivered), (1, 1));
    assert_eq!(view.state, BroadcastState::Done);
    stage.check_truth().await;
}

/// A reply that claims failure does not undo a receipt.
pub async fn a_receipt_outranks_a_refusal(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    for ordinal in [0, 1] {
        stage
            .receive(
                (window.broadcast, Ordinal(ordinal)),
                Status::Underway,
                at(11),
            )
            .await;
    }
    let outcomes = [
        deferred(&window, &window.armed[0], at(12), at(20)),
        outcome(
            &window,
            &window.armed[1],
            at(12),
            OutcomeCode::Rejected,
            Follow::Failed,
        ),
    ];
    stage.record(&outcomes).await;
    assert_eq!(
        stage.take(MAIL, at(30)).await,
        Taken::Idle(None),
        "never sent again"
    );
    assert_eq!(stage.view(window.update, MAIL).await.counts.accepted, 2);
    stage.check_truth().await;
}

/// Whatever the order, the highest rank stands; repeats are counted as such.
pub async fn receipts_may_come_twice_and_in_any_order(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 4).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    stage.accept(&window, at(11)).await;
    let orders = [
        [
            Status::Underway,
            Status::UndeliveredForNow,
            Status::Delivered,
        ],
        [
            Status::Delivered,
            Status::UndeliveredForNow,
            Status::Underway,
        ],
        [
            Status::UndeliveredForNow,
            Status::Delivered,
            Status::Delivered,
        ],
        [
            Status::Underway,
            Status::Undelivered,
            Status::UndeliveredForNow,
        ],
    ];
    let mut total = Received::default();
    for (ordinal, order) in (0..).zip(orders) {
        for status in order {
            let receipt = receipt((window.broadcast, Ordinal(ordinal)), status, at(12));
            let received = stage.ledger.receive(&[receipt]).await.unwrap();
            total.applied += received.applied;
            total.repeated += received.repeated;
            stage.check_truth().await;
        }
    }
    assert_eq!(total.applied + total.repeated, 12);
    let states = stage.states(window.update, MAIL).await;
    use DeliveryState::{Delivered, Undelivered};
    assert_eq!(states, [Delivered, Delivered, Delivered, Undelivered]);
    let counts = stage.view(window.update, MAIL).await.counts;
    assert_eq!(
        (counts.accepted, counts.delivered, counts.undelivered),
        (4, 3, 1)
    );
}

/// A receipt that was taken in before, or says less than is known, is a repeat.
pub async fn a_repeated_receipt_is_counted_as_one(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    stage.accept(&window, at(11)).await;
    let place = (window.broadcast, Ordinal(0));
    let batch = [
        Status::Delivered,
        Status::Delivered,
        Status::UndeliveredForNow,
    ]
    .map(|status| receipt(place, status, at(12)));
    let received = stage.ledger.receive(&batch).await.unwrap();
    assert_eq!(
        (received.applied, received.repeated, received.never_armed),
        (1, 2, 0)
    );
}

/// A receipt for what was never announced changes nothing at all.
pub async fn a_receipt_for_nothing_is_counted_and_ignored(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 8).await;
    let cause = SuppressionCause::Manual;
    stage
        .ledger
        .suppress(&email(0), cause, &by(at(2)))
        .await
        .unwrap();
    let window = first_window(&stage.release(&Plan::default()).await);
    let back = window.armed[2].ordinal;
    stage.ledger.disarm(window.id, back, at(11)).await.unwrap();
    let before = stage.view(window.update, MAIL).await;
    let forged = [
        (window.broadcast, Ordinal(0)),
        (window.broadcast, back),
        (window.broadcast, Ordinal(7)),
        (window.broadcast, Ordinal(8)),
        (BroadcastId(99), Ordinal(0)),
    ];
    let receipts = forged.map(|place| receipt(place, Status::Delivered, at(12)));
    let received = stage.ledger.receive(&receipts).await.unwrap();
    assert_eq!(
        (received.never_armed, received.applied, received.repeated),
        (5, 0, 0)
    );
    assert_eq!(stage.view(window.update, MAIL).await, before);
    stage
        .ledger
        .stop(window.update, None, "wrong", &by(at(13)))
        .await
        .unwrap();
    let received = stage.ledger.receive(&receipts).await.unwrap();
    assert_eq!(received.never_armed, 5, "nor when it was stopped unsent");
    stage.check_truth().await;
}

/// A receipt proves that a retry is not needed any more.
pub async fn a_receipt_ends_a_wait(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    stage
        .record(&[deferred(&window, &window.armed[0], at(11), at(20))])
        .await;
    stage
        .receive((window.broadcast, Ordinal(0)), Status::Undelivered, at(12))
        .await;
    assert_eq!(stage.take(MAIL, at(20)).await, Taken::Idle(None));
    let view = stage.view(window.update, MAIL).await;
    assert_eq!(
        (view.counts.undelivered, view.state),
        (1, BroadcastState::Done)
    );
    assert!(view.reasons.is_empty());
    stage.check_truth().await;
}

/// A receipt answers what nobody could say.
pub async fn a_receipt_resolves_the_unknown(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let unknown = |n: usize| {
        outcome(
            &window,
            &window.armed[n],
            at(11),
            OutcomeCode::Unknown,
            Follow::Unknown,
        )
    };
    stage.record(&[unknown(0), unknown(1)]).await;
    stage
        .receive((window.broadcast, Ordinal(1)), Status::Delivered, at(12))
        .await;
    let counts = stage.view(window.update, MAIL).await.counts;
    assert_eq!(
        (counts.unknown, counts.accepted, counts.delivered),
        (1, 1, 1)
    );
    stage.check_truth().await;
}

/// A retry that is on its way when its receipt comes is still answered, and counted once.
pub async fn a_receipt_in_the_middle_of_a_retry_counts_once(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    stage
        .record(&[deferred(&window, &window.armed[0], at(11), at(12))])
        .await;
    let retry = stage.window(MAIL, at(12)).await;
    stage
        .receive((window.broadcast, Ordinal(0)), Status::Delivered, at(13))
        .await;
    stage
        .record(&[deferred(&retry, &retry.armed[0], at(14), at(15))])
        .await;
    assert_eq!(stage.take(MAIL, at(20)).await, Taken::Idle(None));
    stage.check_truth().await;
    let stage = stage.crash(at(30)).await;
    assert_eq!(
        stage.take(MAIL, at(30)).await,
        Taken::Idle(None),
        "no orphan is left"
    );
}
