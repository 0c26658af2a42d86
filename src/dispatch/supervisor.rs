//! Starts and stops the loops, and holds what is alive: each channel with its gate, breakers and meters.

use crate::ahead::Ahead;
use crate::breaker::Arming;
use crate::breakers::Breakers;
use crate::desk::Desk;
use crate::errands::Errands;
use crate::feeder::{Fed, Feeder};
use crate::gate::{Gate, Round};
use crate::lost_receipts;
use crate::meter::Meter;
use crate::pause::{Moment, Pause};
use crate::planner;
use crate::recorder::{self, Pending};
use crate::runaway::Runaway;
use crate::sender::Sender;
use crate::settings::ConfiguredChannel;
use crate::strikes::Strikes;
use crate::vigil;
use crate::worker::Worker;
use oyez_domain::channel::ChannelName;
use oyez_domain::id::BroadcastId;
use oyez_domain::ledger::Window;
use oyez_domain::time::Wall;
use oyez_domain::{Clock, LedgerError, LedgerResult};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// One channel as it runs.
pub struct Live {
    /// Its name, settings and adapter.
    pub channel: ConfiguredChannel,
    /// What a person halted.
    pub gate: Gate,
    /// What left, counted apart from the ledger.
    pub(crate) runaway: Runaway,
    /// What its provider and its partners did lately, and what may be sent because of that.
    pub breakers: Breakers,
    /// The longest a shutdown waits for its requests in flight.
    pub shutdown: Duration,
    meters: Mutex<HashMap<BroadcastId, Arc<Meter>>>,
    handed: mpsc::UnboundedSender<Fed>,
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
    /// The limit in force, in messages a second.
    pub fn rate_per_second(&self) -> Option<f64> {
        self.channel.settings.pace.rate_per_second
    }

    /// The pace in force: the limit, or less of it after an outage or after "too fast".
    pub fn pace_per_second(&self) -> Option<f64> {
        Some(self.rate_per_second()? * self.share())
    }

    /// Why nothing is sent at the moment, unless a person holds it.
    pub fn pause(&self) -> Option<Pause> {
        self.breakers.pause(self.moment())
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

    /// How many deliveries may be armed at this moment without asking anybody; none while the channel sends nothing or
    /// tries one.
    pub(crate) fn rows_at_once(&self) -> u32 {
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
        self.bell.notify_one();
    }
}

/// The channels that run, by name.
#[derive(Clone)]
pub struct Lives {
    by_name: Arc<BTreeMap<ChannelName, Arc<Live>>>,
    planner: Arc<Notify>,
    pub(crate) errands: Errands,
}

impl Lives {
    /// The names in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &ChannelName> {
        self.by_name.keys()
    }

    /// One channel.
    pub fn get(&self, name: &ChannelName) -> Option<&Live> {
        self.by_name.get(name).map(AsRef::as_ref)
    }

    /// Every channel.
    pub fn all(&self) -> impl Iterator<Item = &Live> {
        self.by_name.values().map(AsRef::as_ref)
    }

    /// Hands a release's first window to its worker, or wakes the worker to look for itself. A window that no worker
    /// takes any more, because the program is ending, comes back.
    #[must_use]
    pub(crate) fn hand(
        &self,
        channel: &ChannelName,
        round: Round,
        window: Option<Window>,
    ) -> Option<Window> {
        match (window, self.by_name.get(channel)) {
            (Some(window), Some(live)) => {
                let fed = Fed {
                    window,
                    round,
                    turn: None,
                    probe: None,
                };
                let sent = live.handed.send(fed);
                sent.err().map(|refused| refused.0.window)
            }
            (None, Some(live)) => {
                live.bell.notify_one();
                None
            }
            (window, None) => window,
        }
    }

    /// Wakes every worker, now or when it next waits. A bell is for speed only: all work is found in the ledger.
    pub fn ring_all(&self) {
        self.all().for_each(|live| live.bell.notify_one());
    }

    /// Wakes the planner.
    pub fn ring_planner(&self) {
        self.planner.notify_one();
    }

    pub(crate) async fn planner_rung(&self) {
        self.planner.notified().await;
    }

    /// Shuts the gate of one broadcast before the ledger is told.
    pub fn shut_gate_ahead(&self, channel: &ChannelName, broadcast: BroadcastId) {
        if let Some(live) = self.by_name.get(channel) {
            live.gate.shut_broadcast_ahead(broadcast);
        }
    }

    /// Shuts or opens the gate of one broadcast, as the ledger has it.
    pub fn set_gate(&self, channel: &ChannelName, broadcast: BroadcastId, shut: bool) {
        if let Some(live) = self.by_name.get(channel) {
            live.gate.set_broadcast(broadcast, shut);
        }
    }
}

/// The mailboxes of the workers, made with [`Lives`] and given to [`Engine::start`].
pub struct Mailboxes(Vec<(Arc<Live>, mpsc::UnboundedReceiver<Fed>)>);

