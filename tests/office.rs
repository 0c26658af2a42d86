//! A whole office in this process: real ledger, real adapters, real engine and doors; only the providers are played.

mod channels;
mod clock;
mod scripted;

use crate::adapters::{changed, organisation};
pub(crate) use channels::{PARTNER_SECRET, RECEIPT_TOKEN};
pub(crate) use channels::{Places, configured};
pub(crate) use clock::OfficeClock;
use clock::OfficeRandom;
use oyez_dispatch::clock_guard::ClockGuard;
use oyez_dispatch::progress::{BroadcastProgress, CountsView, Progress};
use oyez_dispatch::settings::{ConfiguredChannel, EngineSettings};
use oyez_dispatch::supervisor::Live;
use oyez_dispatch::{Desk, Engine};
use oyez_domain::accounts::Accounts;
use oyez_domain::address::Address;
use oyez_domain::channel::ChannelName;
use oyez_domain::id::{BroadcastId, SubscriberId, UpdateId};
use oyez_domain::invariants::{Evidence, Request, Verdict, judge};
use oyez_domain::ledger::{DeliveryFilter, DeliveryView, Ledger};
use oyez_domain::outcome::Reason;
use oyez_domain::parcel::Secret;
use oyez_domain::reference::ReferenceKey;
use oyez_domain::subscriber::NewSubscriber;
use oyez_domain::time::{Boot, Wall};
use oyez_domain::{Clock, Random};
use oyez_http::{HttpSettings, Listeners};
use oyez_sandbox::{LogRecord, Sandbox, SandboxSettings};
use oyez_storage::StorageSettings;
pub(crate) use scripted::Scripted;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// The longest any condition is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// An office at work.
pub(crate) struct Office {
    pub(crate) desk: Desk,
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: OfficeClock,
    /// Where its own doors are.
    pub(crate) address: SocketAddr,
    _engine: Engine,
    _doors: DropGuard,
    _folder: tempfile::TempDir,
}

impl Office {
    /// An office with these channels (see [`configured`]), whose providers follow these scripts by channel.
    pub(crate) async fn open(channels: Value, script: Value) -> Self {
        Self::with(|places| configured(&channels, &places), script).await
    }

    /// An office with channels made by the caller.
    pub(crate) async fn with(
        channels: impl FnOnce(Places) -> Vec<ConfiguredChannel>,
        script: Value,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let sandbox = SandboxSettings {
            smtp: any,
            http: any,
            log: folder.path().join("sandbox.jsonl"),
            scenario: serde_json::from_value(json!({ "channels": script })).unwrap(),
        };
        let sandbox = Sandbox::start(sandbox).await.unwrap();
        let listener = TcpListener::bind(any).await.unwrap();
        let office_clock = OfficeClock::default();
        let address = listener.local_addr().unwrap();
        let places = Places {
            clock: office_clock.clone(),
            smtp: sandbox.smtp_addr(),
            http: sandbox.http_addr(),
            office: address,
        };
        let guard = Arc::new(ClockGuard::new(Arc::new(office_clock.clone())));
        let clock: Arc<dyn Clock> = Arc::clone(&guard) as _;
        let store = StorageSettings::in_directory(folder.path().join("store"));
        let ledger = oyez_storage::open(&store, clock.wall(), &OfficeRandom).unwrap();
        let accounts = Arc::clone(&ledger) as _;
        let settings = EngineSettings::default();
        let shutdown = Duration::from_secs(settings.shutdown_seconds);
        let (lives, mailboxes) =
            oyez_dispatch::supervisor::lives(channels(places), &clock, shutdown);
        let desk = Desk {
            organisation: Arc::new(organisation()),
            reference_key: ReferenceKey::new(&ledger.reference_secret()),
            ledger,
            clock,
            guard,
            ending: CancellationToken::new(),
            random: Arc::new(OfficeRandom),
            lives,
            events: oyez_dispatch::event::Events::default(),
            public: oyez_dispatch::public::PublicChanges::default(),
            settings,
        };
        let engine = Engine::start(&desk, mailboxes).await.unwrap();
        Self {
            _doors: open_doors(listener, &desk, accounts),
            desk,
            sandbox,
            clock: office_clock,
            address,
            _engine: engine,
            _folder: folder,
        }
    }

    /// Adds people number 1 to `many`, each with an email address and a mobile number that end in their number.
    pub(crate) async fn populate(&self, many: u32) {
        let by = self.desk.by("test");
        let person = |number: u32| {
            let mut random = [0; 10];
            OfficeRandom.fill(&mut random);
            NewSubscriber {
                id: SubscriberId::new(by.at, random),
                addresses: vec![
                    Address::email(&email(number)).unwrap(),
                    Address::uk_telephone(&mobile(number)).unwrap(),
                ],
                topics: Vec::new(),
                language: "en".to_owned(),
            }
        };
        let people: Vec<_> = (1..=many).map(person).collect();
        let ledger = &self.desk.ledger;
        ledger.add_subscribers(&people, &by).await.unwrap();
    }

