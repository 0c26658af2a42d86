//! What all servers of one sandbox share: the log, the scenario being played, the task list.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock;
use crate::hook::Seen;
use crate::log::Log;
use crate::mastodon::Accounts;
use crate::notify::Postbox;
use crate::play::Play;
use crate::receipts::Courier;
use crate::scenario::Scenario;
use crate::turns::Turns;

/// The part of a sandbox that outlives each connection.
pub(crate) struct Backstage {
    pub(crate) log: Log,
    pub(crate) courier: Courier,
    pub(crate) accounts: Accounts,
    pub(crate) seen: Seen,
    pub(crate) postbox: Postbox,
    pub(crate) turns: Turns,
    play: RwLock<Arc<Play>>,
    tasks: Tasks,
    started_us: u64,
    ids: AtomicU64,
}

/// The tasks of a sandbox, so that shutting down leaves none behind.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Runs a task until it is done or the sandbox shuts down.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
    }

    pub(crate) async fn ended(&self) {
        self.tracker.wait().await;
    }
}

impl Backstage {
    pub(crate) fn new(log: Log, scenario: &Scenario, tasks: Tasks) -> Self {
        Self {
            log,
            courier: Courier::default(),
            accounts: Accounts::default(),
            seen: Seen::default(),
            postbox: Postbox::default(),
            turns: Turns::default(),
            play: RwLock::new(Arc::new(Play::new(scenario, clock::boottime_us()))),
            tasks,
            started_us: clock::boottime_us(),
            ids: AtomicU64::new(0),
        }
    }

    pub(crate) fn play(&self) -> Arc<Play> {
        Arc::clone(&self.play.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_play(&self, scenario: &Scenario) {
        *self.play.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(Play::new(scenario, clock::boottime_us()));
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// A provider's id for something it took; not repeated by a sandbox started later on this machine.
    pub(crate) fn next_id(&self) -> String {
        format!(
            "{:X}{:06X}",
            self.started_us,
            self.ids.fetch_add(1, Ordering::Relaxed)
        )
    }
}
