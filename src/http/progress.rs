//! How updates and channels go, as programs read it.

use crate::view::Time;
use oyez_dispatch::progress::{BroadcastProgress, CountsView, Progress, ReasonCount, Waiting};
use oyez_dispatch::queue::{ProviderRow, QueueRow, ShutPartner};
use oyez_domain::receipt::Receipts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many recipients stand where: `asked` is the sum of `accepted`, `failed`, `unknown`, `suppressed`, `stopped`,
/// `expired`, `superseded` and `pending`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CountsBody {
    /// The audience.
    pub asked: u64,
    /// A provider took it.
    pub accepted: u64,
    /// Of the accepted: delivered, by receipt; null where the channel gives no receipts of that.
    pub delivered: Option<u64>,
    /// Of the accepted: not delivered, by receipt; null where the channel gives no receipts.
    pub undelivered: Option<u64>,
    /// Rejected, or tried as often as allowed.
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

impl From<CountsView> for CountsBody {
    fn from(counts: CountsView) -> Self {
        Self {
            asked: counts.asked,
            accepted: counts.accepted,
            delivered: counts.delivered,
            undelivered: counts.undelivered,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingBody {
    /// Why, for programs.
    pub reason: String,
    /// Until when, if that is known.
    pub until: Option<Time>,
    /// In words.
    pub line: String,
}

impl From<Waiting> for WaitingBody {
    fn from(waiting: Waiting) -> Self {
        Self {
            reason: waiting.reason.code().to_owned(),
            until: waiting.until.map(Into::into),
            line: waiting.line,
        }
    }
}

/// One reason and how many recipients it concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonBody {
    /// The reason, for programs.
    pub reason: String,
    /// In words.
    pub label: String,
    /// How many.
    pub count: u64,
}

impl From<ReasonCount> for ReasonBody {
    fn from(count: ReasonCount) -> Self {
        Self {
            reason: count.reason.code().to_owned(),
            label: count.label,
            count: count.count,
        }
    }
}

/// One update on one channel, on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BroadcastBody {
    /// Its number.
    pub broadcast: u32,
    /// The update's reference.
    pub reference: String,
    /// The channel.
    pub channel: String,
    /// The adapter's kind.
    pub kind: String,
    /// Group; null for a channel that is no longer configured.
    pub family: Option<String>,
    /// `sending`, `held`, `stopped` or `done`.
    pub state: String,
    /// How many recipients stand where.
    #[serde(flatten)]
    pub counts: CountsBody,
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
    /// Seconds left; null while nobody can say.
    pub eta_seconds: Option<f64>,
    /// Seconds from the release to the last outcome.
    pub seconds: Option<f64>,
    /// When it was released.
    pub released_at: Time,
    /// Why nothing is sent at the moment.
    pub paused: Option<WaitingBody>,
    /// When the earliest retry is due.
    pub next_due_at: Option<Time>,
    /// Failed, unknown and waiting by reason, most first.
    pub reasons: Vec<ReasonBody>,
}

impl From<BroadcastProgress> for BroadcastBody {
    fn from(broadcast: BroadcastProgress) -> Self {
        Self {
            broadcast: broadcast.broadcast.0,
            reference: broadcast.reference.into(),
            channel: broadcast.channel.into(),
            kind: broadcast.kind,
            family: broadcast.family.map(|family| family.code().to_owned()),
            state: broadcast.state.code().to_owned(),
            counts: broadcast.counts.into(),
            in_flight: broadcast.in_flight,
            waiting: broadcast.waiting,
            planned: broadcast.planned,
            urgent: broadcast.urgent,
            per_second: broadcast.per_second,
            limit_per_second: broadcast.limit_per_second,
            eta_seconds: broadcast.eta_seconds,
            seconds: broadcast.seconds,
            released_at: broadcast.released_at.into(),
            paused: broadcast.paused.map(Into::into),
            next_due_at: broadcast.next_due_at.map(Into::into),
            reasons: broadcast.reasons.into_iter().map(Into::into).collect(),
        }
    }
}

/// One update on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProgressBody {
    /// The update's identifier.
    pub update: String,
    /// Its reference.
    pub reference: String,
    /// Its headline.
    pub headline: String,
    /// `draft`, `released` or `stopped`.
    pub state: String,
    /// Whether nothing is pending any more.
    pub finished: bool,
    /// All channels together; receipts are counted where there are any.
    pub counts: CountsBody,
    /// Each channel.
    pub broadcasts: Vec<BroadcastBody>,
    /// As of.
    pub as_of: Time,
}

