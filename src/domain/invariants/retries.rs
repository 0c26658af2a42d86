//! Retries (I9): they keep their distance and their number, and a channel's own failures cost nobody anything.

use super::Judgement;
use super::case::{Case, Event};
use super::findings::Findings;
use super::scene::{CLOCK_SET, RESOLUTION, Scene};
use super::tempo::waits_asked_for;
use crate::ledger::AttemptEnd;
use crate::outcome::{OutcomeCode, Reason};
use crate::retry::RetryPolicy;
use crate::time::Wall;

pub(super) fn disciplined(scene: &Scene<'_>) -> Judgement {
    let mut found = Findings::default();
    if !scene.steady {
        found.missing(CLOCK_SET);
    }
    for case in &scene.cases {
        let policy = scene.rules(case).retry;
        if policy.is_none() {
            found.unknown("retry rules", &case.evidence.view.channel);
        }
        for (place, _) in case.places() {
            look_at(scene, case, place, policy, &mut found);
        }
    }
    waits_asked_for(scene, &mut found);
    found.judge(
        "I9",
        "retries kept their distance and their number, and a channel's own failures cost nobody an attempt",
    )
}

fn look_at(
    scene: &Scene<'_>,
    case: &Case<'_>,
    place: usize,
    policy: Option<RetryPolicy>,
    found: &mut Findings,
) {
    let ends = ends(case, place);
    let mut tally = Tally::default();
    for end in &ends {
        tally.count(end);
        let again = end.again && is_announced_again(case, place, end);
        if let Some(wrong) = policy.and_then(|policy| tally.breaks(&policy, end, again)) {
            found.broken(|| format!("{}: {wrong}", case.name(place)));
        }
        if is_the_channels(end.code) && !end.again {
            found.broken(|| {
                let (name, code) = (case.name(place), end.code.code());
                format!("{name}: given up because of {code}")
            });
        }
        let due = due(end, policy, tally.charged);
        let next = due.and_then(|due| next_announcement(case, place, end).zip(Some(due)));
        if let Some((at, due)) = next.filter(|(at, due)| at.plus(RESOLUTION) < *due)
            && scene.steady
        {
            found.broken(|| {
                let (name, attempt) = (case.name(place), end.attempt);
                let early = due.since(at).as_secs_f64();
                format!("{name}: tried again {early:.3} s too early after attempt {attempt}")
            });
        }
    }
}

/// How the attempts of a delivery ended, by attempt. One that ended well at once is of no interest.
fn ends<'a>(case: &Case<'a>, place: usize) -> Vec<&'a AttemptEnd> {
    let mut ends: Vec<_> = case
        .events(place)
        .iter()
        .filter_map(|event| match event {
            Event::Ended(end) if end.code == OutcomeCode::Accepted => None,
            Event::Ended(end) => Some(*end),
            Event::Armed(_) | Event::Disarmed(_) | Event::Settled(_) | Event::Receipt(_) => None,
        })
        .collect();
    ends.sort_unstable_by_key(|end| end.attempt);
    ends
}

/// What a delivery was charged for since a person last let it be tried anew.
#[derive(Debug, Default)]
struct Tally {
    /// For certain.
    charged: u32,
    /// Perhaps: an answer that looks like the channel's own trouble costs nothing while the channel is in trouble,
    /// and an unknown outcome nothing where the provider knows our key.
    perhaps: u32,
}

impl Tally {
    fn count(&mut self, end: &AttemptEnd) {
        match end.code {
            OutcomeCode::Reopened => *self = Self::default(),
            OutcomeCode::Deferred if end.reason == Some(Reason::ProviderDown) => self.perhaps += 1,
            // Who announced the next attempt could not know of it.
            OutcomeCode::Deferred if end.late => self.perhaps += 1,
            OutcomeCode::Deferred => self.charged += 1,
            OutcomeCode::Unknown if end.again => self.perhaps += 1,
            OutcomeCode::Unknown
            | OutcomeCode::Accepted
            | OutcomeCode::Throttled
            | OutcomeCode::Rejected
            | OutcomeCode::BadMessage
            | OutcomeCode::ChannelDown
            | OutcomeCode::ChannelRefused
            | OutcomeCode::Suppressed
            | OutcomeCode::Stopped
            | OutcomeCode::Expired
            | OutcomeCode::Superseded
            | OutcomeCode::Orphaned
            | OutcomeCode::Confirmed
            | OutcomeCode::GivenUp => {}
        }
    }

    /// Whether a delivery was tried too often, or given up before its last attempt.
    fn breaks(&self, policy: &RetryPolicy, end: &AttemptEnd, again: bool) -> Option<String> {
        let most = policy.max_attempts;
        let (least, charged) = (self.charged, self.charged + self.perhaps);
        if end.code != OutcomeCode::Deferred {
            None
        } else if least > most || (least == most && again) {
            Some(format!("tried more than {most} times"))
        } else if !end.again && charged < most {
            Some(format!("given up after {charged} of {most} attempts"))
        } else {
            None
        }
    }
}

