//! Addresses that must not be used (I6): a stop works within two seconds.

use super::Judgement;
use super::case::{Case, Event};
use super::findings::Findings;
use super::scene::{CLOCK_SET, Scene};
use crate::delivery::DeliveryState;
use crate::ledger::Stop;
use crate::time::Wall;
use std::time::Duration;

/// How soon a stop works for what is announced.
const STOP_WORKS: Duration = Duration::from_secs(2);
/// How long a request that had begun may still be on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(30);
/// How long an outcome may have to wait for a store that is busy or full, before what follows from it is durable.
const OUTCOME_WAITS: Duration = Duration::from_secs(60);

pub(super) fn respected(scene: &Scene<'_>) -> Judgement {
    let mut found = Findings::default();
    if !scene.steady {
        found.missing(CLOCK_SET);
    }
    if !scene.has_log() {
        found.remark("what reached them was not looked at: that needs a provider's log (--log)");
    }
    for case in &scene.cases {
        for (place, recipient) in case.places() {
            let suppressed = case.states.get(place) == Some(&DeliveryState::Suppressed);
            if suppressed && case.copies(place) > 0 {
                found.broken(|| format!("{}: called suppressed, and reached", case.name(place)));
            }
            for stop in recipient.stops.iter().filter(|_| scene.steady) {
                used_during(scene, case, place, *stop, &mut found);
            }
        }
    }
    found.judge("I6", "nothing was sent to an address after it was stopped")
}

fn used_during(scene: &Scene<'_>, case: &Case<'_>, place: usize, stop: Stop, found: &mut Findings) {
    let during = |at: Wall, grace| {
        let lifted = stop.until.is_some_and(|until| at >= until);
        let late = |grace| at > stop.from.plus(grace) && !lifted;
        let used = late(grace) && (late(grace + OUTCOME_WAITS) || !waited(scene, stop));
        used.then(|| at.since(stop.from).as_secs())
    };
    for event in case.events(place) {
        let Event::Armed(run) = event else { continue };
        if let Some(late) = during(run.at, STOP_WORKS) {
            found.broken(|| format!("{}: announced {late} s after the stop", case.name(place)));
        }
    }
    for effect in case.effects(place) {
        if let Some(late) = during(effect.at, STOP_WORKS + ON_ITS_WAY) {
            found.broken(|| format!("{}: reached {late} s after the stop", case.name(place)));
        }
    }
}

/// Whether the stop had to wait for an outcome to be kept: it was concluded from it, or it is a complaint that was parked
/// until an acceptance said whose it is, and is dated like that.
fn waited(scene: &Scene<'_>, stop: Stop) -> bool {
    let dates_it = |event: &Event<'_>| matches!(event, Event::Ended(end) if end.at == stop.from);
    let of_one = |case: &Case<'_>| {
        let mut places = case.places();
        places.any(|(place, _)| case.events(place).iter().any(dates_it))
    };
    stop.concluded || scene.cases.iter().any(of_one)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{play, violated, wall};
    use super::Stop;
    use crate::outcome::OutcomeCode;

    fn stopped(from: u64, until: Option<u64>) -> Vec<Stop> {
        let (from, until) = (wall(from), until.map(wall));
        vec![Stop {
            from,
            until,
            concluded: false,
        }]
    }

    #[test]
    fn an_announcement_two_seconds_after_a_stop_is_found() {
        let mut play = play();
        play.forget(0);
        play.end_again(0, 1, OutcomeCode::Deferred, 1500);
        play.arm(0, 0, 2, 4000);
        play.reach(0, 4100);
        play.end(0, 2, OutcomeCode::Accepted, 4200);
        play.broadcast.audience[0].stops = stopped(2000, None);
        assert_eq!(violated(&play), [] as [String; 0]);
        play.broadcast.audience[0].stops = stopped(1999, None);
        assert_eq!(violated(&play), ["I6"]);
        play.broadcast.audience[0].stops = Vec::new();
        play.broadcast.audience[2].stops = stopped(1200, None);
        assert_eq!(violated(&play), [] as [String; 0], "somebody else's stop");
    }

    #[test]
    fn what_was_announced_before_a_stop_was_lifted_is_found_and_what_came_after_is_not() {
        let mut play = play();
        play.forget(0);
        play.end_again(0, 1, OutcomeCode::Deferred, 1500);
        play.arm(0, 0, 2, 4500);
        play.reach(0, 4600);
        play.end(0, 2, OutcomeCode::Accepted, 4700);
        play.broadcast.audience[0].stops = stopped(1600, Some(4500));
        assert_eq!(violated(&play), [] as [String; 0]);
        play.broadcast.audience[0].stops = stopped(1600, Some(4501));
        assert_eq!(violated(&play), ["I6"]);
    }

    #[test]
    fn an_effect_long_after_a_stop_is_found_although_it_was_announced_before() {
        let mut play = play();
        play.forget(0);
        play.end(0, 1, OutcomeCode::Accepted, 40_000);
        play.reach(0, 34_000);
        play.broadcast.audience[0].stops = stopped(2000, None);
        assert_eq!(violated(&play), [] as [String; 0]);
        play.broadcast.audience[0].stops = stopped(1999, None);
        assert_eq!(violated(&play), ["I6"]);
    }

    #[test]
    fn what_a_provider_said_counts_once_it_can_have_been_kept() {
        let mut play = play();
        play.forget(0);
        play.end_again(0, 1, OutcomeCode::Deferred, 1500);
        play.arm(0, 0, 2, 64_000);
        play.end(0, 2, OutcomeCode::Rejected, 64_100);
        play.broadcast.audience[0].stops = stopped(2000, None);
        play.broadcast.audience[0].stops[0].concluded = true;
        assert_eq!(violated(&play), [] as [String; 0]);
        play.broadcast.audience[0].stops[0].from = wall(1999);
        assert_eq!(violated(&play), ["I6"]);
    }

    #[test]
    fn a_complaint_that_was_parked_counts_once_the_acceptance_can_have_been_kept() {
        let mut play = play();
        play.forget(0);
        play.end_again(0, 1, OutcomeCode::Deferred, 1500);
        play.arm(0, 0, 2, 64_000);
        play.end(0, 2, OutcomeCode::Rejected, 64_100);
        play.end(1, 1, OutcomeCode::Accepted, 2000);
        play.broadcast.audience[0].stops = stopped(2000, None);
        assert!(!violated(&play).contains(&"I6".to_owned()));
        play.broadcast.audience[0].stops = stopped(1999, None);
        assert!(
            violated(&play).contains(&"I6".to_owned()),
            "nothing came then"
        );
    }

    #[test]
    fn who_is_called_suppressed_and_was_reached_is_found() {
        let mut play = play();
        play.broadcast.ends.retain(|end| end.ordinal.0 != 0);
        play.end(0, 1, OutcomeCode::Suppressed, 1500);
        assert_eq!(violated(&play), ["I6"]);
        play.requests.as_mut().unwrap().remove(0);
        assert_eq!(violated(&play), [] as [String; 0]);
    }
}
