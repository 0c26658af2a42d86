//! A wall clock that jumps by an hour, a day or ten years, and back, expires nothing, and nobody is called too early
//! or too often because of it.

use super::figures::print_row;
use crate::settings::{ChannelSettings, EngineSettings, PaceSettings};
use crate::sim::bugs::Bugs;
use crate::sim::judge::verdict;
use crate::sim::people::{Act, Wish, name_of};
use crate::sim::provider::Kind;
use crate::sim::run::{Run, Setup};
use crate::sim::weather::{Fault, Weather};
use crate::sim::world::Deed;
use oyez_domain::retry::RetryPolicy;
use serde_json::json;
use std::time::Duration;

const HOUR: i64 = 3_600_000_000;
const JUMPS: [i64; 6] = [
    HOUR,
    -HOUR,
    24 * HOUR,
    -24 * HOUR,
    87_600 * HOUR,
    -87_600 * HOUR,
];

/// Somebody sets the clock off after 10 s and right again after a while; meanwhile one in five is put off, so that
/// retries wait through both.
fn play(jump: i64, back_after: Duration) -> Run {
    let settings = ChannelSettings {
        pace: PaceSettings {
            rate_per_second: Some(10.0),
            concurrency: 4,
            ..PaceSettings::default()
        },
        retry: RetryPolicy {
            max_attempts: 20,
            base_milliseconds: 5000,
            cap_milliseconds: 30_000,
        },
        ..ChannelSettings::default()
    };
    let kinds = [Kind::Keyed, Kind::Numbered];
    let mut run = Run::new(&Setup {
        seed: 1,
        bugs: Bugs::default(),
        kinds: kinds.map(|kind| (kind, settings.clone())).to_vec(),
        pairs: Vec::new(),
        residents: 300,
        partners: 0,
        incidents: 1,
        wishes: vec![Wish {
            incident: 0,
            urgent: false,
            correction: false,
            channels: Vec::new(),
        }],
        settings: EngineSettings {
            page_rows: 50,
            useful_seconds: 1800,
            ..EngineSettings::default()
        },
    });
    let mut weather = Weather::fair();
    for kind in kinds {
        weather.put(&name_of(kind), Fault::Deferred, 5);
    }
    run.world.set_weather(weather);
    run.perform(Deed::Start);
    run.perform(Deed::Act(Act::Release(0)));
    run.world.after(Duration::from_secs(10), Deed::Step(jump));
    run.world
        .after(Duration::from_secs(10) + back_after, Deed::Step(0));
    run
}

#[test]
fn a_clock_that_jumps_expires_nothing() {
    let (mut expired, mut accepted, mut recipients) = (0, 0, 0);
    let mut violations = Vec::new();
    for jump in JUMPS {
        for back_after in [2, 15, 120].map(Duration::from_secs) {
            let mut run = play(jump, back_after);
            let end = Duration::from_secs(600);
            let ended = run.until(end, |run| {
                run.people.not_out().is_empty() && run.store.is_quiet()
            });
            assert!(ended, "{jump}: {:?}", run.store.unfinished());
            run.until(run.world.now() + Duration::from_secs(90), |_| false);
            assert!(run.end());
            let (verdict, broken) = verdict(&run, &[jump]);
            violations.extend(broken.into_iter().map(|words| format!("{jump}: {words}")));
            let (broadcasts, _) = run.store.evidence();
            let counts = broadcasts
                .iter()
                .map(|broadcast| broadcast.view.counts.expired);
            expired += counts.sum::<u64>();
            accepted += verdict.accepted;
            recipients += verdict.recipients;
        }
    }
    let pass = expired == 0 && violations.is_empty() && accepted == recipients;
    let figures = json!({
        "jumps": JUMPS.len() * 3,
        "deliveries": recipients,
        "accepted": accepted,
        "expired": expired,
        "violations": violations,
    });
    print_row("clock_jumps", &figures, pass);
    assert!(pass, "{figures:#}");
}
