//! Starts and stops the loops, and knows every channel that runs.

use crate::desk::Desk;
use crate::errands::Errands;
use crate::feeder::{Fed, Feeder};
use crate::gate::Round;
pub use crate::live::Live;
use crate::live::through_each;
pub(crate) use crate::live::{Probe, Visit};
use crate::lost_receipts;
use crate::planner;
use crate::recorder::{self, Pending};
use crate::sender::Sender;
use crate::settings::ConfiguredChannel;
use crate::strikes::Strikes;
use crate::vigil;
use crate::worker::Worker;
use oyez_domain::channel::ChannelName;
use oyez_domain::id::BroadcastId;
use oyez_domain::ledger::Window;
use oyez_domain::{Clock, LedgerError, LedgerResult};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The channels that run, by name.
#[derive(Clone)]
pub struct Lives {
    /// Each with its providers, first first; there is at least one.
    by_name: Arc<BTreeMap<ChannelName, Vec<Arc<Live>>>>,
    planner: Arc<Notify>,
    pub(crate) errands: Errands,
}

impl Lives {
    /// The names in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &ChannelName> {
        self.by_name.keys()
    }

    /// One channel, as it runs through its first provider.
    pub fn get(&self, name: &ChannelName) -> Option<&Live> {
        self.providers(name).next()
    }

    /// One channel as it runs through each of its providers.
    pub fn providers(&self, name: &ChannelName) -> impl Iterator<Item = &Live> {
        let of_one = self.by_name.get(name).into_iter().flatten();
        of_one.map(AsRef::as_ref)
    }

    /// One channel as it runs through its provider of this kind, or through its first.
    pub fn named(&self, name: &ChannelName, provider: Option<&str>) -> Option<&Live> {
        let is_meant = |live: &&Live| Some(live.channel.kind()) == provider;
        let meant = self.providers(name).find(is_meant);
        meant.or_else(|| self.get(name))
    }

    /// Every channel, as it runs through its first provider.
    pub fn all(&self) -> impl Iterator<Item = &Live> {
        let channels = self.by_name.values();
        channels.filter_map(|of_one| of_one.first().map(AsRef::as_ref))
    }

    /// Every provider of every channel.
    pub fn every(&self) -> impl Iterator<Item = &Live> {
        self.by_name.values().flatten().map(AsRef::as_ref)
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
        let mut of_one = self.by_name.get(channel).into_iter().flatten();
        let Some(window) = window else {
            of_one.for_each(|live| live.bell.notify_one());
            return None;
        };
        match of_one.find(|live| live.channel.kind() == window.provider) {
            Some(live) => {
                let fed = Fed {
                    window,
                    round,
                    turn: None,
                    probe: None,
                };
                let sent = live.handed.send(fed);
                sent.err().map(|refused| refused.0.window)
            }
            None => Some(window),
        }
    }

    /// Wakes every worker, now or when it next waits. A bell is for speed only: all work is found in the ledger.
    pub fn ring_all(&self) {
        self.every().for_each(|live| live.bell.notify_one());
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
        if let Some(live) = self.get(channel) {
            live.gate.shut_broadcast_ahead(broadcast);
        }
    }

    /// Shuts or opens the gate of one broadcast, as the ledger has it.
    pub fn set_gate(&self, channel: &ChannelName, broadcast: BroadcastId, shut: bool) {
        if let Some(live) = self.get(channel) {
            live.gate.set_broadcast(broadcast, shut);
        }
    }
}

/// The mailboxes of the workers, made with [`Lives`] and given to [`Engine::start`].
pub struct Mailboxes(Vec<(Arc<Live>, mpsc::UnboundedReceiver<Fed>)>);

/// Prepares the channels, so that a desk can be made before the engine starts. Entries of the same name are one channel's
/// providers, first first.
pub fn lives(
    channels: Vec<ConfiguredChannel>,
    clock: &Arc<dyn Clock>,
    shutdown: Duration,
) -> (Lives, Mailboxes) {
    let mut grouped: BTreeMap<ChannelName, Vec<ConfiguredChannel>> = BTreeMap::new();
    for channel in channels {
        let of_one = grouped.entry(channel.name.clone()).or_default();
        of_one.push(channel);
    }
    let (mut by_name, mut mailboxes) = (BTreeMap::new(), Vec::new());
    for (name, of_one) in grouped {
        let started = through_each(of_one, clock, shutdown);
        let lives: Vec<_> = started.iter().map(|(live, _)| Arc::clone(live)).collect();
        by_name.insert(name, lives);
        mailboxes.extend(started);
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
    /// Starts a worker for each provider of each channel, the planner and the recorder.
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
                events: desk.events.clone(),
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
