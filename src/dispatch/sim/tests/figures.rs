//! Figures as one line of JSON each, and the few settings that a person may want to change.

use serde_json::{Value, json};

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
