//! One channel's worker: takes windows, paces them, keeps C requests in flight, gives back what must not leave.
//!
//! It sends in order, so that what is unsent is always the end of a window.

use crate::feeder::Fed;
use crate::pace::{Pace, Slot};
use crate::sender::{Job, Sender};
use crate::supervisor::Live;
use oyez_domain::id::{BroadcastId, UpdateId};
use oyez_domain::ledger::{Ledger, Window};
use oyez_domain::notice::Notice;
use oyez_domain::organisation::Organisation;
use oyez_domain::rendered::Rendered;
use oyez_domain::{Clock, LedgerError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A pause longer than this gives armed windows back instead of waiting with them.
const KEEP_ARMED: Duration = Duration::from_secs(10);
/// Rendered messages kept at most.
const MESSAGES_KEPT: usize = 64;

/// One channel's worker.
pub(crate) struct Worker {
    pub(crate) live: Arc<Live>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) organisation: Arc<Organisation>,
    pub(crate) sender: Arc<Sender>,
    pub(crate) end: CancellationToken,
}

/// What a worker keeps between windows.
struct Round {
    pace: Pace,
    /// C.
    concurrency: Arc<Semaphore>,
    /// D of each broadcast.
    bounds: HashMap<BroadcastId, Arc<Semaphore>>,
    messages: HashMap<(UpdateId, String), Option<Arc<Rendered>>>,
    flying: JoinSet<()>,
}

impl Worker {
    /// Works until it is told to end; then finishes what is in flight and gives back the rest.
    ///
    /// `handed` brings first windows armed by a release, `fed` those that the feeder arms.
    pub(crate) async fn run(
        self,
        mut handed: mpsc::UnboundedReceiver<Window>,
        mut fed: mpsc::Receiver<Fed>,
    ) {
        let mut round = self.round();
        loop {
            let next = tokio::select! {
                biased;
                () = self.end.cancelled() => None,
                Some(window) = handed.recv() => Some(Fed { window, turn: None }),
                fed = fed.recv() => fed,
            };
            match next {
                Some(fed) => self.work(&mut round, fed).await,
                None => break,
            }
        }
        // The feeder ends as well, so this ends.
        while let Some(fed) = fed.recv().await {
            self.give_back(&fed.window, 0).await;
        }
        while let Ok(window) = handed.try_recv() {
            self.give_back(&window, 0).await;
        }
        self.finish(&mut round).await;
    }

    fn round(&self) -> Round {
        let settings = &self.live.channel.settings.pace;
        Round {
            pace: Pace::new(
                settings.rate_per_second,
                settings.declared_burst(),
                self.clock.now(),
            ),
            concurrency: Arc::new(Semaphore::new(settings.concurrency as usize)),
            bounds: HashMap::new(),
            messages: HashMap::new(),
            flying: JoinSet::new(),
        }
    }

    async fn finish(&self, round: &mut Round) {
        let deadline = self.clock.now().plus(self.live.shutdown);
        tokio::select! {
            () = async { while round.flying.join_next().await.is_some() {} } => {}
            () = self.clock.sleep_until(deadline) => {
                tracing::warn!(channel.name = %self.live.channel.name, left = round.flying.len(), "requests still in flight at the end");
            }
        }
    }

    /// Sends one window in order, or gives its unsent rest back.
    async fn work(&self, round: &mut Round, fed: Fed) {
        let Fed { window, turn } = fed;
        // Where an orphan needs a person, nothing is armed ahead; elsewhere the next window is armed meanwhile.
        let _turn = turn.filter(|_| self.live.channel.holds_unknown());
        if round.flying.is_empty() {
            round.pace.restart(self.clock.now());
        }
        let bound = round.bound(&window);
        for (at, armed) in window.armed.iter().enumerate() {
            let rendered = self
                .message(&mut round.messages, window.update, &armed.language)
                .await;
            let ready = tokio::select! {
                biased;
                () = self.end.cancelled() => None,
                () = self.live.gate.closes(window.broadcast) => None,
                ready = self.ready(round, &bound) => ready,
            };
            let Some((here, permit)) = ready else {
                self.give_back(&window, at).await;
                return;
            };
            let job = Job {
                window: window.id,
                broadcast: window.broadcast,
                update: window.update,
                expires_at: window.expires_at,
                armed: armed.clone(),
                rendered,
                permit,
            };
            let sender = Arc::clone(&self.sender);
            round.flying.spawn(async move {
                sender.send(job).await;
                drop(here);
            });
            while round.flying.try_join_next().is_some() {}
        }
    }

