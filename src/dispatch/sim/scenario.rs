//! One seed's story: who is there, what is released when, and what goes wrong.

use super::bugs::Bugs;
use super::chance::Chance;
use super::judge;
use super::people::{self, Act, Wish};
use super::provider::Kind;
use super::run::{Pair, Run, Setup, Tally};
use super::weather::Weather;
use super::world::Deed;
use crate::settings::{ChannelSettings, EngineSettings, PaceSettings};
use oyez_domain::retry::RetryPolicy;
use std::time::Duration;

/// Periods of one weather each, in which things go wrong.
const PERIODS: u32 = 6;
/// How many deliveries a story has, about.
const DELIVERIES: u64 = 300;
/// How long everything may take to end once the faults are over, beside the time that sending takes.
const BOUND: Duration = Duration::from_secs(400);
/// What providers may still have to say once everything is sent.
const LAST_WORDS: Duration = Duration::from_secs(90);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: i64 = 3_600_000_000;
/// With what something else may happen.
const VERBS: [&str; 8] = [
    "take",
    "take",
    "send",
    "send",
    "record",
    "disarm",
    "release",
    "plan_page",
];
/// By how much wall clocks are set off.
const STEPS: [i64; 5] = [2 * HOUR, -2 * HOUR, 24 * HOUR, -24 * HOUR, 87_600 * HOUR];

/// What came of a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) fingerprint: u64,
    pub(crate) violations: Vec<String>,
    pub(crate) tally: Tally,
    pub(crate) deliveries: u64,
    /// Requests that reached a provider, and how many of them reached somebody.
    pub(crate) requests: u64,
    pub(crate) effects: u64,
    pub(crate) duplicates: u64,
    pub(crate) bound: u64,
    pub(crate) unknown: u64,
}

/// Plays a seed's story to its end and judges it.
pub(crate) fn play(seed: u64, bugs: Bugs) -> Outcome {
    play_and_look(seed, bugs, |_| {})
}

/// The same with a look at what is there in the end.
pub(crate) fn play_and_look(seed: u64, bugs: Bugs, look: impl FnOnce(&Run)) -> Outcome {
    let dice = Chance::new(seed);
    let setup = setup(seed, bugs, &dice);
    let mut run = Run::new(&setup);
    let steps = plan(&mut run, &setup, &dice);
    let faults_end = run.world.now() + Duration::from_secs(30) * PERIODS;
    run.until(faults_end, |_| false);
    run.heal();
    let end = run.world.now() + BOUND + longest_sending(&setup, &run);
    let done = |run: &Run| run.people.not_out().is_empty() && run.store.is_quiet();
    let mut late = Vec::new();
    // Whatever holds itself meanwhile is let go on by somebody who looks every minute.
    while !run.until(run.world.now() + MINUTE, done) && run.world.now() < end {
        run.resume_all();
    }
    if !done(&run) {
        let mut open = run.store.unfinished();
        open.truncate(20);
        let open = open.join(", ");
        let pauses = run.pauses();
        late.push(format!(
            "I14: not everything has ended in time: {open}; pauses: {pauses}"
        ));
    }
    let later = run.world.now() + LAST_WORDS;
    run.until(later, |_| false);
    if !run.end() {
        late.push("P23: the program did not end when it was asked to".to_owned());
    }
    let (verdict, mut violations) = judge::verdict(&run, &steps);
    violations.extend(late);
    look(&run);
    let log = run.world.log();
    Outcome {
        fingerprint: run.world.trace.fingerprint(),
        violations,
        tally: run.tally,
        deliveries: verdict.recipients,
        requests: log.len() as u64,
        effects: log.iter().filter(|logged| logged.request.effect).count() as u64,
        duplicates: verdict.duplicates,
        bound: verdict.duplicate_bound,
        unknown: verdict.unknown,
    }
}

