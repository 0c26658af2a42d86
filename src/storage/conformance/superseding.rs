//! Promises about an update that takes the place of older ones of its incident.

use super::Store;
use super::stage::{
    BEGINNING, MAIL, Plan, Stage, accepted, addresses, at, by, deferred, email, first_window,
    incident, ordinals, person, unknown_again,
};
use oyez_domain::address::Address;
use oyez_domain::audience::AudienceRule;
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::delivery::DeliveryState as State;
use oyez_domain::id::UpdateId;
use oyez_domain::ledger::{Taken, Window};
use std::collections::BTreeMap;

fn correction() -> Plan {
    Plan {
        released_after: 20,
        supersedes: true,
        ..Plan::default()
    }
}

/// So many people of whom the first four have the older update.
async fn begun<'s>(store: &'s dyn Store, people: u32) -> (Stage<'s>, Window) {
    let mut stage = Stage::with_people(store, people).await;
    let old = first_window(&stage.release(&Plan::default()).await);
    stage.accept(&old, at(11)).await;
    (stage, old)
}

/// The correction goes first, to everybody; what was unsent of the older update is settled before that ends, and the
/// numbers say so.
pub async fn a_correction_goes_first_and_the_rest_gives_way(store: &dyn Store) {
    let (mut stage, old) = begun(store, 12).await;
    let new = stage.release(&correction()).await.update.id;
    stage.check_truth().await;
    let first = stage.window(MAIL, at(21)).await;
    assert_eq!((first.update, ordinals(&first)), (new, vec![0, 1, 2, 3]));
    stage.plan_all(at(21)).await;
    let view = stage.view(old.update, MAIL).await;
    assert_eq!(
        (
            view.counts.accepted,
            view.counts.superseded,
            view.counts.pending
        ),
        (4, 8, 0)
    );
    assert_eq!(view.state, BroadcastState::Done);
    stage.check_truth().await;
    stage.accept(&first, at(22)).await;
    stage.drain(MAIL, at(22)).await;
    assert_eq!(stage.view(new, MAIL).await.counts.accepted, 12);
    let states = stage.states(old.update, MAIL).await;
    assert!(states[4..].iter().all(|state| *state == State::Superseded));
    stage.check_truth().await;
}

/// Even if nobody sweeps, nothing of the older update is announced to somebody who gets the newer.
pub async fn the_older_update_is_not_announced_any_more(store: &dyn Store) {
    let (mut stage, old) = begun(store, 10).await;
    let new = stage.release(&correction()).await.update.id;
    while let Taken::Window(window) = stage.take(MAIL, at(21)).await {
        assert_eq!(window.update, new);
        stage.accept(&window, at(21)).await;
    }
    let counts = stage.view(old.update, MAIL).await.counts;
    assert_eq!((counts.superseded, counts.pending), (6, 0));
    stage.check_truth().await;
}

/// What is on its way of the older update ends first for those it is on its way to; nobody else waits.
pub async fn what_is_on_its_way_ends_before_the_correction(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 8).await;
    let old = first_window(&stage.release(&Plan::default()).await);
    let new = stage.release(&correction()).await.update.id;
    stage.plan_all(at(20)).await;
    let first = stage.window(MAIL, at(21)).await;
    assert_eq!((first.update, ordinals(&first)), (new, vec![4, 5, 6, 7]));
    stage.accept(&first, at(22)).await;
    assert_eq!(stage.take(MAIL, at(22)).await, Taken::Idle(None));
    let outcomes = [
        accepted(&old, &old.armed[0], at(23)),
        deferred(&old, &old.armed[1], at(23), at(40)),
        unknown_again(&old, &old.armed[2], at(23), at(40)),
    ];
    stage.record(&outcomes).await;
    let given_back = old.armed[3].ordinal;
    stage
        .ledger
        .disarm(old.id, given_back, at(23))
        .await
        .unwrap();
    assert_eq!(
        stage.states(old.update, MAIL).await[..4],
        [
            State::Accepted,
            State::Superseded,
            State::Unknown,
            State::Superseded
        ],
        "what may have been sent is unknown, never superseded"
    );
    stage.check_truth().await;
    let freed = stage.window(MAIL, at(24)).await;
    assert_eq!((freed.update, ordinals(&freed)), (new, vec![0, 1, 2, 3]));
    stage.accept(&freed, at(24)).await;
    assert_eq!(stage.take(MAIL, at(50)).await, Taken::Idle(None));
    stage.check_truth().await;
}