    /// Registers partners' endpoints, each at the provider's `channel`.
    pub(crate) async fn partners(&self, channel: &str, names: &[&str]) {
        for name in names {
            let url = format!("http://{}/{channel}/hook/{name}", self.sandbox.http_addr());
            let secret = Secret::new(PARTNER_SECRET);
            let desk = &self.desk;
            desk.put_endpoint(name, &url, &secret, "test")
                .await
                .unwrap();
        }
    }

    /// Opens an incident; its identifier.
    pub(crate) async fn open_incident(&self) -> String {
        let draft = serde_json::from_value(json!({ "title": "Cyber security incident" })).unwrap();
        let opened = self.desk.open_incident(draft, None, "test").await.unwrap();
        opened.value.id.to_string()
    }

    /// Writes an update, of an incident of its own unless `changes` name one.
    pub(crate) async fn write_update(&self, changes: Value) -> UpdateId {
        let incident = self.open_incident().await;
        let draft = json!({
            "incident": incident,
            "headline": "Do not cancel your Direct Debit",
            "what_to_do": ["Keep enough money in your account."],
            "next_update_by": "none",
        });
        let draft = serde_json::from_value(changed(draft, changes)).unwrap();
        let written = self.desk.write_update(draft, None, "test").await.unwrap();
        written.value.id
    }

    /// Releases an update.
    pub(crate) async fn release(&self, update: UpdateId) -> Progress {
        let released = self.desk.release(update, None, "test").await.unwrap();
        released.value
    }

    /// Writes an update to everybody and releases it.
    pub(crate) async fn put_out(&self) -> UpdateId {
        let update = self.write_update(json!({})).await;
        self.release(update).await;
        update
    }

