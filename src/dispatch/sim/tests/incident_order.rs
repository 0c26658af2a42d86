//! Within one incident nobody gets an older update after a newer one: a thousand random schedules, judged by what
//! reached people.

use super::figures::{on_every_core, print_row};
use crate::settings::{ChannelSettings, EngineSettings, PaceSettings};
use crate::sim::bugs::Bugs;
use crate::sim::chance::Chance;
use crate::sim::judge::verdict;
use crate::sim::people::{Act, Wish, name_of};
use crate::sim::provider::Kind;
use crate::sim::run::{Run, Setup};
use crate::sim::weather::{Fault, Weather};
use crate::sim::world::Deed;
use oyez_domain::retry::RetryPolicy;
use serde_json::json;
use std::time::Duration;

const SCHEDULES: u64 = 1000;
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn nobody_gets_old_after_new_in_a_thousand_schedules() {
    let outcomes = on_every_core(SCHEDULES, |seed| (seed, play(seed)));
    let effects: u64 = outcomes.iter().map(|(_, outcome)| outcome.effects).sum();
    let superseded: u64 = outcomes.iter().map(|(_, outcome)| outcome.superseded).sum();
    let broken = outcomes
        .iter()
        .filter(|(_, outcome)| !outcome.violations.is_empty());
    let broken: Vec<_> = broken.collect();
    let figures = json!({
        "schedules": SCHEDULES,
        "effects": effects,
        "superseded": superseded,
        "broken": broken.len(),
    });
    print_row("incident_order", &figures, broken.is_empty());
    assert!(superseded > 0, "no correction took any place");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[derive(Debug)]
struct Outcome {
    effects: u64,
    superseded: u64,
    violations: Vec<String>,
}

/// Three to six updates of one incident within a minute, on two channels whose providers put off, slow down and lose
/// some of them; now and then a crash, a hold, or an update that is urgent or a correction.
fn play(seed: u64) -> Outcome {
    let dice = Chance::new(seed);
    let setup = setup(seed, &dice);
    let mut run = Run::new(&setup);
    run.perform(Deed::Start);
    let mut weather = Weather::fair();
    for (kind, _) in &setup.kinds {
        for fault in [
            Fault::Deferred,
            Fault::Slow,
            Fault::Swallowed,
            Fault::Throttled,
        ] {
            if dice.one_in(2) {
                weather.put(&name_of(*kind), fault, dice.between(3, 12));
            }
        }
    }
    run.world.set_weather(weather);
    for number in 0..setup.wishes.len() {
        let wait = dice.milliseconds(0, 60_000);
        run.world.after(wait, Deed::Act(Act::Release(number)));
        if dice.one_in(4) {
            run.world
                .after(dice.milliseconds(0, 60_000), Deed::Act(Act::Hold(number)));
            run.world
                .after(dice.milliseconds(0, 60_000), Deed::Act(Act::Resume(number)));
        }
    }
    if dice.one_in(3) {
        run.world
            .after(dice.milliseconds(0, 60_000), Deed::Crash { forgets: false });
    }
    run.until(run.world.now() + MINUTE, |_| false);
    run.heal();
    let done = |run: &Run| run.people.not_out().is_empty() && run.store.is_quiet();
    let ended = run.until(run.world.now() + 10 * MINUTE, done) && run.end();
    let (_, mut violations) = verdict(&run, &[]);
    if !ended {
        violations.push("I14: not everything has ended in time".to_owned());
    }
    let (broadcasts, _) = run.store.evidence();
    let effects = run
        .world
        .log()
        .iter()
        .filter(|logged| logged.request.effect)
        .count();
    Outcome {
        effects: effects as u64,
        superseded: broadcasts.iter().map(|b| b.view.counts.superseded).sum(),
        violations,
    }
}

fn setup(seed: u64, dice: &Chance) -> Setup {
    let settings = |rate| ChannelSettings {
        pace: PaceSettings {
            rate_per_second: Some(rate),
            concurrency: 4,
            ..PaceSettings::default()
        },
        retry: RetryPolicy {
            max_attempts: 4,
            base_milliseconds: 2000,
            cap_milliseconds: 20_000,
        },
        ..ChannelSettings::default()
    };
    let wish = |_| Wish {
        incident: 0,
        urgent: dice.one_in(4),
        correction: dice.one_in(4),
        channels: Vec::new(),
    };
    Setup {
        seed,
        bugs: Bugs::default(),
        kinds: vec![
            (
                dice.pick(&[Kind::Plain, Kind::Keyed]),
                settings(dice.pick(&[1.0, 4.0])),
            ),
            (
                dice.pick(&[Kind::Asked, Kind::Numbered]),
                settings(dice.pick(&[2.0, 8.0])),
            ),
        ],
        pairs: Vec::new(),
        residents: 12,
        partners: 0,
        incidents: 1,
        wishes: (0..dice.between(3, 6)).map(wish).collect(),
        settings: EngineSettings {
            page_rows: 5,
            most_an_hour: 0,
            most_a_day: 0,
            ..EngineSettings::default()
        },
    }
}
