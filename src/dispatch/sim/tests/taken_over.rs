//! A start whose place another has taken sends no more than a crash would have cost.

use crate::settings::{ChannelSettings, EngineSettings, PaceSettings};
use crate::sim::bugs::Bugs;
use crate::sim::people::{Act, Wish};
use crate::sim::provider::Kind;
use crate::sim::run::{Run, Setup};
use crate::sim::weather::Weather;
use crate::sim::world::Deed;
use std::collections::BTreeMap;
use std::time::Duration;

const PACE: PaceSettings = PaceSettings {
    rate_per_second: Some(100.0),
    burst: None,
    concurrency: 5,
};

/// The most copies that one take-over made in a broadcast of 60, `after` the release.
fn copies(seed: u64, after: Duration) -> u64 {
    let settings = ChannelSettings {
        pace: PACE,
        ..ChannelSettings::default()
    };
    let mut run = Run::new(&Setup {
        seed,
        bugs: Bugs::default(),
        kinds: vec![(Kind::Plain, settings)],
        pairs: Vec::new(),
        residents: 60,
        partners: 0,
        incidents: 1,
        wishes: vec![Wish {
            incident: 0,
            urgent: false,
            correction: false,
            channels: Vec::new(),
        }],
        settings: EngineSettings::default(),
    });
    run.world.set_weather(Weather::fair());
    run.perform(Deed::Start);
    run.perform(Deed::Act(Act::Release(0)));
    run.until(run.world.now() + after, |_| false);
    run.perform(Deed::TakeOver);
    let end = run.world.now() + Duration::from_secs(300);
    assert!(run.until(end, |run| run.store.is_quiet()));
    let mut reached: BTreeMap<_, u64> = BTreeMap::new();
    for logged in run.world.log().iter() {
        if logged.request.effect {
            *reached.entry(logged.request.place).or_default() += 1;
        }
    }
    assert_eq!(reached.len(), 60, "everybody got it");
    reached.values().map(|copies| copies - 1).sum()
}

#[test]
fn a_start_that_was_taken_over_gives_back_no_permit() {
    let bound = u64::from(PACE.duplicate_bound());
    let moments = (0..40).flat_map(|step| (1..=5).map(move |seed| (seed, 20 + 13 * step)));
    let worst = moments.map(|(seed, after)| copies(seed, Duration::from_millis(after)));
    let worst = worst.max().unwrap();
    assert!((1..=bound).contains(&worst), "{worst} copies, D is {bound}");
}
