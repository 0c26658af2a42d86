//! Copies: no more than crashes and unknown outcomes allow (I3), and a last cap whatever the ledger says (I20).

use super::Judgement;
use super::case::{Case, Event};
use super::findings::Findings;
use super::scene::{NO_LOG, Scene, requests};
use crate::ledger::{ArmedRun, AttemptEnd};
use crate::outcome::{OutcomeCode, Reason};
use crate::time::Boot;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// Copies of one message no recipient may get more of, but for one more with each further start of the program.
const COPIES: u64 = 3;
const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn bounded(scene: &Scene<'_>) -> Judgement {
    let mut found = Findings::default();
    if !scene.has_log() {
        found.missing(NO_LOG);
    }
    for case in &scene.cases {
        let copies = case.duplicates();
        let (allowed, why) = allowed(scene, case);
        if copies > allowed {
            let view = &case.evidence.view;
            found.broken(|| {
                let (id, channel) = (view.id.0, &view.channel);
                format!("broadcast {id} ({channel}): {copies} copies, {allowed} allowed ({why})")
            });
        }
        each_with_its_reason(case, &mut found);
        through_one_provider(case, &mut found);
    }
    found.judge(
        "I3",
        "copies stay within what crashes and unknown outcomes allow, and nobody gets two from one of them",
    )
}

/// One crash may cost many people a second copy, but nobody a third: whoever got a message again got it from another
/// start of the program, after an outcome that nobody could tell, or because a person wanted it.
fn each_with_its_reason(case: &Case<'_>, found: &mut Findings) {
    for (place, _) in case.places() {
        let copies = case.copies(place);
        if copies < 2 {
            continue;
        }
        let (starts, reopened) = (starts(case, place), reopened(case, place));
        let retried = of_place(case, place, is_sent_again);
        let allowed = starts.max(1) + retried + reopened;
        if copies > allowed {
            found.broken(|| {
                let name = case.name(place);
                format!(
                    "{name}: {copies} copies by {starts} starts of the program, with {retried} unknown outcomes sent again and {reopened} decisions of a person"
                )
            });
        }
    }
}

/// Whoever may have been reached through one provider is not tried, and never reached, through another unless a person
/// said so.
fn through_one_provider(case: &Case<'_>, found: &mut Findings) {
    for (place, _) in case.places() {
        if changes_provider(case, place) {
            found.broken(|| {
                let name = case.name(place);
                format!("{name}: may have left through one provider, and was armed for another")
            });
        }
        let reached: BTreeSet<_> = case.effects(place).map(|seen| &seen.provider).collect();
        if reached.len() > 1 && reopened(case, place) == 0 {
            found.broken(|| format!("{}: reached through {reached:?}", case.name(place)));
        }
    }
}

/// Whether an attempt that may have reached somebody was followed by one through another provider.
fn changes_provider(case: &Case<'_>, place: usize) -> bool {
    let provider = |run: &ArmedRun| case.evidence.providers.get(&run.window);
    let armed = case.events(place).iter().filter_map(|event| match event {
        Event::Armed(run) => Some((run.attempt, provider(run)?)),
        Event::Disarmed(_) | Event::Ended(_) | Event::Settled(_) | Event::Receipt(_) => None,
    });
    let armed: Vec<_> = armed.collect();
    let doubtful = |end: &AttemptEnd| {
        let mine = armed.iter().filter(|(attempt, _)| *attempt == end.attempt);
        let mine: BTreeSet<_> = mine.map(|(_, provider)| provider).collect();
        let released = first_reopened(case, place, end.attempt);
        let later = |(attempt, provider): &(u32, &String)| {
            *attempt > end.attempt && *attempt < released && !mine.contains(provider)
        };
        // What was announced for two and taken back from one may be either's.
        let unsent = end.reason == Some(Reason::NotFoundYet) || mine.len() != 1;
        let doubt = matches!(end.code, OutcomeCode::Unknown | OutcomeCode::Orphaned);
        doubt && !unsent && armed.iter().any(later)
    };
    of_place(case, place, doubtful) > 0
}

