//! The breaker, step by step and under thousands of random turns of a provider.

use super::share::{GROWTH, LEAST};
use super::*;

const LONGEST: Duration = Duration::from_secs(16);
const DOWN: News = News::Failed(Reason::Connect);

fn at(milliseconds: u64) -> Boot {
    Boot(Duration::from_millis(milliseconds))
}

fn closed() -> Breaker {
    Breaker::new(LONGEST)
}

/// Open since `at(0)` because of an outage.
fn down() -> Breaker {
    let mut breaker = closed();
    let changes: Vec<_> = (0..5)
        .map(|_| breaker.observe(at(0), at(0), DOWN))
        .collect();
    let paused = Change::Paused(Reason::Connect, Next::Tries(at(1000)));
    assert_eq!(changes, [None, None, None, None, Some(paused)]);
    breaker
}

/// Tries once with this result, as soon as it may.
fn try_once(breaker: &mut Breaker, news: News) -> (Boot, Option<Change>) {
    let now = match breaker.pause(Boot::default()) {
        Some((_, Next::Tries(next) | Next::Checks(next))) => next,
        other => panic!("nothing is to be tried: {other:?}"),
    };
    assert_ne!(breaker.arming(now), Arming::Freely);
    breaker.probe(now);
    assert_eq!(breaker.state(), BreakerState::Probing);
    (now, breaker.observe(now, now, news))
}

