//! Addresses that must not be used (I6): a stop works within two seconds.

use super::Judgement;
use super::case::{Case, Event};
use super::findings::Findings;
use super::scene::{CLOCK_SET, Scene};
use crate::delivery::DeliveryState;
use crate::time::Wall;
use std::time::Duration;

/// How soon a stop works for what is announced.
const STOP_WORKS: Duration = Duration::from_secs(2);
/// How long a request that had begun may still be on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(30);

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
            if let (true, Some(stopped_at)) = (scene.steady, recipient.stopped_at) {
                used_after(case, place, stopped_at, &mut found);
            }
        }
    }
    found.judge("I6", "nothing was sent to an address after it was stopped")
}

fn used_after(case: &Case<'_>, place: usize, stopped_at: Wall, found: &mut Findings) {
    for event in case.events(place) {
        let Event::Armed(run) = event else { continue };
        if run.at > stopped_at.plus(STOP_WORKS) {
            found.broken(|| {
                let late = run.at.since(stopped_at).as_secs();
                format!("{}: announced {late} s after the stop", case.name(place))
            });
        }
    }
    for effect in case.effects(place) {
        if effect.at > stopped_at.plus(STOP_WORKS + ON_ITS_WAY) {
            found.broken(|| {
                let late = effect.at.since(stopped_at).as_secs();
                format!("{}: reached {late} s after the stop", case.name(place))
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{play, violated, wall};
    use crate::outcome::OutcomeCode;

    #[test]
    fn an_announcement_two_seconds_after_a_stop_is_found() {
        let mut play = play();
        play.forget(0);
        play.end_again(0, 1, OutcomeCode::Deferred, 1500);
        play.arm(0, 0, 2, 4000);
        play.reach(0, 4100);
        play.end(0, 2, OutcomeCode::Accepted, 4200);
        play.broadcast.audience[0].stopped_at = Some(wall(2000));
        assert_eq!(violated(&play), [] as [String; 0]);
        play.broadcast.audience[0].stopped_at = Some(wall(1999));
        assert_eq!(violated(&play), ["I6"]);
        play.broadcast.audience[0].stopped_at = None;
        play.broadcast.audience[2].stopped_at = Some(wall(1200));
        assert_eq!(violated(&play), [] as [String; 0], "somebody else's stop");
    }

    #[test]
    fn an_effect_long_after_a_stop_is_found_although_it_was_announced_before() {
        let mut play = play();
        play.forget(0);
        play.end(0, 1, OutcomeCode::Accepted, 40_000);
        play.reach(0, 34_000);
        play.broadcast.audience[0].stopped_at = Some(wall(2000));
        assert_eq!(violated(&play), [] as [String; 0]);
        play.broadcast.audience[0].stopped_at = Some(wall(1999));
        assert_eq!(violated(&play), ["I6"]);
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
