//! The composition root: the one place that names concrete types and puts them together.

use crate::clock::{SystemClock, SystemRandom};
use crate::exit::{Exit, Failure};
use crate::settings::{Settings, faults};
use oyez_channels::registry::{Surroundings, build};
use oyez_dispatch::clock_guard::ClockGuard;
use oyez_dispatch::settings::{ConfiguredChannel, EngineSettings};
use oyez_dispatch::supervisor::{Mailboxes, lives};
use oyez_dispatch::{Desk, Engine};
use oyez_domain::accounts::Accounts;
use oyez_domain::channel::ChannelName;
use oyez_domain::ledger::Ledger;
use oyez_domain::reference::ReferenceKey;
use oyez_domain::{Clock, Random};
use oyez_storage::{OpenError, SqliteLedger, StorageSettings};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How the store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// This process is the one that writes.
    Write,
    /// For reading beside another process.
    Read,
}

/// Everything of one instance, not yet sending.
pub(crate) struct App {
    pub(crate) desk: Desk,
    /// Who may sign in to the console.
    pub(crate) accounts: Arc<dyn Accounts>,
    mailboxes: Mailboxes,
}

impl App {
    /// Opens the store and builds the channels. Every fault of the configuration is reported at once.
    pub(crate) fn open(settings: &Settings, access: Access) -> Result<Self, Failure> {
        let guard = Arc::new(ClockGuard::new(Arc::new(SystemClock)));
        let clock: Arc<dyn Clock> = Arc::clone(&guard) as _;
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let channels = channels(settings, &clock)?;
        let here = StorageSettings {
            machine: crate::machine::name(),
            ..settings.store.clone()
        };
        let store = match access {
            Access::Write => oyez_storage::open(&here, clock.wall(), &*random),
            Access::Read => oyez_storage::open_read_only(&here),
        };
        let store: Arc<SqliteLedger> = store.map_err(|error| store_failure(&error))?;
        let reference_key = ReferenceKey::new(&store.reference_secret());
        let engine: EngineSettings = settings.engine.clone();
        let shutdown = Duration::from_secs(engine.shutdown_seconds);
        let (lives, mailboxes) = lives(channels, &clock, shutdown);
        let accounts: Arc<dyn Accounts> = Arc::clone(&store) as _;
        let ledger: Arc<dyn Ledger> = store;
        let desk = Desk {
            organisation: Arc::new(settings.organisation.clone()),
            ledger,
            clock,
            guard,
            random,
            reference_key,
            lives,
            events: oyez_dispatch::event::Events::default(),
            public: oyez_dispatch::public::PublicChanges::default(),
            settings: engine,
            ending: CancellationToken::new(),
        };
        Ok(Self {
            desk,
            accounts,
            mailboxes,
        })
    }

    /// Starts sending.
    pub(crate) async fn start(self) -> Result<(Desk, Engine), Failure> {
        let engine = Engine::start(&self.desk, self.mailboxes)
            .await
            .map_err(|error| {
                Failure::new(
                    Exit::StorageFailed,
                    "storage_failed",
                    error.to_string(),
                    "see the log",
                )
            })?;
        Ok((self.desk, engine))
    }
}

/// The disk or the database gave up. The process ends at once, without waiting for anything.
pub(crate) fn storage_failed(why: &str) -> Failure {
    Failure::new(
        Exit::StorageFailed,
        "storage_failed",
        format!("the store failed, so nothing more is sent: {why}"),
        "look at the disk and at the system's log, then start `oyez serve` again: it finds what was on its way",
    )
}

/// The channels that are switched on, built; or every fault there is.
pub(crate) fn channels(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<ConfiguredChannel>, Failure> {
    let mut found = settings.check();
    let around = Surroundings {
        network: settings.network.open(Arc::clone(clock)),
        clock: Arc::clone(clock),
    };
    let mut channels = Vec::new();
    for (name, channel) in &settings.channels {
        // A malformed name is among the faults already.
        let Ok(name) = name.parse::<ChannelName>() else {
            continue;
        };
        for (via, weight) in channel.providers() {
            match build(&name, via, &around) {
                Ok(adapter) if channel.enabled => {
                    channels.push(ConfiguredChannel {
                        name: name.clone(),
                        settings: channel.engine(),
                        adapter,
                        weight,
                    });
                }
                Ok(_) => {}
                Err(more) => found.extend(more),
            }
        }
    }
    if found.is_empty() {
        Ok(channels)
    } else {
        Err(faults(&found))
    }
}

pub(crate) fn store_failure(error: &OpenError) -> Failure {
    let (exit, code, help) = match error {
        OpenError::Held(_) => (
            Exit::RefusedByState,
            "held_by_another",
            "stop the other `oyez serve`, or speak to it: commands find it by themselves",
        ),
        OpenError::Newer { .. } | OpenError::Foreign { .. } => (
            Exit::BadConfiguration,
            "foreign_schema",
            "use the oyez that made it, or another data_dir",
        ),
        OpenError::Missing(_) => (
            Exit::NotFound,
            "no_store",
            "start `oyez serve` once, or name another data_dir",
        ),
        OpenError::NotWritable { .. } => (
            Exit::BadConfiguration,
            "not_writable",
            "give oyez a directory of its own with store.data_dir",
        ),
        OpenError::KeyMissing(_) | OpenError::KeyUnusable { .. } => (
            Exit::BadConfiguration,
            "key_missing",
            "put the key file back from its own backup; without it no address can be read",
        ),
        OpenError::Full(_) => (
            Exit::StorageFailed,
            "no_room",
            "nothing was lost; what was on its way is found once it starts again",
        ),
        OpenError::Locked(_) => (Exit::RefusedByState, "store_locked", "nothing was changed"),
        OpenError::Corrupt { .. } | OpenError::OldEngine(_) | OpenError::Database(_) => (
            Exit::StorageFailed,
            "storage_failed",
            "restore the last backup into a new directory; do not delete this one",
        ),
    };
    Failure::new(exit, code, error.to_string(), help)
}
