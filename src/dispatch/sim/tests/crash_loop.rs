//! A program that ends again and again on the same message does not send it again and again.

use crate::settings::{ChannelSettings, EngineSettings, PaceSettings};
use crate::sim::bugs::Bugs;
use crate::sim::people::{Act, Wish, name_of};
use crate::sim::provider::Kind;
use crate::sim::run::{Run, Setup};
use crate::sim::weather::{Fault, Weather};
use crate::sim::world::Deed;
use std::collections::BTreeMap;
use std::time::Duration;

/// After so many crashes on one message a person decides.
const MOST: u32 = 8;

#[test]
fn a_message_that_every_start_ends_on_is_left_to_a_person() {
    let settings = ChannelSettings {
        pace: PaceSettings {
            rate_per_second: Some(50.0),
            concurrency: 4,
            ..PaceSettings::default()
        },
        ..ChannelSettings::default()
    };
    let mut run = Run::new(&Setup {
        seed: 1,
        bugs: Bugs::default(),
        kinds: vec![(Kind::Plain, settings)],
        pairs: Vec::new(),
        residents: 12,
        partners: 0,
        incidents: 1,
        wishes: vec![Wish {
            incident: 0,
            urgent: false,
            correction: false,
            channels: Vec::new(),
        }],
        settings: EngineSettings {
            most_an_hour: 0,
            most_a_day: 0,
            ..EngineSettings::default()
        },
    });
    // Each reply takes longer than the program lives.
    let mut slow = Weather::fair();
    slow.put(&name_of(Kind::Plain), Fault::TooLate, 3);
    slow.put(&name_of(Kind::Plain), Fault::Slow, 3);
    run.world.set_weather(slow);
    run.perform(Deed::Start);
    run.perform(Deed::Act(Act::Release(0)));
    for _ in 0..40 {
        run.until(run.world.now() + Duration::from_millis(300), |_| false);
        run.perform(Deed::Crash { forgets: false });
        run.until(run.world.now() + Duration::from_secs(3), |_| false);
    }
    run.world.set_weather(Weather::fair());
    let end = run.world.now() + Duration::from_secs(300);
    assert!(run.until(end, |run| run.store.is_quiet()));
    let mut copies: BTreeMap<_, u32> = BTreeMap::new();
    for logged in run
        .world
        .log()
        .iter()
        .filter(|logged| logged.request.effect)
    {
        *copies.entry(logged.request.place).or_default() += 1;
    }
    let most = copies.values().copied().max().unwrap_or(0);
    assert_eq!(copies.len(), 12, "everybody got it");
    let worst = copies.iter().max_by_key(|(_, copies)| **copies);
    let (broadcast, ordinal) = worst.and_then(|(place, _)| *place).unwrap();
    assert!(
        (3..=MOST).contains(&most),
        "{}",
        run.store.story(broadcast, ordinal)
    );
}
