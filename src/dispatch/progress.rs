//! How an update goes: counts from the ledger, speed and pauses from the engine, joined for every view.

use crate::breaker::BreakerState;
use crate::pause::Pause;
use crate::supervisor::Live;
use oyez_domain::broadcast::{BroadcastState, Counts};
use oyez_domain::channel::{ChannelName, Family};
use oyez_domain::id::{BroadcastId, UpdateId};
use oyez_domain::ledger::BroadcastView;
use oyez_domain::outcome::Reason;
use oyez_domain::receipt::Receipts;
use oyez_domain::reference::UpdateReference;
use oyez_domain::time::Wall;
use serde::{Deserialize, Serialize};

/// The counts as programs read them: without receipts, `delivered` and `undelivered` are null, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountsView {
    /// The audience.
    pub asked: u64,
    /// A provider took it.
    pub accepted: u64,
    /// Delivered, by receipt; null where the channel gives no receipts of that.
    pub delivered: Option<u64>,
    /// Not delivered, by receipt; null where the channel gives no receipts.
    pub undelivered: Option<u64>,
    /// Rejected or exhausted.
    pub failed: u64,
    /// May have been sent.
    pub unknown: u64,
    /// The address must not be used.
    pub suppressed: u64,
    /// Halted before it was sent.
    pub stopped: u64,
    /// Too late to be useful.
    pub expired: u64,
    /// A newer update took its place.
    pub superseded: u64,
    /// Not settled.
    pub pending: u64,
}

impl CountsView {
    /// The view of `counts` on a channel with such receipts.
    pub fn new(counts: &Counts, receipts: Receipts) -> Self {
        let (delivered, undelivered) = match receipts {
            Receipts::None => (None, None),
            Receipts::OfFailures => (None, Some(counts.undelivered)),
            Receipts::OfAll => (Some(counts.delivered), Some(counts.undelivered)),
        };
        Self {
            asked: counts.asked,
            accepted: counts.accepted,
            delivered,
            undelivered,
            failed: counts.failed,
            unknown: counts.unknown,
            suppressed: counts.suppressed,
            stopped: counts.stopped,
            expired: counts.expired,
            superseded: counts.superseded,
            pending: counts.pending,
        }
    }
}

/// Why something waits, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Why.
    pub reason: Reason,
    /// Until when, if that is known.
    pub until: Option<Wall>,
    /// In words.
    pub line: String,
}

impl From<Pause> for Waiting {
    fn from(pause: Pause) -> Self {
        Self {
            reason: pause.reason,
            until: pause.until,
            line: pause.line(),
        }
    }
}

/// One reason and how many recipients it concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonCount {
    /// The reason.
    pub reason: Reason,
    /// In words.
    pub label: String,
    /// How many.
    pub count: u64,
}

/// One broadcast on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BroadcastProgress {
    /// Its number.
    pub broadcast: BroadcastId,
    /// The update's reference.
    pub reference: UpdateReference,
    /// The channel.
    pub channel: ChannelName,
    /// The adapter's kind.
    pub kind: String,
    /// Group; null for a channel that is no longer configured.
    pub family: Option<Family>,
    /// Where it stands.
    pub state: BroadcastState,
    /// How many recipients stand where.
    #[serde(flatten)]
    pub counts: CountsView,
    /// Of the pending: announced, without an outcome.
    pub in_flight: u64,
    /// Of the pending: waiting for another attempt.
    pub waiting: u64,
    /// Whether the audience is written out to its end.
    pub planned: bool,
    /// Whether it goes before everything else.
    pub urgent: bool,
    /// Outcomes a second at the moment; null while that is being worked out.
    pub per_second: Option<f64>,
    /// The channel's limit; null without one.
    pub limit_per_second: Option<f64>,
    /// Seconds left; null while that is being worked out or nobody can say.
    pub eta_seconds: Option<f64>,
    /// Seconds from the release to the last outcome.
    pub seconds: Option<f64>,
    /// When it was released.
    pub released_at: Wall,
    /// Why nothing is sent at the moment.
    pub paused: Option<Waiting>,
    /// When the earliest retry is due.
    pub next_due_at: Option<Wall>,
    /// Failed, unknown and waiting by reason, most first.
    pub reasons: Vec<ReasonCount>,
}

/// One update on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The update.
    pub update: UpdateId,
    /// Its reference.
    pub reference: UpdateReference,
    /// Its headline.
    pub headline: String,
    /// `draft`, `released` or `stopped`.
    pub state: String,
    /// Whether nothing is pending any more.
    pub finished: bool,
    /// All channels together.
    pub counts: Counts,
    /// Each channel.
    pub broadcasts: Vec<BroadcastProgress>,
    /// As of.
    pub as_of: Wall,
}

impl BroadcastProgress {
    /// Joins what the ledger and the engine know.
    pub fn new(view: BroadcastView, live: Option<&Live>, held: Option<&str>) -> Self {
        let receipts = live.map_or(Receipts::OfAll, |live| live.providers.receipts());
        let limit = live.and_then(|live| live.rate_per_second());
        let per_second = live.and_then(|live| live.per_second(view.id));
        let paused = paused(&view, live, held);
        // Nobody knows when a provider works again.
        let closed = live.is_none_or(|live| live.breaker() == BreakerState::Closed);
        let eta_seconds = eta(&view, per_second, limit, paused.as_ref()).filter(|_| closed);
        let reasons = view
            .reasons
            .iter()
            .map(|(reason, count)| ReasonCount {
                reason: *reason,
                label: reason.label().to_owned(),
                count: *count,
            })
            .collect();
        Self {
            broadcast: view.id,
            reference: view.reference,
            family: live.map(|live| live.channel.adapter.capabilities().family),
            channel: view.channel,
            kind: view.kind,
            state: view.state,
            counts: CountsView::new(&view.counts, receipts),
            in_flight: view.in_flight,
            waiting: view.waiting,
            planned: view.planned,
            urgent: view.urgent,
            per_second: per_second.filter(|_| view.counts.pending > 0),
            limit_per_second: limit,
            eta_seconds,
            seconds: view
                .last_outcome_at
                .map(|last| last.since(view.released_at).as_secs_f64()),
            released_at: view.released_at,
            paused,
            next_due_at: view.next_due_at,
            reasons,
        }
    }
}

fn paused(view: &BroadcastView, live: Option<&Live>, held: Option<&str>) -> Option<Waiting> {
    if view.counts.pending == 0 {
        return None;
    }
    if let Some(why) = held {
        return Some(Waiting {
            reason: Reason::Held,
            until: None,
            line: format!("Held: {why}"),
        });
    }
    if view.state == BroadcastState::Held {
        let line = "Held by a person. Resume it, or stop it.".to_owned();
        return Some(Waiting {
            reason: Reason::Held,
            until: None,
            line,
        });
    }
    live.and_then(Live::pause).map(Waiting::from)
}

/// Pending ÷ the smaller of limit and speed, and no sooner than the retry that is due last.
fn eta(
    view: &BroadcastView,
    per_second: Option<f64>,
    limit: Option<f64>,
    paused: Option<&Waiting>,
) -> Option<f64> {
    if view.counts.pending == 0 {
        return Some(0.0);
    }
    if paused.is_some_and(|paused| paused.until.is_none()) {
        return None;
    }
    let speed = match (per_second.filter(|speed| *speed > 0.0), limit) {
        (Some(speed), Some(limit)) => speed.min(limit),
        (Some(speed), None) => speed,
        (None, Some(limit)) => limit,
        (None, None) => return None,
    };
    Some(view.counts.pending as f64 / speed)
}
