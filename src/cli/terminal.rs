//! What people and scripts see: data on stdout, everything else on stderr.

use crate::exit::{Exit, Failure};
use oyez_dispatch::progress::{BroadcastProgress, CountsView, Progress};
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// Prints data: one line of JSON, or the given text.
pub(crate) fn data<T: Serialize>(
    json: bool,
    value: &T,
    text: impl FnOnce() -> String,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, value)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}", text())?;
    }
    Ok(())
}

/// Says something to the person: stderr.
pub(crate) fn say(line: impl AsRef<str>) {
    // Nobody to tell is no reason to fail.
    drop(writeln!(std::io::stderr().lock(), "{}", line.as_ref()));
}

/// Whether a person sits at the other end.
pub(crate) fn is_terminal() -> bool {
    std::io::stderr().is_terminal() && std::io::stdout().is_terminal()
}

/// Tells an error and returns the exit code that belongs to it.
pub(crate) fn report(error: &anyhow::Error, json: bool) -> Exit {
    let (exit, code, help) = match error.downcast_ref::<Failure>() {
        Some(failure) => (failure.exit, failure.code.as_str(), failure.help.as_slice()),
        None => (Exit::Error, "error", &[][..]),
    };
    if json {
        let problem = serde_json::json!({"error": {"code": code, "detail": format!("{error:#}"), "help": help}});
        say(problem.to_string());
    } else {
        say(format!("error: {error:#}  [{code}]"));
        for line in help {
            say(format!("  {line}"));
        }
    }
    exit
}

/// A table with columns as wide as they must be; numbers to the right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        let numeric = rows
            .iter()
            .all(|row| row.get(at).is_none_or(|cell| is_number(cell)));
        if numeric {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<_> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}

fn is_number(cell: &str) -> bool {
    cell.chars()
        .all(|c| c.is_ascii_digit() || ",./–s%".contains(c))
}

/// A count with commas: 18,432.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let head = digits.len() % 3;
    let mut text = digits.get(..head).unwrap_or("").to_owned();
    for group in digits.get(head..).unwrap_or("").as_bytes().chunks(3) {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(std::str::from_utf8(group).unwrap_or(""));
    }
    text
}

/// One value of a JSON object as a word; `–` where there is none.
pub(crate) fn word(object: &serde_json::Value, key: &str) -> String {
    match object.get(key) {
        None | Some(serde_json::Value::Null) => "–".to_owned(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A duration like a clock: `00:41`, `1:02:03`.
pub(crate) fn time(seconds: f64) -> String {
    // A float is cut off at the ends of the range, and nobody waits for centuries.
    let seconds = seconds.ceil().clamp(0.0, 4e9) as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

fn optional(number: Option<u64>) -> String {
    number.map_or_else(|| "–".to_owned(), count)
}

/// Endings that most updates do not have.
type Ending = (&'static str, fn(&CountsView) -> u64);
const RARE: [Ending; 4] = [
    ("SUPPRESSED", |c| c.suppressed),
    ("STOPPED", |c| c.stopped),
    ("EXPIRED", |c| c.expired),
    ("SUPERSEDED", |c| c.superseded),
];

/// The outcomes of an update, a row a channel.
pub(crate) fn outcomes(progress: &Progress) -> String {
    // Rare endings get a column only where they happened; the others always stand there.
    let rare: Vec<_> = RARE
        .into_iter()
        .filter(|(_, of)| progress.broadcasts.iter().any(|b| of(&b.counts) > 0))
        .collect();
    let mut header = vec![
        "CHANNEL",
        "ASKED",
        "ACCEPTED",
        "DELIVERED",
        "UNDELIVERED",
        "FAILED",
    ];
    header.extend(["UNKNOWN", "PENDING"]);
    header.extend(rare.iter().map(|(name, _)| *name));
    header.push("TIME");
    let row = |b: &BroadcastProgress| {
        let c = &b.counts;
        let mut row = vec![
            b.channel.to_string(),
            count(c.asked),
            count(c.accepted),
            optional(c.delivered),
            optional(c.undelivered),
            count(c.failed),
            count(c.unknown),
            count(c.pending),
        ];
        row.extend(rare.iter().map(|(_, of)| count(of(c))));
        row.push(
            b.seconds
                .map_or_else(|| "–".to_owned(), |s| format!("{s:.1} s")),
        );
        row
    };
    let rows: Vec<_> = progress.broadcasts.iter().map(row).collect();
    let mut text = table(&header, &rows);
    for (undelivered, receipts) in [
        (false, "no receipts"),
        (true, "receipts only of what came back"),
    ] {
        let without: Vec<_> = progress
            .broadcasts
            .iter()
            .filter(|b| {
                b.counts.delivered.is_none() && b.counts.undelivered.is_some() == undelivered
            })
            .map(|b| b.channel.to_string())
            .collect();
        if !without.is_empty() {
            text.push_str(&format!(
                "\n– : {} give{} {receipts}, so nobody can say \"delivered\" there.",
                without.join(", "),
                if without.len() == 1 { "s" } else { "" }
            ));
        }
    }
    for b in &progress.broadcasts {
        let reasons: Vec<_> = b
            .reasons
            .iter()
            .map(|r| format!("{} {}", count(r.count), r.label.to_lowercase()))
            .collect();
        if !reasons.is_empty() {
            text.push_str(&format!("\n{}: {}", b.channel, reasons.join(", ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_in_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (18_432, "18,432"),
            (1_000_000, "1,000,000"),
        ] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn durations_are_read_like_a_clock() {
        assert_eq!(
            [time(0.0), time(41.2), time(3723.0)],
            ["00:00", "00:42", "1:02:03"]
        );
    }
}
