//! Whoever asks for something may be gone before it is answered: it is carried out to its end, and nothing hangs.

use crate::settings::{ChannelSettings, EngineSettings, PaceSettings};
use crate::sim::bugs::Bugs;
use crate::sim::judge::verdict;
use crate::sim::people::{Act, Wish, perform_in_haste};
use crate::sim::provider::Kind;
use crate::sim::run::{Run, Setup};
use crate::sim::weather::Weather;
use crate::sim::world::Deed;
use std::time::Duration;

fn run(seed: u64) -> Run {
    let settings = ChannelSettings {
        pace: PaceSettings {
            rate_per_second: Some(50.0),
            concurrency: 4,
            ..PaceSettings::default()
        },
        ..ChannelSettings::default()
    };
    let mut run = Run::new(&Setup {
        seed,
        bugs: Bugs::default(),
        kinds: [Kind::Keyed, Kind::Numbered, Kind::Posts]
            .map(|kind| (kind, settings.clone()))
            .to_vec(),
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
    // Every verb takes a while, so that there is a point at which to leave after each.
    run.world.set_weather(Weather::slow(20));
    run.perform(Deed::Start);
    run
}

/// Nothing of it waits for somebody who might ask again.
fn expect_everything_sent(mut run: Run, why: &str) {
    run.world.set_weather(Weather::fair());
    let end = run.world.now() + Duration::from_secs(120);
    let sent = |run: &Run| run.store.deliveries() > 0 && run.store.is_quiet();
    assert!(run.until(end, sent), "{why}: {:?}", run.store.unfinished());
    run.until(run.world.now() + Duration::from_secs(90), |_| false);
    assert!(run.end(), "{why}");
    let (verdict, violations) = verdict(&run, &[]);
    assert_eq!(violations, [] as [String; 0], "{why}");
    assert_eq!(verdict.accepted, verdict.recipients, "{why}");
}

#[test]
fn a_release_goes_out_although_whoever_released_it_is_gone() {
    let mut released = 0;
    for patience in 0..120 {
        let mut run = run(patience);
        let patience = Duration::from_millis(2 * patience);
        perform_in_haste(&run, Act::Release(0), patience);
        run.until(run.world.now() + Duration::from_secs(2), |_| false);
        if run.store.deliveries() > 0 {
            released += 1;
            expect_everything_sent(run, &format!("gone after {patience:?}"));
        }
    }
    assert!(released > 10, "only {released} got as far as the ledger");
}

#[test]
fn what_is_resumed_goes_on_although_whoever_resumed_it_is_gone() {
    for (before, act) in [
        (Act::Hold(0), Act::Resume(0)),
        (
            Act::HoldChannel(Some(Kind::Keyed)),
            Act::ResumeChannel(Some(Kind::Keyed)),
        ),
        (Act::HoldChannel(None), Act::ResumeChannel(None)),
    ] {
        for patience in 0..40 {
            let mut run = run(patience);
            run.perform(Deed::Act(Act::Release(0)));
            run.until(run.world.now() + Duration::from_secs(1), |_| false);
            run.perform(Deed::Act(before));
            run.until(run.world.now() + Duration::from_secs(5), |_| false);
            let patience = Duration::from_millis(3 * patience);
            perform_in_haste(&run, act, patience);
            run.until(run.world.now() + Duration::from_secs(2), |_| false);
            // Whether it was resumed or not, ledger and workers are of one mind: a second try makes it so.
            run.perform(Deed::Act(act));
            expect_everything_sent(run, &format!("{act:?}, gone after {patience:?}"));
        }
    }
}
