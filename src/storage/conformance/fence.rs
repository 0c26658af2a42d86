//! Promises about a start that was taken over by a newer one and does not know it yet.

use super::Store;
use super::stage::{
    MAIL, Plan, Stage, accepted, ask, at, channel, deferred, first_window, order, ordinals,
    outcome, unknown,
};
use oyez_domain::LedgerError;
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::delivery::DeliveryState as State;
use oyez_domain::id::Ordinal;
use oyez_domain::ledger::{Follow, Ledger, Recorded, Taken, Window};
use oyez_domain::outcome::OutcomeCode;
use oyez_domain::time::Wall;
use oyez_domain::update::UpdateState;
use std::collections::BTreeSet;

pub(super) async fn tell(older: &dyn Ledger, batch: u64, outcomes: &[Recorded]) {
    let told = older.record(batch, outcomes).await;
    assert_eq!(
        told,
        Err(LedgerError::Fenced),
        "kept, and told that it is over"
    );
}

/// Whatever would announce something, or take an announcement back, is refused to the older start; the newer one is
/// not disturbed.
pub async fn an_older_start_announces_nothing(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 8).await;
    let plan = Plan {
        page_rows: 5,
        ..Plan::default()
    };
    let window = first_window(&stage.release(&plan).await);
    let draft = stage.draft(&plan).await;
    let older = stage.take_over(at(20)).await;
    let mail = channel(MAIL);
    let fenced = LedgerError::Fenced;
    assert_eq!(older.take(&ask(&mail, at(21))).await, Err(fenced.clone()));
    assert_eq!(older.plan_page(at(21)).await, Err(fenced.clone()));
    let released = older.release(&order(&draft, &plan)).await;
    assert_eq!(released.unwrap_err(), fenced);
    let disarmed = older.disarm(window.id, Ordinal(0), at(21)).await;
    assert_eq!(disarmed, Err(fenced));
    let untouched = stage.ledger.update(draft.id).await.unwrap();
    assert_eq!(untouched.state, UpdateState::Draft);
    stage.check_truth().await;
    stage.plan_all(at(22)).await;
    stage.drain(MAIL, at(22)).await;
    drop(older);
    let view = stage.view(window.update, MAIL).await;
    assert_eq!(
        (view.state, view.counts.accepted),
        (BroadcastState::Done, 8)
    );
    stage.check_truth().await;
}

/// However the two come together, what the older start announced before is seen by the newer one, and after it
/// began nothing is announced any more: nobody is forgotten.
pub async fn an_older_start_never_announces_while_a_newer_begins(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 120).await;
    for round in 0..8 {
        let plan = Plan {
            window_rows: 2,
            page_rows: 1_000,
            released_after: 10 + round,
            ..Plan::default()
        };
        let update = stage.release(&plan).await.update.id;
        let now = at(100 + round);
        let opening = stage.opening(now);
        let (announced, newer) = tokio::join!(announce_all(stage.ledger.as_ref(), now), opening);
        let older = stage.succeed(newer);
        assert_eq!(
            older.take(&ask(&channel(MAIL), now)).await,
            Err(LedgerError::Fenced)
        );
        drop(older);
        stage.check_truth().await;
        let again = drain(&mut stage, now).await;
        let forgotten: Vec<_> = announced.iter().filter(|o| !again.contains(o)).collect();
        assert!(forgotten.is_empty(), "round {round}: {forgotten:?}");
        let once: BTreeSet<_> = again.iter().collect();
        assert_eq!(once.len(), again.len(), "round {round}: a third copy");
        let view = stage.view(update, MAIL).await;
        assert_eq!(
            (view.state, view.in_flight, view.counts.accepted),
            (BroadcastState::Done, 0, 120),
            "round {round}"
        );
        stage.check_truth().await;
    }
}

