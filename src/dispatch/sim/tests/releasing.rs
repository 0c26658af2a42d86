//! A release announces nothing that may not leave at the moment, and a correction does not wait for what it corrects.

use crate::settings::{ChannelSettings, EngineSettings, PaceSettings};
use crate::sim::bugs::Bugs;
use crate::sim::people::{Act, Wish, name_of};
use crate::sim::provider::Kind;
use crate::sim::run::{Run, Setup};
use crate::sim::weather::{Fault, Weather};
use crate::sim::world::Deed;
use oyez_domain::id::BroadcastId;
use std::time::Duration;

/// Two updates to a hundred people on one channel; the second corrects the first, or stands by itself.
fn two_updates(kind: Kind, rate: f64, correction: bool) -> Run {
    let settings = ChannelSettings {
        pace: PaceSettings {
            rate_per_second: Some(rate),
            concurrency: 4,
            ..PaceSettings::default()
        },
        ..ChannelSettings::default()
    };
    let wish = |correction| Wish {
        incident: 0,
        urgent: false,
        correction,
        channels: Vec::new(),
    };
    let mut run = Run::new(&Setup {
        seed: 1,
        bugs: Bugs::default(),
        kinds: vec![(kind, settings)],
        pairs: Vec::new(),
        residents: 100,
        partners: 2,
        incidents: 1,
        wishes: vec![wish(false), wish(correction)],
        settings: EngineSettings::default(),
    });
    run.perform(Deed::Start);
    run.perform(Deed::Act(Act::Release(0)));
    run
}

fn pass(run: &mut Run, seconds: u64) {
    run.until(run.world.now() + Duration::from_secs(seconds), |_| false);
}

#[test]
fn a_release_during_an_outage_announces_nothing_but_what_is_tried() {
    let mut run = two_updates(Kind::Keyed, 20.0, false);
    let mut outage = Weather::fair();
    outage.put(&name_of(Kind::Keyed), Fault::Broken, 1);
    run.world.set_weather(outage);
    pass(&mut run, 20);
    run.perform(Deed::Act(Act::Stop(0)));
    pass(&mut run, 5);
    run.perform(Deed::Act(Act::Release(1)));
    pass(&mut run, 60);
    let (broadcasts, _) = run.store.evidence();
    let second = &broadcasts[1];
    assert!(!second.armed.is_empty(), "nothing was tried");
    assert!(
        second.armed.iter().all(|run| run.lo == run.hi),
        "{second:?}"
    );
    assert!(second.disarmed.is_empty(), "{:?}", second.disarmed);
}

#[test]
fn a_correction_on_a_slow_channel_is_the_next_that_leaves() {
    // One message in ten seconds: the next two of the older update are armed already, one of them waits for its slot.
    let mut run = two_updates(Kind::Plain, 0.1, true);
    pass(&mut run, 42);
    let released_at = run.world.now();
    run.perform(Deed::Act(Act::Release(1)));
    pass(&mut run, 60);
    let log = run.world.log();
    let of = |number: u32| {
        let effects = log.iter().filter(|logged| logged.request.effect);
        let mine = move |id: BroadcastId| id == BroadcastId(number);
        effects.filter(move |logged| logged.request.place.is_some_and(|(id, _)| mine(id)))
    };
    let since = |at: Duration| at.checked_sub(released_at);
    let older: Vec<_> = of(1)
        .filter_map(|logged| since(logged.request.since_boot.0))
        .collect();
    assert_eq!(
        older,
        [] as [Duration; 0],
        "the older update after its correction"
    );
    let first = of(2).next().unwrap();
    let wait = since(first.request.since_boot.0).unwrap();
    assert!(
        wait <= Duration::from_secs(10),
        "after the next slot: {wait:?}"
    );
    let (_, ordinal) = first.request.place.unwrap();
    assert_eq!(ordinal.0, 0, "who was reached first is corrected first");
}
