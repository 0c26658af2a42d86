//! Order and time of what people see: never old after new (I16), never too late (I17).

use super::Judgement;
use super::case::{Case, Event};
use super::findings::Findings;
use super::scene::{CLOCK_SET, NO_LOG, RESOLUTION, Scene};
use crate::outcome::OutcomeCode;
use crate::time::Boot;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// How long a request that had begun in time may take.
const REQUEST_DEADLINE: Duration = Duration::from_secs(30);

pub(super) fn newest_last(scene: &Scene<'_>) -> Judgement {
    let mut found = Findings::default();
    if !scene.has_log() {
        found.missing(NO_LOG);
    }
    let mut incidents: BTreeMap<_, Vec<&Case<'_>>> = BTreeMap::new();
    for case in &scene.cases {
        let key = (case.evidence.incident, &case.evidence.view.channel);
        incidents.entry(key).or_default().push(case);
    }
    for updates in incidents.into_values().filter(|updates| updates.len() > 1) {
        old_after_new(&updates, &mut found);
    }
    found.judge(
        "I16",
        "within one incident nobody got an older update after a newer one",
    )
}

/// `updates` of one incident on one channel, in the order of release.
fn old_after_new(updates: &[&Case<'_>], found: &mut Findings) {
    // When each address last got something older, and which.
    let mut latest: HashMap<i64, (Boot, u32)> = HashMap::new();
    for case in updates {
        let id = case.evidence.view.id.0;
        for (place, recipient) in case.places() {
            let moments = || case.effects(place).map(|effect| effect.since_boot);
            let Some((first, last)) = moments().min().zip(moments().max()) else {
                continue;
            };
            let known = latest.get(&recipient.address_id).copied();
            if let Some((older, number)) = known.filter(|(older, _)| first < *older) {
                found.broken(|| {
                    let (name, late) = (case.name(place), older.since(first).as_secs_f64());
                    format!("{name}: broadcast {number} came {late:.3} s after it")
                });
            }
            if known.is_none_or(|(older, _)| last >= older) {
                latest.insert(recipient.address_id, (last, id));
            }
        }
    }
}

pub(super) fn never_too_late(scene: &Scene<'_>) -> Judgement {
    let mut found = Findings::default();
    if !scene.has_log() {
        found.missing(NO_LOG);
    }
    if !scene.steady {
        found.missing(CLOCK_SET);
    }
    for case in scene.cases.iter().filter(|_| scene.steady) {
        too_late(case, &mut found);
        too_early(case, &mut found);
    }
    found.judge(
        "I17",
        "nothing was sent after it had expired, and nothing called expired before",
    )
}

fn too_late(case: &Case<'_>, found: &mut Findings) {
    let end = case.evidence.expires_at;
    for (place, _) in case.places() {
        for effect in case.effects(place) {
            if effect.at > end.plus(REQUEST_DEADLINE) {
                found.broken(|| {
                    let (name, late) = (case.name(place), effect.at.since(end).as_secs());
                    format!("{name}: sent {late} s after it had expired")
                });
            }
        }
    }
}

/// What was tried may be given up at once when its next attempt would come too late; what waits may not.
fn too_early(case: &Case<'_>, found: &mut Findings) {
    let end = case.evidence.expires_at;
    for run in &case.evidence.spans {
        if run.code == OutcomeCode::Expired && run.at.plus(RESOLUTION) < end {
            found.broken(|| {
                let (name, early) = (case.name_of(run.lo), end.since(run.at).as_secs());
                format!("{name} and after: called expired {early} s before its time")
            });
        }
    }
    for (place, _) in case.places() {
        let events = case.events(place);
        let expired = events.iter().filter_map(|event| match event {
            Event::Ended(end) if end.code == OutcomeCode::Expired => Some(*end),
            Event::Ended(_)
            | Event::Armed(_)
            | Event::Disarmed(_)
            | Event::Settled(_)
            | Event::Receipt(_) => None,
        });
        for expired in expired {
            let tried = events.iter().any(|event| match event {
                Event::Armed(run) => run.attempt == expired.attempt,
                Event::Ended(end) => end.attempt < expired.attempt && end.at == expired.at,
                Event::Disarmed(_) | Event::Settled(_) | Event::Receipt(_) => false,
            });
            if !tried && expired.at.plus(RESOLUTION) < end {
                found.broken(|| {
                    let (name, early) = (case.name(place), end.since(expired.at).as_secs());
                    format!("{name}: called expired {early} s before its time")
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{broadcast, play, reached, start, violated, wall};
    use super::super::{ChannelRules, Request};
    use super::*;
    use crate::id::Ordinal;
    use crate::ledger::{ArmedRun, AttemptEnd, SettledRun, WindowId};

    /// A newer update of the same incident reaches the first recipient after so many milliseconds.
    fn with_newer(milliseconds: u64) -> super::super::fixture::Play {
        let mut play = play();
        play.rules
            .insert(super::super::fixture::channel(), ChannelRules::default());
        let mut newer = broadcast(2, 1);
        newer.armed.push(ArmedRun {
            window: WindowId(50),
            boot: 1,
            lo: Ordinal(0),
            hi: Ordinal(0),
            attempt: 1,
            at: wall(1020),
        });
        newer.ends.push(AttemptEnd {
            ordinal: Ordinal(0),
            attempt: 1,
            at: wall(1600),
            code: OutcomeCode::Accepted,
            again: false,
            not_before: None,
            reason: None,
            late: false,
        });
        play.newer = Some(newer);
        let requests = play.requests.as_mut().unwrap();
        requests.push(reached(2, 0, milliseconds));
        play
    }

    #[test]
    fn an_older_update_after_a_newer_one_is_found() {
        assert_eq!(violated(&with_newer(1101)), [] as [String; 0]);
        assert_eq!(violated(&with_newer(1099)), ["I16"]);
    }

    #[test]
    fn copies_of_one_update_are_no_disorder() {
        let mut play = with_newer(1300);
        play.unclean_ends = 1;
        play.system.starts.push(start(2, 1350, true));
        play.requests.as_mut().unwrap().push(reached(2, 0, 1500));
        play.newer.as_mut().unwrap().armed.push(ArmedRun {
            window: WindowId(51),
            boot: 2,
            lo: Ordinal(0),
            hi: Ordinal(0),
            attempt: 2,
            at: wall(1400),
        });
        assert_eq!(violated(&play), [] as [String; 0]);
    }

    #[test]
    fn another_incident_another_person_or_no_effect_is_no_matter() {
        let mut play = with_newer(1099);
        play.newer.as_mut().unwrap().incident = crate::id::IncidentId::from_bytes([8; 16]);
        assert_eq!(violated(&play), [] as [String; 0]);
        let mut play = with_newer(1099);
        play.newer.as_mut().unwrap().audience[0].address_id = 99;
        assert_eq!(violated(&play), [] as [String; 0]);
        let mut play = with_newer(1300);
        let requests = play.requests.as_mut().unwrap();
        requests.push(Request {
            effect: false,
            ..reached(1, 0, 1900)
        });
        assert_eq!(violated(&play), [] as [String; 0], "the provider knew it");
    }

    #[test]
    fn what_was_sent_long_after_it_expired_is_found() {
        let mut play = play();
        play.forget(1);
        play.reach(1, 31_000);
        play.end(1, 1, OutcomeCode::Accepted, 31_000);
        play.broadcast.expires_at = wall(1000);
        assert_eq!(violated(&play), [] as [String; 0], "begun in time");
        play.broadcast.expires_at = wall(999);
        assert_eq!(violated(&play), ["I17"]);
    }

    #[test]
    fn what_was_called_expired_before_its_time_is_found() {
        let mut play = play();
        play.broadcast.armed[0].hi = Ordinal(1);
        play.forget(2);
        let span = |milliseconds| SettledRun {
            lo: Ordinal(2),
            hi: Ordinal(2),
            code: OutcomeCode::Expired,
            at: wall(milliseconds),
        };
        play.broadcast.spans = vec![span(600_000)];
        assert_eq!(violated(&play), [] as [String; 0]);
        play.broadcast.spans = vec![span(599_000)];
        assert_eq!(violated(&play), ["I17"]);
        play.broadcast.spans.clear();
        play.end(2, 1, OutcomeCode::Expired, 599_000);
        assert_eq!(violated(&play), ["I17"]);
        play.arm(2, 2, 1, 1000);
        let why = "its next attempt would come too late";
        assert_eq!(violated(&play), [] as [String; 0], "{why}");
        play.broadcast.ends.last_mut().unwrap().attempt = 2;
        assert_eq!(violated(&play), ["I17"], "it waited for its second attempt");
        play.end_again(2, 1, OutcomeCode::Deferred, 599_000);
        assert_eq!(violated(&play), [] as [String; 0], "{why}");
    }
}
