//! Promises about destinations that may not be called, and about a clock that may not be trusted.

use super::Store;
use super::stage::{Plan, Stage, ask, at, by, channel, deferred, first_window};
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::ledger::{Ask, NewEndpoint, Taken, Window};
use oyez_domain::parcel::Secret;
use oyez_domain::time::Wall;

const PARTNERS: &str = "partners";

async fn with_partners<'s>(store: &'s dyn Store, names: &[&str]) -> Stage<'s> {
    let stage = Stage::set(store).await;
    let endpoint = |name: &&str| NewEndpoint {
        name: (*name).to_owned(),
        url: Address::endpoint(&format!("https://{name}.example.org/hook")).unwrap(),
        secret: Secret::new("whsec_a"),
    };
    let endpoints: Vec<_> = names.iter().map(endpoint).collect();
    stage
        .ledger
        .put_endpoints(&endpoints, &by(at(1)))
        .await
        .unwrap();
    stage
}

fn plan() -> Plan {
    Plan {
        channels: vec![(PARTNERS, AddressKind::Endpoint)],
        expires_after: 500,
        window_rows: 1,
        ..Plan::default()
    }
}

async fn take(stage: &Stage<'_>, now: Wall, shut: &[(String, Wall)]) -> Taken {
    let channel = channel(PARTNERS);
    let asked = Ask {
        shut_destinations: shut,
        ..ask(&channel, now)
    };
    stage.ledger.take(&asked).await.unwrap()
}

async fn window(stage: &Stage<'_>, now: Wall, shut: &[(String, Wall)]) -> Window {
    match take(stage, now, shut).await {
        Taken::Window(window) => window,
        other @ (Taken::Idle(_) | Taken::Held(_)) => panic!("no window but {other:?}"),
    }
}

fn names(window: &Window) -> Vec<&str> {
    let names = window.armed.iter().map(|armed| armed.destination.as_str());
    names.collect()
}

/// A release asks as a worker does: it announces nothing for a partner who is shut, and nothing at all while nothing may
/// leave on the channel.
pub async fn a_release_announces_nothing_for_who_is_shut(store: &dyn Store) {
    let mut stage = with_partners(store, &["camden", "islington", "lambeth"]).await;
    let planned = Plan {
        window_rows: 3,
        shut: vec![("islington".to_owned(), at(100))],
        ..plan()
    };
    let first = first_window(&stage.release(&planned).await);
    assert_eq!(names(&first), ["camden", "lambeth"]);
    stage.accept(&first, at(11)).await;
    assert_eq!(take(&stage, at(12), &[]).await, Taken::Idle(Some(at(100))));
    let late = window(&stage, at(100), &[]).await;
    assert_eq!(names(&late), ["islington"]);
    assert_eq!((late.armed[0].attempt, late.armed[0].charged), (1, 0));
    stage.accept(&late, at(101)).await;
    let shut = Plan {
        first_rows: 0,
        released_after: 110,
        ..planned
    };
    let released = stage.release(&shut).await;
    assert!(
        released
            .broadcasts
            .iter()
            .all(|(.., window)| window.is_none())
    );
    assert_eq!(window(&stage, at(111), &[]).await.armed.len(), 3);
    stage.check_truth().await;
}

/// One partner is shut: nothing is announced for it before its time, nothing charged, and the others go on.
pub async fn a_shut_destination_waits_uncharged_and_holds_up_nobody(store: &dyn Store) {
    let mut stage = with_partners(store, &["camden", "islington", "lambeth"]).await;
    let first = first_window(&stage.release(&plan()).await);
    assert_eq!(names(&first), ["camden"]);
    let shut = [("islington".to_owned(), at(100))];
    let second = window(&stage, at(11), &shut).await;
    assert_eq!(names(&second), ["lambeth"], "islington is passed over");
    stage.accept(&first, at(12)).await;
    stage.accept(&second, at(12)).await;
    assert_eq!(
        take(&stage, at(12), &shut).await,
        Taken::Idle(Some(at(100)))
    );
    let view = stage.view(first.update, PARTNERS).await;
    assert_eq!(
        (view.counts.pending, view.in_flight, view.waiting),
        (1, 0, 0)
    );
    stage.check_truth().await;
    let last = window(&stage, at(100), &shut).await;
    let armed = &last.armed[0];
    assert_eq!(names(&last), ["islington"]);
    assert_eq!((armed.attempt, armed.charged, armed.unsure), (1, 0, false));
    assert_eq!(armed.first_armed_at, at(100));
    stage.accept(&last, at(101)).await;
    let view = stage.view(first.update, PARTNERS).await;
    assert_eq!(view.state, BroadcastState::Done);
    stage.check_truth().await;
}

/// What is due again waits on for a destination that is still shut, with its past.
pub async fn a_retry_waits_on_for_a_shut_destination(store: &dyn Store) {
    let mut stage = with_partners(store, &["camden"]).await;
    let first = first_window(&stage.release(&plan()).await);
    let refused = deferred(&first, &first.armed[0], at(11), at(20));
    stage.record(&[refused]).await;
    let shut = [("camden".to_owned(), at(60))];
    let mut next = take(&stage, at(20), &shut).await;
    if next == Taken::Idle(Some(at(20))) {
        next = take(&stage, at(20), &shut).await;
    }
    assert_eq!(next, Taken::Idle(Some(at(60))));
    stage.check_truth().await;
    let second = window(&stage, at(60), &[]).await;
    assert_eq!((second.armed[0].attempt, second.armed[0].charged), (2, 1));
}

/// While the clock may not be trusted nothing is called too late, and sending goes on.
pub async fn nothing_expires_while_the_clock_is_not_trusted(store: &dyn Store) {
    let mut stage = with_partners(store, &["camden", "islington", "lambeth"]).await;
    let first = first_window(&stage.release(&plan()).await);
    let refused = deferred(&first, &first.armed[0], at(11), at(700));
    stage.record(&[refused]).await;
    let channel = channel(PARTNERS);
    let frozen = |now| Ask {
        may_expire: false,
        ..ask(&channel, now)
    };
    let Taken::Window(late) = stage.ledger.take(&frozen(at(600))).await.unwrap() else {
        panic!("what looks too late by a clock that jumped is sent")
    };
    assert_eq!(names(&late), ["islington"]);
    stage.accept(&late, at(20)).await;
    let Taken::Window(late) = stage.ledger.take(&frozen(at(600))).await.unwrap() else {
        panic!("and so is the next")
    };
    stage.accept(&late, at(20)).await;
    let idle = stage.ledger.take(&frozen(at(600))).await.unwrap();
    assert_eq!(
        idle,
        Taken::Idle(Some(at(700))),
        "no waking before its time"
    );
    let counts = stage.view(first.update, PARTNERS).await.counts;
    assert_eq!((counts.expired, counts.accepted, counts.pending), (0, 2, 1));
    assert_eq!(take(&stage, at(600), &[]).await, Taken::Idle(None));
    let counts = stage.view(first.update, PARTNERS).await.counts;
    assert_eq!(
        (counts.expired, counts.pending),
        (1, 0),
        "once it is trusted"
    );
    stage.check_truth().await;
}
