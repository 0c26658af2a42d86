//! One parcel on its way: render once, send, classify, decide what follows, hand it to the recorder.

use crate::event::{Event, Events};
use crate::health::Pause;
use crate::recorder::{Inlet, Pending};
use crate::retry::{Circumstances, decide};
use crate::strikes::Strikes;
use crate::supervisor::Live;
use futures_util::FutureExt;
use oyez_domain::channel::Family;
use oyez_domain::id::{BroadcastId, UpdateId};
use oyez_domain::ledger::{Armed, By, Follow, Ledger, Recorded, WindowId};
use oyez_domain::outcome::{Outcome, OutcomeCode, Reason, Scope, Verdict};
use oyez_domain::parcel::Parcel;
use oyez_domain::reference::ReferenceKey;
use oyez_domain::rendered::Rendered;
use oyez_domain::time::Wall;
use oyez_domain::{Clock, Random};
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
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
    /// Broadcast and reason told already: each is said once, the counts say the rest.
    pub(crate) told: Mutex<HashSet<(BroadcastId, Reason)>>,
}

/// One armed delivery with what its window says about it.
pub(crate) struct Job {
    pub(crate) window: WindowId,
    pub(crate) broadcast: BroadcastId,
    pub(crate) update: UpdateId,
    pub(crate) expires_at: Wall,
    pub(crate) armed: Armed,
    pub(crate) rendered: Option<Arc<Rendered>>,
    /// One of D.
    pub(crate) permit: OwnedSemaphorePermit,
}

impl Sender {
    /// Sends one delivery and hands its outcome to the recorder.
    pub(crate) async fn send(&self, job: Job) {
        let Job {
            window,
            broadcast,
            expires_at,
            armed,
            rendered,
            permit,
            update,
        } = job;
        let verdict = match rendered {
            _ if !self.live.gate.lets_address(armed.address_id) => said_stop(&armed),
            Some(rendered) => self.try_send(broadcast, &armed, rendered).await,
            None => {
                let outcome = Outcome::BadMessage {
                    reason: Reason::Unrenderable,
                };
                Verdict::new(outcome, "the message could not be made for this recipient")
            }
        };
        let now = self.clock.wall();
        let case = Circumstances::of(&self.live.channel, expires_at, now, self.random.draw());
        let follow = decide(&verdict.outcome, &armed, &case);
        self.watch(broadcast, &armed, &verdict, follow, now);
        self.judge_message(broadcast, update, &armed, &verdict.outcome)
            .await;
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
            broadcast,
            ordinal: armed.ordinal,
            window,
            attempt: armed.attempt,
            at: now,
            code: code(&verdict.outcome, follow),
            reason: verdict.outcome.reason(),
            reply: verdict.reply,
            provider_id,
            suppress,
            follow,
        };
        if self
            .inlet
            .send(Pending {
                recorded,
                permit,
                live: Arc::clone(&self.live),
            })
            .is_err()
        {
            tracing::error!(
                "the recorder is gone; this outcome will be found as an orphan at the next start"
            );
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
        self.live.gate.set_broadcast(broadcast, true);
        let at = self.clock.wall();
        let by = By {
            actor: "engine".to_owned(),
            at,
        };
        let channel = Some(&self.live.channel.name);
        if let Err(error) = self.ledger.hold_update(update, channel, true, &by).await {
            tracing::error!(%error, "the broadcast is held here, but that could not be recorded");
        }
        let line = format!(
            "{}: the message itself was refused three times in a row. Held: change it and send a correction, or resume.",
            self.name()
        );
        self.tell("held", outcome.reason(), line, at);
    }

    async fn try_send(
        &self,
        broadcast: BroadcastId,
        armed: &Armed,
        rendered: Arc<Rendered>,
    ) -> Verdict {
        let parcel = Parcel {
            reference: self.key.seal(broadcast, armed.ordinal),
            address: armed.address.clone(),
            destination: armed.destination.clone(),
            secret: armed.secret.clone(),
            rendered,
            stop_token: self.key.stop_token(armed.address_id),
            attempt: armed.attempt,
            now: self.clock.wall(),
        };
        // An adapter that panics must not take the channel with it, and nobody can tell how far it got.
        match AssertUnwindSafe(self.live.channel.adapter.send(&parcel))
            .catch_unwind()
            .await
        {
            Ok(verdict) => verdict,
            Err(_) => Verdict::new(
                Outcome::Unknown {
                    reason: Reason::Protocol,
                },
                "the adapter failed",
            ),
        }
    }

