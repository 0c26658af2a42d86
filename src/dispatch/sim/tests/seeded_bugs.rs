//! The judge is sharp enough: each of nine known bugs, switched on alone, is found within 500 seeds, and so is what
//! repeats a message without end.

use super::figures::{on_every_core, print_row};
use crate::sim::bugs::Bugs;
use crate::sim::scenario::play;
use serde_json::{Map, Value, json};

/// No bug may need more seeds than this.
const WITHIN: u64 = 500;

type Switch = fn(&mut Bugs);

const KNOWN: [(&str, Switch); 9] = [
    ("checkpoint_at_fetch", |bugs| {
        bugs.checkpoint_at_fetch = true;
    }),
    ("unfenced_arm", |bugs| bugs.unfenced_arm = true),
    ("unlocked_fence", |bugs| bugs.unlocked_fence = true),
    ("key_changed", |bugs| bugs.key_changed = true),
    ("retry_after_ignored", |bugs| {
        bugs.retry_after_ignored = true;
    }),
    ("last_receipt_wins", |bugs| bugs.last_receipt_wins = true),
    ("outcome_before_intent", |bugs| {
        bugs.outcome_before_intent = true;
    }),
    ("expiry_on_jump", |bugs| bugs.expiry_on_jump = true),
    ("provider_changed", |bugs| bugs.provider_changed = true),
];

/// What sends somebody the same message over and over, or a third time after one crash.
const RUNAWAYS: [(&str, Switch); 2] = [
    ("outcomes_forgotten", |bugs| bugs.outcomes_forgotten = true),
    ("carried_twice", |bugs| bugs.carried_twice = true),
];

#[test]
fn each_known_bug_is_found_within_500_seeds() {
    each_is_found("seeded_bugs", &KNOWN);
}

#[test]
fn a_runaway_is_found_within_500_seeds() {
    each_is_found("seeded_runaways", &RUNAWAYS);
}

fn each_is_found(row: &str, bugs: &[(&'static str, Switch)]) {
    let mut found = on_every_core(bugs.len() as u64, |number| {
        let (name, switch) = bugs[usize::try_from(number - 1).unwrap()];
        let mut bugs = Bugs::default();
        switch(&mut bugs);
        (name, first_seed_that_finds(bugs))
    });
    found.sort_unstable();
    let mut figures = Map::new();
    for (name, first) in &found {
        let seed = first.as_ref().map(|(seed, _)| *seed);
        let by = first
            .as_ref()
            .map_or("", |(_, invariant)| invariant.as_str());
        figures.insert((*name).to_owned(), json!({"seed": seed, "found_by": by}));
    }
    let missed: Vec<_> = found.iter().filter(|(_, first)| first.is_none()).collect();
    let seeds = found.iter().filter_map(|(_, first)| first.as_ref());
    let most_seeds = seeds.map(|(seed, _)| *seed).max();
    figures.insert("known".to_owned(), bugs.len().into());
    figures.insert("found".to_owned(), (found.len() - missed.len()).into());
    figures.insert("most_seeds".to_owned(), most_seeds.into());
    print_row(row, &Value::Object(figures), missed.is_empty());
    assert_eq!(found.len(), bugs.len());
    assert!(missed.is_empty(), "{missed:?}");
}

/// The first seed whose story goes wrong with this bug, and the invariant that says so.
fn first_seed_that_finds(bugs: Bugs) -> Option<(u64, String)> {
    (1..=WITHIN).find_map(|seed| {
        let outcome = play(seed, bugs);
        let first = outcome.violations.first()?;
        let invariant = first.split([' ', ':']).next().unwrap_or_default();
        Some((seed, invariant.to_owned()))
    })
}
