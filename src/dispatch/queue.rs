//! What is waiting, in which order, and why: one row a channel.

use crate::progress::{BroadcastProgress, Waiting};
use oyez_domain::channel::ChannelName;
use oyez_domain::reference::UpdateReference;
use oyez_domain::time::Wall;
use serde::{Deserialize, Serialize};

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
    /// Outcomes a second at the moment.
    pub per_second: Option<f64>,
    /// Seconds left for everything pending.
    pub eta_seconds: Option<f64>,
    /// Why nothing is sent at the moment.
    pub paused: Option<Waiting>,
    /// Every unsettled broadcast in the order in which workers take it.
    pub broadcasts: Vec<BroadcastProgress>,
}

impl QueueRow {
    /// One channel's row from its unsettled broadcasts.
    pub fn new(
        channel: ChannelName,
        kind: String,
        limit_per_second: Option<f64>,
        mut broadcasts: Vec<BroadcastProgress>,
        now: Wall,
    ) -> Self {
        broadcasts.sort_by_key(|b| (!b.urgent, b.broadcast));
        let sum = |of: fn(&BroadcastProgress) -> u64| broadcasts.iter().map(of).sum();
        let leader = broadcasts.iter().find(|b| b.counts.pending > 0);
        Self {
            channel,
            kind,
            pending: sum(|b| b.counts.pending),
            in_flight: sum(|b| b.in_flight),
            waiting: sum(|b| b.waiting),
            waiting_until: broadcasts.iter().filter_map(|b| b.next_due_at).min(),
            leads: leader.map(|b| b.reference.clone()),
            oldest_seconds: broadcasts
                .iter()
                .map(|b| now.since(b.released_at).as_secs_f64())
                .reduce(f64::max),
            limit_per_second,
            per_second: leader.and_then(|b| b.per_second),
            eta_seconds: broadcasts
                .iter()
                .map(|b| b.eta_seconds)
                .try_fold(0.0, |sum, eta| Some(sum + eta?)),
            paused: broadcasts.iter().find_map(|b| b.paused.clone()),
            broadcasts,
        }
    }
}
