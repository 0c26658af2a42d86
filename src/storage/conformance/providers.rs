//! Promises about two providers of one channel: what may have been sent through one never goes through the other.

use super::Store;
use super::fence::tell;
use super::stage::{
    KIND, MAIL, Plan, Stage, accepted, ask, at, channel, deferred, first_window, ordinals, unknown,
    unknown_again,
};
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::Ordinal;
use oyez_domain::ledger::{
    Ask, By, Decision, ReceiptAbout, ReceiptRecord, Recorded, Taken, UnknownFilter, Window,
};
use oyez_domain::receipt::ReceiptStatus;
use oyez_domain::time::Wall;

/// The kind of the other provider.
const OTHER: &str = "other";

/// Who of them is armed for a provider, and when it is to look again.
async fn armed(
    stage: &Stage<'_>,
    provider: &str,
    only_its_own: bool,
    now: Wall,
) -> (Vec<u32>, Option<Wall>) {
    let channel = channel(MAIL);
    let asked = Ask {
        provider,
        only_its_own,
        ..ask(&channel, now)
    };
    match stage.ledger.take(&asked).await.unwrap() {
        Taken::Window(window) => {
            assert_eq!(window.provider, provider);
            (ordinals(&window), None)
        }
        Taken::Idle(until) => (Vec::new(), until),
        Taken::Held(why) => panic!("held: {why}"),
    }
}

/// What was surely refused, or taken back unsent, may go through another provider; what may have been sent waits for its own,
/// and the other is not told to look for it.
pub async fn only_what_was_surely_not_sent_changes_the_provider(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 3).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    assert_eq!(window.provider, KIND);
    let refused = deferred(&window, &window.armed[0], at(11), at(20));
    let doubtful = unknown_again(&window, &window.armed[1], at(11), at(20));
    stage.record(&[refused, doubtful]).await;
    stage
        .ledger
        .disarm(window.id, Ordinal(2), at(12))
        .await
        .unwrap();
    assert_eq!(
        armed(&stage, KIND, true, at(15)).await,
        (vec![], Some(at(20)))
    );
    assert_eq!(armed(&stage, OTHER, true, at(20)).await.0, [] as [u32; 0]);
    assert_eq!(armed(&stage, OTHER, false, at(20)).await.0, [0, 2]);
    let (none, until) = armed(&stage, OTHER, false, at(20)).await;
    assert!(
        none.is_empty() && until.is_none_or(|until| until > at(20)),
        "{until:?}"
    );
    assert_eq!(armed(&stage, KIND, true, at(20)).await.0, [1]);
    stage.check_truth().await;
}

/// Two providers of a channel may give two messages the same identifier; a receipt means that of its own provider.
pub async fn an_identifier_is_that_of_one_provider(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let plan = Plan {
        window_rows: 1,
        ..Plan::default()
    };
    let first = first_window(&stage.release(&plan).await);
    let channel = channel(MAIL);
    let asked = Ask {
        provider: OTHER,
        ..ask(&channel, at(12))
    };
    let Taken::Window(second) = stage.ledger.take(&asked).await.unwrap() else {
        panic!("the other provider gets the next")
    };
    let same = |window: &Window| Recorded {
        provider_id: Some("7".to_owned()),
        ..accepted(window, &window.armed[0], at(13))
    };
    stage.record(&[same(&first), same(&second)]).await;
    let receipt = ReceiptRecord {
        about: ReceiptAbout::ProviderId {
            channel: channel.clone(),
            provider: KIND.to_owned(),
            id: "7".to_owned(),
        },
        at: at(20),
        status: ReceiptStatus::Delivered,
        reason: None,
    };
    assert_eq!(stage.ledger.receive(&[receipt]).await.unwrap().applied, 1);
    let states = stage.states(first.update, MAIL).await;
    assert_eq!(states, [DeliveryState::Delivered, DeliveryState::Accepted]);
}

/// Whoever has only its own to look after begins with nobody.
pub async fn who_does_not_lead_begins_with_nobody(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let plan = Plan {
        first_rows: 0,
        ..Plan::default()
    };
    stage.release(&plan).await;
    assert_eq!(armed(&stage, OTHER, true, at(20)).await.0, [] as [u32; 0]);
    assert_eq!(armed(&stage, OTHER, false, at(20)).await.0, [0, 1]);
}

/// An orphan belongs to the provider it was announced for, however many crashes follow.
pub async fn an_orphan_waits_for_its_own_provider(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    stage.release(&Plan::default()).await;
    for crash in [20, 30] {
        stage = stage.crash(at(crash)).await;
        assert_eq!(
            armed(&stage, OTHER, false, at(crash + 1)).await.0,
            [] as [u32; 0]
        );
        assert_eq!(armed(&stage, KIND, false, at(crash + 1)).await.0, [0]);
    }
}

/// An older start that lived on and cannot tell what became of it leaves it to the provider it was announced for.
pub async fn what_an_older_start_cannot_tell_stays_with_its_provider(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let older = stage.take_over(at(20)).await;
    let second = stage.window(MAIL, at(21)).await;
    let refused = deferred(&second, &second.armed[0], at(22), at(30));
    stage.record(&[refused]).await;
    let doubtful = unknown_again(&window, &window.armed[0], at(23), at(25));
    tell(older.as_ref(), 1, &[doubtful]).await;
    assert_eq!(armed(&stage, OTHER, false, at(30)).await.0, [] as [u32; 0]);
    assert_eq!(armed(&stage, KIND, false, at(30)).await.0, [0]);
}

/// A later sure refusal does not take the doubt away, and a person's word does.
pub async fn a_person_lets_it_go_through_any_provider(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let doubtful = unknown_again(&window, &window.armed[0], at(11), at(20));
    stage.record(&[doubtful]).await;
    let second = stage.window(MAIL, at(20)).await;
    let refused = deferred(&second, &second.armed[0], at(21), at(30));
    stage.record(&[refused]).await;
    assert_eq!(armed(&stage, OTHER, false, at(30)).await.0, [] as [u32; 0]);
    let third = stage.window(MAIL, at(30)).await;
    let held = unknown(&third, &third.armed[0], at(31));
    stage.record(&[held]).await;
    let by = By {
        actor: "somebody".to_owned(),
        at: at(40),
    };
    let all = UnknownFilter::default();
    let again = stage
        .ledger
        .decide_unknown(&all, Decision::SendAgain, None, &by);
    assert_eq!(again.await.unwrap().value, 1);
    assert_eq!(armed(&stage, OTHER, false, at(41)).await.0, [0]);
}
