//! Thousands of seeds, each with its own faults: no invariant is broken, and a seed always tells the same story.

use super::figures::{from_a_seed, on_every_core, print_row, setting};
use crate::sim::bugs::Bugs;
use crate::sim::scenario::{Outcome, play, play_and_look};
use crate::sim::world::Logged;
use oyez_domain::id::{BroadcastId, Ordinal};
use serde_json::json;
use std::sync::Mutex;

/// How many seeds are played unless `OYEZ_SIM_SEEDS` says otherwise; `OYEZ_SIM_FIRST_SEED` says from which on.
const SEEDS: u64 = 2000;

/// Seeds that once broke an invariant, and why. A change of the stories makes them tell another one, so each has a
/// test of its own that does not depend on chance.
const ONCE_BROKEN: [(u64, &str); 16] = [
    (
        552,
        "a start at the very moment of a refusal was no reason to ask the provider again (domain: invariants::tempo)",
    ),
    (
        825,
        "a refusal that nobody followed up counted as one attempt too many (domain: invariants::retries)",
    ),
    (
        8610,
        "a complaint that was parked counted from before anybody knew whose it was (storage: conformance::parked)",
    ),
    (
        10_656,
        "a refusal that came with an outage was forgotten (dispatch: breaker)",
    ),
    (
        20_976,
        "a start that was taken over gave its permits back and sent more (dispatch: sim::tests::taken_over)",
    ),
    (
        22_426,
        "what a newer start could not know of counted as one attempt too many (domain: invariants::retries)",
    ),
    (
        26_313,
        "a wait was counted from before the provider was looked up (the simulated adapter's own fault)",
    ),
    (
        27_525,
        "what a provider said counted before the store could keep it (domain: invariants::stops)",
    ),
    (
        28_890,
        "an attempt that a person wanted counted as one too many (domain: invariants::retries)",
    ),
    (
        32_117,
        "a parked complaint was dated before the acceptance that told whose it is could be kept (domain: invariants::stops)",
    ),
    (
        40_341,
        "a start knows nothing of the pace of the one before (domain: invariants::tempo)",
    ),
    (
        46_321,
        "a person's word to go on was dated before it worked (domain: invariants::tempo)",
    ),
    (
        47_403,
        "what became known of an attempt was hidden by the next, which was taken back (domain: delivery)",
    ),
    (
        88_298,
        "a late \"nobody can tell\" took the doubt away that it confirmed (the simulated store's own fault)",
    ),
    (
        185_704,
        "a receipt was to be understood before a start that was taken over told its acceptance (domain: invariants::intent)",
    ),
    (
        548_282,
        "who had put off a message was thought never to have taken it, and got an older one after it (dispatch: retry)",
    ),
];

#[test]
fn no_seed_breaks_an_invariant() {
    let seeds = setting("OYEZ_SIM_SEEDS").unwrap_or(SEEDS);
    let first = setting("OYEZ_SIM_FIRST_SEED").unwrap_or(1);
    let sum = Mutex::new(Sum::default());
    from_a_seed(first, seeds, |seed| {
        let outcome = play(seed, Bugs::default());
        sum.lock().unwrap().add(seed, &outcome);
    });
    let mut sum = sum.into_inner().unwrap();
    sum.broken.sort_unstable();
    for (seed, violations) in sum.broken.iter().take(400) {
        eprintln!("seed {seed}: {}", violations.join("\n    "));
        eprintln!(
            "    again: OYEZ_SIM_SEED={seed} cargo test -p oyez-dispatch sim::tests::seeds::one_seed"
        );
    }
    let broken: Vec<_> = sum.broken.iter().map(|(seed, _)| *seed).collect();
    let figures = json!({
        "first_seed": first,
        "seeds": seeds,
        "deliveries": sum.deliveries,
        "starts": sum.starts,
        "crashes": sum.crashes,
        "take_overs": sum.take_overs,
        "failures": sum.failures,
        "requests": sum.requests,
        "effects": sum.effects,
        "duplicates": sum.duplicates,
        "duplicate_bound": sum.bound,
        "unknown": sum.unknown,
        "broken": broken.len(),
    });
    print_row("simulation", &figures, broken.is_empty());
    assert!(broken.is_empty(), "seeds {broken:?}");
}

