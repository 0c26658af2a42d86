//! How a channel's provider was treated: within its rate (I8), left alone once it refused us (I10) or asked to wait.

use super::Judgement;
use super::case::Case;
use super::findings::Findings;
use super::scene::{NO_LOG, Scene, requests};
use super::{PaceRules, Request};
use crate::channel::ChannelName;
use crate::time::{Boot, Wall};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

/// After so long without a request the next one asks whether the provider lets us in again.
const PROBE_AFTER: Duration = Duration::from_secs(10);
/// How long a person's word to go on may take to get through to a store that is slow or busy, in microseconds.
const RESUME_TAKES: i64 = 2_000_000;

pub(super) fn within_the_rate(scene: &Scene<'_>) -> Judgement {
    let mut found = Findings::default();
    if !scene.has_log() {
        found.missing(NO_LOG);
    }
    for (channel, cases) in scene.channels() {
        let Some(pace) = pace(scene, &cases) else {
            found.unknown("limit", channel);
            continue;
        };
        let Some(rate) = pace.rate_per_second else {
            continue;
        };
        for requests in by_provider(scene, &cases) {
            let starts: Vec<Boot> = starts(scene, &requests);
            if let Some((many, seconds)) = fastest(&requests, rate, at_once(pace), &starts) {
                found
                    .broken(|| format!("{channel}: {many} requests in {seconds:.3} s at {rate}/s"));
            }
        }
    }
    found.judge("I8", "no channel was faster than its limit")
}

/// When the program was started, on the clock of the requests.
fn starts(scene: &Scene<'_>, requests: &[(i64, &Request)]) -> Vec<Boot> {
    let Some((_, first)) = requests.first() else {
        return Vec::new();
    };
    let starts = scene.evidence.system.starts.iter();
    let later = starts.filter(|start| start.at > first.at);
    later
        .map(|start| first.since_boot.plus(start.at.since(first.at)))
        .collect()
}

/// The burst, the one that is due, and those in flight, which may arrive together however they left.
fn at_once(pace: &PaceRules) -> f64 {
    f64::from(pace.burst) + 1.0 + f64::from(pace.concurrency)
}

/// The stretch in which most requests came beyond `rate` a second and `at_once`: how many, in how many seconds.
///
/// A bucket that leaks at the rate is as full as the worst stretch that ends now is beyond the rate, so one pass
/// looks at every stretch there is. A start of the program does not know what the one before it sent last, so each
/// begins with a burst of its own.
fn fastest(
    requests: &[(i64, &Request)],
    rate: f64,
    at_once: f64,
    starts: &[Boot],
) -> Option<(usize, f64)> {
    let mut level: f64 = 0.0;
    let mut begin = 0;
    let mut last: Option<&(i64, &Request)> = None;
    let mut worst: Option<(f64, usize, f64)> = None;
    for (n, (_, request)) in requests.iter().enumerate() {
        let before = last.map_or(Boot::default(), |(_, earlier)| earlier.since_boot);
        let fresh = starts
            .iter()
            .filter(|at| (before..=request.since_boot).contains(at));
        level = (level - at_once * fresh.count() as f64).max(0.0);
        let since = |moment: Option<&(i64, &Request)>| {
            moment.map_or(0.0, |(_, earlier)| {
                request.since_boot.since(earlier.since_boot).as_secs_f64()
            })
        };
        level = (level - since(last) * rate).max(0.0);
        if level == 0.0 {
            begin = n;
        }
        level += 1.0;
        last = requests.get(n);
        // Fractions of a request are the arithmetic's, not the channel's.
        if level > at_once + 0.001 && worst.is_none_or(|(most, ..)| level > most) {
            worst = Some((level, n - begin + 1, since(requests.get(begin))));
        }
    }
    worst.map(|(_, many, seconds)| (many, seconds))
}

pub(super) fn refused_credentials_pause(scene: &Scene<'_>) -> Judgement {
    let mut found = Findings::default();
    if !scene.has_log() {
        found.missing(NO_LOG);
    }
    for (channel, cases) in scene.channels() {
        let Some(pace) = pace(scene, &cases) else {
            found.unknown("concurrency", channel);
            continue;
        };
        let resumes = resumes(scene, channel);
        for flow in flows(scene, &cases) {
            let further = after_a_refusal(&flow, &resumes);
            if further > u64::from(pace.concurrency) {
                found.broken(|| {
                    format!("{channel}: {further} further requests after the provider refused us")
                });
            }
        }
    }
    found.judge(
        "I10",
        "a channel whose password or credit was refused pauses at once",
    )
}

/// The most requests that followed a refusal before somebody resumed or a while had passed.
fn after_a_refusal(flow: &[&Request], resumes: &[RangeInclusive<Wall>]) -> u64 {
    let (mut most, mut further) = (0, 0);
    let mut refusal: Option<&Request> = None;
    for request in flow {
        if let Some(last) = refusal {
            let waited = request.since_boot.since(last.since_boot) >= PROBE_AFTER;
            if waited || resumed(resumes, last.at, request.at) {
                refusal = None;
                further = 0;
            } else {
                further += 1;
                most = most.max(further);
            }
        }
        if request.refused_us {
            refusal = Some(request);
        }
    }
    most
}