#[test]
fn five_failures_in_a_row_open_it_and_one_success_between_them_does_not() {
    let mut breaker = closed();
    for n in 0..100 {
        let news = if n % 5 == 4 { News::Well } else { DOWN };
        // Far apart, so that nothing but the row counts.
        breaker.observe(at(n * 5000), at(n * 5000), news);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
    assert_eq!(down().state(), BreakerState::Open);
}

#[test]
fn half_of_twenty_within_ten_seconds_open_it_and_spread_out_they_do_not() {
    for (gap, opens) in [(400, BreakerState::Open), (1000, BreakerState::Closed)] {
        let mut breaker = closed();
        for n in 0..20 {
            let news = if n % 2 == 0 { News::Well } else { DOWN };
            assert_eq!(breaker.state(), BreakerState::Closed);
            breaker.observe(at(n * gap), at(n * gap), news);
        }
        assert_eq!(breaker.state(), opens, "{gap} ms apart");
    }
}

#[test]
fn an_outage_is_tried_less_and_less_often_but_at_least_every_sixteen_seconds() {
    let mut breaker = down();
    let mut tries = Vec::new();
    while tries.last().is_none_or(|last| *last < at(3_600_000)) {
        assert_eq!(breaker.leave(at(0)), Leave::No);
        let (now, change) = try_once(&mut breaker, DOWN);
        assert_eq!(change, None, "people know already");
        tries.push(now);
    }
    assert_eq!(tries[..4], [at(1000), at(3000), at(7000), at(15_000)]);
    assert!(tries.len() <= 240, "{} tries in an hour", tries.len());
    for pair in tries.windows(2) {
        assert!(pair[1].since(pair[0]) <= LONGEST);
    }
}

#[test]
fn after_an_outage_the_pace_begins_at_a_tenth_and_is_whole_in_thirty_seconds() {
    let mut breaker = down();
    let (now, change) = try_once(&mut breaker, News::Well);
    assert_eq!(change, Some(Change::Resumed(Reason::Connect)));
    assert_eq!(
        (breaker.arming(now), breaker.leave(now)),
        (Arming::Freely, Leave::Now)
    );
    let share = |seconds| breaker.share(now.plus(Duration::from_secs(seconds)));
    assert_eq!((share(0), share(30)), (0.1, 1.0));
    assert!((share(15) - 0.55).abs() < 1e-9);
}

#[test]
fn what_left_before_it_opened_or_closed_says_nothing_about_the_time_since() {
    let mut breaker = down();
    assert_eq!(breaker.observe(at(0), at(500), News::Well), None);
    assert_eq!(breaker.state(), BreakerState::Open);
    let (now, _) = try_once(&mut breaker, News::Well);
    for _ in 0..20 {
        breaker.observe(at(0), now, DOWN);
        breaker.observe(at(0), now, News::Refused(Reason::AuthFailed));
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn one_refused_password_is_enough_and_one_refused_message_is_not() {
    for reason in [Reason::AuthFailed, Reason::NoCredit] {
        let mut breaker = closed();
        let paused = Change::Paused(reason, Next::Checks(at(60_000)));
        let change = breaker.observe(at(0), at(0), News::Refused(reason));
        assert_eq!(change, Some(paused));
    }
    let refused = News::Refused(Reason::Misconfigured);
    let mut breaker = closed();
    for n in 0..10 {
        breaker.observe(at(n * 6000), at(n * 6000), refused);
        assert_eq!(
            breaker.observe(at(n * 6000), at(n * 6000), News::Well),
            None
        );
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
    // The last were at 48 and 54 s: a third within ten seconds is about us, whatever succeeded between them.
    assert!(breaker.observe(at(58_000), at(58_000), refused).is_some());
}

#[test]
fn a_refusal_that_comes_with_an_outage_is_not_forgotten() {
    let mut breaker = down();
    let change = breaker.observe(at(0), at(10), News::Refused(Reason::AuthFailed));
    let checks = Next::Checks(at(60_010));
    assert_eq!(change, Some(Change::Paused(Reason::AuthFailed, checks)));
    assert_eq!(breaker.arming(at(60_010)), Arming::OneAfterCheck);
}

#[test]
fn a_refusal_is_checked_once_a_minute_and_only_then_tried() {
    let mut breaker = closed();
    breaker.observe(at(0), at(0), News::Refused(Reason::AuthFailed));
    assert_eq!(breaker.arming(at(59_999)), Arming::NotBefore(at(60_000)));
    assert_eq!(breaker.arming(at(60_000)), Arming::OneAfterCheck);
    breaker.check_failed(at(60_000));
    assert_eq!(breaker.arming(at(60_001)), Arming::NotBefore(at(120_000)));
    let (now, change) = try_once(&mut breaker, News::Refused(Reason::AuthFailed));
    assert_eq!((now, change), (at(120_000), None));
    assert_eq!(breaker.arming(now), Arming::NotBefore(at(180_000)));
    let (_, change) = try_once(&mut breaker, News::Well);
    assert_eq!(change, Some(Change::Resumed(Reason::AuthFailed)));
}

#[test]
fn a_partner_is_left_alone_for_longer_but_never_for_more_than_its_bound() {
    let mut breaker = Breaker::new(Duration::from_secs(300));
    breaker.observe(at(0), at(0), News::Refused(Reason::AuthFailed));
    let mut waits = Vec::new();
    let mut last = at(0);
    for _ in 0..5 {
        let (now, _) = try_once(&mut breaker, News::Refused(Reason::AuthFailed));
        waits.push(now.since(last).as_secs());
        last = now;
    }
    assert_eq!(waits, [60, 120, 240, 300, 300]);
}

#[test]
fn a_wait_that_was_asked_for_is_kept_whole_and_cuts_the_pace_once() {
    let mut breaker = closed();
    let paused = Change::Paused(Reason::RateLimited, Next::GoesOn(at(20_000)));
    assert_eq!(
        breaker.observe(at(0), at(100), News::Throttled(at(20_000))),
        Some(paused)
    );
    // On their way together with the first.
    assert_eq!(
        breaker.observe(at(0), at(200), News::Throttled(at(20_100))),
        None
    );
    assert_eq!(breaker.observe(at(0), at(300), News::Well), None);
    assert_eq!(breaker.leave(at(20_099)), Leave::At(at(20_100)));
    assert_eq!(breaker.leave(at(20_100)), Leave::Now);
    assert_eq!(breaker.share(at(20_000)), 0.8);
    let resumed = breaker.observe(at(20_100), at(20_200), News::Well);
    assert_eq!(resumed, Some(Change::Resumed(Reason::RateLimited)));
    assert_eq!(breaker.observe(at(20_100), at(20_200), News::Well), None);
}

#[test]
fn the_pace_grows_back_to_the_whole_limit_and_never_falls_to_nothing() {
    let mut breaker = closed();
    let mut now = at(0);
    for _ in 0..100 {
        let until = now.plus(Duration::from_secs(1));
        breaker.observe(now, now, News::Throttled(until));
        now = until;
    }
    assert!((LEAST..0.02).contains(&breaker.share(now)));
    let halfway = breaker.share(now.plus(GROWTH / 2));
    assert!((0.5..0.53).contains(&halfway), "{halfway}");
    assert_eq!(breaker.share(now.plus(GROWTH)), 1.0);
}

#[test]
fn a_try_without_news_is_followed_by_another_at_once() {
    let mut breaker = down();
    breaker.probe(at(1000));
    breaker.probe_ended(at(1500));
    assert_eq!(breaker.arming(at(1500)), Arming::One);
}

#[test]
fn a_person_lets_it_go_on_at_once_and_at_the_whole_limit() {
    let mut breaker = closed();
    breaker.observe(at(0), at(0), News::Throttled(at(9000)));
    breaker.clear(at(10));
    assert_eq!(
        (breaker.leave(at(10)), breaker.share(at(10))),
        (Leave::Now, 1.0)
    );
    assert!(breaker.is_blank());
}

/// A provider with outages, refusals and limits, drawn from a seed; what is sent follows the breaker.
fn play(seed: u64) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut breaker = closed();
    let (mut now, mut quiet_until) = (at(0), at(0));
    let mut weather = News::Well;
    let mut on_their_way: Vec<Boot> = Vec::new();
    for _ in 0..2000 {
        now = now.plus(Duration::from_millis(draw(700)));
        if draw(25) == 0 {
            weather = [
                News::Well,
                News::Well,
                DOWN,
                News::Refused(Reason::AuthFailed),
            ][draw(4) as usize];
        }
        match breaker.arming(now) {
            Arming::Freely => {
                assert!(
                    now >= quiet_until,
                    "seed {seed}: sent although asked to wait"
                );
                assert_eq!(breaker.leave(now), Leave::Now, "seed {seed}");
                on_their_way.push(now);
            }
            Arming::One | Arming::OneAfterCheck => {
                assert!(
                    now >= quiet_until,
                    "seed {seed}: tried although asked to wait"
                );
                assert_eq!(breaker.leave(now), Leave::No, "seed {seed}");
                breaker.probe(now);
                on_their_way.push(now);
            }
            Arming::NotBefore(next) => {
                assert!(next > now && next.since(now) <= REFUSED, "seed {seed}");
                assert_ne!(breaker.leave(now), Leave::Now, "seed {seed}");
            }
        }
        if !on_their_way.is_empty() && draw(3) > 0 {
            let started = on_their_way.swap_remove(draw(on_their_way.len() as u64) as usize);
            let news = if weather == News::Well && draw(30) == 0 {
                quiet_until = quiet_until.max(now.plus(Duration::from_secs(1 + draw(20))));
                News::Throttled(quiet_until)
            } else {
                weather
            };
            let before = breaker.state();
            let change = breaker.observe(started, now, news);
            let worked = before != BreakerState::Closed && breaker.state() == BreakerState::Closed;
            assert!(
                !worked || change.is_some(),
                "seed {seed}: people should hear of it"
            );
        }
        let share = breaker.share(now);
        assert!((LEAST..=1.0).contains(&share), "seed {seed}: {share}");
        assert_eq!(
            breaker.pause(now).is_none(),
            breaker.leave(now) == Leave::Now,
            "seed {seed}: what is not sent has a reason"
        );
    }
}

#[test]
fn whatever_a_provider_does_it_is_left_alone_when_it_asks_and_never_given_up() {
    (0..500).for_each(play);
}
