//! Promises about what a worker is told of a delivery's past, for it decides whether sending again is safe.

use super::Store;
use super::stage::{MAIL, Plan, Stage, at, deferred, first_window, outcome, unknown_again};
use oyez_domain::id::Ordinal;
use oyez_domain::ledger::{Armed, Follow};
use oyez_domain::outcome::OutcomeCode;
use oyez_domain::time::Wall;

fn past(armed: &Armed) -> (u32, bool, Wall) {
    (armed.attempt, armed.unsure, armed.first_armed_at)
}

/// What was surely refused is tried again without doubt, and its key has the age of the first attempt.
pub async fn a_retry_knows_the_age_of_its_key(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    assert_eq!(past(&window.armed[0]), (1, false, at(10)));
    let refused = deferred(&window, &window.armed[0], at(12), at(20));
    stage.record(&[refused]).await;
    let second = stage.window(MAIL, at(20)).await;
    assert_eq!(past(&second.armed[0]), (2, false, at(10)));
    let refused = deferred(&second, &second.armed[0], at(22), at(30));
    stage.record(&[refused]).await;
    let third = stage.window(MAIL, at(30)).await;
    assert_eq!(past(&third.armed[0]), (3, false, at(10)));
}

/// After an unknown outcome every attempt is told of the doubt.
pub async fn a_retry_knows_that_it_may_be_a_second_copy(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    stage
        .record(&[unknown_again(&window, &window.armed[0], at(12), at(20))])
        .await;
    let second = stage.window(MAIL, at(20)).await;
    assert_eq!(past(&second.armed[0]), (2, true, at(10)));
    assert_eq!(second.armed[0].unknowns, 1);
    let refused = deferred(&second, &second.armed[0], at(22), at(30));
    stage.record(&[refused]).await;
    let third = stage.window(MAIL, at(30)).await;
    assert_eq!(
        past(&third.armed[0]),
        (3, true, at(10)),
        "a later refusal does not take the doubt away"
    );
}

/// An orphan may have been sent, and its key is as old as its announcement, however many crashes follow.
pub async fn an_orphan_knows_that_it_may_be_a_second_copy(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    stage.release(&Plan::default()).await;
    for (crash, attempt) in [(20, 2), (30, 3)] {
        stage = stage.crash(at(crash)).await;
        let window = stage.window(MAIL, at(crash + 1)).await;
        assert_eq!(past(&window.armed[0]), (attempt, true, at(10)));
    }
}

/// What was given back unsent is as if it had never been announced: no doubt, and a key that nobody has seen.
pub async fn what_was_given_back_leaves_no_doubt(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    stage
        .record(&[unknown_again(&window, &window.armed[0], at(11), at(12))])
        .await;
    let retry = stage.window(MAIL, at(12)).await;
    for (id, from) in [(window.id, Ordinal(1)), (retry.id, Ordinal(0))] {
        stage.ledger.disarm(id, from, at(13)).await.unwrap();
    }
    let again = stage.window(MAIL, at(40)).await;
    let pasts: Vec<_> = again.armed.iter().map(past).collect();
    assert_eq!(
        pasts,
        [(2, true, at(10)), (1, false, at(40))],
        "the first was sent once, the second never"
    );
    stage
        .ledger
        .disarm(again.id, Ordinal(1), at(41))
        .await
        .unwrap();
    let stage = stage.crash(at(50)).await;
    let last = stage.windows(MAIL, at(51)).await;
    let mut last: Vec<_> = last.iter().flat_map(|window| &window.armed).collect();
    last.sort_unstable_by_key(|armed| armed.ordinal);
    let pasts: Vec<_> = last.into_iter().map(past).collect();
    assert_eq!(pasts, [(3, true, at(10)), (1, false, at(51))]);
}

/// A worker is told why the attempt before ended as it did.
pub async fn a_retry_knows_why_it_is_one(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    assert_eq!(window.armed[0].last_reason, None);
    let waits = Follow::Wait {
        not_before: at(20),
        charged: 0,
        unknowns: 0,
    };
    let down = outcome(
        &window,
        &window.armed[0],
        at(12),
        OutcomeCode::ChannelDown,
        waits,
    );
    let reason = down.reason;
    stage.record(&[down]).await;
    let second = stage.window(MAIL, at(20)).await;
    assert_eq!(second.armed[0].last_reason, reason);
}