/// Looks for channels that were called although their provider had asked to be left alone. At most C requests may
/// have been on their way.
pub(super) fn waits_asked_for(scene: &Scene<'_>, found: &mut Findings) {
    let mut asked = false;
    for (channel, cases) in scene.channels() {
        let resumes = resumes(scene, channel);
        for flow in flows(scene, &cases) {
            if flow.iter().all(|request| request.not_before.is_none()) {
                continue;
            }
            asked = true;
            let Some(pace) = pace(scene, &cases) else {
                found.unknown("concurrency", channel);
                continue;
            };
            let early = before_it_was_time(&flow, &resumes);
            if early > u64::from(pace.concurrency) {
                found.broken(|| {
                    format!("{channel}: {early} requests while the provider had asked to wait")
                });
            }
        }
    }
    if !asked {
        found.remark("how long a provider asked to wait is not in this log");
    }
}

/// The most requests that came between a plea to wait and the moment it named.
fn before_it_was_time(flow: &[&Request], resumes: &[RangeInclusive<Wall>]) -> u64 {
    let (mut most, mut early) = (0, 0);
    let mut wait: Option<(&Request, Boot)> = None;
    for request in flow {
        if let Some((asked, until)) = wait {
            if request.since_boot >= until || resumed(resumes, asked.at, request.at) {
                wait = None;
                early = 0;
            } else {
                early += 1;
                most = most.max(early);
            }
        }
        if let Some(until) = request.not_before {
            let known = wait.map(|(_, known)| known);
            wait = Some((request, known.map_or(until, |known| known.max(until))));
        }
    }
    most
}

fn pace<'s>(scene: &'s Scene<'_>, cases: &[&Case<'_>]) -> Option<&'s PaceRules> {
    let first = cases.first()?;
    scene.rules(first).pace.as_ref()
}

/// Everything on a channel, apart for each provider where it has several.
fn by_provider<'a>(scene: &Scene<'_>, cases: &[&Case<'a>]) -> Vec<Vec<(i64, &'a Request)>> {
    let apart = cases
        .first()
        .is_some_and(|case| scene.rules(case).by_provider);
    let mut flows: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (address_id, request) in requests(cases) {
        let provider = if apart { request.provider.as_str() } else { "" };
        flows
            .entry(provider)
            .or_default()
            .push((address_id, request));
    }
    flows.into_values().collect()
}