    /// Waits until a condition holds; fails the test when it does not in time.
    #[track_caller]
    pub(crate) fn until(
        &self,
        what: &str,
        condition: impl AsyncFn() -> bool,
    ) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let deadline = self.now().plus(PATIENCE);
            while !condition().await {
                assert!(self.now() < deadline, "{place}: {what}: not within 30 s");
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// Looks at a condition again and again for a while: it has to hold each time.
    pub(crate) async fn throughout(&self, span: Duration, condition: impl AsyncFn() -> bool) {
        let end = self.now().plus(span);
        while self.now() < end {
            assert!(condition().await, "it held at first, then no longer");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until nothing of an update is pending, and returns how it ended.
    pub(crate) async fn finish(&self, update: UpdateId) -> Progress {
        self.until("the update is settled", async || {
            self.progress(update).await.finished
        })
        .await;
        self.progress(update).await
    }

    /// Waits until a channel has accepted so many of an update.
    pub(crate) async fn accepted(&self, update: UpdateId, channel: &str, many: u64) {
        self.until("so many are accepted", async || {
            self.counts(update, channel).await.accepted >= many
        })
        .await;
    }

    /// A channel as it runs.
    pub(crate) fn live(&self, channel: &str) -> &Live {
        self.desk.lives.get(&name(channel)).unwrap()
    }

    /// The reason why a channel sends nothing at the moment, if so.
    pub(crate) fn pause(&self, channel: &str) -> Option<Reason> {
        self.live(channel).pause().map(|pause| pause.reason)
    }

    /// Turns the clock to the moment at which a paused channel does what it does next.
    pub(crate) async fn turn_to_next_try(&self, channel: &str) {
        let next = async || {
            let until = self.live(channel).pause().and_then(|pause| pause.until);
            until.filter(|until| *until > self.desk.clock.wall())
        };
        self.until("the channel says when it goes on", async || {
            next().await.is_some()
        })
        .await;
        if let Some(until) = next().await {
            self.turn_clock(until.since(self.desk.clock.wall()));
        }
    }

    /// How an update goes.
    pub(crate) async fn progress(&self, update: UpdateId) -> Progress {
        self.desk.progress(update).await.unwrap()
    }

    /// How an update goes on one channel.
    pub(crate) async fn broadcast(&self, update: UpdateId, channel: &str) -> BroadcastProgress {
        let broadcasts = self.progress(update).await.broadcasts;
        let mut found = broadcasts.into_iter();
        found.find(|b| b.channel.as_str() == channel).unwrap()
    }

    /// How many recipients stand where, on one channel.
    pub(crate) async fn counts(&self, update: UpdateId, channel: &str) -> CountsView {
        self.broadcast(update, channel).await.counts
    }

    /// One recipient's delivery.
    pub(crate) async fn delivery(&self, update: UpdateId, address: Address) -> DeliveryView {
        let filter = DeliveryFilter {
            address: Some(address),
            limit: 10,
            ..DeliveryFilter::default()
        };
        let mut found = self.desk.deliveries(update, &filter).await.unwrap();
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    /// What a provider saw, in the order of time.
    pub(crate) fn log(&self, channel: &str) -> Vec<LogRecord> {
        let mut records = self.sandbox.records().unwrap();
        records.retain(|record| record.channel == channel);
        records
    }

    /// How often each address was reached on a channel.
    pub(crate) fn reached(&self, channel: &str) -> BTreeMap<String, u64> {
        let mut reached = BTreeMap::new();
        for record in self.log(channel).into_iter().filter(|r| r.effect) {
            *reached.entry(record.to).or_default() += 1;
        }
        reached
    }

    /// What reached somebody of one broadcast: when, in microseconds since the machine started, and whom.
    pub(crate) fn effects(&self, channel: &str, broadcast: BroadcastId) -> Vec<(u64, String)> {
        let ours = |record: &LogRecord| {
            let place = self.desk.reference_key.open(&record.key);
            record.effect && place.is_some_and(|(id, _)| id == broadcast)
        };
        let records = self.log(channel).into_iter().filter(ours);
        records.map(|record| (record.t_us, record.to)).collect()
    }

    /// Time since the machine started, as the log counts it.
    pub(crate) fn now(&self) -> Boot {
        self.desk.clock.now()
    }

    /// Turns the office's clock forward. From then on times of the log are earlier than the office's.
    pub(crate) fn turn_clock(&self, by: Duration) {
        self.clock.turn(by);
    }

    /// The same in microseconds.
    pub(crate) fn now_us(&self) -> u64 {
        u64::try_from(self.now().0.as_micros()).unwrap()
    }

    /// What the judge finds in ledger and log.
    pub(crate) async fn verdict(&self) -> Verdict {
        let ledger: &dyn Ledger = &*self.desk.ledger;
        let records = self.sandbox.records().unwrap();
        let request = |record: LogRecord| {
            let machine = Boot(Duration::from_micros(record.t_us));
            // The log is written by the machine's clock, the ledger by the office's.
            let ahead = self.clock.ahead_at(machine);
            Request {
                place: self.desk.reference_key.open(&record.key),
                at: Wall::from(record.wall).plus(ahead),
                since_boot: machine.plus(ahead),
                effect: record.effect,
                refused_us: matches!(record.reply.as_str(), "401" | "402" | "403"),
                not_before: None,
                provider: record.channel,
                to: record.to,
            }
        };
        let rules = self.desk.lives.all().map(|live| {
            let channel = &live.channel;
            let rules = channel
                .settings
                .rules(channel.adapter.capabilities(), &self.desk.settings);
            (channel.name.clone(), rules)
        });
        let mut evidence = Evidence {
            system: ledger.system_evidence().await.unwrap(),
            requests: Some(records.into_iter().map(request).collect()),
            unclean_ends: ledger.unclean_ends().await.unwrap(),
            rules: rules.collect(),
            ..Evidence::default()
        };
        for id in ledger.broadcast_ids().await.unwrap() {
            evidence.broadcasts.push(ledger.evidence(id).await.unwrap());
        }
        judge(&evidence)
    }

    /// Insists that no invariant is broken, nothing lost and nobody reached twice.
    pub(crate) async fn is_in_order(&self) -> Verdict {
        let verdict = self.verdict().await;
        assert_eq!(verdict.violations, [] as [String; 0]);
        assert_eq!((verdict.lost, verdict.duplicates), (0, 0));
        verdict
    }
}

/// The API and the callbacks, for as long as the guard lives.
fn open_doors(listener: TcpListener, desk: &Desk, accounts: Arc<dyn Accounts>) -> DropGuard {
    let end = CancellationToken::new();
    let settings = HttpSettings {
        listen: listener.local_addr().unwrap(),
        ..HttpSettings::default()
    };
    let listeners = Listeners {
        network: vec![listener],
        socket: None,
    };
    let doors = oyez_http::serve(listeners, settings, desk.clone(), accounts, end.clone());
    TaskTracker::new().spawn(doors);
    end.drop_guard()
}

/// The email address of a numbered person.
pub(crate) fn email(number: u32) -> String {
    format!("resident{number:05}@demo.invalid")
}

/// The mobile number of a numbered person.
pub(crate) fn mobile(number: u32) -> String {
    format!("+4479{number:08}")
}

/// A channel's name.
pub(crate) fn name(channel: &str) -> ChannelName {
    channel.parse().unwrap()
}

/// The most of these moments (in microseconds) that fall into any one second.
pub(crate) fn busiest_second(moments: &[u64]) -> usize {
    let until = |from: &u64| moments.partition_point(|at| *at < from + 1_000_000);
    let counts = moments.iter().enumerate();
    counts.map(|(n, from)| until(from) - n).max().unwrap_or(0)
}