/// Prepares the channels, so that a desk can be made before the engine starts.
pub fn lives(
    channels: Vec<ConfiguredChannel>,
    clock: &Arc<dyn Clock>,
    shutdown: Duration,
) -> (Lives, Mailboxes) {
    let mut by_name = BTreeMap::new();
    let mut mailboxes = Vec::new();
    for channel in channels {
        let (handed, mailbox) = mpsc::unbounded_channel();
        let pace = channel.settings.pace;
        let live = Arc::new(Live {
            gate: Gate::default(),
            runaway: Runaway::default(),
            breakers: Breakers::new(pace.concurrency),
            // Where an orphan needs a person the ledger makes windows smaller still.
            ahead: Ahead::new(pace.window_rows(false)),
            shutdown,
            meters: Mutex::default(),
            bell: Arc::default(),
            handed,
            clock: Arc::clone(clock),
            channel,
        });
        by_name.insert(live.channel.name.clone(), Arc::clone(&live));
        mailboxes.push((live, mailbox));
    }
    (
        Lives {
            by_name: Arc::new(by_name),
            planner: Arc::default(),
            errands: Errands::default(),
        },
        Mailboxes(mailboxes),
    )
}

/// What a shutdown may take beyond the requests in flight, to record how they ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The running engine.
pub struct Engine {
    fatal: CancellationToken,
    workers: TaskTracker,
    recorder: TaskTracker,
    desk: Desk,
}

impl Engine {
    /// Starts a worker for each channel, the planner and the recorder.
    pub async fn start(desk: &Desk, mailboxes: Mailboxes) -> LedgerResult<Self> {
        let (end, fatal) = (desk.ending.clone(), CancellationToken::new());
        let (workers, recorder) = (TaskTracker::new(), TaskTracker::new());
        for (name, _) in desk.ledger.holds().await? {
            let held = desk
                .lives
                .all()
                .filter(|live| name.as_ref().is_none_or(|name| *name == live.channel.name));
            held.for_each(|live| live.gate.set_channel(true));
        }
        let (inlet, outlet) = mpsc::unbounded_channel::<Pending>();
        recorder.spawn(recorder::run(
            Arc::clone(&desk.ledger),
            Arc::clone(&desk.clock),
            desk.settings.clone(),
            outlet,
            fatal.clone(),
        ));
        workers.spawn(planner::run(
            Arc::clone(&desk.ledger),
            Arc::clone(&desk.clock),
            desk.lives.clone(),
            end.clone(),
        ));
        for (live, handed) in mailboxes.0 {
            let sender = Arc::new(Sender {
                live: Arc::clone(&live),
                clock: Arc::clone(&desk.clock),
                random: Arc::clone(&desk.random),
                key: desk.reference_key.clone(),
                inlet: inlet.clone(),
                events: desk.events.clone(),
                ledger: Arc::clone(&desk.ledger),
                strikes: Strikes::default(),
                limits: desk.settings.limits(),
                told: Mutex::default(),
            });
            let (feed, fed) = mpsc::channel(1);
            let feeder = Feeder {
                live: Arc::clone(&live),
                ledger: Arc::clone(&desk.ledger),
                clock: Arc::clone(&desk.clock),
                guard: Arc::clone(&desk.guard),
                end: end.clone(),
            };
            workers.spawn(feeder.run(feed));
            if live.channel.adapter.lists() {
                workers.spawn(lost_receipts::run(desk.clone(), Arc::clone(&live)));
            }
            let worker = Worker {
                live,
                ledger: Arc::clone(&desk.ledger),
                clock: Arc::clone(&desk.clock),
                organisation: Arc::clone(&desk.organisation),
                sender,
                end: end.clone(),
            };
            workers.spawn(worker.run(handed, fed));
        }
        workers.spawn(vigil::run(desk.clone()));
        Ok(Self {
            fatal,
            workers,
            recorder,
            desk: desk.clone(),
        })
    }

    /// Returns with the reason when nothing can be recorded any more: the program must end at once (exit 74) and start
    /// anew.
    pub async fn failed(&self) -> String {
        tokio::select! {
            biased;
            why = self.desk.ledger.failed() => why,
            () = self.fatal.cancelled() => "outcomes can no longer be recorded".to_owned(),
        }
    }

    /// Arms nothing more, lets what is in flight end, records it, and marks this end as one on purpose.
    ///
    /// # Errors
    /// When outcomes could not be recorded in the time that a shutdown may take; the next start finds their orphans.
    pub async fn shut_down(self) -> LedgerResult<()> {
        let (desk, clock) = (&self.desk, &self.desk.clock);
        desk.ending.cancel();
        self.workers.close();
        let longest =
            Duration::from_secs(desk.settings.shutdown_seconds).saturating_add(LAST_WORDS);
        let deadline = clock.now().plus(longest);
        let done = async {
            self.workers.wait().await;
            desk.lives.errands.finish().await;
            self.recorder.close();
            self.recorder.wait().await;
        };
        tokio::select! {
            biased;
            () = done => {}
            () = self.fatal.cancelled() => {}
            () = clock.sleep_until(deadline) => {
                let why = "outcomes could not be recorded before the end";
                return Err(LedgerError::Down(why.to_owned()));
            }
        }
        if self.fatal.is_cancelled() {
            let why = "outcomes can no longer be recorded";
            return Err(LedgerError::Down(why.to_owned()));
        }
        desk.ledger.end_cleanly(clock.wall()).await
    }
}
