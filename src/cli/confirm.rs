//! Asking before something that cannot be taken back: a person types what it concerns, a script says `--yes`.

use crate::exit::{Exit, Failure};
use crate::terminal::{self, say};
use std::io::IsTerminal;

/// Refuses to go on where neither `--yes` was given nor anybody is there to be asked.
pub(crate) fn possible(yes: bool, what: &str, help: &str) -> Result<(), Failure> {
    let somebody = terminal::is_terminal() && std::io::stdin().is_terminal();
    if yes || somebody {
        return Ok(());
    }
    let what = format!("nobody is there to be asked, so {what}");
    Err(Failure::new(Exit::Usage, "not_confirmed", what, help))
}

/// Whether the person types `word` (a number may be written with commas).
pub(crate) fn typed(word: &str, to: &str) -> std::io::Result<bool> {
    say(format!("Type {word} and press Enter to {to}:"));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim().replace(',', "") == word)
}
