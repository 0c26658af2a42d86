//! A provider that is down for an hour: nobody is charged for it, nobody else waits, and it goes on as soon as it can.

use super::figures::print_row;
use crate::settings::{ChannelSettings, EngineSettings, PaceSettings};
use crate::sim::bugs::Bugs;
use crate::sim::judge::verdict;
use crate::sim::people::{Act, Wish, name_of};
use crate::sim::provider::Kind;
use crate::sim::run::{Run, Setup};
use crate::sim::weather::{Fault, Weather};
use crate::sim::world::Deed;
use serde_json::json;
use std::time::Duration;

const RESIDENTS: u32 = 3000;
const RATE: f64 = 20.0;
const CONCURRENCY: u32 = 8;
const BEGINS: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);
/// Failures that open the breaker.
const IN_A_ROW: usize = 5;

fn setup() -> Setup {
    let settings = ChannelSettings {
        pace: PaceSettings {
            rate_per_second: Some(RATE),
            concurrency: CONCURRENCY,
            ..PaceSettings::default()
        },
        ..ChannelSettings::default()
    };
    Setup {
        seed: 1,
        bugs: Bugs::default(),
        kinds: vec![(Kind::Keyed, settings.clone()), (Kind::Receipted, settings)],
        pairs: Vec::new(),
        residents: RESIDENTS,
        partners: 0,
        incidents: 1,
        wishes: vec![Wish {
            incident: 0,
            urgent: false,
            correction: false,
            channels: Vec::new(),
        }],
        settings: EngineSettings::default(),
    }
}

/// When requests to a kind's provider came, and whether they reached somebody.
fn requests(run: &Run, kind: Kind) -> Vec<(Duration, bool)> {
    let (broadcasts, _) = run.store.evidence();
    let mine = |id| {
        let mut of_kind = broadcasts
            .iter()
            .filter(|b| b.view.channel == name_of(kind));
        of_kind.any(|broadcast| broadcast.view.id == id)
    };
    let log = run.world.log();
    let log = log.iter().map(|logged| &logged.request);
    let log = log.filter(|request| request.place.is_some_and(|(id, _)| mine(id)));
    log.map(|request| (request.since_boot.0, request.effect))
        .collect()
}

#[test]
fn an_hour_without_a_provider_costs_nobody_an_attempt() {
    let mut run = Run::new(&setup());
    let mut outage = Weather::fair();
    outage.put(&name_of(Kind::Receipted), Fault::Broken, 1);
    run.perform(Deed::Start);
    run.perform(Deed::Act(Act::Release(0)));
    run.world.after(BEGINS, Deed::Weather(outage));
    run.world
        .after(BEGINS + HOUR, Deed::Weather(Weather::fair()));
    let began = run.world.now() + BEGINS;
    let over = began + HOUR;
    assert!(
        run.until(over + Duration::from_secs(600), |run| run.store.is_quiet()
            && run.people.not_out().is_empty())
    );
    let charged = run.store.charged();
    let texts = requests(&run, Kind::Receipted);
    let tried = texts.iter().filter(|(at, _)| (began..over).contains(at));
    let tried = tried.count();
    let resumed = texts.iter().find(|(at, effect)| *at >= over && *effect);
    let resumed_after = resumed.map_or(f64::INFINITY, |(at, _)| (*at - over).as_secs_f64());
    let mails = requests(&run, Kind::Keyed);
    let (first, last) = (mails[0].0, mails[mails.len() - 1].0);
    let mail_rate = (mails.len() - 1) as f64 / (last - first).as_secs_f64();
    assert!(run.end());
    let (verdict, violations) = verdict(&run, &[]);
    let most_tries = 240 + IN_A_ROW + CONCURRENCY as usize;
    let pass = charged == 0
        && tried <= most_tries
        && resumed_after <= 20.0
        && mail_rate >= 0.95 * RATE
        && violations.is_empty();
    let figures = json!({
        "deliveries": verdict.recipients,
        "accepted": verdict.accepted,
        "duplicates": verdict.duplicates,
        "charged": charged,
        "tried_in_the_hour": tried,
        "resumed_after_seconds": resumed_after,
        "other_channel_per_second": mail_rate,
        "limit_per_second": RATE,
        "violations": violations.clone(),
    });
    print_row("provider_down_for_an_hour", &figures, pass);
    assert_eq!(violations, [] as [String; 0], "the peak rate among them");
    assert_eq!(verdict.accepted, verdict.recipients);
    assert_eq!((charged, verdict.duplicates), (0, 0));
    assert!(tried <= most_tries, "{tried} tries");
    assert!(resumed_after <= 20.0, "{resumed_after} s");
    assert!(mail_rate >= 0.95 * RATE, "mail at {mail_rate}/s");
}
