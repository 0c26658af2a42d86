//! One start of the program: the real desk and engine on a runtime of their own, which stands still when it has
//! nothing to do and can be dropped at any moment.

use super::store::SimLedger;
use super::world::World;
use crate::clock_guard::ClockGuard;
use crate::desk::Desk;
use crate::event::Events;
use crate::public::PublicChanges;
use crate::settings::{ConfiguredChannel, EngineSettings};
use crate::supervisor::{self, Engine};
use oyez_domain::ledger::Ledger;
use oyez_domain::organisation::Organisation;
use oyez_domain::{Clock, Random};
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

/// How a start ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was asked to, and did.
    OnPurpose,
    /// The store could no longer be written, or another start has taken over.
    Fatally,
}

/// One start of the program. Dropping it is a crash.
pub(crate) struct Program {
    runtime: Runtime,
    idle: Arc<Idle>,
    pub(crate) desk: Desk,
    end: CancellationToken,
    ended: Arc<Mutex<Option<Ended>>>,
}

impl Program {
    /// Starts the engine on a ledger that has just been opened.
    pub(crate) fn start(
        world: &Arc<World>,
        guard: &Arc<ClockGuard>,
        ledger: SimLedger,
        channels: Vec<ConfiguredChannel>,
        settings: EngineSettings,
    ) -> Self {
        let idle = Arc::new(Idle::default());
        let parked = Arc::clone(&idle);
        let runtime = Builder::new_current_thread()
            .on_thread_park(move || parked.nothing_to_do())
            .build()
            .unwrap();
        let clock: Arc<dyn Clock> = if world.bugs.expiry_on_jump {
            Arc::clone(&world.clock) as _
        } else {
            Arc::clone(guard) as _
        };
        let shutdown = Duration::from_secs(settings.shutdown_seconds);
        let (lives, mailboxes) = supervisor::lives(channels, &clock, shutdown);
        let desk = Desk {
            organisation: Arc::new(organisation()),
            ledger: Arc::new(ledger),
            clock,
            guard: Arc::clone(guard),
            random: Arc::new(world.chance.fork()) as Arc<dyn Random>,
            reference_key: world.key.clone(),
            lives,
            events: Events::default(),
            public: PublicChanges::default(),
            settings,
            ending: CancellationToken::new(),
        };
        let (end, ended) = (CancellationToken::new(), Arc::new(Mutex::new(None)));
        let run = {
            let (desk, end, ended) = (desk.clone(), end.clone(), Arc::clone(&ended));
            async move {
                let how = match Engine::start(&desk, mailboxes).await {
                    Ok(engine) => until_the_end(engine, &*desk.ledger, &end).await,
                    Err(_) => Ended::Fatally,
                };
                *ended.lock().unwrap() = Some(how);
            }
        };
        runtime.spawn(run);
        Self {
            runtime,
            idle,
            desk,
            end,
            ended,
        }
    }

    /// Somebody does something at the desk.
    pub(crate) fn spawn(&self, deed: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(deed);
    }

    /// Runs until everything in it waits for the clock or for somebody else.
    pub(crate) fn run(&self) {
        self.runtime.block_on(self.idle.wait());
    }

    /// Asks it to end on purpose.
    pub(crate) fn shut_down(&self) {
        self.end.cancel();
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<Ended> {
        *self.ended.lock().unwrap()
    }
}

async fn until_the_end(engine: Engine, ledger: &dyn Ledger, end: &CancellationToken) -> Ended {
    tokio::select! {
        biased;
        _ = engine.failed() => return Ended::Fatally,
        _ = ledger.failed() => return Ended::Fatally,
        () = end.cancelled() => {}
    }
    match engine.shut_down().await {
        Ok(()) => Ended::OnPurpose,
        Err(_) => Ended::Fatally,
    }
}

/// Notices that a runtime has nothing left to run.
#[derive(Default)]
struct Idle {
    parked: AtomicBool,
    waiting: Mutex<Option<Waker>>,
}

impl Idle {
    /// The runtime is about to park.
    fn nothing_to_do(&self) {
        self.parked.store(true, Ordering::Relaxed);
        let waker = self.waiting.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Returns when the runtime has nothing left to run.
    fn wait(&self) -> impl Future<Output = ()> + '_ {
        self.parked.store(false, Ordering::Relaxed);
        poll_fn(|context| {
            if self.parked.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            *self.waiting.lock().unwrap() = Some(context.waker().clone());
            Poll::Pending
        })
    }
}

fn organisation() -> Organisation {
    Organisation {
        name: "Westminster City Council".to_owned(),
        gss: String::new(),
        contact_telephone: String::new(),
        public_host: "updates.test".to_owned(),
        public_url: "https://updates.test".to_owned(),
        time_zone: "Europe/London".to_owned(),
        closed_on: Vec::new(),
    }
}