/// What waits for another attempt gives way, too.
pub async fn what_waits_gives_way_to_the_correction(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 4).await;
    let old = first_window(&stage.release(&Plan::default()).await);
    let outcomes = [
        deferred(&old, &old.armed[0], at(11), at(12)),
        deferred(&old, &old.armed[1], at(11), at(90)),
        unknown_again(&old, &old.armed[2], at(11), at(12)),
        unknown_again(&old, &old.armed[3], at(11), at(90)),
    ];
    stage.record(&outcomes).await;
    let new = stage.release(&correction()).await.update.id;
    let first = stage.window(MAIL, at(21)).await;
    assert_eq!((first.update, ordinals(&first)), (new, vec![0, 1, 2, 3]));
    stage.plan_all(at(21)).await;
    assert_eq!(
        stage.states(old.update, MAIL).await,
        [
            State::Superseded,
            State::Superseded,
            State::Unknown,
            State::Unknown
        ]
    );
    let view = stage.view(old.update, MAIL).await;
    assert_eq!((view.state, view.waiting), (BroadcastState::Done, 0));
    stage.check_truth().await;
}

fn about_roads(supersedes: bool) -> Plan {
    Plan {
        audience: AudienceRule {
            topics: vec!["roads".to_owned()],
            ..AudienceRule::default()
        },
        supersedes,
        ..correction()
    }
}

/// So many people of whom every nth wants to hear of roads only, the others of bins only.
async fn with_topics<'s>(store: &'s dyn Store, people: u32, nth: u32) -> Stage<'s> {
    let stage = Stage::set(store).await;
    let people: Vec<_> = (0..people)
        .map(|number| {
            let mut person = person(number);
            let topic = if number % nth == 0 { "roads" } else { "bins" };
            person.topics = vec![topic.to_owned()];
            person
        })
        .collect();
    stage
        .ledger
        .add_subscribers(&people, &by(at(1)))
        .await
        .unwrap();
    stage
}

/// Takes, sends and plans in turn to the end; which updates everybody got, in order.
async fn play_out(stage: &mut Stage<'_>, now: u64) -> BTreeMap<Address, Vec<UpdateId>> {
    let mut got: BTreeMap<Address, Vec<UpdateId>> = BTreeMap::new();
    loop {
        let planned = stage.ledger.plan_page(at(now)).await.unwrap();
        let taken = stage.take(MAIL, at(now)).await;
        stage.check_truth().await;
        match taken {
            Taken::Window(window) => {
                for address in addresses(&window) {
                    got.entry(address).or_default().push(window.update);
                }
                stage.accept(&window, at(now)).await;
            }
            Taken::Idle(None) if planned.is_none() => return got,
            Taken::Idle(_) | Taken::Held(_) => {}
        }
    }
}

/// Who is not in the newer audience still gets the older update, after the newer has gone to those who are.
pub async fn the_few_who_are_not_in_the_newer_audience_get_the_older(store: &dyn Store) {
    everybody_gets_one(store, 2).await;
}

/// The same where most are not in it.
pub async fn the_many_who_are_not_in_the_newer_audience_get_the_older(store: &dyn Store) {
    everybody_gets_one(store, 3).await;
}

async fn everybody_gets_one(store: &dyn Store, nth: u32) {
    let mut stage = with_topics(store, 24, nth).await;
    let old = first_window(&stage.release(&Plan::default()).await);
    stage.accept(&old, at(11)).await;
    let new = stage.release(&about_roads(true)).await.update.id;
    let first = stage.window(MAIL, at(21)).await;
    assert_eq!(first.update, new);
    stage.accept(&first, at(21)).await;
    let got = play_out(&mut stage, 22).await;
    for number in 4..24 {
        let expected = if number % nth == 0 { new } else { old.update };
        let times = got.get(&email(number)).map_or(&[][..], Vec::as_slice);
        if addresses(&first).contains(&email(number)) {
            assert!(times.is_empty(), "{number} had it: {times:?}");
        } else {
            assert_eq!(times, [expected], "{number}");
        }
    }
    let counts = stage.view(old.update, MAIL).await.counts;
    assert_eq!(counts.accepted + counts.superseded, 24);
}

/// While the newer audience is still being written out, nobody gets the older update who may be in it, and nobody is
/// left with nothing.
pub async fn nobody_is_left_with_nothing_while_audiences_grow(store: &dyn Store) {
    let mut stage = with_topics(store, 30, 2).await;
    let small = |plan: Plan| Plan {
        page_rows: 3,
        ..plan
    };
    let old = first_window(&stage.release(&small(Plan::default())).await);
    stage.accept(&old, at(11)).await;
    let new = stage.release(&small(about_roads(true))).await.update.id;
    let got = play_out(&mut stage, 22).await;
    for number in 0..30 {
        let already = addresses(&old).contains(&email(number));
        let mut expected = vec![];
        if number % 2 == 0 {
            expected.push(new);
        } else if !already {
            expected.push(old.update);
        }
        let times = got.get(&email(number)).cloned().unwrap_or_default();
        assert_eq!(times, expected, "{number}");
    }
    for update in [old.update, new] {
        let view = stage.view(update, MAIL).await;
        assert_eq!((view.state, view.planned), (BroadcastState::Done, true));
    }
}

