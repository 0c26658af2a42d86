//! `oyez queue`: what is waiting on each channel, in which order, and why.

use crate::args::Global;
use crate::door::{self, Need};
use crate::exit::Exit;
use crate::terminal::{self, count};
use crate::wire;
use oyez_dispatch::queue::QueueRow;

/// Shows the queue.
pub(crate) async fn run(global: &Global) -> anyhow::Result<Exit> {
    door::through(global, Need::Read, async |door| {
        let answer = door.get(&["queue"], &[]).await?;
        let rows = wire::queue(&answer)?;
        // In JSON they are `oyez system status`.
        let troubles = match global.json {
            true => Vec::new(),
            false => wire::troubles(&door.get(&["system"], &[]).await?),
        };
        terminal::data(global.json, &answer, || {
            [troubles, vec![text(&rows)]].concat().join("\n")
        })?;
        Ok(Exit::Done)
    })
    .await
}

fn text(queue: &[QueueRow]) -> String {
    if queue.is_empty() {
        return "No channel is switched on.".to_owned();
    }
    let rows: Vec<_> = queue.iter().map(row).collect();
    let mut text = terminal::table(
        &[
            "CHANNEL",
            "PENDING",
            "IN FLIGHT",
            "WAITING",
            "LEADS",
            "OLDEST",
            "RATE",
            "PACE",
            "LIMIT",
            "ETA",
        ],
        &rows,
    );
    for row in queue {
        if let Some(paused) = &row.paused {
            text.push_str(&format!("\n{}: {}", row.channel, paused.line));
        }
        for provider in &row.providers {
            let (channel, kind, line) = (&row.channel, &provider.kind, &provider.line);
            text.push_str(&format!("\n{channel} through {kind}: {line}"));
        }
        for partner in &row.shut {
            text.push_str(&format!(
                "\n{}: {}: {}",
                row.channel, partner.name, partner.waiting.line
            ));
        }
        let more = row.shut_partners.saturating_sub(row.shut.len() as u64);
        if more > 0 {
            text.push_str(&format!(
                "\n{}: and {} more partners",
                row.channel,
                count(more)
            ));
        }
        for b in row
            .broadcasts
            .iter()
            .skip(1)
            .filter(|b| b.counts.pending > 0)
        {
            text.push_str(&format!(
                "\n{}: then {} with {} pending",
                row.channel,
                b.reference,
                count(b.counts.pending)
            ));
        }
    }
    text
}

fn row(row: &QueueRow) -> Vec<String> {
    let none = || "–".to_owned();
    let rate = |rate: Option<f64>| rate.map_or_else(none, |rate| format!("{rate:.1}/s"));
    let time = |seconds: Option<f64>| seconds.map_or_else(none, terminal::time);
    vec![
        row.channel.to_string(),
        count(row.pending),
        count(row.in_flight),
        count(row.waiting),
        row.leads.as_ref().map_or_else(none, ToString::to_string),
        time(row.oldest_seconds.filter(|_| row.pending > 0)),
        rate(row.per_second),
        rate(row.pace_per_second),
        rate(row.limit_per_second),
        time(row.eta_seconds),
    ]
}
