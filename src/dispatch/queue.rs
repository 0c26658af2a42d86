//! What is waiting, in which order, and why: one row a channel.

use crate::breaker::BreakerState;
use crate::breakers::ShutDestination;
use crate::progress::{BroadcastProgress, Waiting};
use crate::providers::ProviderView;
use crate::supervisor::Live;
use oyez_domain::channel::ChannelName;
use oyez_domain::reference::UpdateReference;
use oyez_domain::time::Wall;
use serde::{Deserialize, Serialize};

/// Partners in trouble that are named at most.
const NAMED: usize = 100;

/// A partner that gets nothing at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShutPartner {
    /// Its name.
    pub name: String,
    /// Why, and what happens next.
    #[serde(flatten)]
    pub waiting: Waiting,
}

/// One of several providers of a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderRow {
    /// Its kind.
    pub kind: String,
    /// Whether new deliveries are sent through it.
    pub in_use: bool,
    /// Its own health.
    pub breaker: BreakerState,
    /// Why, in words.
    pub line: String,
}

impl From<ProviderView> for ProviderRow {
    fn from(view: ProviderView) -> Self {
        let line = match (view.pause, view.in_use) {
            (Some(pause), _) => pause.line(),
            (None, true) if view.share < 1.0 => "Sends, slowly for a while".to_owned(),
            (None, true) => "Sends".to_owned(),
            (None, false) => "Stands by".to_owned(),
        };
        Self {
            kind: view.kind.to_owned(),
            in_use: view.in_use,
            breaker: view.breaker,
            line,
        }
    }
}

/// One channel's queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueRow {
    /// The channel.
    pub channel: ChannelName,
    /// The adapter's kind.
    pub kind: String,
    /// Not settled: fresh, in flight and waiting.
    pub pending: u64,
    /// Of these: announced, without an outcome.
    pub in_flight: u64,
    /// Of these: waiting for another attempt.
    pub waiting: u64,
    /// When the earliest of the waiting is due.
    pub waiting_until: Option<Wall>,
    /// The update that leads, if any.
    pub leads: Option<UpdateReference>,
    /// Age of the oldest unsettled release, in seconds.
    pub oldest_seconds: Option<f64>,
    /// The limit.
    pub limit_per_second: Option<f64>,
    /// The pace in force: the limit, or less of it after an outage or after the provider called it too fast.
    pub pace_per_second: Option<f64>,
    /// Outcomes a second at the moment.
    pub per_second: Option<f64>,
    /// Seconds left for everything pending.
    pub eta_seconds: Option<f64>,
    /// The channel's own health.
    pub breaker: BreakerState,
    /// Why nothing is sent at the moment.
    pub paused: Option<Waiting>,
    /// Its providers, first first, where it has several.
    pub providers: Vec<ProviderRow>,
    /// Partners that get nothing at the moment.
    pub shut_partners: u64,
    /// The first hundred of them.
    pub shut: Vec<ShutPartner>,
    /// Every unsettled broadcast in the order in which workers take it.
    pub broadcasts: Vec<BroadcastProgress>,
}

impl QueueRow {
    /// One channel's row from its unsettled broadcasts.
    pub fn new(live: &Live, mut broadcasts: Vec<BroadcastProgress>) -> Self {
        let now = live.moment();
        let shut = live.breakers.shut(now);
        broadcasts.sort_by_key(|b| (!b.urgent, b.broadcast));
        let sum = |of: fn(&BroadcastProgress) -> u64| broadcasts.iter().map(of).sum();
        let leader = broadcasts.iter().find(|b| b.counts.pending > 0);
        Self {
            channel: live.channel.name.clone(),
            kind: live.channel.adapter.capabilities().kind.to_owned(),
            pending: sum(|b| b.counts.pending),
            in_flight: sum(|b| b.in_flight),
            waiting: sum(|b| b.waiting),
            waiting_until: broadcasts.iter().filter_map(|b| b.next_due_at).min(),
            leads: leader.map(|b| b.reference.clone()),
            oldest_seconds: broadcasts
                .iter()
                .map(|b| now.wall.since(b.released_at).as_secs_f64())
                .reduce(f64::max),
            limit_per_second: live.rate_per_second(),
            pace_per_second: live.pace_per_second(),
            per_second: leader.and_then(|b| b.per_second),
            eta_seconds: broadcasts
                .iter()
                .map(|b| b.eta_seconds)
                .try_fold(0.0, |sum, eta| Some(sum + eta?)),
            breaker: live.breaker(),
            paused: broadcasts
                .iter()
                .find_map(|b| b.paused.clone())
                .or_else(|| live.pause().map(Waiting::from)),
            providers: if live.providers.many() > 1 {
                let views = live.providers.views(now).into_iter();
                views.map(ProviderRow::from).collect()
            } else {
                Vec::new()
            },
            shut_partners: shut.len() as u64,
            shut: shut
                .into_iter()
                .take(NAMED)
                .map(ShutPartner::from)
                .collect(),
            broadcasts,
        }
    }
}

impl From<ShutDestination> for ShutPartner {
    fn from(shut: ShutDestination) -> Self {
        Self {
            name: shut.name,
            waiting: shut.pause.into(),
        }
    }
}
