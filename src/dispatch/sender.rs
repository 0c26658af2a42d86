//! One delivery on its way: attempted, told, handed to the recorder, and counted apart from the ledger.

mod attempt;
mod telling;

use crate::event::Events;
use crate::pause::Moment;
use crate::recorder::{Inlet, Pending};
use crate::runaway::{Departure, Limits};
use crate::strikes::Strikes;
use crate::supervisor::Live;
use attempt::Attempted;
pub(crate) use attempt::send;
use oyez_domain::channel::Family;
use oyez_domain::id::{BroadcastId, UpdateId};
use oyez_domain::ledger::{Answer, Armed, By, Follow, Ledger, Recorded, WindowId};
use oyez_domain::outcome::{Outcome, OutcomeCode, Reason, Verdict};
use oyez_domain::reference::ReferenceKey;
use oyez_domain::rendered::Rendered;
use oyez_domain::time::{Boot, Wall};
use oyez_domain::{Clock, LedgerError, Random};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// What a send needs beside the parcel.
pub(crate) struct Sender {
    pub(crate) live: Arc<Live>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) key: ReferenceKey,
    pub(crate) inlet: Inlet,
    pub(crate) events: Events,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) strikes: Strikes,
    /// What one recipient may get.
    pub(crate) limits: Limits,
    /// Broadcast and reason told already: each is said once, the counts say the rest.
    pub(crate) told: Mutex<HashSet<(BroadcastId, Reason)>>,
}

/// One armed delivery with what its window says about it.
pub(crate) struct Job {
    pub(crate) window: WindowId,
    pub(crate) broadcast: BroadcastId,
    pub(crate) update: UpdateId,
    pub(crate) urgent: bool,
    /// The broadcast's audience.
    pub(crate) asked: u64,
    /// D of the broadcast.
    pub(crate) duplicate_bound: u32,
    pub(crate) expires_at: Wall,
    pub(crate) armed: Armed,
    pub(crate) rendered: Option<Arc<Rendered>>,
    /// Until when the partner it goes to is left alone; it is put off until then.
    pub(crate) rests_until: Option<Wall>,
    /// One of D.
    pub(crate) permit: OwnedSemaphorePermit,
}

impl Sender {
    /// Sends one delivery and hands its outcome to the recorder.
    pub(crate) async fn send(&self, job: Job) {
        let Attempted {
            verdict,
            follow,
            sent_at,
        } = self.attempt(&job).await;
        let now = self.clock.wall();
        if let Some(began) = sent_at {
            self.watch(&job.armed, &verdict, began);
        }
        self.tell_outcome(job.broadcast, &job.armed, &verdict, follow, now);
        let departure = sent_at.and_then(|_| self.departure(&job, &verdict.outcome));
        let (broadcast, update, armed) = (job.broadcast, job.update, job.armed.clone());
        let outcome = verdict.outcome.clone();
        self.hand_over(job, verdict, follow, now);
        if let Some(departure) = departure {
            self.count(&departure).await;
        }
        self.judge_message(broadcast, update, &armed, &outcome)
            .await;
    }

    /// Gives the outcome to the recorder, and with it the permit.
    fn hand_over(&self, job: Job, verdict: Verdict, follow: Follow, at: Wall) {
        let (provider_id, suppress) = match &verdict.outcome {
            Outcome::Accepted { reference } => (reference.clone(), false),
            Outcome::Rejected { suppress, .. } => (None, *suppress),
            Outcome::Throttled { .. }
            | Outcome::Deferred { .. }
            | Outcome::BadMessage { .. }
            | Outcome::ChannelDown { .. }
            | Outcome::ChannelRefused { .. }
            | Outcome::Unknown { .. } => (None, false),
        };
        let recorded = Recorded {
            broadcast: job.broadcast,
            ordinal: job.armed.ordinal,
            window: job.window,
            attempt: job.armed.attempt,
            at,
            code: code(&verdict.outcome, follow),
            reason: verdict.outcome.reason(),
            reply: verdict.reply,
            provider_id,
            suppress,
            follow,
        };
        let pending = Pending {
            recorded,
            permit: job.permit,
            live: Arc::clone(&self.live),
        };
        if self.inlet.send(pending).is_err() {
            tracing::error!(
                "the recorder is gone; this outcome will be found as an orphan at the next start"
            );
        }
    }

    /// What left, if anything did or may have. Where the provider knows the key, a second copy is none.
    fn departure(&self, job: &Job, outcome: &Outcome) -> Option<Departure> {
        let taken = matches!(outcome, Outcome::Accepted { .. });
        let perhaps = matches!(outcome, Outcome::Unknown { .. }) && !self.is_keyed();
        (taken || perhaps).then(|| Departure {
            broadcast: job.broadcast,
            ordinal: job.armed.ordinal,
            address_id: job.armed.address_id,
            asked: job.asked,
            duplicate_bound: job.duplicate_bound,
            taken,
            bulk: self.live.channel.adapter.capabilities().family.is_bulk(),
            at: self.clock.now(),
        })
    }

