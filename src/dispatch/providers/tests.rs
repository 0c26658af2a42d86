//! Who sends: nothing moves for one error, a breaker moves, and who comes back does so slowly.

use super::*;
use oyez_domain::outcome::{Outcome, Scope};
use oyez_domain::time::Wall;

fn at(seconds: u64) -> Moment {
    let since = Duration::from_secs(seconds);
    Moment {
        boot: Boot(since),
        wall: Wall(0).plus(since),
    }
}

fn providers(weights: [Option<u32>; 2]) -> Providers {
    let one = |(kind, weight)| Provider {
        kind,
        receipts: Receipts::OfAll,
        weight,
        breakers: Arc::new(Breakers::new(16)),
        bell: Arc::default(),
    };
    Providers::new(["a", "b"].into_iter().zip(weights).map(one).collect())
}

fn says(providers: &Providers, rank: usize, outcome: &Outcome, now: u64) {
    let breakers = &providers.all[rank].breakers;
    breakers.observe("", outcome, at(now).boot, at(now));
}

const TAKEN: Outcome = Outcome::Accepted { reference: None };
const DOWN: Outcome = Outcome::ChannelDown {
    reason: Reason::Connect,
    scope: Scope::Channel,
};

fn throttled(until: u64) -> Outcome {
    Outcome::Throttled {
        until: at(until).wall,
        scope: Scope::Channel,
    }
}

/// Whether each of them may begin with whatever is next.
fn begin(providers: &Providers, now: u64) -> [bool; 2] {
    [0, 1].map(|rank| providers.turn(rank, at(now)) == Turn::Any)
}

fn moved(providers: &Providers, now: u64) -> Option<(&'static str, &'static str, Option<Reason>)> {
    let moved = providers.moved(at(now))?;
    Some((moved.from, moved.to, moved.reason))
}

#[test]
fn one_error_moves_nothing_and_an_open_breaker_moves_at_once() {
    let providers = providers([None, None]);
    assert_eq!(begin(&providers, 1), [true, false]);
    for _ in 0..4 {
        says(&providers, 0, &DOWN, 1);
        assert_eq!(
            (begin(&providers, 1), moved(&providers, 1)),
            ([true, false], None)
        );
    }
    says(&providers, 0, &DOWN, 1);
    assert_eq!(
        begin(&providers, 1),
        [true, true],
        "the first is tried with what its breaker lets through"
    );
    assert_eq!(
        moved(&providers, 1),
        Some(("a", "b", Some(Reason::Connect)))
    );
    assert_eq!(moved(&providers, 1), None, "said once");
    assert_eq!(
        providers.pause(at(1)).map(|pause| pause.reason),
        None,
        "the channel is not down"
    );
}

#[test]
fn who_comes_back_begins_beside_the_other_and_leads_once_it_has_kept_up() {
    let providers = providers([None, None]);
    (0..5).for_each(|_| says(&providers, 0, &DOWN, 1));
    assert_eq!(
        moved(&providers, 1),
        Some(("a", "b", Some(Reason::Connect)))
    );
    providers.all[0].breakers.probe(at(3).boot);
    says(&providers, 0, &TAKEN, 3);
    for now in [3, 10, 32] {
        assert_eq!(
            (begin(&providers, now), moved(&providers, now)),
            ([true, true], None),
            "{now}"
        );
    }
    assert_eq!(moved(&providers, 33), Some(("b", "a", None)));
    assert_eq!(begin(&providers, 33), [true, false]);
}

#[test]
fn a_provider_that_fails_every_few_seconds_never_leads_in_between() {
    let providers = providers([None, None]);
    let mut moves = 0;
    for now in (0..600).step_by(10) {
        (0..5).for_each(|_| says(&providers, 0, &DOWN, now));
        moves += u32::from(moved(&providers, now).is_some());
        providers.all[0].breakers.probe(at(now + 5).boot);
        says(&providers, 0, &TAKEN, now + 5);
        moves += u32::from(moved(&providers, now + 9).is_some());
        assert_eq!(begin(&providers, now + 9), [true, true]);
    }
    assert_eq!(moves, 1);
}

#[test]
fn a_short_pause_is_waited_out_and_a_long_one_moves_until_it_is_over() {
    let providers = providers([None, None]);
    says(&providers, 0, &throttled(12), 10);
    assert_eq!(begin(&providers, 10), [true, false]);
    says(&providers, 0, &throttled(60), 20);
    assert_eq!(begin(&providers, 20), [true, true]);
    assert_eq!(
        moved(&providers, 59),
        Some(("a", "b", Some(Reason::RateLimited))),
        "nearly over is not over"
    );
    assert_eq!(moved(&providers, 60), None);
    assert_eq!(moved(&providers, 90), Some(("b", "a", None)));
}

#[test]
fn the_channel_is_down_only_when_all_are_and_then_each_is_tried() {
    let providers = providers([None, None]);
    (0..5).for_each(|_| says(&providers, 1, &DOWN, 1));
    assert_eq!(begin(&providers, 1), [true, true]);
    assert_eq!(
        (providers.breaker(), moved(&providers, 1)),
        (BreakerState::Closed, None)
    );
    (0..5).for_each(|_| says(&providers, 0, &DOWN, 2));
    assert_eq!(begin(&providers, 2), [true, true]);
    assert_eq!(providers.breaker(), BreakerState::Open);
    let pause = providers.pause(at(2)).unwrap();
    assert_eq!(pause.reason, Reason::Connect);
}

/// How many of `rounds` windows each armed, where both always look for more.
fn split(providers: &Providers, rounds: u64, from: u64) -> [usize; 2] {
    let mut armed = [0, 0];
    for round in 0..rounds {
        for rank in [0, 1] {
            let now = at(from + round / 10);
            if providers.turn(rank, now) == Turn::Any {
                providers.armed(rank, 10, providers.all[rank].breakers.share(now.boot));
                armed[rank] += 10;
            }
        }
    }
    armed
}

#[test]
fn each_gets_its_share_and_nobody_waits_for_one_that_is_down() {
    let providers = providers([Some(60), Some(40)]);
    let [a, b] = split(&providers, 1000, 10);
    let share = a as f64 / (a + b) as f64;
    assert!((0.59..=0.61).contains(&share), "{a} and {b}");
    (0..5).for_each(|_| says(&providers, 1, &DOWN, 200));
    assert_eq!(split(&providers, 100, 200)[0], 1000);
}

#[test]
fn a_provider_that_asked_for_less_gets_less_and_does_not_make_up_for_what_it_missed() {
    let providers = providers([Some(50), Some(50)]);
    says(&providers, 1, &throttled(60), 10);
    split(&providers, 100, 10);
    let [a, b] = split(&providers, 1000, 60);
    let share = b as f64 / (a + b) as f64;
    assert!(
        (0.40..=0.48).contains(&share),
        "{a} and {b}: its share was cut to 0.8"
    );
}

#[test]
fn nobody_waits_for_one_that_does_not_look_for_work() {
    let providers = providers([Some(50), Some(50)]);
    split(&providers, 100, 10);
    let alone = (0..10).filter(|_| {
        let may = providers.turn(0, at(30)) == Turn::Any;
        if may {
            providers.armed(0, 10, 1.0);
        }
        may
    });
    assert_eq!(alone.count(), 10);
}