/// What goes together: everything of a provider, or what one destination got where each answers for itself.
fn flows<'a>(scene: &Scene<'_>, cases: &[&Case<'a>]) -> Vec<Vec<&'a Request>> {
    let by_destination = cases
        .first()
        .is_some_and(|case| scene.rules(case).by_destination);
    let mut flows = Vec::new();
    for requests in by_provider(scene, cases) {
        let mut of_one: BTreeMap<i64, Vec<&Request>> = BTreeMap::new();
        for (address_id, request) in requests {
            let key = if by_destination { address_id } else { 0 };
            of_one.entry(key).or_default().push(request);
        }
        flows.extend(of_one.into_values());
    }
    flows
}

/// When a channel was let go on by a person, or by a new start of the program. A person's word is dated when it is given and
/// works once the store has it, or the other way round.
fn resumes(scene: &Scene<'_>, channel: &ChannelName) -> Vec<RangeInclusive<Wall>> {
    let system = &scene.evidence.system;
    let here = |of: &Option<ChannelName>| of.as_ref().is_none_or(|of| of == channel);
    let people = system.resumes.iter().filter(|(of, _)| here(of));
    let people = people.map(|(_, Wall(at))| Wall(at - RESUME_TAKES)..=Wall(at + RESUME_TAKES));
    let starts = system.starts.iter().map(|start| start.at..=start.at);
    people.chain(starts).collect()
}

/// Whether a channel was let go on in between. What happens at one moment has no order that could be told.
fn resumed(resumes: &[RangeInclusive<Wall>], from: Wall, to: Wall) -> bool {
    let mut resumes = resumes.iter();
    resumes.any(|moment| *moment.start() <= to && *moment.end() >= from)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Play, channel, play, start, violated, wall};
    use super::*;
    use crate::outcome::OutcomeCode;

    /// The first recipient's provider is asked so many times, `apart` milliseconds from each other, in vain.
    fn asked(times: u64, apart: u64) -> Play {
        let mut play = play();
        play.forget(0);
        for n in 0..times {
            play.ask(0, 2000 + n * apart);
        }
        play.end(0, 1, OutcomeCode::Rejected, 900_000);
        play
    }

    #[test]
    fn each_of_several_providers_has_its_own_limit() {
        for (by_provider, broken) in [(true, false), (false, true)] {
            let mut play = asked(100, 50);
            let rules = play.rules.get_mut(&channel()).unwrap();
            rules.by_provider = by_provider;
            for request in play.requests.as_mut().unwrap().iter_mut().step_by(2) {
                request.provider = "other".to_owned();
            }
            assert_eq!(violated(&play), if broken { &["I8"][..] } else { &[] });
        }
    }

    #[test]
    fn more_than_the_rate_allows_is_found_in_any_stretch() {
        // 10 a second, a burst of 1, 2 in flight.
        assert_eq!(violated(&asked(200, 100)), [] as [String; 0]);
        assert_eq!(
            violated(&asked(200, 97)),
            ["I8"],
            "a little too fast for long"
        );
        assert_eq!(violated(&asked(4, 0)), [] as [String; 0]);
        assert_eq!(violated(&asked(5, 0)), ["I8"], "too many at once");
    }

    #[test]
    fn the_fastest_stretch_is_told() {
        let play = asked(20, 10);
        let verdict = super::super::judge(&play.evidence());
        let words = "20 requests in 0.190 s at 10/s";
        assert!(
            verdict.violations[0].contains(words),
            "{:?}",
            verdict.violations
        );
    }

    #[test]
    fn a_channel_without_a_limit_keeps_it() {
        let mut play = asked(200, 0);
        let rules = play.rules.get_mut(&channel()).unwrap();
        rules.pace.as_mut().unwrap().rate_per_second = None;
        assert_eq!(violated(&play), [] as [String; 0]);
    }

    fn refused(times: u64) -> Play {
        let mut play = asked(times, 100);
        for request in play.requests.as_mut().unwrap().iter_mut().skip(2) {
            request.refused_us = true;
        }
        play
    }

    #[test]
    fn a_channel_that_goes_on_after_a_refusal_of_us_is_found() {
        assert_eq!(
            violated(&refused(3)),
            [] as [String; 0],
            "C = 2 were in flight"
        );
        assert_eq!(violated(&refused(4)), ["I10"]);
    }

    #[test]
    fn a_resume_a_start_or_a_while_let_a_channel_ask_again() {
        for (of, fine) in [
            (None, true),
            (Some(channel()), true),
            (Some("other".parse().unwrap()), false),
        ] {
            let mut play = refused(4);
            play.system.resumes.push((of, wall(2150)));
            assert_eq!(violated(&play).is_empty(), fine);
        }
        let mut play = refused(4);
        play.system.starts.push(start(2, 2000, true));
        let why = "a start at the moment of a refusal that another start met";
        assert_eq!(violated(&play), [] as [String; 0], "{why}");
        let mut play = refused(4);
        play.system.starts.push(start(2, 2150, true));
        assert_eq!(violated(&play), [] as [String; 0]);
        let mut play = refused(4);
        for request in play.requests.as_mut().unwrap().iter_mut().skip(4) {
            let while_ = PROBE_AFTER;
            (request.at, request.since_boot) =
                (request.at.plus(while_), request.since_boot.plus(while_));
        }
        assert_eq!(violated(&play), [] as [String; 0]);
    }

    #[test]
    fn a_person_who_resumes_a_slow_store_is_believed_a_little_before_and_after() {
        for (at, fine) in [(0, true), (4300, true), (4301, false)] {
            let mut play = refused(4);
            play.system.resumes.push((None, wall(at)));
            assert_eq!(violated(&play).is_empty(), fine, "{at}");
        }
    }

    #[test]
    fn each_start_has_a_burst_of_its_own() {
        let mut play = asked(8, 0);
        assert_eq!(violated(&play), ["I8"]);
        play.system.starts.push(start(2, 2001, true));
        assert_eq!(violated(&play), ["I8"], "it came afterwards");
        for request in play.requests.as_mut().unwrap().iter_mut().skip(6) {
            (request.at, request.since_boot) = (wall(2010), Boot(Duration::from_millis(2010)));
        }
        assert_eq!(violated(&play), [] as [String; 0]);
    }

    #[test]
    fn one_partner_that_refuses_us_is_no_reason_to_pause_the_others() {
        let mut play = play();
        play.requests.as_mut().unwrap()[0].refused_us = true;
        let rules = play.rules.get_mut(&channel()).unwrap();
        rules.pace.as_mut().unwrap().concurrency = 1;
        assert_eq!(
            violated(&play),
            ["I10"],
            "two others came within the second"
        );
        play.rules.get_mut(&channel()).unwrap().by_destination = true;
        assert_eq!(violated(&play), [] as [String; 0]);
    }

    #[test]
    fn a_channel_that_does_not_wait_as_asked_is_found() {
        let mut play = asked(4, 1000);
        let plea = |seconds| Some(Boot(Duration::from_secs(seconds)));
        play.requests.as_mut().unwrap()[2].not_before = plea(5);
        assert_eq!(violated(&play), [] as [String; 0], "C = 2 were in flight");
        play.requests.as_mut().unwrap()[2].not_before = plea(6);
        assert_eq!(violated(&play), ["I9"]);
        play.system.resumes.push((None, wall(2500)));
        assert_eq!(violated(&play), [] as [String; 0], "a person said go on");
    }
}
