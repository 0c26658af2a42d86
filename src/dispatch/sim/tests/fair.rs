//! Without faults everybody gets everything, once.

use crate::settings::{ChannelSettings, EngineSettings, PaceSettings};
use crate::sim::bugs::Bugs;
use crate::sim::judge::verdict;
use crate::sim::people::{Act, Wish};
use crate::sim::provider::Kind;
use crate::sim::run::{Run, Setup};
use crate::sim::world::Deed;
use std::time::Duration;

#[test]
fn in_fair_weather_everybody_gets_everything_once() {
    let settings = ChannelSettings {
        pace: PaceSettings {
            rate_per_second: Some(50.0),
            concurrency: 8,
            ..PaceSettings::default()
        },
        ..ChannelSettings::default()
    };
    let wish = Wish {
        incident: 0,
        urgent: false,
        correction: false,
        channels: Vec::new(),
    };
    let setup = Setup {
        seed: 1,
        bugs: Bugs::default(),
        kinds: Kind::ALL.map(|kind| (kind, settings.clone())).to_vec(),
        pairs: Vec::new(),
        residents: 40,
        partners: 3,
        incidents: 1,
        wishes: vec![wish.clone(), wish],
        settings: EngineSettings::default(),
    };
    let mut run = Run::new(&setup);
    run.perform(Deed::Start);
    run.perform(Deed::Act(Act::Release(0)));
    run.perform(Deed::Act(Act::Release(1)));
    let begun = |run: &Run| run.people.not_out().is_empty() && run.store.is_quiet();
    assert!(run.until(Duration::from_secs(120), begun));
    let later = run.world.now() + Duration::from_secs(90);
    run.until(later, |_| false);
    assert!(run.end());
    let (verdict, violations) = verdict(&run, &[]);
    assert_eq!(violations, [] as [String; 0]);
    assert_eq!(verdict.recipients, 2 * (2 * 40 + 3 * 40 + 1 + 3));
    assert_eq!(verdict.accepted, verdict.recipients);
    assert_eq!((verdict.duplicates, verdict.unknown), (0, 0));
}