/// The first attempt after this one that a person's word began.
fn first_reopened(case: &Case<'_>, place: usize, after: u32) -> u32 {
    let words = case.events(place).iter().filter_map(|event| match event {
        Event::Ended(end) if end.code == OutcomeCode::Reopened && end.attempt > after => {
            Some(end.attempt)
        }
        Event::Armed(_)
        | Event::Disarmed(_)
        | Event::Ended(_)
        | Event::Settled(_)
        | Event::Receipt(_) => None,
    });
    words.min().unwrap_or(u32::MAX)
}

/// Whether nobody could tell how an attempt ended, and another followed. A provider that does not find a message was
/// asked for it, and sent nothing.
fn is_sent_again(end: &AttemptEnd) -> bool {
    end.code == OutcomeCode::Unknown && end.again && end.reason != Some(Reason::NotFoundYet)
}

fn of_place(case: &Case<'_>, place: usize, which: impl Fn(&AttemptEnd) -> bool) -> u64 {
    let ends = case.events(place).iter().filter(|event| match event {
        Event::Ended(end) => which(end),
        Event::Armed(_) | Event::Disarmed(_) | Event::Settled(_) | Event::Receipt(_) => false,
    });
    ends.count() as u64
}

/// How many starts of the program announced a delivery.
fn starts(case: &Case<'_>, place: usize) -> u64 {
    let boots = case.events(place).iter().filter_map(|event| match event {
        Event::Armed(run) => Some(run.boot),
        Event::Disarmed(_) | Event::Ended(_) | Event::Settled(_) | Event::Receipt(_) => None,
    });
    boots.collect::<BTreeSet<_>>().len() as u64
}

/// How often a person wanted a delivery sent again.
fn reopened(case: &Case<'_>, place: usize) -> u64 {
    of_place(case, place, |end| end.code == OutcomeCode::Reopened)
}

/// How many copies a broadcast may have made, and why so many.
fn allowed(scene: &Scene<'_>, case: &Case<'_>) -> (u64, &'static str) {
    if scene.rules(case).keyed {
        return (0, "the provider recognises a second one");
    }
    let reopened = ends(case, |end| end.code == OutcomeCode::Reopened);
    if case.evidence.holds_unknown {
        return (reopened, "what may have been sent waits for a person");
    }
    let crashes = scene.evidence.unclean_ends * case.bound();
    let retried = ends(case, is_sent_again);
    let why = "unclean ends × D, and each unknown outcome that was sent again";
    (crashes + retried + reopened, why)
}

fn ends(case: &Case<'_>, which: impl Fn(&AttemptEnd) -> bool) -> u64 {
    let ends = case.evidence.ends.iter();
    ends.filter(|end| which(end)).count() as u64
}

pub(super) fn within_the_cap(scene: &Scene<'_>) -> Judgement {
    let mut found = Findings::default();
    if !scene.has_log() {
        found.missing(NO_LOG);
    }
    for case in &scene.cases {
        for (place, _) in case.places() {
            // No start knows what another had on its way when it ended, so each end may add one.
            let further = |starts: u64| starts.saturating_sub(1);
            let copies = case.copies(place);
            if copies > COPIES
                && copies > COPIES + further(starts(case, place)) + reopened(case, place)
            {
                found.broken(|| format!("{}: {copies} copies", case.name(place)));
            }
        }
    }
    flooded(scene, &mut found);
    found.judge(
        "I20",
        "nobody got the same message more than three times, but for one with each further start of the program, or too many messages within an hour",
    )
}

