//! Promises about which update goes first, and never old after new.

use super::Store;
use super::stage::{
    BEGINNING, MAIL, Plan, Stage, accepted, at, by, deferred, first_window, incident, ordinals,
    outcome,
};
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::id::IncidentId;
use oyez_domain::ledger::{Follow, Taken, Window};
use oyez_domain::outcome::OutcomeCode;

/// A plan for a later update of the same incident.
fn later() -> Plan {
    Plan {
        released_after: 20,
        ..Plan::default()
    }
}

async fn other_incident(stage: &Stage<'_>) -> IncidentId {
    let other = incident(2);
    stage
        .ledger
        .open_incident(&other, None, &by(BEGINNING))
        .await
        .unwrap();
    other.id
}

fn states(window: &Window, of: &Window) -> bool {
    window.broadcast == of.broadcast
}

/// The newer update begins when the older has nobody left to begin with.
pub async fn a_newer_update_waits_until_the_older_has_begun_with_all(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 6).await;
    let old = first_window(&stage.release(&Plan::default()).await);
    let new = stage.release(&later()).await.update.id;
    let next = stage.window(MAIL, at(21)).await;
    assert!(states(&next, &old) && ordinals(&next) == [4, 5]);
    stage.accept(&old, at(22)).await;
    let next = stage.window(MAIL, at(23)).await;
    assert_eq!((next.update, ordinals(&next)), (new, vec![0, 1, 2, 3]));
}

/// Whoever still waits for the older update gets the newer one after it; nobody else waits.
pub async fn nobody_gets_the_newer_update_before_the_older(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 4).await;
    let old = first_window(&stage.release(&Plan::default()).await);
    let outcomes = [
        accepted(&old, &old.armed[0], at(11)),
        deferred(&old, &old.armed[1], at(11), at(60)),
        accepted(&old, &old.armed[2], at(11)),
    ];
    stage.record(&outcomes).await;
    let new = stage.release(&later()).await.update.id;
    let first = stage.window(MAIL, at(21)).await;
    assert_eq!(
        (first.update, ordinals(&first)),
        (new, vec![0, 2]),
        "1 waits, 3 is on its way"
    );
    stage.accept(&first, at(22)).await;
    assert_eq!(stage.take(MAIL, at(22)).await, Taken::Idle(Some(at(60))));
    stage.check_truth().await;
    stage.record(&[accepted(&old, &old.armed[3], at(23))]).await;
    let freed = stage.window(MAIL, at(24)).await;
    assert_eq!((freed.update, ordinals(&freed)), (new, vec![3]));
    stage.accept(&freed, at(24)).await;
    let retry = stage.window(MAIL, at(60)).await;
    assert_eq!(
        (retry.broadcast, ordinals(&retry)),
        (old.broadcast, vec![1])
    );
    stage.accept(&retry, at(61)).await;
    let last = stage.window(MAIL, at(62)).await;
    assert_eq!((last.update, ordinals(&last)), (new, vec![1]));
    let armed = &last.armed[0];
    assert_eq!(
        (armed.attempt, armed.charged),
        (1, 0),
        "waiting costs nothing"
    );
    stage.accept(&last, at(63)).await;
    assert_eq!(stage.view(new, MAIL).await.state, BroadcastState::Done);
    stage.check_truth().await;
}

/// A retry of the newer update does not overtake the older one either.
pub async fn a_retry_waits_behind_the_older_update(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let old = first_window(&stage.release(&Plan::default()).await);
    stage
        .record(&[deferred(&old, &old.armed[0], at(11), at(30))])
        .await;
    let new = stage.release(&later()).await.update.id;
    assert_eq!(stage.take(MAIL, at(21)).await, Taken::Idle(Some(at(30))));
    let retry = stage.window(MAIL, at(40)).await;
    assert!(states(&retry, &old));
    stage
        .record(&[deferred(&retry, &retry.armed[0], at(41), at(50))])
        .await;
    assert_eq!(stage.take(MAIL, at(42)).await, Taken::Idle(Some(at(50))));
    let retry = stage.window(MAIL, at(50)).await;
    assert!(states(&retry, &old));
    stage.accept(&retry, at(51)).await;
    assert_eq!(stage.window(MAIL, at(52)).await.update, new);
}