/// Whether another attempt was announced after this one. Otherwise something was decided in its place: that it is unknown,
/// or too late; or an earlier attempt turned out to have succeeded. What a person let be tried anew is another matter.
fn is_announced_again(case: &Case<'_>, place: usize, end: &AttemptEnd) -> bool {
    let reopened = case.events(place).iter().filter_map(|event| match event {
        Event::Ended(other) if other.code == OutcomeCode::Reopened => Some(other.attempt),
        Event::Armed(_)
        | Event::Disarmed(_)
        | Event::Ended(_)
        | Event::Settled(_)
        | Event::Receipt(_) => None,
    });
    let until = reopened
        .filter(|attempt| *attempt > end.attempt)
        .min()
        .unwrap_or(u32::MAX);
    let mut events = case.events(place).iter();
    events.any(|event| match event {
        Event::Armed(run) => (end.attempt + 1..until).contains(&run.attempt),
        Event::Disarmed(_) | Event::Ended(_) | Event::Settled(_) | Event::Receipt(_) => false,
    })
}

/// Whether this says something of the channel, and nothing of the recipient.
fn is_the_channels(code: OutcomeCode) -> bool {
    match code {
        OutcomeCode::Throttled | OutcomeCode::ChannelDown | OutcomeCode::ChannelRefused => true,
        OutcomeCode::Accepted
        | OutcomeCode::Deferred
        | OutcomeCode::Rejected
        | OutcomeCode::BadMessage
        | OutcomeCode::Unknown
        | OutcomeCode::Suppressed
        | OutcomeCode::Stopped
        | OutcomeCode::Expired
        | OutcomeCode::Superseded
        | OutcomeCode::Orphaned
        | OutcomeCode::Confirmed
        | OutcomeCode::Reopened
        | OutcomeCode::GivenUp => false,
    }
}

/// The earliest moment for the next attempt: what the ledger keeps, or the shortest wait that the rules allow. A
/// channel that is up again may be used at once; and what was written late, nobody knew in time to wait for it.
fn due(end: &AttemptEnd, policy: Option<RetryPolicy>, charged: u32) -> Option<Wall> {
    if !end.again
        || end.late
        || matches!(
            end.code,
            OutcomeCode::ChannelDown | OutcomeCode::ChannelRefused
        )
    {
        return None;
    }
    let own = end.code == OutcomeCode::Deferred && end.reason != Some(Reason::ProviderDown);
    let rule = own
        .then_some(policy)
        .flatten()
        .map(|policy| end.at.plus(policy.pause(charged, 0.0)));
    end.not_before.max(rule)
}

