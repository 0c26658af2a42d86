//! The README's table of channels says what the registry says, and how each kind is proved.

use crate::registry::KINDS;
use oyez_domain::channel::Capabilities;

const README: &str = include_str!("../../README.md");
/// What stands in the last column; a folder has nobody to ask.
const PROOFS: [&str; 4] = [
    "*real server*",
    "*official description*",
    "*documents only*",
    "no provider",
];

/// The cells of the row of a kind.
fn row(kind: &str) -> Vec<&'static str> {
    let start = format!("| `{kind}` |");
    let mut rows = README.lines().filter(|line| line.starts_with(&start));
    let row = rows
        .next()
        .unwrap_or_else(|| panic!("README.md has no row for {kind}"));
    assert!(rows.next().is_none(), "README.md has {kind} twice");
    let cells = row.trim_matches('|').split('|');
    cells.map(str::trim).collect()
}

/// `6 parts`, or what a kind without a limit is said to have.
fn limit(kind: &Capabilities) -> String {
    match kind.limit {
        Some(limit) => format!("{limit} {}", kind.unit.label(limit)),
        None => "none".to_owned(),
    }
}

#[test]
fn the_table_of_channels_says_what_the_registry_says() {
    for kind in KINDS {
        let cells = row(kind.kind);
        let [_, _, limited, receipts, copies, proof] = cells[..] else {
            panic!("{}: {} cells", kind.kind, cells.len())
        };
        let begins = |cell: &str, word: &str| {
            let rest = cell.strip_prefix(word);
            rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        };
        let name = kind.kind;
        assert!(begins(limited, &limit(kind)), "{name}: {limited}");
        let word = if kind.receipts { "yes" } else { "no" };
        assert!(begins(receipts, word), "{name}: {receipts}");
        let code = format!("`{}`", kind.idempotency.code());
        assert!(copies.starts_with(&code), "{name}: {copies}");
        assert!(
            PROOFS.iter().any(|known| proof.starts_with(known)),
            "{name}: {proof}"
        );
    }
    let rows = README.lines().filter(|line| line.starts_with("| `"));
    assert_eq!(rows.count(), KINDS.len(), "a row of a kind that is none");
}
