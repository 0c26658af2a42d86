//! What a sender says aloud: each thing once, in one plain line; the counts say the rest.

use super::Sender;
use crate::breaker::Change;
use crate::breakers::Told;
use crate::event::Event;
use crate::pause::{Moment, Pause};
use oyez_domain::channel::Family;
use oyez_domain::id::BroadcastId;
use oyez_domain::ledger::{Armed, Follow};
use oyez_domain::outcome::{Outcome, Reason, Verdict};
use oyez_domain::time::Wall;
use std::sync::PoisonError;

impl Sender {
    pub(super) fn tell_change(&self, told: &Told, reply: &str, now: Moment) {
        let (whom, rest) = match &told.destination {
            Some(partner) => (format!("{}: {partner}", self.name()), " Others get theirs."),
            None if self.live.providers.many() > 1 => {
                let kind = self.live.channel.kind();
                (format!("{} through {kind}", self.name()), "")
            }
            None => (self.name().to_owned(), ""),
        };
        match told.change {
            Change::Paused(reason, next) => {
                let (why, pause) = (lower(reason.label()), Pause::new((reason, next), now));
                let line = format!("{whom}: {why} ({reply}). {}{rest}", pause.what_now());
                self.tell("paused", Some(reason), line, now.wall);
            }
            Change::Resumed(reason) => {
                let why = lower(reason.label());
                let line = format!("{whom}: sends again. This is over: {why}.");
                self.tell("resumed", Some(reason), line, now.wall);
            }
        }
    }

    /// Tells what became of a delivery: the first of each reason, and of partners each first attempt.
    pub(super) fn tell_outcome(
        &self,
        broadcast: BroadcastId,
        armed: &Armed,
        verdict: &Verdict,
        follow: Follow,
        now: Wall,
    ) {
        let Some(reason) = verdict.outcome.reason() else {
            return;
        };
        if self.is_told_as_pause(&armed.destination, &verdict.outcome) {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let loud = self.live.channel.adapter.capabilities().family == Family::Webhook
            && armed.attempt == 1;
        if !told.insert((broadcast, reason)) && !loud {
            return;
        }
        drop(told);
        let (code, rest) = match follow {
            Follow::Wait { not_before, .. } => (
                "waiting",
                format!(
                    "Tries again in {:.1} s.",
                    not_before.since(now).as_secs_f64()
                ),
            ),
            Follow::Failed | Follow::Suppressed | Follow::Expired => (
                "rejected",
                "Not tried again; more like it are counted.".to_owned(),
            ),
            Follow::Unknown => (
                "unknown",
                "May have been sent; not sent again by itself.".to_owned(),
            ),
            Follow::Accepted => return,
        };
        let line = format!(
            "{}: {}: {} ({}). {rest}",
            self.name(),
            self.whom(armed),
            lower(reason.label()),
            verdict.reply
        );
        self.tell(code, Some(reason), line, now);
    }

    /// Whether the outcome concerns the channel or the partner, whose pause is told in place of each delivery's wait.
    fn is_told_as_pause(&self, destination: &str, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Throttled { .. } => true,
            Outcome::ChannelDown { .. } | Outcome::ChannelRefused { .. } => {
                self.live.breakers.is_down(destination)
            }
            Outcome::Accepted { .. }
            | Outcome::Deferred { .. }
            | Outcome::Rejected { .. }
            | Outcome::BadMessage { .. }
            | Outcome::Unknown { .. } => false,
        }
    }

    pub(super) fn name(&self) -> &str {
        self.live.channel.name.as_str()
    }

    pub(super) fn whom(&self, armed: &Armed) -> String {
        if armed.destination.is_empty() {
            armed.address.masked()
        } else {
            armed.destination.clone()
        }
    }

    pub(super) fn tell(&self, code: &str, reason: Option<Reason>, line: String, at: Wall) {
        let channel = self.live.channel.name.clone();
        self.events.tell(Event {
            at,
            channel,
            code: code.to_owned(),
            reason,
            line,
        });
    }
}

/// A label inside a sentence: only its first letter changes.
fn lower(label: &str) -> String {
    let mut signs = label.chars();
    signs
        .next()
        .map(|first| first.to_lowercase().chain(signs).collect())
        .unwrap_or_default()
}
