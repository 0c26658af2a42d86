//! What is alive of a channel through one of its providers: gate, breakers, meters, and what it shares with the others.

use crate::ahead::Ahead;
use crate::bounds::Bounds;
use crate::breaker::{Arming, BreakerState};
use crate::breakers::Breakers;
use crate::feeder::Fed;
use crate::gate::Gate;
use crate::meter::Meter;
use crate::pause::{Moment, Pause};
use crate::providers::{Provider, Providers, Turn};
use crate::runaway::Runaway;
use crate::settings::ConfiguredChannel;
use oyez_domain::Clock;
use oyez_domain::id::BroadcastId;
use oyez_domain::time::Wall;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// One channel as it runs through one of its providers. What belongs to the whole channel is shared among them.
pub struct Live {
    /// Its name, settings and adapter.
    pub channel: ConfiguredChannel,
    /// What a person halted on the whole channel.
    pub gate: Arc<Gate>,
    /// What left on the whole channel, counted apart from the ledger.
    pub(crate) runaway: Arc<Runaway>,
    /// What this provider and its partners did lately, and what may be sent because of that.
    pub breakers: Arc<Breakers>,
    /// All of the channel's providers, and which of them sends.
    pub providers: Arc<Providers>,
    /// This one's place among them.
    pub(crate) rank: usize,
    pub(crate) bounds: Arc<Bounds>,
    /// The longest a shutdown waits for its requests in flight.
    pub shutdown: Duration,
    meters: Arc<Mutex<HashMap<BroadcastId, Arc<Meter>>>>,
    pub(crate) handed: mpsc::UnboundedSender<Fed>,
    pub(crate) bell: Arc<Notify>,
    pub(crate) ahead: Ahead,
    clock: Arc<dyn Clock>,
}

/// The one delivery that is tried; when it has come to its end without news, another follows.
pub(crate) struct Probe(Arc<Live>);

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.breakers.probe_ended(self.0.clock.now());
        self.0.bell.notify_one();
    }
}

/// A request to a partner, from before it leaves until it has ended.
pub(crate) struct Visit {
    live: Arc<Live>,
    destination: String,
}

impl Drop for Visit {
    fn drop(&mut self) {
        let now = self.live.clock.now();
        self.live.breakers.left(&self.destination, now);
    }
}

impl Live {
    /// The channel's limit, in messages a second: that of each provider, or of all together where each has its share.
    pub fn rate_per_second(&self) -> Option<f64> {
        let at_once = if self.providers.is_split() {
            self.providers.many()
        } else {
            1
        };
        Some(self.channel.settings.pace.rate_per_second? * at_once as f64)
    }

    /// The pace in force: the limit, or less of it after an outage or after "too fast".
    pub fn pace_per_second(&self) -> Option<f64> {
        let share = self.providers.share(self.moment());
        Some(self.channel.settings.pace.rate_per_second? * share)
    }

    /// Why nothing is sent on the channel at the moment, unless a person holds it.
    pub fn pause(&self) -> Option<Pause> {
        self.providers.pause(self.moment())
    }

    /// The channel's own health: that of the best of its providers.
    pub fn breaker(&self) -> BreakerState {
        self.providers.breaker()
    }

    /// Now, on both clocks.
    pub fn moment(&self) -> Moment {
        Moment {
            boot: self.clock.now(),
            wall: self.clock.wall(),
        }
    }

    pub(crate) fn share(&self) -> f64 {
        self.breakers.share(self.clock.now())
    }

    /// How many deliveries may be armed at this moment without asking anybody; none while this provider sends nothing,
    /// tries one, or another's turn it is.
    pub(crate) fn rows_at_once(&self) -> u32 {
        if self.providers.turn(self.rank, self.moment()) != Turn::Any {
            return 0;
        }
        match self.breakers.arming(self.clock.now()) {
            Arming::Freely => self.ahead.rows(self.share()),
            Arming::One | Arming::OneAfterCheck | Arming::NotBefore(_) => 0,
        }
    }

