//! One provider's worker: takes windows, paces them, keeps C requests in flight, gives back what must not leave.
//!
//! It sends in order, so that what is unsent is always the end of a window.

use crate::breaker::Leave;
use crate::feeder::Fed;
use crate::pace::{Pace, Slot};
use crate::sender::{Job, Sender};
use crate::supervisor::{Live, Visit};
use oyez_domain::id::UpdateId;
use oyez_domain::ledger::{Ledger, Window};
use oyez_domain::notice::Notice;
use oyez_domain::organisation::Organisation;
use oyez_domain::rendered::Rendered;
use oyez_domain::time::Wall;
use oyez_domain::{Clock, LedgerError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A pause longer than this gives armed windows back instead of waiting with them.
const KEEP_ARMED: Duration = Duration::from_secs(2);
/// A window that takes longer gives its rest back, so that something urgent can go before it.
const LONGEST_WINDOW: Duration = Duration::from_secs(1);
/// While a share of the limit is in use, the share is looked at this often.
const LOOK_AT_SHARE: Duration = Duration::from_secs(1);
/// Rendered messages kept at most.
const MESSAGES_KEPT: usize = 64;

/// One provider's worker.
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
    messages: BTreeMap<(UpdateId, String), Option<Arc<Rendered>>>,
    /// At most C.
    flying: JoinSet<()>,
}

/// One delivery's leave to go.
struct Leaves {
    /// One of D.
    permit: OwnedSemaphorePermit,
    /// Its place at the partner, if it goes to one.
    visit: Option<Visit>,
    /// Or until when that partner is left alone.
    rests_until: Option<Wall>,
}

impl Worker {
    /// Works until it is told to end; then finishes what is in flight and gives back the rest.
    ///
    /// `handed` brings first windows armed by a release, `fed` those that the feeder arms.
    pub(crate) async fn run(
        self,
        mut handed: mpsc::UnboundedReceiver<Fed>,
        mut fed: mpsc::Receiver<Fed>,
    ) {
        let mut round = self.round();
        loop {
            let next = tokio::select! {
                biased;
                () = self.end.cancelled() => None,
                Some(fed) = handed.recv() => Some(fed),
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
        handed.close();
        while let Ok(fed) = handed.try_recv() {
            self.give_back(&fed.window, 0).await;
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
            messages: BTreeMap::new(),
            flying: JoinSet::new(),
        }
    }

    async fn finish(&self, round: &mut Round) {
        let deadline = self.clock.now().plus(self.live.shutdown);
        tokio::select! {
            biased;
            () = async { while round.flying.join_next().await.is_some() {} } => {}
            () = self.clock.sleep_until(deadline) => {
                tracing::warn!(channel.name = %self.live.channel.name, left = round.flying.len(), "requests still in flight at the end");
            }
        }
    }

    /// Sends one window in order, or gives its unsent rest back.
    async fn work(&self, round: &mut Round, fed: Fed) {
        let Fed {
            window,
            round: armed_in,
            turn,
            mut probe,
        } = fed;
        // Where an orphan needs a person, nothing is armed ahead; elsewhere the next window is armed meanwhile.
        let _turn = turn.filter(|_| self.live.channel.holds_unknown(window.urgent));
        let began = self.clock.now();
        if round.flying.is_empty() {
            round.pace.restart(began);
        }
        let bound = self.live.bounds.of(&window);
        let mut long_enough = self.clock.sleep_until(began.plus(LONGEST_WINDOW));
        let mut sent = 0;
        for (at, armed) in window.armed.iter().enumerate() {
            let rendered = self
                .message(&mut round.messages, window.update, &armed.language)
                .await;
            let leaves = tokio::select! {
                biased;
                () = self.end.cancelled() => None,
                () = self.live.gate.closes(window.broadcast, armed_in) => None,
                leaves = self.leaves(round, &bound, &armed.destination, probe.is_some()) => leaves,
                () = &mut long_enough, if at > 0 => None,
            };
            let Some(leaves) = leaves else {
                self.give_back(&window, at).await;
                break;
            };
            let job = Job {
                window: window.id,
                broadcast: window.broadcast,
                update: window.update,
                urgent: window.urgent,
                asked: window.asked,
                duplicate_bound: window.duplicate_bound,
                expires_at: window.expires_at,
                armed: armed.clone(),
                rendered,
                rests_until: leaves.rests_until,
                permit: leaves.permit,
            };
            let (sender, visit, probe) = (Arc::clone(&self.sender), leaves.visit, probe.take());
            round.flying.spawn(async move {
                sender.send(job).await;
                drop((visit, probe));
            });
            sent = at + 1;
        }
        let took = self.clock.now().since(began);
        self.live.ahead.worked(sent, took);
    }

    /// Returns when the next delivery may leave; nothing when it must not for long. One for a partner who is left
    /// alone takes no slot, and neither one of C nor of the pace.
    async fn leaves(
        &self,
        round: &mut Round,
        bound: &Arc<Semaphore>,
        destination: &str,
        is_probe: bool,
    ) -> Option<Leaves> {
        let (visit, rests_until) = match self.live.visit(destination) {
            Ok(visit) => (visit, None),
            Err(until) => (None, Some(until)),
        };
        if rests_until.is_none() {
            self.place(round).await;
        }
        let permit = Arc::clone(bound).acquire_owned().await.ok()?;
        if rests_until.is_none() && !is_probe {
            self.stay_paused().await?;
        }
        if rests_until.is_none() {
            self.slot(&mut round.pace).await;
        }
        // A pause may have begun while this one waited for its slot.
        if rests_until.is_none() && !is_probe {
            self.stay_paused().await?;
        }
        Some(Leaves {
            permit,
            visit,
            rests_until,
        })
    }

    /// Waits until there are fewer requests in flight than there may be: C, or a share of it where no limit in
    /// messages a second can be lowered instead.
    async fn place(&self, round: &mut Round) {
        while round.flying.try_join_next().is_some() {}
        loop {
            let pace = &self.live.channel.settings.pace;
            let share = match pace.rate_per_second {
                Some(_) => 1.0,
                None => self.live.share(),
            };
            let places = (f64::from(pace.concurrency) * share).ceil();
            if (round.flying.len() as f64) < places || round.flying.join_next().await.is_none() {
                return;
            }
        }
    }

    /// Waits out a short pause; nothing when it is too long to wait with an armed window.
    async fn stay_paused(&self) -> Option<()> {
        loop {
            let now = self.clock.now();
            match self.live.breakers.leave(now) {
                Leave::Now => return Some(()),
                Leave::At(until) if until.since(now) <= KEEP_ARMED => {
                    self.clock.sleep_until(until).await;
                }
                Leave::At(_) | Leave::No => return None,
            }
        }
    }

    async fn slot(&self, pace: &mut Pace) {
        loop {
            let (now, share) = (self.clock.now(), self.live.share());
            let Slot::At(when) = pace.take(now, share) else {
                return;
            };
            let look = if share < 1.0 {
                when.min(now.plus(LOOK_AT_SHARE))
            } else {
                when
            };
            self.clock.sleep_until(look).await;
        }
    }

    /// The message of an update in a language, rendered once; nothing when it cannot be made.
    async fn message(
        &self,
        messages: &mut BTreeMap<(UpdateId, String), Option<Arc<Rendered>>>,
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
                Err(LedgerError::Busy(_) | LedgerError::Full(_)) => {
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