/// A correction can be corrected; everybody gets the last word, and nothing before it twice.
pub async fn a_correction_can_be_corrected(store: &dyn Store) {
    let (mut stage, old) = begun(store, 12).await;
    let second = stage.release(&correction()).await.update.id;
    let window = stage.window(MAIL, at(21)).await;
    stage.accept(&window, at(21)).await;
    let third = Plan {
        released_after: 30,
        ..correction()
    };
    let third = stage.release(&third).await.update.id;
    let got = play_out(&mut stage, 31).await;
    let last_word = (0..12).map(|number| (email(number), vec![third])).collect();
    assert_eq!(got, last_word);
    for (update, accepted) in [(old.update, 4), (second, 4), (third, 12)] {
        let view = stage.view(update, MAIL).await;
        let counts = view.counts;
        assert_eq!(
            (
                view.state,
                counts.accepted,
                counts.accepted + counts.superseded
            ),
            (BroadcastState::Done, accepted, 12)
        );
    }
}

/// A correction has the turn of what it corrects: what came between the two waits on.
pub async fn a_correction_has_the_turn_of_what_it_corrects(store: &dyn Store) {
    let (mut stage, _) = begun(store, 8).await;
    let other = incident(2);
    let by = by(BEGINNING);
    stage.ledger.open_incident(&other, None, &by).await.unwrap();
    let between = Plan {
        incident: Some(other.id),
        released_after: 15,
        ..Plan::default()
    };
    let between = stage.release(&between).await.update.id;
    let new = stage.release(&correction()).await.update.id;
    stage.plan_all(at(20)).await;
    let mut order = Vec::new();
    while let Taken::Window(window) = stage.take(MAIL, at(21)).await {
        stage.accept(&window, at(21)).await;
        order.push(window.update);
    }
    assert_eq!(order, [new, new, between, between]);
}

/// Whenever the program ends between two transactions, everybody ends up with the correction, and nobody gets the
/// older update after it.
pub async fn a_correction_survives_a_crash_at_any_point(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 10).await;
    for crash in 0..9 {
        let about = incident(10 + u8::try_from(crash).unwrap());
        let by = by(BEGINNING);
        stage.ledger.open_incident(&about, None, &by).await.unwrap();
        let small = |plan: Plan| Plan {
            incident: Some(about.id),
            page_rows: 4,
            window_rows: 3,
            ..plan
        };
        let old = first_window(&stage.release(&small(Plan::default())).await);
        let (mut new, mut corrected) = (None, Vec::new());
        for step in 0..9 {
            if step == crash {
                stage = stage.crash(at(30 + step)).await;
            }
            match step {
                0 if crash != 0 => stage.accept_rest(&old, 2, at(11)).await,
                0 => {}
                2 => new = Some(stage.release(&small(correction())).await.update.id),
                1 | 3 | 5 | 7 => drop(stage.ledger.plan_page(at(40)).await.unwrap()),
                _ => {
                    if let Taken::Window(window) = stage.take(MAIL, at(40)).await {
                        expect_order(&window, new, &mut corrected);
                        if step == 4 {
                            stage.accept(&window, at(40)).await;
                        }
                    }
                }
            }
            stage.check_truth().await;
        }
        stage = stage.crash(at(50)).await;
        stage.plan_all(at(51)).await;
        while let Taken::Window(window) = stage.take(MAIL, at(51)).await {
            expect_order(&window, new, &mut corrected);
            stage.accept(&window, at(51)).await;
        }
        stage.check_truth().await;
        let view = stage.view(new.unwrap(), MAIL).await;
        let end = (view.state, view.counts.accepted);
        assert_eq!(end, (BroadcastState::Done, 10), "crash before step {crash}");
        let counts = stage.view(old.update, MAIL).await.counts;
        assert_eq!(counts.pending, 0, "crash before step {crash}");
    }
}

fn expect_order(window: &Window, new: Option<UpdateId>, corrected: &mut Vec<Address>) {
    for address in addresses(window) {
        if Some(window.update) == new {
            corrected.push(address);
        } else {
            assert!(!corrected.contains(&address), "old after new for {address}");
        }
    }
}