    /// Pauses the channel where the outcome says so, and tells people once.
    fn watch(
        &self,
        broadcast: BroadcastId,
        armed: &Armed,
        verdict: &Verdict,
        follow: Follow,
        now: Wall,
    ) {
        let health = &self.live.health;
        let began = match &verdict.outcome {
            Outcome::Accepted { .. } => {
                self.over(armed, now);
                false
            }
            Outcome::Throttled {
                until,
                scope: Scope::Channel,
            } => health.throttled(*until, now),
            Outcome::ChannelDown {
                reason,
                scope: Scope::Channel,
            } => health.down(*reason, now, self.random.draw()),
            Outcome::ChannelRefused {
                reason,
                scope: Scope::Channel,
            } => health.refused(*reason, now),
            Outcome::Throttled {
                scope: Scope::Destination,
                ..
            }
            | Outcome::ChannelDown {
                scope: Scope::Destination,
                ..
            }
            | Outcome::ChannelRefused {
                scope: Scope::Destination,
                ..
            }
            | Outcome::Deferred { .. }
            | Outcome::Rejected { .. }
            | Outcome::BadMessage { .. }
            | Outcome::Unknown { .. } => {
                self.tell_outcome(broadcast, armed, verdict, follow, now);
                return;
            }
        };
        if let (true, Some(pause)) = (began, health.pause(now)) {
            self.tell_pause(pause, &verdict.reply, now);
        }
    }

    /// Says that a pause is over, or that somebody was reached after all.
    fn over(&self, armed: &Armed, now: Wall) {
        if let Some(pause) = self.live.health.took(now) {
            let line = format!(
                "{}: sending again ({} is over).",
                self.name(),
                lower(pause.reason.label())
            );
            self.tell("resumed", Some(pause.reason), line, now);
        }
        if armed.attempt > 1 && !self.live.channel.adapter.capabilities().family.is_bulk() {
            let line = format!(
                "{}: {} took it on attempt {}.",
                self.name(),
                self.whom(armed),
                armed.attempt
            );
            self.tell("recovered", None, line, now);
        }
    }

    fn tell_pause(&self, pause: Pause, reply: &str, now: Wall) {
        let wait = pause.until.since(now).as_secs_f64();
        let line = format!(
            "{}: {} ({reply}). Pauses {wait:.1} s, then goes on; nothing is lost.",
            self.name(),
            lower(pause.reason.label()),
        );
        self.tell("paused", Some(pause.reason), line, now);
    }

    fn tell_outcome(
        &self,
        broadcast: BroadcastId,
        armed: &Armed,
        verdict: &Verdict,
        follow: Follow,
        now: Wall,
    ) {
        let reason = verdict.outcome.reason().unwrap_or(Reason::Protocol);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let loud = self.live.channel.adapter.capabilities().family == Family::Webhook
            && armed.attempt == 1;
        if !told.insert((broadcast, reason)) && !loud {
            return;
        }
        drop(told);
        let (code, rest) = match follow {
            Follow::Wait { not_before, .. } => (
                "waiting",
                format!(
                    "Tries again in {:.1} s.",
                    not_before.since(now).as_secs_f64()
                ),
            ),
            Follow::Failed | Follow::Suppressed | Follow::Expired => (
                "rejected",
                "Not tried again; more like it are counted.".to_owned(),
            ),
            Follow::Unknown => (
                "unknown",
                "May have been sent; not sent again by itself.".to_owned(),
            ),
            Follow::Accepted => return,
        };
        let line = format!(
            "{}: {}: {} ({}). {rest}",
            self.name(),
            self.whom(armed),
            lower(reason.label()),
            verdict.reply
        );
        self.tell(code, Some(reason), line, now);
    }

    fn name(&self) -> &str {
        self.live.channel.name.as_str()
    }

    fn whom(&self, armed: &Armed) -> String {
        if armed.destination.is_empty() {
            armed.address.masked()
        } else {
            armed.destination.clone()
        }
    }

    fn tell(&self, code: &str, reason: Option<Reason>, line: String, at: Wall) {
        let channel = self.live.channel.name.clone();
        self.events.tell(Event {
            at,
            channel,
            code: code.to_owned(),
            reason,
            line,
        });
    }
}

/// For somebody who said stop after this was armed. An earlier attempt may have reached them.
fn said_stop(armed: &Armed) -> Verdict {
    let outcome = if armed.unknowns > 0 {
        Outcome::Unknown {
            reason: Reason::Uncertain,
        }
    } else {
        Outcome::Rejected {
            reason: Reason::OptedOut,
            suppress: false,
        }
    };
    Verdict::new(outcome, "not sent: they said stop")
}

/// What the ledger keeps: where no other attempt follows for another reason than the outcome, that reason.
fn code(outcome: &Outcome, follow: Follow) -> OutcomeCode {
    match follow {
        Follow::Suppressed => OutcomeCode::Suppressed,
        Follow::Expired => OutcomeCode::Expired,
        Follow::Accepted | Follow::Failed | Follow::Unknown | Follow::Wait { .. } => outcome.code(),
    }
}

/// A label inside a sentence: only its first letter changes.
fn lower(label: &str) -> String {
    let mut signs = label.chars();
    signs
        .next()
        .map(|first| first.to_lowercase().chain(signs).collect())
        .unwrap_or_default()
}