/// Counts in the log alone, so that a ledger that is wrong hides nothing.
fn flooded(scene: &Scene<'_>, found: &mut Findings) {
    for (channel, cases) in scene.channels() {
        let rules = cases.first().map(|case| scene.rules(case));
        let Some(cap) = rules.and_then(|rules| rules.hourly_cap) else {
            found.unknown("cap of an hour", channel);
            continue;
        };
        let mut reached: HashMap<&str, Vec<Boot>> = HashMap::new();
        for (_, request) in requests(&cases) {
            if request.effect {
                let of_one = reached.entry(&request.to).or_default();
                of_one.push(request.since_boot);
            }
        }
        let cap = usize::try_from(cap).unwrap_or(usize::MAX);
        let too_many = |moments: &Vec<Boot>| {
            let later = moments.iter().skip(cap);
            let mut pairs = moments.iter().zip(later);
            pairs.any(|(first, last)| last.since(*first) < HOUR)
        };
        for _ in reached.values().filter(|moments| too_many(moments)) {
            found.broken(|| format!("{channel}: more than {cap} messages to somebody in an hour"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Play, channel, play, start, violated};
    use super::{OutcomeCode, Reason};

    /// The first recipient's attempt ended without anybody knowing how, and another follows through another provider.
    fn through_another() -> Play {
        let mut play = again(1);
        let windows = play
            .broadcast
            .armed
            .iter()
            .map(|run| (run.window, run.attempt));
        play.broadcast.providers = windows
            .map(|(id, n)| (id, format!("provider{n}")))
            .collect();
        play
    }

    #[test]
    fn what_may_have_left_through_one_provider_goes_through_no_other() {
        let mut play = through_another();
        play.unclean_ends = 1;
        assert_eq!(violated(&play), ["I3"], "though a crash may repeat it");
        play.broadcast
            .providers
            .values_mut()
            .for_each(|name| *name = "one".to_owned());
        assert_eq!(violated(&play), [] as [String; 0]);
    }

    #[test]
    fn what_was_surely_refused_may_go_through_another_and_reach_nobody_twice() {
        let mut play = through_another();
        let ends = play.broadcast.ends.iter_mut();
        let doubt = ends.filter(|end| end.code == OutcomeCode::Orphaned);
        doubt.for_each(|end| end.code = OutcomeCode::Deferred);
        play.unclean_ends = 1;
        assert_eq!(violated(&play), [] as [String; 0]);
        let requests = play.requests.as_mut().unwrap();
        requests.last_mut().unwrap().provider = "other".to_owned();
        assert_eq!(violated(&play), ["I3"], "the log knows better");
    }

    /// The first recipient is announced and reached again by so many further starts of the program, without an unclean
    /// end to blame.
    fn again(times: u32) -> Play {
        let mut play = play();
        play.broadcast.ends.retain(|end| end.ordinal.0 != 0);
        for n in 0..times {
            let (attempt, at) = (n + 1, 1500 + 500 * u64::from(n));
            let boot = i64::from(n) + 2;
            play.system.starts.push(start(boot, at, true));
            play.end_again(0, attempt, OutcomeCode::Orphaned, at);
            play.arm_by(boot, 0, 0, attempt + 1, at + 100);
            play.reach(0, at + 200);
        }
        play.end(0, times + 1, OutcomeCode::Accepted, 9000);
        play
    }

    /// All of it was the first start.
    fn by_one_start(mut play: Play) -> Play {
        play.system.starts.truncate(1);
        play.broadcast.armed.iter_mut().for_each(|run| run.boot = 1);
        play
    }

    #[test]
    fn a_copy_needs_a_crash_to_be_allowed() {
        let mut play = again(2);
        assert_eq!(violated(&play), ["I3"]);
        play.unclean_ends = 1;
        assert_eq!(
            violated(&play),
            [] as [String; 0],
            "one crash may repeat D = 2"
        );
        play.broadcast.view.duplicate_bound = 1;
        assert_eq!(violated(&play), ["I3"]);
    }

    #[test]
    fn a_third_copy_needs_another_crash_however_many_second_ones_there_may_be() {
        let mut play = again(2);
        (play.unclean_ends, play.broadcast.view.duplicate_bound) = (1, 100);
        assert_eq!(violated(&play), [] as [String; 0], "by three starts");
        play.system.starts.truncate(2);
        play.broadcast.armed[2].boot = 2;
        assert_eq!(violated(&play), ["I3"], "two of them by the second start");
        let orphaned = play.broadcast.ends.iter_mut();
        let mut orphaned = orphaned.filter(|end| end.code == OutcomeCode::Orphaned);
        orphaned.next_back().unwrap().code = OutcomeCode::Unknown;
        let why = "nobody could tell what became of the second";
        assert_eq!(violated(&play), [] as [String; 0], "{why}");
    }

    #[test]
    fn a_copy_after_an_unknown_outcome_that_was_sent_again_is_allowed() {
        let mut play = again(1);
        play.broadcast.ends[2].code = OutcomeCode::Unknown;
        assert_eq!(violated(&play), [] as [String; 0]);
        play.broadcast.ends[2].reason = Some(Reason::NotFoundYet);
        assert_eq!(violated(&play), ["I3"], "a look-up sends nothing");
    }

    #[test]
    fn where_the_provider_knows_the_key_no_crash_explains_a_visible_copy() {
        let mut play = again(1);
        play.unclean_ends = 5;
        assert_eq!(violated(&play), [] as [String; 0]);
        play.rules.get_mut(&channel()).unwrap().keyed = true;
        assert_eq!(violated(&play), ["I3"]);
        for request in play.requests.as_mut().unwrap().iter_mut().skip(3) {
            request.effect = false;
        }
        assert_eq!(
            violated(&play),
            [] as [String; 0],
            "it was taken for the same one"
        );
    }

    #[test]
    fn where_a_person_decides_only_that_person_makes_a_copy() {
        let mut play = again(1);
        play.unclean_ends = 5;
        play.broadcast.holds_unknown = true;
        assert_eq!(violated(&play), ["I3"]);
        play.broadcast.ends[2].code = OutcomeCode::Reopened;
        assert_eq!(violated(&play), [] as [String; 0]);
    }

    #[test]
    fn four_copies_are_too_many_whatever_the_reason() {
        let unclean = |mut play: Play| {
            play.unclean_ends = 9;
            play
        };
        assert_eq!(violated(&unclean(again(2))), [] as [String; 0]);
        assert_eq!(
            violated(&unclean(again(3))),
            [] as [String; 0],
            "a start cannot know what the one before it had on its way"
        );
        // Unknown outcomes excuse each single copy, and yet not so many.
        let mut play = by_one_start(unclean(again(3)));
        for end in &mut play.broadcast.ends {
            if end.code == OutcomeCode::Orphaned {
                end.code = OutcomeCode::Unknown;
            }
        }
        assert_eq!(violated(&play), ["I20"]);
        play.broadcast.ends[2].code = OutcomeCode::Reopened;
        assert_eq!(violated(&play), [] as [String; 0], "a person wanted one");
    }

    #[test]
    fn a_flood_is_found_in_the_log_alone() {
        let mut play = again(2);
        play.unclean_ends = 9;
        play.rules.get_mut(&channel()).unwrap().hourly_cap = Some(3);
        assert_eq!(violated(&play), [] as [String; 0]);
        play.rules.get_mut(&channel()).unwrap().hourly_cap = Some(2);
        assert_eq!(violated(&play), ["I20"]);
        let last = play.requests.as_mut().unwrap().last_mut().unwrap();
        let hour = std::time::Duration::from_secs(3600);
        (last.at, last.since_boot) = (last.at.plus(hour), last.since_boot.plus(hour));
        play.broadcast.expires_at = play.broadcast.expires_at.plus(hour);
        assert_eq!(
            violated(&play),
            [] as [String; 0],
            "spread over more than an hour"
        );
    }
}