#[test]
fn no_seed_that_once_broke_breaks_again() {
    let broken = on_every_core(ONCE_BROKEN.len() as u64, |number| {
        let (seed, why) = ONCE_BROKEN[usize::try_from(number - 1).unwrap()];
        let violations = play(seed, Bugs::default()).violations;
        (!violations.is_empty()).then(|| format!("seed {seed} ({why}): {violations:?}"))
    });
    let broken: Vec<_> = broken.into_iter().flatten().collect();
    assert_eq!(broken, [] as [String; 0]);
}

/// Plays the seed that `OYEZ_SIM_SEED` names, and tells the story of the delivery at `OYEZ_SIM_BROADCAST` and
/// `OYEZ_SIM_ORDINAL`.
#[test]
fn one_seed() {
    let seed = setting("OYEZ_SIM_SEED").unwrap_or(1);
    let place = setting("OYEZ_SIM_BROADCAST").zip(setting("OYEZ_SIM_ORDINAL"));
    let outcome = play_and_look(seed, Bugs::default(), |run| {
        let Some((broadcast, ordinal)) = place else {
            return;
        };
        let place = (
            BroadcastId(u32::try_from(broadcast).unwrap()),
            Ordinal(u32::try_from(ordinal).unwrap()),
        );
        println!("{}", run.store.story(place.0, place.1));
        let (broadcasts, system) = run.store.evidence();
        let audience = broadcasts.iter().filter(|one| one.view.id == place.0);
        for recipient in audience.flat_map(|one| &one.audience) {
            if recipient.ordinal == place.1 {
                println!("{:?}", recipient.stops);
            }
        }
        println!("{:?}\n{:?}", system.starts, system.resumes);
        for Logged { request, by_zombie } in run.world.log().iter() {
            let now = request.since_boot.0.as_secs_f64();
            let place = request
                .place
                .map(|(broadcast, ordinal)| (broadcast.0, ordinal.0));
            let (effect, refused) = (request.effect, request.refused_us);
            let wait = request.not_before.map(|until| until.0.as_secs_f64());
            println!(
                "{now:.3} {place:?}, effect {effect}, refused us {refused}, wait until {wait:?}, \
                 zombie {by_zombie}"
            );
        }
    });
    println!("{outcome:#?}");
    assert_eq!(outcome.violations, [] as [String; 0]);
}

#[test]
fn a_seed_always_tells_the_same_story() {
    for seed in (1..=2000).step_by(97) {
        let (once, again) = (play(seed, Bugs::default()), play(seed, Bugs::default()));
        assert_eq!(once, again, "seed {seed}");
    }
}

#[derive(Default)]
struct Sum {
    deliveries: u64,
    starts: u64,
    crashes: u64,
    take_overs: u64,
    failures: u64,
    requests: u64,
    effects: u64,
    duplicates: u64,
    bound: u64,
    unknown: u64,
    broken: Vec<(u64, Vec<String>)>,
}

impl Sum {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.deliveries += outcome.deliveries;
        self.starts += outcome.tally.starts;
        self.crashes += outcome.tally.crashes;
        self.take_overs += outcome.tally.take_overs;
        self.failures += outcome.tally.failures;
        self.requests += outcome.requests;
        self.effects += outcome.effects;
        self.duplicates += outcome.duplicates;
        self.bound += outcome.bound;
        self.unknown += outcome.unknown;
        if !outcome.violations.is_empty() {
            self.broken.push((seed, outcome.violations.clone()));
        }
    }
}
