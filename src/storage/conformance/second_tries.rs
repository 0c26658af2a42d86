//! Promises about failed deliveries that a person lets be tried again.

use super::Store;
use super::stage::{
    MAIL, Plan, Stage, accepted, addresses, at, by, channel, first_window, ordinals, outcome,
};
use oyez_domain::LedgerError;
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::ledger::{Armed, Follow, Recorded, Window};
use oyez_domain::outcome::{OutcomeCode, Reason};

fn failed(window: &Window, nth: usize, reason: Reason) -> Recorded {
    let mut failed = outcome(
        window,
        &window.armed[nth],
        at(11),
        OutcomeCode::Rejected,
        Follow::Failed,
    );
    failed.reason = Some(reason);
    failed
}

/// Five people: three failed because of us, one because of themselves, one was accepted.
async fn failures<'s>(store: &'s dyn Store, plan: &Plan) -> (Stage<'s>, Window) {
    let mut stage = Stage::with_people(store, 5).await;
    let window = first_window(&stage.release(plan).await);
    let outcomes = [
        failed(&window, 0, Reason::AuthFailed),
        failed(&window, 1, Reason::AuthFailed),
        failed(&window, 2, Reason::NumberInvalid),
        failed(&window, 3, Reason::Misconfigured),
        accepted(&window, &window.armed[4], at(11)),
    ];
    stage.record(&outcomes).await;
    (stage, window)
}

fn five() -> Plan {
    Plan {
        window_rows: 5,
        expires_after: 1_000,
        ..Plan::default()
    }
}

const OURS: [Reason; 2] = [Reason::AuthFailed, Reason::Misconfigured];

/// Only what failed for the named reasons goes again, as if nothing had been charged.
pub async fn only_what_failed_for_these_reasons_is_retried(store: &dyn Store) {
    let (mut stage, window) = failures(store, &five()).await;
    let counted = stage.ledger.failures(window.update).await.unwrap();
    let auth = (channel(MAIL), Reason::AuthFailed, 2);
    assert!(counted.contains(&auth), "{counted:?}");
    let by = by(at(20));
    let ledger = &stage.ledger;
    let retried = ledger
        .retry_failed(window.update, None, &OURS, None, &by)
        .await;
    assert_eq!(retried.unwrap().value, 3);
    let view = stage.view(window.update, MAIL).await;
    assert_eq!(
        (view.state, view.counts.failed, view.counts.pending),
        (BroadcastState::Sending, 1, 3)
    );
    stage.check_truth().await;
    let second = stage.window(MAIL, at(20)).await;
    assert_eq!(ordinals(&second), [0, 1, 3]);
    let fresh = |a: &Armed| a.charged == 0 && !a.unsure && a.attempt > 1;
    assert!(second.armed.iter().all(fresh), "{second:?}");
    stage.accept(&second, at(21)).await;
    let view = stage.view(window.update, MAIL).await;
    assert_eq!(
        (view.state, view.counts.accepted, view.counts.failed),
        (BroadcastState::Done, 4, 1)
    );
    let none = stage
        .ledger
        .retry_failed(window.update, None, &OURS, None, &by);
    assert_eq!(none.await.unwrap().value, 0, "nothing of it failed again");
    stage.check_truth().await;
}

/// An address that must not be used is not retried, and neither is anybody a newer update has reached.
pub async fn a_retry_leaves_out_who_must_not_get_it(store: &dyn Store) {
    let (mut stage, old) = failures(store, &five()).await;
    let optout = old.armed[0].address_id;
    stage.ledger.opt_out(optout, &by(at(12))).await.unwrap();
    let plan = Plan {
        released_after: 13,
        window_rows: 2,
        ..five()
    };
    let new = first_window(&stage.release(&plan).await);
    assert_eq!(addresses(&new), addresses(&old)[1..2], "0 said stop");
    stage.accept(&new, at(14)).await;
    let retried = stage
        .ledger
        .retry_failed(old.update, None, &OURS, None, &by(at(15)))
        .await;
    assert_eq!(retried.unwrap().value, 1);
    let next = stage.window(MAIL, at(16)).await;
    assert_eq!((next.broadcast, ordinals(&next)), (old.broadcast, vec![3]));
    stage.check_truth().await;
}

/// What is stopped, too late or superseded is not retried, and the person is told so.
pub async fn what_is_over_is_not_retried(store: &dyn Store) {
    let (mut stage, window) = failures(store, &five()).await;
    let late = by(at(1_000));
    let refused = stage
        .ledger
        .retry_failed(window.update, None, &OURS, None, &late);
    assert!(matches!(refused.await, Err(LedgerError::State(_))));
    let newer = Plan {
        released_after: 20,
        supersedes: true,
        ..five()
    };
    let newer = stage.release(&newer).await.update.id;
    let now = by(at(21));
    let refused = stage
        .ledger
        .retry_failed(window.update, None, &OURS, None, &now);
    assert!(matches!(refused.await, Err(LedgerError::State(_))));
    stage.ledger.stop(newer, None, "wrong", &now).await.unwrap();
    let refused = stage.ledger.retry_failed(newer, None, &OURS, None, &now);
    assert!(matches!(refused.await, Err(LedgerError::State(_))));
    stage.check_truth().await;
}