    /// Returns with one of C and one of D when the next delivery may leave; nothing when it must not for long.
    async fn ready(
        &self,
        round: &mut Round,
        bound: &Arc<Semaphore>,
    ) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let here = Arc::clone(&round.concurrency).acquire_owned().await.ok()?;
        let permit = Arc::clone(bound).acquire_owned().await.ok()?;
        self.stay_paused().await?;
        self.slot(&mut round.pace).await;
        // A pause may have begun while this one waited for its slot.
        self.stay_paused().await?;
        Some((here, permit))
    }

    /// Waits out a pause; nothing when it is too long to wait with an armed window.
    async fn stay_paused(&self) -> Option<()> {
        while let Some(pause) = self.live.health.pause(self.clock.wall()) {
            let wait = pause.until.since(self.clock.wall());
            if wait > KEEP_ARMED {
                return None;
            }
            self.clock.sleep_until(self.clock.now().plus(wait)).await;
        }
        Some(())
    }

    async fn slot(&self, pace: &mut Pace) {
        while let Slot::At(when) = pace.take(self.clock.now()) {
            self.clock.sleep_until(when).await;
        }
    }

    /// The message of an update in a language, rendered once; nothing when it cannot be made.
    async fn message(
        &self,
        messages: &mut HashMap<(UpdateId, String), Option<Arc<Rendered>>>,
        update: UpdateId,
        language: &str,
    ) -> Option<Arc<Rendered>> {
        let languages = &self.live.channel.settings.languages;
        let language = languages
            .iter()
            .find(|known| *known == language)
            .or(languages.first())?;
        if let Some(known) = messages.get(&(update, language.clone())) {
            return known.clone();
        }
        let rendered = match self.render(update, language).await {
            Ok(rendered) => Some(Arc::new(rendered)),
            Err(error) => {
                tracing::error!(channel.name = %self.live.channel.name, update.id = %update, error, "the message cannot be made");
                None
            }
        };
        if messages.len() >= MESSAGES_KEPT {
            messages.clear();
        }
        messages.insert((update, language.clone()), rendered.clone());
        rendered
    }

    async fn render(&self, update: UpdateId, language: &str) -> Result<Rendered, String> {
        let statement = self
            .ledger
            .statement(update)
            .await
            .map_err(|error| error.to_string())?;
        let notice = Notice {
            language: language.to_owned(),
            ..crate::desk::notice(&self.organisation, statement)
        };
        self.live
            .channel
            .adapter
            .render(&notice)
            .map_err(|fault| fault.to_string())
    }

    /// Gives back a window's deliveries from the `at`-th on. What cannot be given back is found as orphans later.
    async fn give_back(&self, window: &Window, at: usize) {
        let Some(armed) = window.armed.get(at) else {
            return;
        };
        for _ in 0..50 {
            match self
                .ledger
                .disarm(window.id, armed.ordinal, self.clock.wall())
                .await
            {
                Ok(()) => return,
                Err(LedgerError::Busy(_)) => {
                    self.clock
                        .sleep_until(self.clock.now().plus(Duration::from_millis(100)))
                        .await;
                }
                Err(error) => {
                    tracing::error!(%error, window = window.id.0, "unsent deliveries could not be given back");
                    return;
                }
            }
        }
    }
}

impl Round {
    /// The permits of a window's broadcast: D in all, each held until its outcome is durable.
    fn bound(&mut self, window: &Window) -> Arc<Semaphore> {
        // Permits on loan keep their semaphore alive; only what nobody uses is forgotten.
        self.bounds
            .retain(|id, bound| *id == window.broadcast || Arc::strong_count(bound) > 1);
        let permits = window.duplicate_bound as usize;
        Arc::clone(
            self.bounds
                .entry(window.broadcast)
                .or_insert_with(|| Arc::new(Semaphore::new(permits))),
        )
    }
}