impl From<Progress> for ProgressBody {
    fn from(progress: Progress) -> Self {
        let any = |known: fn(&CountsView) -> Option<u64>| {
            let mut broadcasts = progress.broadcasts.iter();
            broadcasts.any(|broadcast| known(&broadcast.counts).is_some())
        };
        let receipts = match (any(|c| c.delivered), any(|c| c.undelivered)) {
            (true, _) => Receipts::OfAll,
            (false, true) => Receipts::OfFailures,
            (false, false) => Receipts::None,
        };
        Self {
            update: progress.update.to_string(),
            reference: progress.reference.into(),
            headline: progress.headline,
            state: progress.state,
            finished: progress.finished,
            counts: CountsView::new(&progress.counts, receipts).into(),
            broadcasts: progress.broadcasts.into_iter().map(Into::into).collect(),
            as_of: progress.as_of.into(),
        }
    }
}

/// A partner that gets nothing at the moment; the others are not affected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShutPartnerBody {
    /// Its name.
    pub name: String,
    /// Why, for programs.
    pub reason: String,
    /// When it is tried again, if that is known.
    pub until: Option<Time>,
    /// In words.
    pub line: String,
}

impl From<ShutPartner> for ShutPartnerBody {
    fn from(shut: ShutPartner) -> Self {
        let WaitingBody {
            reason,
            until,
            line,
        } = shut.waiting.into();
        Self {
            name: shut.name,
            reason,
            until,
            line,
        }
    }
}

/// One of several providers of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderBody {
    /// Its kind.
    pub kind: String,
    /// Whether new deliveries are sent through it.
    pub in_use: bool,
    /// Its own health: `closed`, `open` or `probing`.
    pub breaker: String,
    /// Why, in words.
    pub line: String,
}

impl From<ProviderRow> for ProviderBody {
    fn from(row: ProviderRow) -> Self {
        Self {
            kind: row.kind,
            in_use: row.in_use,
            breaker: row.breaker.code().to_owned(),
            line: row.line,
        }
    }
}

/// One channel's queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueueBody {
    /// The channel.
    pub channel: String,
    /// The adapter's kind.
    pub kind: String,
    /// Not settled: fresh, in flight and waiting.
    pub pending: u64,
    /// Of these: announced, without an outcome.
    pub in_flight: u64,
    /// Of these: waiting for another attempt.
    pub waiting: u64,
    /// When the earliest of the waiting is due.
    pub waiting_until: Option<Time>,
    /// Reference of the update that leads.
    pub leads: Option<String>,
    /// Age of the oldest unsettled release, in seconds.
    pub oldest_seconds: Option<f64>,
    /// The limit.
    pub limit_per_second: Option<f64>,
    /// The pace in force: the limit, or less of it for a while after an outage or after the provider called it too fast.
    pub pace_per_second: Option<f64>,
    /// Outcomes a second at the moment.
    pub per_second: Option<f64>,
    /// Seconds left for everything pending; null while nobody can say.
    pub eta_seconds: Option<f64>,
    /// The channel's own health: `closed` (it works), `open` (nothing is sent) or `probing` (one delivery is tried).
    pub breaker: String,
    /// Why nothing is sent at the moment.
    pub paused: Option<WaitingBody>,
    /// Its providers, first first, where it has several; otherwise empty.
    pub providers: Vec<ProviderBody>,
    /// How many partners get nothing at the moment.
    pub shut_partners: u64,
    /// The first hundred of them.
    pub shut: Vec<ShutPartnerBody>,
    /// Every unsettled broadcast in the order in which it is taken.
    pub broadcasts: Vec<BroadcastBody>,
}

impl From<QueueRow> for QueueBody {
    fn from(row: QueueRow) -> Self {
        Self {
            channel: row.channel.into(),
            kind: row.kind,
            pending: row.pending,
            in_flight: row.in_flight,
            waiting: row.waiting,
            waiting_until: row.waiting_until.map(Into::into),
            leads: row.leads.map(Into::into),
            oldest_seconds: row.oldest_seconds,
            limit_per_second: row.limit_per_second,
            pace_per_second: row.pace_per_second,
            per_second: row.per_second,
            eta_seconds: row.eta_seconds,
            breaker: row.breaker.code().to_owned(),
            paused: row.paused.map(Into::into),
            providers: row.providers.into_iter().map(Into::into).collect(),
            shut_partners: row.shut_partners,
            shut: row.shut.into_iter().map(Into::into).collect(),
            broadcasts: row.broadcasts.into_iter().map(Into::into).collect(),
        }
    }
}
