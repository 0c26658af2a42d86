//! Whether everybody ended as the story says, judged by the providers' own log.

use super::Release;
use super::story::{EMAIL, FOLDER, NEIGHBOURS, PARTNERS, SMS, SOCIAL, Story};
use crate::terminal;
use oyez_dispatch::progress::{BroadcastProgress, CountsView, Progress};
use oyez_sandbox::{DemoScript, Expected, LogRecord};
use serde::Serialize;

/// The demonstration as scripts read it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    recipients: u32,
    channels: Vec<ChannelReport>,
    first_delivery_ms: f64,
    total_seconds: f64,
    log_agrees: bool,
}

#[derive(Debug, Serialize)]
struct ChannelReport {
    name: String,
    kind: String,
    #[serde(flatten)]
    counts: CountsView,
    seconds: f64,
    per_second: Option<f64>,
    limit_per_second: Option<f64>,
}

/// The report and every disagreement.
pub(super) struct Verdict {
    pub(super) report: Report,
    pub(super) agrees: bool,
    disagreements: Vec<String>,
}

impl Verdict {
    /// The table and the verdict in words.
    pub(super) fn text(&self, progress: &Progress) -> String {
        let mut text = format!(
            "{}\n\nFirst message after {:.0} ms, everything after {:.1} s.",
            terminal::outcomes(progress),
            self.report.first_delivery_ms,
            self.report.total_seconds
        );
        if self.agrees {
            text.push_str("\nThe providers' own log agrees, channel by channel.");
        } else {
            text.push_str("\nThe providers' own log does NOT agree:");
            for line in self.disagreements.iter().take(10) {
                text.push_str(&format!("\n  {line}"));
            }
        }
        text
    }
}

/// How each recipient of a channel should end.
fn expected(story: &Story, channel: &str, residents: u32) -> Expected {
    let numbers = 1..=u64::from(residents);
    match channel {
        EMAIL => story
            .scenario
            .expected(channel, numbers.map(DemoScript::email_of)),
        SMS => story
            .scenario
            .expected(channel, numbers.map(DemoScript::mobile_of)),
        PARTNERS => story.scenario.expected(channel, NEIGHBOURS),
        SOCIAL => story.scenario.expected(channel, [SOCIAL]),
        _ => super::kinds::expected(&story.scenario, channel, residents).unwrap_or_default(),
    }
}

/// Whether every receipt that the story promises has come.
pub(super) fn receipts_complete(story: &Story, progress: &Progress) -> bool {
    progress
        .broadcasts
        .iter()
        .filter(|b| b.channel.as_str() == SMS)
        .all(|b| {
            let expected = expected(
                story,
                SMS,
                u32::try_from(b.counts.asked).unwrap_or(u32::MAX),
            );
            b.counts.delivered == Some(expected.delivered)
                && b.counts.undelivered == Some(expected.undelivered)
        })
}

/// Compares ledger and log, and (unless a person stopped it) both with the story.
pub(super) fn judge(
    story: &Story,
    progress: &Progress,
    released: &Release,
    residents: u32,
    stopped: bool,
) -> anyhow::Result<Verdict> {
    let log = story.sandbox.records()?;
    let mut disagreements = Vec::new();
    for broadcast in &progress.broadcasts {
        match broadcast.channel.as_str() {
            FOLDER => disagreements.extend(folder_disagrees(story, broadcast)?),
            channel if stopped || super::kinds::left_some_alone(broadcast) => {
                disagreements.extend(reached_disagrees(channel, broadcast, &log));
            }
            channel => {
                let expected = expected(story, channel, residents);
                disagreements.extend(expected.disagreements(channel, &log));
                disagreements.extend(counts_disagree(broadcast, &expected));
            }
        }
    }
    let effects = || {
        log.iter()
            .filter(|record| record.effect)
            .map(|record| record.t_us)
    };
    let first = effects().min().unwrap_or(released.asked_at_us);
    let agrees = disagreements.is_empty();
    let report = Report {
        recipients: residents,
        channels: progress
            .broadcasts
            .iter()
            .map(|b| channel_report(b, &log))
            .collect(),
        first_delivery_ms: first.saturating_sub(released.asked_at_us) as f64 / 1000.0,
        total_seconds: progress
            .broadcasts
            .iter()
            .filter_map(|b| b.seconds)
            .fold(0.0, f64::max),
        log_agrees: agrees,
    };
    Ok(Verdict {
        report,
        agrees,
        disagreements,
    })
}

fn channel_report(broadcast: &BroadcastProgress, log: &[LogRecord]) -> ChannelReport {
    let mut times: Vec<_> = log
        .iter()
        .filter(|r| r.effect && r.channel == broadcast.channel.as_str())
        .map(|r| r.t_us)
        .collect();
    times.sort_unstable();
    let span = times
        .last()
        .zip(times.first())
        .map_or(0.0, |(last, first)| (last - first) as f64 / 1e6);
    ChannelReport {
        name: broadcast.channel.to_string(),
        kind: broadcast.kind.clone(),
        counts: broadcast.counts,
        seconds: broadcast.seconds.unwrap_or(0.0),
        per_second: (times.len() > 1 && span > 0.0).then(|| (times.len() - 1) as f64 / span),
        limit_per_second: broadcast.limit_per_second,
    }
}

fn counts_disagree(broadcast: &BroadcastProgress, expected: &Expected) -> Vec<String> {
    let counts = &broadcast.counts;
    let pairs = [
        ("asked", Some(counts.asked), expected.asked),
        ("accepted", Some(counts.accepted), expected.accepted),
        ("failed", Some(counts.failed), expected.failed),
        ("delivered", counts.delivered, expected.delivered),
        ("undelivered", counts.undelivered, expected.undelivered),
    ];
    pairs
        .into_iter()
        .filter_map(|(what, have, want)| {
            let have = have?;
            (have != want).then(|| {
                format!(
                    "{}: {what} is {have}, the story says {want}",
                    broadcast.channel
                )
            })
        })
        .collect()
}

/// Whoever the log says was reached is accepted in the ledger, and nobody else.
fn reached_disagrees(
    channel: &str,
    broadcast: &BroadcastProgress,
    log: &[LogRecord],
) -> Option<String> {
    let reached = log
        .iter()
        .filter(|r| r.effect && r.channel == channel)
        .count() as u64;
    let accepted = broadcast.counts.accepted;
    (reached != accepted).then(|| format!("{channel}: {reached} reached, {accepted} accepted"))
}

fn folder_disagrees(
    story: &Story,
    broadcast: &BroadcastProgress,
) -> anyhow::Result<Option<String>> {
    let Some(folder) = &story.folder else {
        return Ok(None);
    };
    let files = std::fs::read_dir(folder)?.count() as u64;
    let accepted = broadcast.counts.accepted;
    Ok((files != accepted).then(|| format!("{FOLDER}: {files} files for {accepted} accepted")))
}
