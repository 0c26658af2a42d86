//! Progress: a bar for each channel on a terminal, one plain line every ten seconds elsewhere.

use crate::terminal::{count, say, time};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use oyez_dispatch::progress::{BroadcastProgress, Progress};
use oyez_domain::time::Wall;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a plain line is said where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(10);
/// The name column is as wide as this at least, so that bars stand below each other.
const NAME_WIDTH: usize = 16;

/// One bar a channel. Everything goes to stderr.
pub(crate) struct Bars {
    is_terminal: bool,
    multi: MultiProgress,
    bars: BTreeMap<String, ProgressBar>,
    said_at: Option<Wall>,
}

impl Bars {
    /// Bars for a person (`is_terminal`) or plain lines for a log.
    pub(crate) fn new(is_terminal: bool) -> Self {
        let target = if is_terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            is_terminal,
            multi: MultiProgress::with_draw_target(target),
            bars: BTreeMap::new(),
            said_at: None,
        }
    }

    /// Shows where the update stands now. Call it as often as you like.
    pub(crate) fn show(&mut self, progress: &Progress) {
        if self.is_terminal {
            for broadcast in &progress.broadcasts {
                self.draw(broadcast);
            }
        } else if self
            .said_at
            .is_none_or(|at| progress.as_of.since(at) >= PLAIN_EVERY)
        {
            self.said_at = Some(progress.as_of);
            say(plain(progress));
        }
    }

    fn draw(&mut self, broadcast: &BroadcastProgress) {
        let name = broadcast.channel.to_string();
        let bar = self.bars.entry(name).or_insert_with_key(|name| {
            let bar = self.multi.add(ProgressBar::new(broadcast.counts.asked));
            bar.set_style(style());
            bar.set_prefix(format!("{name:NAME_WIDTH$}"));
            bar
        });
        bar.set_length(broadcast.counts.asked);
        bar.set_message(words(broadcast));
        bar.set_position(settled(broadcast));
    }

    /// Says something above the bars.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        // Nobody to tell is no reason to fail.
        if self.is_terminal {
            drop(self.multi.println(text));
        } else {
            say(text);
        }
    }

    /// Leaves the bars as they are and gives the terminal back.
    pub(crate) fn finish(&mut self) {
        for bar in std::mem::take(&mut self.bars).into_values() {
            bar.abandon();
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {bar:20} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("█▌ ")
}

fn settled(broadcast: &BroadcastProgress) -> u64 {
    broadcast
        .counts
        .asked
        .saturating_sub(broadcast.counts.pending)
}

/// All channels in one line.
fn plain(progress: &Progress) -> String {
    let parts: Vec<_> = progress
        .broadcasts
        .iter()
        .map(|b| format!("{} {}", b.channel, words(b)))
        .collect();
    if parts.is_empty() {
        format!("{}: nothing is on its way", progress.reference)
    } else {
        parts.join("; ")
    }
}

/// Accepted of asked: `400/1,000  14.0/s of 15.0/s  eta 00:41  failed 2`, or why nothing is sent at the moment.
fn words(broadcast: &BroadcastProgress) -> String {
    let counts = &broadcast.counts;
    let mut parts = vec![format!(
        "{}/{}",
        count(counts.accepted),
        count(counts.asked)
    )];
    match (&broadcast.paused, counts.pending) {
        (_, 0) if broadcast.planned => parts.extend(
            broadcast
                .seconds
                .map(|seconds| format!("done in {}", time(seconds))),
        ),
        (Some(paused), _) => parts.push(paused.line.clone()),
        (None, _) => {
            parts.extend(speed(broadcast));
            parts.push(
                broadcast
                    .eta_seconds
                    .map_or_else(|| "eta –".to_owned(), |eta| format!("eta {}", time(eta))),
            );
        }
    }
    let troubles = [
        ("failed", counts.failed),
        ("unknown", counts.unknown),
        ("waiting", broadcast.waiting),
        ("stopped", counts.stopped),
    ];
    parts.extend(
        troubles
            .into_iter()
            .filter(|(_, many)| *many > 0)
            .map(|(word, many)| format!("{word} {}", count(many))),
    );
    parts.join("  ")
}

fn speed(broadcast: &BroadcastProgress) -> Option<String> {
    match (broadcast.per_second, broadcast.limit_per_second) {
        (Some(speed), Some(limit)) => Some(format!("{speed:.1}/s of {limit:.1}/s")),
        (Some(speed), None) => Some(format!("{speed:.1}/s")),
        (None, Some(limit)) => Some(format!("–/s of {limit:.1}/s")),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(change: &serde_json::Value) -> BroadcastProgress {
        let mut value = serde_json::json!({
            "broadcast": 1, "reference": "7QX-4HM", "channel": "residents_sms", "kind": "sms_http", "family": "sms",
            "state": "sending", "asked": 1000, "accepted": 400, "delivered": 0, "undelivered": 0, "failed": 20,
            "unknown": 0, "suppressed": 0, "stopped": 0, "expired": 0, "superseded": 0, "pending": 580,
            "in_flight": 8, "waiting": 0, "planned": true, "urgent": false, "per_second": 14.0,
            "limit_per_second": 15.0, "eta_seconds": 41.2, "seconds": 30.0, "released_at": 0, "paused": null,
            "next_due_at": null, "reasons": []
        });
        value
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_bar_says_speed_limit_time_left_and_failures() {
        assert_eq!(
            words(&progress(&serde_json::json!({}))),
            "400/1,000  14.0/s of 15.0/s  eta 00:42  failed 20"
        );
    }

    #[test]
    fn a_pause_is_said_in_place_of_a_speed() {
        let paused = serde_json::json!({"reason": "rate_limited", "until": 5, "line": "Provider limit reached; goes on by itself in 2 s"});
        let words = words(&progress(&serde_json::json!({"paused": paused})));
        assert_eq!(
            words,
            "400/1,000  Provider limit reached; goes on by itself in 2 s  failed 20"
        );
    }

    #[test]
    fn a_finished_channel_says_how_long_it_took() {
        let done = serde_json::json!({"accepted": 980, "pending": 0, "state": "done"});
        assert_eq!(
            words(&progress(&done)),
            "980/1,000  done in 00:30  failed 20"
        );
    }
}