fn setup(seed: u64, bugs: Bugs, dice: &Chance) -> Setup {
    let mut kinds = Vec::new();
    let many = usize::try_from(dice.between(2, 4)).unwrap();
    while kinds.len() < many {
        let kind = dice.pick(&Kind::ALL);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.sort_unstable();
    let incidents = usize::try_from(dice.between(1, 2)).unwrap();
    let wish = |_| Wish {
        incident: usize::try_from(dice.below(incidents as u64)).unwrap(),
        urgent: dice.one_in(5),
        correction: dice.one_in(5),
        channels: Vec::new(),
    };
    let wishes: Vec<_> = (0..dice.between(2, 4)).map(wish).collect();
    let bulk = |kind: &&Kind| !matches!(kind, Kind::Posts | Kind::Partners);
    let bulk = kinds.iter().filter(bulk).count() as u64;
    let residents = DELIVERIES / (bulk.max(1) * wishes.len() as u64);
    let with_settings = |kind| (kind, channel_settings(dice));
    let mut kinds: Vec<_> = kinds.into_iter().map(with_settings).collect();
    let pairs = pairs(seed, &mut kinds);
    Setup {
        seed,
        bugs,
        kinds,
        pairs,
        residents: u32::try_from(residents.min(120)).unwrap(),
        partners: 4,
        incidents,
        wishes,
        settings: EngineSettings {
            page_rows: u32::try_from(dice.between(10, 60)).unwrap(),
            chunk_rows: 50,
            flush_milliseconds: dice.pick(&[0, 5, 20]),
            // Nothing expires while the clock is doubted, so what is sent then may be late; that is no fault.
            useful_seconds: if jumps(seed) {
                2400
            } else if dice.one_in(6) {
                dice.between(60, 150)
            } else {
                2400
            },
            // Several updates within minutes are nothing unusual here.
            most_an_hour: 0,
            most_a_day: 0,
            ..EngineSettings::default()
        },
    }
}

/// In every fifth story one channel has a second provider, with faults of its own; half of these share what is sent.
fn pairs(seed: u64, kinds: &mut Vec<(Kind, ChannelSettings)>) -> Vec<Pair> {
    if seed % 5 != 3 {
        return Vec::new();
    }
    let has = |kind: Kind| kinds.iter().any(|(known, _)| *known == kind);
    let beside = |kind: Kind| match kind {
        Kind::Keyed => Some(Kind::Plain),
        Kind::Plain => Some(Kind::Keyed),
        Kind::Asked => Some(Kind::Numbered),
        Kind::Receipted => Some(Kind::Asked),
        Kind::Numbered => Some(Kind::Receipted),
        Kind::Posts | Kind::Partners => None,
    };
    let mut possible = kinds.iter().filter_map(|(first, settings)| {
        let second = beside(*first).filter(|second| !has(*second))?;
        Some((*first, second, settings.clone()))
    });
    let Some((first, second, settings)) = possible.next() else {
        return Vec::new();
    };
    kinds.push((second, settings));
    let split = seed % 10 == 3;
    vec![Pair {
        first,
        second,
        split,
    }]
}

/// Whether somebody sets the wall clock in this story.
fn jumps(seed: u64) -> bool {
    seed.is_multiple_of(4)
}

fn channel_settings(dice: &Chance) -> ChannelSettings {
    let rate = dice.pick(&[3.0, 10.0, 30.0, 100.0]);
    ChannelSettings {
        pace: PaceSettings {
            rate_per_second: Some(rate),
            concurrency: u32::try_from(dice.between(1, 8)).unwrap(),
            ..PaceSettings::default()
        },
        retry: RetryPolicy {
            max_attempts: u32::try_from(dice.between(2, 5)).unwrap(),
            base_milliseconds: 1000,
            cap_milliseconds: 10_000,
        },
        ..ChannelSettings::default()
    }
}

/// Writes into the world's agenda what is going to happen; returns by how much the wall clock will be set off.
fn plan(run: &mut Run, setup: &Setup, dice: &Chance) -> Vec<i64> {
    let period = Duration::from_secs(30);
    let names: Vec<_> = run
        .kinds
        .iter()
        .map(|(kind, _)| people::name_of(*kind))
        .collect();
    let rows = i64::from(2 * setup.residents);
    let steps: Vec<i64> = if jumps(setup.seed) {
        vec![dice.pick(&STEPS), dice.pick(&STEPS)]
    } else {
        Vec::new()
    };
    run.perform(Deed::Start);
    for number in 0..setup.wishes.len() {
        let wait = if number == 0 {
            dice.milliseconds(0, 2000)
        } else {
            dice.milliseconds(0, 120_000)
        };
        run.world.after(wait, Deed::Act(Act::Release(number)));
    }
    for number in 0..PERIODS {
        let begin = period * number;
        let at = |dice: &Chance| begin + dice.milliseconds(0, 30_000);
        let weather = Weather::drawn(dice, &names);
        run.world.after(begin, Deed::Weather(weather));
        if dice.one_in(3) {
            let forgets = dice.one_in(2);
            let crash = at_a_tender_moment(dice, Deed::Crash { forgets });
            run.world.after(at(dice), crash);
        }
        if dice.one_in(8) {
            let ends = at_a_tender_moment(dice, Deed::ShutDown);
            run.world.after(at(dice), ends);
        }
        if dice.one_in(6) {
            let takes_over = at_a_tender_moment(dice, Deed::TakeOver);
            run.world.after(at(dice), takes_over);
        }
        for _ in 0..dice.below(4) {
            let act = people::drawn(dice, &run.people, rows);
            run.world.after(at(dice), Deed::Act(act));
        }
        if let Some(step) = steps.get(usize::try_from(number / 3).unwrap()) {
            run.world
                .after(at(dice), Deed::Step(if dice.one_in(2) { *step } else { 0 }));
        }
    }
    steps
}

/// Half of what ends a start happens at any moment, and half with a verb of the store or a request: the moments are
/// short in which something is only half done.
fn at_a_tender_moment(dice: &Chance, deed: Deed) -> Deed {
    if dice.one_in(2) {
        return deed;
    }
    let verb = dice.pick(&VERBS);
    let wait = if dice.one_in(2) {
        Duration::ZERO
    } else {
        dice.milliseconds(1, 60)
    };
    let deed = Box::new(deed);
    Deed::With { verb, wait, deed }
}

/// How long the slowest channel takes to send everything at its limit, one and a fifth times.
fn longest_sending(setup: &Setup, run: &Run) -> Duration {
    let slowest = setup
        .kinds
        .iter()
        .filter_map(|(_, settings)| settings.pace.rate_per_second)
        .fold(f64::INFINITY, f64::min);
    Duration::from_secs_f64(1.2 * run.store.deliveries() as f64 / slowest)
}
