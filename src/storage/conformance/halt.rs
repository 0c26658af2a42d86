//! Promises about stop, hold and expiry.

use super::Store;
use super::stage::{
    MAIL, Plan, Stage, TEXT, accepted, at, by, channel, deferred, first_window, ordinals, outcome,
};
use oyez_domain::LedgerError;
use oyez_domain::address::AddressKind;
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::delivery::DeliveryState as State;
use oyez_domain::ledger::{Follow, Taken};
use oyez_domain::outcome::OutcomeCode;
use oyez_domain::update::UpdateState;

/// Ten people: one accepted, one waiting, two on their way, six not begun.
async fn halfway<'s>(store: &'s dyn Store) -> (Stage<'s>, oyez_domain::ledger::Window) {
    let mut stage = Stage::with_people(store, 10).await;
    let plan = Plan {
        page_rows: 8,
        expires_after: 100,
        ..Plan::default()
    };
    let window = first_window(&stage.release(&plan).await);
    let outcomes = [
        accepted(&window, &window.armed[0], at(11)),
        deferred(&window, &window.armed[1], at(11), at(30)),
    ];
    stage.record(&outcomes).await;
    (stage, window)
}

/// What is on its way ends and is recorded; all else is stopped, and the numbers say so.
pub async fn a_stop_settles_exactly_what_is_not_on_its_way(store: &dyn Store) {
    let (mut stage, window) = halfway(store).await;
    let views = stage
        .ledger
        .stop(window.update, None, "wrong", &by(at(12)))
        .await
        .unwrap();
    let counts = views[0].counts;
    assert_eq!(
        (
            counts.asked,
            counts.accepted,
            counts.stopped,
            counts.pending
        ),
        (8, 1, 5, 2)
    );
    assert_eq!(
        (views[0].state, views[0].in_flight),
        (BroadcastState::Stopped, 2)
    );
    stage.plan_all(at(13)).await;
    assert_eq!(
        stage.view(window.update, MAIL).await.counts.stopped,
        7,
        "later pages, too"
    );
    assert_eq!(stage.take(MAIL, at(60)).await, Taken::Idle(None));
    let outcomes = [
        accepted(&window, &window.armed[2], at(14)),
        deferred(&window, &window.armed[3], at(14), at(40)),
    ];
    stage.record(&outcomes).await;
    let counts = stage.view(window.update, MAIL).await.counts;
    assert_eq!((counts.accepted, counts.stopped, counts.pending), (2, 8, 0));
    let update = stage.ledger.update(window.update).await.unwrap();
    assert_eq!(update.state, UpdateState::Stopped);
    assert!(
        update.stopped_at > update.released_at,
        "it says when it was stopped"
    );
    stage.check_truth().await;
    let states = stage.states(window.update, MAIL).await;
    assert_eq!(
        states[..4],
        [
            State::Accepted,
            State::Stopped,
            State::Accepted,
            State::Stopped
        ]
    );
    assert!(states[4..].iter().all(|state| *state == State::Stopped));
}

/// Stopping twice is stopping once.
pub async fn a_second_stop_changes_nothing(store: &dyn Store) {
    let (stage, window) = halfway(store).await;
    let first = stage
        .ledger
        .stop(window.update, None, "wrong", &by(at(12)))
        .await
        .unwrap();
    let second = stage
        .ledger
        .stop(window.update, None, "wrong", &by(at(13)))
        .await
        .unwrap();
    assert_eq!(first, second);
    stage.check_truth().await;
}

/// What is given back after a stop is stopped, not queued.
pub async fn what_is_given_back_after_a_stop_is_stopped(store: &dyn Store) {
    let (stage, window) = halfway(store).await;
    stage
        .ledger
        .stop(window.update, None, "wrong", &by(at(12)))
        .await
        .unwrap();
    let from = window.armed[2].ordinal;
    stage.ledger.disarm(window.id, from, at(13)).await.unwrap();
    let counts = stage.view(window.update, MAIL).await.counts;
    assert_eq!((counts.stopped, counts.pending), (7, 0));
    stage.check_truth().await;
}

/// What may have been sent is not called stopped or expired.
pub async fn what_may_have_been_sent_is_never_called_unsent(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let again = Follow::Wait {
        not_before: at(20),
        charged: 1,
        unknowns: 1,
    };
    let unsure = |n: usize| {
        outcome(
            &window,
            &window.armed[n],
            at(11),
            OutcomeCode::Unknown,
            again,
        )
    };
    stage.record(&[unsure(0)]).await;
    stage
        .ledger
        .stop(window.update, None, "wrong", &by(at(12)))
        .await
        .unwrap();
    stage.record(&[unsure(1)]).await;
    let counts = stage.view(window.update, MAIL).await.counts;
    assert_eq!((counts.unknown, counts.stopped), (2, 0));
    stage.check_truth().await;
}

