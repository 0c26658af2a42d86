//! A ledger that forgets cannot make a channel repeat itself without end.

use super::figures::print_row;
use crate::settings::{ChannelSettings, EngineSettings, PaceSettings};
use crate::sim::bugs::Bugs;
use crate::sim::people::{Act, Wish};
use crate::sim::provider::Kind;
use crate::sim::run::{Run, Setup};
use crate::sim::world::Deed;
use oyez_domain::channel::ChannelName;
use serde_json::json;
use std::time::Duration;

const RESIDENTS: u32 = 1_000;
const CONCURRENCY: u32 = 8;

fn run(kind: Kind) -> Run {
    let settings = ChannelSettings {
        pace: PaceSettings {
            rate_per_second: Some(400.0),
            concurrency: CONCURRENCY,
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
    let mut run = Run::new(&Setup {
        seed: 1,
        bugs: Bugs {
            outcomes_forgotten: true,
            ..Bugs::default()
        },
        kinds: vec![(kind, settings)],
        pairs: Vec::new(),
        residents: RESIDENTS,
        partners: 2,
        incidents: 1,
        wishes: vec![wish],
        settings: EngineSettings::default(),
    });
    run.perform(Deed::Start);
    run.perform(Deed::Act(Act::Release(0)));
    run
}

/// When the last request came.
fn last(run: &Run) -> Duration {
    let log = run.world.log();
    let times = log.iter().map(|logged| logged.request.since_boot.0);
    times.max().unwrap_or_default()
}

#[test]
fn a_ledger_that_forgets_outcomes_repeats_no_more_than_a_hundredth() {
    let (mut sends, mut held_after) = (0, Duration::ZERO);
    for kind in [Kind::Plain, Kind::Keyed] {
        let mut run = run(kind);
        let channel: ChannelName = kind.channel().parse().unwrap();
        let held = |run: &Run| run.store.why_held(&channel).is_some();
        assert!(
            run.until(Duration::from_secs(600), held),
            "{kind:?} goes on and on"
        );
        let held_at = run.world.now();
        let why = run.store.why_held(&channel).unwrap();
        assert!(
            why.contains("more messages left than there are recipients"),
            "{why}"
        );
        run.until(held_at + Duration::from_secs(3_600), |_| false);
        let requests = run.world.log().len();
        let most = RESIDENTS + RESIDENTS / 100 + CONCURRENCY;
        assert!(
            requests <= most as usize,
            "{kind:?}: {requests} of at most {most}"
        );
        assert!(last(&run) <= held_at + Duration::from_secs(1), "{kind:?}");
        sends = requests.max(sends);
        held_after = last(&run).saturating_sub(held_at).max(held_after);
    }
    let figures = json!({
        "recipients": RESIDENTS,
        "sends": sends,
        "last_send_after_the_hold_seconds": held_after.as_secs_f64(),
    });
    print_row("runaway", &figures, true);
}

#[test]
fn a_post_and_a_partner_get_no_fourth_copy() {
    for (kind, recipients) in [(Kind::Posts, 1), (Kind::Partners, 2)] {
        let mut run = run(kind);
        let channel: ChannelName = kind.channel().parse().unwrap();
        let held = |run: &Run| run.store.why_held(&channel).is_some();
        assert!(
            run.until(Duration::from_secs(600), held),
            "{kind:?} goes on and on"
        );
        let later = run.world.now() + Duration::from_secs(3_600);
        run.until(later, |_| false);
        let requests = run.world.log().len();
        assert!(requests <= 4 * recipients, "{kind:?}: {requests}");
    }
}