/// Takes one window after the other until there is none or it is over; whose sending was announced.
async fn announce_all(ledger: &dyn Ledger, now: Wall) -> Vec<u32> {
    let mail = channel(MAIL);
    let mut announced = Vec::new();
    loop {
        match ledger.take(&ask(&mail, now)).await {
            Ok(Taken::Window(window)) => announced.extend(ordinals(&window)),
            Ok(Taken::Idle(_) | Taken::Held(_)) | Err(LedgerError::Fenced) => return announced,
            // Two that write at once may be in each other's way for a moment.
            Err(LedgerError::Busy(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

async fn drain(stage: &mut Stage<'_>, now: Wall) -> Vec<u32> {
    let mut sent = Vec::new();
    while let Taken::Window(window) = stage.take(MAIL, now).await {
        sent.extend(ordinals(&window));
        stage.accept(&window, now).await;
    }
    sent
}

/// Six people on whose way something is when a newer start takes over.
async fn taken_over<'s>(
    store: &'s dyn Store,
    holds_unknown: bool,
) -> (Stage<'s>, Box<dyn Ledger>, Window) {
    let mut stage = Stage::with_people(store, 6).await;
    let plan = Plan {
        window_rows: 6,
        holds_unknown,
        ..Plan::default()
    };
    let window = first_window(&stage.release(&plan).await);
    let older = stage.take_over(at(20)).await;
    (stage, older, window)
}

/// Outcomes are facts, whoever tells them: what the older start has sent is not sent again, and counted once.
pub async fn what_an_older_start_knows_is_kept(store: &dyn Store) {
    let (mut stage, older, window) = taken_over(store, false).await;
    let facts = [
        accepted(&window, &window.armed[0], at(21)),
        deferred(&window, &window.armed[1], at(21), at(90)),
        outcome(
            &window,
            &window.armed[2],
            at(21),
            OutcomeCode::Rejected,
            Follow::Failed,
        ),
        unknown(&window, &window.armed[3], at(21)),
    ];
    tell(older.as_ref(), 1, &facts).await;
    tell(older.as_ref(), 1, &facts).await;
    tell(older.as_ref(), 2, &facts).await;
    let expected = [
        State::Accepted,
        State::Waiting,
        State::Rejected,
        State::Unknown,
        State::Waiting,
        State::Waiting,
    ];
    assert_eq!(stage.states(window.update, MAIL).await, expected);
    stage.check_truth().await;
    let again = stage.window(MAIL, at(22)).await;
    assert_eq!(ordinals(&again), [4, 5], "of whom nobody has told anything");
    // Both starts sent to these, and both tell.
    let late = [
        accepted(&window, &window.armed[4], at(23)),
        deferred(&window, &window.armed[5], at(23), at(30)),
    ];
    tell(older.as_ref(), 3, &late).await;
    stage.check_truth().await;
    stage.accept(&again, at(24)).await;
    let view = stage.view(window.update, MAIL).await;
    assert_eq!(
        (view.counts.accepted, view.in_flight, view.waiting),
        (3, 0, 1)
    );
    stage.check_truth().await;
}

/// An orphan that was surely refused after all is no doubt any more: it is tried again as what it is.
pub async fn a_late_word_takes_the_doubt_away(store: &dyn Store) {
    let (stage, older, window) = taken_over(store, false).await;
    let refused = deferred(&window, &window.armed[0], at(21), at(30));
    tell(older.as_ref(), 1, &[refused]).await;
    stage.check_truth().await;
    assert_eq!(ordinals(&stage.window(MAIL, at(22)).await), [1, 2, 3, 4, 5]);
    let again = stage.window(MAIL, at(30)).await;
    let armed = &again.armed[0];
    assert_eq!(ordinals(&again), [0]);
    assert_eq!((armed.attempt, armed.unsure, armed.charged), (2, false, 1));
    stage.check_truth().await;
}

/// The same where it was called unknown, and the broadcast done.
pub async fn a_late_word_opens_what_was_called_unknown(store: &dyn Store) {
    let (mut stage, older, window) = taken_over(store, true).await;
    let view = stage.view(window.update, MAIL).await;
    assert_eq!((view.state, view.counts.unknown), (BroadcastState::Done, 6));
    let refused = deferred(&window, &window.armed[0], at(21), at(30));
    tell(older.as_ref(), 1, &[refused]).await;
    let view = stage.view(window.update, MAIL).await;
    assert_eq!((view.state, view.waiting), (BroadcastState::Sending, 1));
    stage.check_truth().await;
    let again = stage.window(MAIL, at(30)).await;
    assert_eq!((ordinals(&again), again.armed[0].unsure), (vec![0], false));
    stage.accept(&again, at(31)).await;
    let view = stage.view(window.update, MAIL).await;
    assert_eq!((view.state, view.counts.unknown), (BroadcastState::Done, 5));
    stage.check_truth().await;
}

/// What was called unknown, and passed by a newer update, does not come after it.
pub async fn a_late_word_does_not_let_the_old_overtake_the_new(store: &dyn Store) {
    let (mut stage, older, old) = taken_over(store, true).await;
    let newer = Plan {
        window_rows: 3,
        released_after: 25,
        ..Plan::default()
    };
    let new = first_window(&stage.release(&newer).await);
    stage.accept(&new, at(26)).await;
    let refused = [0, 4].map(|nth| deferred(&old, &old.armed[nth], at(27), at(28)));
    tell(older.as_ref(), 1, &refused).await;
    let states = stage.states(old.update, MAIL).await;
    assert_eq!((states[0], states[4]), (State::Superseded, State::Waiting));
    stage.check_truth().await;
    let mut order = Vec::new();
    while let Taken::Window(window) = stage.take(MAIL, at(30)).await {
        order.extend(
            ordinals(&window)
                .into_iter()
                .map(|o| (window.update == new.update, o)),
        );
        stage.accept(&window, at(30)).await;
    }
    let position = |who| order.iter().position(|sent| *sent == who).unwrap();
    assert!(position((false, 4)) < position((true, 4)), "{order:?}");
    assert!(!order.contains(&(false, 0)));
    stage.check_truth().await;
}

/// What was waiting to go again, or given up, was sent after all.
pub async fn a_late_acceptance_calls_back_what_was_to_go_again(store: &dyn Store) {
    let (stage, older, window) = taken_over(store, false).await;
    let facts = window.armed.iter();
    let facts: Vec<_> = facts
        .map(|armed| accepted(&window, armed, at(21)))
        .collect();
    tell(older.as_ref(), 1, &facts).await;
    assert_eq!(stage.take(MAIL, at(30)).await, Taken::Idle(None));
    let view = stage.view(window.update, MAIL).await;
    assert_eq!(
        (view.state, view.counts.accepted),
        (BroadcastState::Done, 6)
    );
    assert!(view.reasons.is_empty(), "{:?}", view.reasons);
    stage.check_truth().await;
}