/// Stopping the older update frees whoever waited behind it.
pub async fn stopping_the_older_update_frees_the_newer(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 6).await;
    let old = first_window(&stage.release(&Plan::default()).await);
    stage
        .record(&[deferred(&old, &old.armed[0], at(11), at(90))])
        .await;
    stage.accept_rest(&old, 1, at(12)).await;
    let rest = stage.window(MAIL, at(13)).await;
    stage.accept(&rest, at(14)).await;
    let new = stage.release(&later()).await.update.id;
    stage.drain(MAIL, at(21)).await;
    assert_eq!(stage.view(new, MAIL).await.counts.accepted, 5);
    stage
        .ledger
        .stop(old.update, None, "overtaken", &by(at(30)))
        .await
        .unwrap();
    stage.drain(MAIL, at(31)).await;
    assert_eq!(stage.view(new, MAIL).await.counts.accepted, 6);
    stage.check_truth().await;
}

/// What may have been sent is over as far as order goes: nothing more of it leaves by itself.
pub async fn an_unknown_delivery_holds_up_nobody(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let old = first_window(&stage.release(&Plan::default()).await);
    let new = stage.release(&later()).await.update.id;
    assert_eq!(stage.take(MAIL, at(21)).await, Taken::Idle(None));
    let unknown = outcome(
        &old,
        &old.armed[0],
        at(22),
        OutcomeCode::Unknown,
        Follow::Unknown,
    );
    stage.record(&[unknown]).await;
    assert_eq!(stage.window(MAIL, at(23)).await.update, new);
}

/// Waiting behind an older update is not forgotten in a crash.
pub async fn order_survives_a_crash(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let old = first_window(&stage.release(&Plan::default()).await);
    stage.accept_rest(&old, 1, at(11)).await;
    let new = stage.release(&later()).await.update.id;
    let first = stage.window(MAIL, at(21)).await;
    assert_eq!((first.update, ordinals(&first)), (new, vec![1]));
    let mut stage = stage.crash(at(30)).await;
    let mut seen = Vec::new();
    while let Taken::Window(window) = stage.take(MAIL, at(31)).await {
        seen.extend(
            window
                .armed
                .iter()
                .map(|a| (window.update == new, a.ordinal.0)),
        );
        stage.accept(&window, at(31)).await;
    }
    assert_eq!(seen, [(false, 0), (true, 0), (true, 1)]);
    stage.check_truth().await;
}

/// Other incidents are not held up, and go by age.
pub async fn order_binds_one_incident_only(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let old = first_window(&stage.release(&Plan::default()).await);
    stage
        .record(&[deferred(&old, &old.armed[0], at(11), at(90))])
        .await;
    let other = Plan {
        incident: Some(other_incident(&stage).await),
        ..later()
    };
    let released = stage.release(&other).await.update.id;
    assert_eq!(stage.window(MAIL, at(21)).await.update, released);
}

/// An urgent update overtakes every other incident's queue.
pub async fn an_urgent_update_overtakes_other_incidents(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 9).await;
    let slow = first_window(&stage.release(&Plan::default()).await);
    stage
        .record(&[deferred(&slow, &slow.armed[0], at(11), at(12))])
        .await;
    let urgent = Plan {
        urgent: true,
        incident: Some(other_incident(&stage).await),
        ..later()
    };
    let urgent = stage.release(&urgent).await.update.id;
    for _ in 0..3 {
        assert_eq!(stage.window(MAIL, at(21)).await.update, urgent);
    }
    assert_eq!(
        ordinals(&stage.window(MAIL, at(22)).await),
        [0],
        "then what is due"
    );
}

/// An urgent update behind an older one of its own incident lends it its urgency.
pub async fn urgency_passes_to_the_older_update_of_its_incident(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 6).await;
    let elsewhere = Plan {
        incident: Some(other_incident(&stage).await),
        ..Plan::default()
    };
    stage.release(&elsewhere).await;
    let old = stage.release(&Plan::default()).await.update.id;
    let urgent = Plan {
        urgent: true,
        ..later()
    };
    let urgent = stage.release(&urgent).await.update.id;
    let mut order = Vec::new();
    for _ in 0..4 {
        let window = stage.window(MAIL, at(21)).await;
        stage.accept(&window, at(21)).await;
        order.push(window.update);
    }
    assert_eq!(order, [old, old, urgent, urgent]);
    stage.check_truth().await;
}
