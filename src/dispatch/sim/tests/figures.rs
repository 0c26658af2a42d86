//! Figures as one line of JSON each, and the few settings that a person may want to change.

use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Prints a row as the suites of the repository read it.
pub(super) fn print_row(row: &str, figures: &Value, pass: bool) {
    println!("{}", json!({"row": row, "figures": figures, "pass": pass}));
}

/// A number from the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "a person says which seed or how many"
)]
pub(super) fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What comes of each seed from 1 on, played on every core there is.
pub(super) fn on_every_core<T: Send>(seeds: u64, play: impl Fn(u64) -> T + Sync) -> Vec<T> {
    from_a_seed(1, seeds, play)
}

/// What comes of so many seeds from the first on, played on every core there is.
pub(super) fn from_a_seed<T: Send>(
    first: u64,
    seeds: u64,
    play: impl Fn(u64) -> T + Sync,
) -> Vec<T> {
    let (next, outcomes) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().unwrap().get();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        return;
                    }
                    let outcome = play(seed);
                    outcomes.lock().unwrap().push(outcome);
                }
            });
        }
    });
    outcomes.into_inner().unwrap()
}