/// When the attempt after this one was announced. One that had been announced before this end was known, because a
/// newer start took the attempt for lost, is no answer to it.
fn next_announcement(case: &Case<'_>, place: usize, end: &AttemptEnd) -> Option<Wall> {
    let events = case.events(place).iter();
    let later = events.filter_map(|event| match event {
        Event::Armed(run) if run.attempt > end.attempt && run.at >= end.at => {
            Some((run.attempt, run.at))
        }
        Event::Armed(_)
        | Event::Disarmed(_)
        | Event::Ended(_)
        | Event::Settled(_)
        | Event::Receipt(_) => None,
    });
    later.min().map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Play, play, violated, wall};
    use super::*;

    /// The first recipient is deferred at each of these moments (in ms), announced anew after the wait that follows.
    fn deferred(moments: &[(u64, u64)]) -> Play {
        let mut play = play();
        play.forget(0);
        for (n, (at, wait)) in moments.iter().enumerate() {
            let attempt = u32::try_from(n).unwrap() + 1;
            play.ask(0, at - 1);
            play.end_again(0, attempt, OutcomeCode::Deferred, *at);
            if *wait > 0 {
                play.arm(0, 0, attempt + 1, at + wait);
            } else {
                play.broadcast.ends.last_mut().unwrap().again = false;
            }
        }
        play
    }

    #[test]
    fn a_retry_before_the_shortest_wait_is_found() {
        // A tenth of 1 s, then of 2 s; three attempts in all.
        let fine = [(2000, 100), (3000, 200), (4000, 0)];
        assert_eq!(violated(&deferred(&fine)), [] as [String; 0]);
        assert_eq!(
            violated(&deferred(&[(2000, 98), (3000, 200), (4000, 0)])),
            ["I9"]
        );
        assert_eq!(
            violated(&deferred(&[(2000, 100), (3000, 198), (4000, 0)])),
            ["I9"]
        );
    }

    #[test]
    fn the_moment_that_the_ledger_keeps_is_honoured() {
        let mut play = deferred(&[(2000, 900), (3000, 900), (4000, 0)]);
        play.broadcast.ends[2].not_before = Some(wall(2900));
        assert_eq!(violated(&play), [] as [String; 0]);
        play.broadcast.ends[2].not_before = Some(wall(2902));
        assert_eq!(violated(&play), ["I9"]);
    }

    #[test]
    fn one_attempt_too_many_and_one_too_few_are_found() {
        let too_few = deferred(&[(2000, 500), (3000, 0)]);
        assert_eq!(violated(&too_few), ["I9"]);
        let too_many = deferred(&[(2000, 500), (3000, 500), (4000, 500), (5000, 0)]);
        assert_eq!(violated(&too_many), ["I9"]);
    }

    #[test]
    fn after_a_persons_decision_the_count_begins_anew() {
        let mut play = deferred(&[(2000, 500), (3000, 500), (4000, 0)]);
        play.end_again(0, 4, OutcomeCode::Reopened, 5000);
        for attempt in 5..=6 {
            let at = 1000 * u64::from(attempt);
            play.arm(0, 0, attempt, at);
            play.end_again(0, attempt, OutcomeCode::Deferred, at + 100);
        }
        play.arm(0, 0, 7, 7000);
        play.end(0, 7, OutcomeCode::Deferred, 7100);
        assert_eq!(violated(&play), [] as [String; 0]);
        play.broadcast.ends.pop();
        play.broadcast.armed.pop();
        play.broadcast.ends.last_mut().unwrap().again = false;
        assert_eq!(violated(&play), ["I9"], "given up after two of three");
    }

    #[test]
    fn what_was_decided_in_place_of_one_more_attempt_is_no_attempt() {
        let mut play = deferred(&[(2000, 500), (3000, 500), (4000, 500)]);
        let both = ["I1", "I9"];
        assert_eq!(
            violated(&play),
            both,
            "a fourth attempt was announced and has no end"
        );
        play.broadcast.armed.pop();
        play.end(0, 4, OutcomeCode::Unknown, 4000);
        assert_eq!(violated(&play), [] as [String; 0]);
    }

    #[test]
    fn what_a_newer_start_could_not_know_of_is_no_attempt_too_many() {
        let mut play = deferred(&[(2000, 500), (3000, 500), (4000, 500), (5000, 0)]);
        assert_eq!(violated(&play), ["I9"]);
        play.broadcast.ends[3].late = true;
        assert_eq!(violated(&play), [] as [String; 0]);
    }

    #[test]
    fn an_attempt_that_a_person_wanted_is_no_answer_to_the_last_before_it() {
        let mut play = deferred(&[(2000, 500), (3000, 500), (4000, 500)]);
        play.broadcast.armed.pop();
        play.end(0, 4, OutcomeCode::Unknown, 4000);
        play.end_again(0, 5, OutcomeCode::Reopened, 5000);
        play.arm(0, 0, 6, 6000);
        play.reach(0, 6050);
        play.end(0, 6, OutcomeCode::Accepted, 6100);
        assert_eq!(violated(&play), [] as [String; 0]);
    }

    #[test]
    fn a_retry_announced_before_the_end_was_known_is_no_answer_to_it() {
        let mut play = deferred(&[(2000, 10), (3000, 500), (4000, 0)]);
        assert_eq!(violated(&play), ["I9"]);
        play.broadcast.ends[2].at = wall(2011);
        assert_eq!(violated(&play), [] as [String; 0]);
    }

    #[test]
    fn an_answer_that_is_the_channels_trouble_may_cost_nothing() {
        let mut play = deferred(&[(2000, 10), (3000, 500), (4000, 500), (5000, 0)]);
        assert_eq!(violated(&play), ["I9"]);
        play.broadcast.ends[2].reason = Some(Reason::ProviderDown);
        assert_eq!(violated(&play), [] as [String; 0]);
    }

    #[test]
    fn an_unknown_outcome_counts_as_an_attempt() {
        let mut play = deferred(&[(2000, 500), (3000, 500), (4000, 0)]);
        play.broadcast.ends[2].code = OutcomeCode::Unknown;
        assert_eq!(violated(&play), [] as [String; 0]);
    }

    #[test]
    fn a_delivery_given_up_because_of_its_channel_is_found() {
        for code in [
            OutcomeCode::Throttled,
            OutcomeCode::ChannelDown,
            OutcomeCode::ChannelRefused,
        ] {
            let mut play = play();
            play.forget(0);
            for attempt in 1..=9 {
                play.end_again(0, attempt, code, 2000 + u64::from(attempt));
                play.arm(0, 0, attempt + 1, 2000 + u64::from(attempt));
            }
            play.end(0, 10, OutcomeCode::Rejected, 3000);
            assert_eq!(violated(&play), [] as [String; 0], "they cost nothing");
            play.broadcast.ends.last_mut().unwrap().code = code;
            assert_eq!(violated(&play), ["I9"]);
        }
    }
}
