//! The judge is sharp enough: each of eight known bugs, switched on alone, is found within 500 seeds.

use super::figures::{on_every_core, print_row};
use crate::sim::bugs::Bugs;
use crate::sim::scenario::play;
use serde_json::{Map, Value, json};

/// No bug may need more seeds than this.
const WITHIN: u64 = 500;

type Switch = fn(&mut Bugs);

const KNOWN: [(&str, Switch); 8] = [
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
];

#[test]
fn each_known_bug_is_found_within_500_seeds() {
    let mut found = on_every_core(KNOWN.len() as u64, |number| {
        let (name, switch) = KNOWN[usize::try_from(number - 1).unwrap()];
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
    figures.insert("known".to_owned(), KNOWN.len().into());
    figures.insert("found".to_owned(), (found.len() - missed.len()).into());
    figures.insert("most_seeds".to_owned(), most_seeds.into());
    print_row("seeded_bugs", &Value::Object(figures), missed.is_empty());
    assert_eq!(found.len(), KNOWN.len());
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