    /// The partners for whom nothing is to be armed, and until when.
    pub(crate) fn not_to_arm(&self) -> Vec<(String, Wall)> {
        self.breakers.not_to_arm(self.moment())
    }

    /// One delivery was armed to be tried.
    pub(crate) fn probe(self: &Arc<Self>) -> Probe {
        self.breakers.probe(self.clock.now());
        Probe(Arc::clone(self))
    }

    /// Begins a request to a partner (nothing where there is none), or says until when there is to be none.
    pub(crate) fn visit(self: &Arc<Self>, destination: &str) -> Result<Option<Visit>, Wall> {
        if destination.is_empty() {
            return Ok(None);
        }
        let now = self.moment();
        let begun = self.breakers.visit(destination, now.boot);
        begun.map_err(|until| now.wall_at(until))?;
        Ok(Some(Visit {
            live: Arc::clone(self),
            destination: destination.to_owned(),
        }))
    }

    /// A person says: go on at once.
    pub fn clear_pauses(&self) {
        self.breakers.clear(self.clock.now());
    }

    /// Outcomes a second of one broadcast at the moment.
    pub fn per_second(&self, broadcast: BroadcastId) -> Option<f64> {
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        meters
            .get(&broadcast)
            .and_then(|meter| meter.per_second(self.clock.now()))
    }

    /// Outcomes a second of one broadcast, from its first to its last.
    pub fn overall_per_second(&self, broadcast: BroadcastId) -> Option<f64> {
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        meters.get(&broadcast).and_then(|meter| meter.overall())
    }

    /// One outcome of a broadcast is durable: it is counted, and the feeder looks for what is due next.
    pub(crate) fn recorded(&self, broadcast: BroadcastId) {
        let meter = {
            let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(meters.entry(broadcast).or_default())
        };
        meter.count(self.clock.now(), 1);
        self.providers.ring();
    }
}

/// One channel as it runs through each of its providers, with their mailboxes.
pub(crate) fn through_each(
    channels: Vec<ConfiguredChannel>,
    clock: &Arc<dyn Clock>,
    shutdown: Duration,
) -> Vec<(Arc<Live>, mpsc::UnboundedReceiver<Fed>)> {
    let provider = |channel: &ConfiguredChannel| Provider {
        kind: channel.kind(),
        receipts: channel.adapter.receipts(),
        weight: channel.weight,
        breakers: Arc::new(Breakers::new(channel.settings.pace.concurrency)),
        bell: Arc::default(),
    };
    let all: Vec<_> = channels.iter().map(provider).collect();
    let own = all
        .iter()
        .map(|one| (Arc::clone(&one.breakers), Arc::clone(&one.bell)));
    let own: Vec<_> = own.collect();
    let providers = Arc::new(Providers::new(all));
    let (gate, runaway) = (Arc::<Gate>::default(), Arc::<Runaway>::default());
    let (meters, bounds) = (Arc::default(), Arc::<Bounds>::default());
    let live = |(rank, (channel, (breakers, bell))): (usize, (ConfiguredChannel, _))| {
        let (handed, mailbox) = mpsc::unbounded_channel();
        let live = Live {
            gate: Arc::clone(&gate),
            runaway: Arc::clone(&runaway),
            breakers,
            providers: Arc::clone(&providers),
            rank,
            bounds: Arc::clone(&bounds),
            // Where an orphan needs a person the ledger makes windows smaller still.
            ahead: Ahead::new(channel.settings.pace.window_rows(false)),
            shutdown,
            meters: Arc::clone(&meters),
            bell,
            handed,
            clock: Arc::clone(clock),
            channel,
        };
        (Arc::new(live), mailbox)
    };
    channels
        .into_iter()
        .zip(own)
        .enumerate()
        .map(live)
        .collect()
}