/// One channel is stopped; the other goes on, and the update is not called stopped.
pub async fn one_channel_is_stopped_alone(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 6).await;
    let plan = Plan {
        channels: vec![(MAIL, AddressKind::Email), (TEXT, AddressKind::Mobile)],
        ..Plan::default()
    };
    let update = stage.release(&plan).await.update.id;
    let mail = channel(MAIL);
    let views = stage
        .ledger
        .stop(update, Some(&mail), "wrong", &by(at(12)))
        .await
        .unwrap();
    assert_eq!(views.len(), 1);
    assert_eq!(stage.take(MAIL, at(13)).await, Taken::Idle(None));
    assert_eq!(ordinals(&stage.window(TEXT, at(13)).await), [4, 5]);
    assert_eq!(
        stage.ledger.update(update).await.unwrap().state,
        UpdateState::Released
    );
    let other = channel("elsewhere");
    let missing = stage
        .ledger
        .stop(update, Some(&other), "wrong", &by(at(14)))
        .await;
    assert!(matches!(missing, Err(LedgerError::NotFound(_))));
}

/// A draft has nothing to stop.
pub async fn a_draft_cannot_be_stopped(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let draft = stage.draft(&Plan::default()).await;
    let refused = stage
        .ledger
        .stop(draft.id, None, "wrong", &by(at(12)))
        .await;
    assert!(matches!(refused, Err(LedgerError::State(_))), "{refused:?}");
}

/// Nothing leaves a held update, and all of it afterwards.
pub async fn a_held_update_waits_and_goes_on(store: &dyn Store) {
    let (mut stage, window) = halfway(store).await;
    let held = stage
        .ledger
        .hold_update(window.update, None, true, &by(at(12)))
        .await
        .unwrap();
    assert_eq!(held[0].state, BroadcastState::Held);
    assert_eq!(stage.take(MAIL, at(50)).await, Taken::Idle(None));
    stage.accept_rest(&window, 2, at(13)).await;
    stage
        .ledger
        .hold_update(window.update, None, false, &by(at(14)))
        .await
        .unwrap();
    stage.plan_all(at(14)).await;
    stage.drain(MAIL, at(50)).await;
    let view = stage.view(window.update, MAIL).await;
    assert_eq!(
        (view.state, view.counts.accepted),
        (BroadcastState::Done, 10)
    );
    stage.check_truth().await;
}

/// A held channel says why; a release meanwhile does not start on it.
pub async fn a_held_channel_says_why_and_starts_nothing(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let mail = channel(MAIL);
    stage
        .ledger
        .hold_channel(Some(&mail), Some("wrong sender"), &by(at(2)))
        .await
        .unwrap();
    let released = stage.release(&Plan::default()).await;
    assert_eq!(released.broadcasts[0].2, None);
    let stage = stage.crash(at(12)).await;
    assert_eq!(
        stage.take(MAIL, at(12)).await,
        Taken::Held("wrong sender".to_owned())
    );
    let holds = stage.ledger.holds().await.unwrap();
    assert_eq!(holds, [(Some(mail.clone()), "wrong sender".to_owned())]);
    stage
        .ledger
        .hold_channel(Some(&mail), None, &by(at(13)))
        .await
        .unwrap();
    assert_eq!(ordinals(&stage.window(MAIL, at(14)).await), [0, 1]);
}

/// The whole system is held and resumed with one word.
pub async fn the_whole_system_can_be_held(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    stage
        .ledger
        .hold_channel(None, Some("drill"), &by(at(2)))
        .await
        .unwrap();
    stage.release(&Plan::default()).await;
    assert_eq!(
        stage.take(MAIL, at(12)).await,
        Taken::Held("drill".to_owned())
    );
    assert_eq!(
        stage.ledger.holds().await.unwrap(),
        [(None, "drill".to_owned())]
    );
    stage
        .ledger
        .hold_channel(None, None, &by(at(13)))
        .await
        .unwrap();
    assert_eq!(ordinals(&stage.window(MAIL, at(14)).await), [0, 1]);
}

/// Past its last useful moment nothing is sent; what was not begun or waited is expired.
pub async fn nothing_is_sent_after_it_expired(store: &dyn Store) {
    let (mut stage, window) = halfway(store).await;
    assert_eq!(stage.take(MAIL, at(100)).await, Taken::Idle(None));
    let counts = stage.view(window.update, MAIL).await.counts;
    assert_eq!((counts.expired, counts.accepted, counts.pending), (5, 1, 2));
    stage.plan_all(at(101)).await;
    assert_eq!(
        stage.view(window.update, MAIL).await.counts.expired,
        7,
        "later pages, too"
    );
    let late = [
        deferred(&window, &window.armed[2], at(102), at(103)),
        accepted(&window, &window.armed[3], at(102)),
    ];
    stage.record(&late).await;
    let view = stage.view(window.update, MAIL).await;
    assert_eq!((view.counts.expired, view.counts.accepted), (8, 2));
    assert_eq!(view.state, BroadcastState::Done);
    stage.check_truth().await;
}

/// A retry that would come too late is not waited for longer than it is useful.
pub async fn a_channel_wakes_when_a_wait_expires(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let plan = Plan {
        expires_after: 100,
        ..Plan::default()
    };
    let window = first_window(&stage.release(&plan).await);
    stage
        .record(&[deferred(&window, &window.armed[0], at(11), at(500))])
        .await;
    assert_eq!(stage.take(MAIL, at(12)).await, Taken::Idle(Some(at(100))));
    assert_eq!(stage.take(MAIL, at(100)).await, Taken::Idle(None));
    assert_eq!(stage.states(window.update, MAIL).await, [State::Expired]);
}