    /// Counts what left, and halts the channel when that is more than can be right: the ledger may be wrong then.
    async fn count(&self, departure: &Departure) {
        let Some(excess) = self.live.runaway.count(departure, self.limits) else {
            return;
        };
        self.live.gate.shut_channel_ahead();
        let line = format!(
            "{}: {excess}. oyez holds this channel and sends nothing more on it until a person resumes it: look first at who got what.",
            self.name()
        );
        tracing::error!(channel.name = self.name(), %excess, "held: more left than can be right");
        let at = self.clock.wall();
        self.tell("held", Some(Reason::Runaway), line, at);
        let (why, by) = (format!("oyez held it by itself: {excess}"), engine(at));
        let channel = Some(&self.live.channel.name);
        self.keep(|| self.ledger.hold_channel(channel, Some(&why), &by))
            .await;
        self.live.gate.set_channel(true);
    }

    /// Has the ledger keep what is held here already, however long it is busy or full: until it knows, the channel arms
    /// nothing.
    async fn keep<'a, T>(&self, hold: impl Fn() -> Answer<'a, T>) {
        loop {
            match hold().await {
                Ok(_) => return,
                Err(LedgerError::Busy(_) | LedgerError::Full(_)) => {
                    let soon = self.clock.now().plus(Duration::from_millis(200));
                    self.clock.sleep_until(soon).await;
                }
                Err(error) => {
                    tracing::error!(%error, "it is held here, but that could not be recorded");
                    return;
                }
            }
        }
    }

    /// Holds the broadcast when the message itself seems to be refused, so that a person can change it.
    async fn judge_message(
        &self,
        broadcast: BroadcastId,
        update: UpdateId,
        armed: &Armed,
        outcome: &Outcome,
    ) {
        if let Outcome::Accepted { .. } = outcome {
            self.strikes.accepted(broadcast);
        }
        // What one partner refuses says nothing about the others.
        let webhook = self.live.channel.adapter.capabilities().family == Family::Webhook;
        let refused = matches!(outcome, Outcome::BadMessage { .. }) && !webhook;
        if !refused || !self.strikes.refused(broadcast, armed.ordinal) {
            return;
        }
        self.live.gate.shut_broadcast_ahead(broadcast);
        let at = self.clock.wall();
        let by = engine(at);
        let channel = Some(&self.live.channel.name);
        self.keep(|| self.ledger.hold_update(update, channel, true, &by))
            .await;
        self.live.gate.set_broadcast(broadcast, true);
        let line = format!(
            "{}: the message itself was refused three times in a row. Held: change it and send a correction, or resume.",
            self.name()
        );
        self.tell("held", outcome.reason(), line, at);
    }

    /// Lets the breakers know what a request showed, and tells people what changed with it.
    fn watch(&self, armed: &Armed, verdict: &Verdict, started: Boot) {
        let now = Moment {
            boot: self.clock.now(),
            wall: self.clock.wall(),
        };
        let (partner, outcome) = (&armed.destination, &verdict.outcome);
        let changes = self.live.breakers.observe(partner, outcome, started, now);
        if !changes.is_empty() {
            self.live.providers.ring();
        }
        for told in changes {
            self.tell_change(&told, &verdict.reply, now);
        }
        let taken = matches!(outcome, Outcome::Accepted { .. });
        let bulk = self.live.channel.adapter.capabilities().family.is_bulk();
        // Who was only left alone for a while is told of with the pause.
        let tried_before = armed.attempt > 1 && armed.last_reason != Some(Reason::RateLimited);
        if taken && tried_before && !bulk {
            let line = format!(
                "{}: {} took it on attempt {}.",
                self.name(),
                self.whom(armed),
                armed.attempt
            );
            self.tell("recovered", None, line, now.wall);
        }
    }
}

/// The engine itself, where it does what people do otherwise.
fn engine(at: Wall) -> By {
    let actor = "engine".to_owned();
    By { actor, at }
}

/// What the ledger keeps: where no other attempt follows for another reason than the outcome, that reason.
fn code(outcome: &Outcome, follow: Follow) -> OutcomeCode {
    match follow {
        Follow::Suppressed => OutcomeCode::Suppressed,
        Follow::Expired => OutcomeCode::Expired,
        Follow::Accepted | Follow::Failed | Follow::Unknown | Follow::Wait { .. } => outcome.code(),
    }
}
