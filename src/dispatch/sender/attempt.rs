//! One attempt: it asks first where that is due, sends, and says what follows.

use super::{Job, Sender};
use crate::retry::{Circumstances, decide};
use crate::supervisor::Live;
use crate::unsure::{self, First};
use futures_util::FutureExt;
use oyez_domain::channel::IdempotencyClass;
use oyez_domain::ledger::Follow;
use oyez_domain::outcome::{Outcome, Reason, Scope, Verdict};
use oyez_domain::parcel::Parcel;
use oyez_domain::ports::LookUp;
use oyez_domain::rendered::Rendered;
use oyez_domain::time::Boot;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// What came of an attempt.
pub(super) struct Attempted {
    pub(super) verdict: Verdict,
    pub(super) follow: Follow,
    /// When the request to send began; nothing when there was none.
    pub(super) sent_at: Option<Boot>,
}

impl Sender {
    /// Sends a delivery, unless there is a reason not to.
    pub(super) async fn attempt(&self, job: &Job) -> Attempted {
        if !self.live.gate.lets_address(job.armed.address_id) {
            let stopped = Outcome::Rejected {
                reason: Reason::OptedOut,
                suppress: false,
            };
            return self.unsent(job, Verdict::new(stopped, "not sent: they said stop"));
        }
        if let Some(until) = job.rests_until {
            let scope = Scope::Destination;
            let rests = Outcome::Throttled { until, scope };
            let reply = "not sent: this partner is left alone until then";
            return self.decided(job, Verdict::new(rests, reply), None);
        }
        let Some(rendered) = &job.rendered else {
            let reason = Reason::Unrenderable;
            let reply = "the message could not be made for this recipient";
            return self.unsent(job, Verdict::new(Outcome::BadMessage { reason }, reply));
        };
        let parcel = self.parcel(job, Arc::clone(rendered));
        let case = self.case(job);
        match unsure::first(&job.armed, &case) {
            First::Send => self.try_send(job, &parcel).await,
            First::LookUp => self.look_up(job, &parcel).await,
            First::AwaitReceipt => Attempted {
                verdict: uncertain("not sent yet: a receipt may still come"),
                follow: unsure::await_receipt(&job.armed, &case),
                sent_at: None,
            },
            First::Leave => Attempted {
                verdict: uncertain("not sent again: it may have been sent"),
                follow: Follow::Unknown,
                sent_at: None,
            },
        }
    }

    fn case(&self, job: &Job) -> Circumstances {
        let useful = (job.urgent, job.expires_at);
        let (now, draw) = (self.clock.wall(), self.random.draw());
        Circumstances {
            down: self.live.breakers.is_down(&job.armed.destination),
            ..Circumstances::of(&self.live.channel, useful, now, draw)
        }
    }

    fn decided(&self, job: &Job, verdict: Verdict, sent_at: Option<Boot>) -> Attempted {
        Attempted {
            follow: decide(&verdict.outcome, &job.armed, &self.case(job)),
            verdict,
            sent_at,
        }
    }

    /// Nothing was sent, for a reason of our own: that says nothing of an earlier attempt.
    fn unsent(&self, job: &Job, verdict: Verdict) -> Attempted {
        if job.armed.unsure {
            Attempted {
                verdict: uncertain(&verdict.reply),
                follow: Follow::Unknown,
                sent_at: None,
            }
        } else {
            self.decided(job, verdict, None)
        }
    }

    fn parcel(&self, job: &Job, rendered: Arc<Rendered>) -> Parcel {
        let armed = &job.armed;
        Parcel {
            reference: self.key.seal(job.broadcast, armed.ordinal),
            address: armed.address.clone(),
            destination: armed.destination.clone(),
            secret: armed.secret.clone(),
            rendered,
            stop_token: self.key.stop_token(armed.address_id),
            attempt: armed.attempt,
            first_armed_at: armed.first_armed_at,
            now: self.clock.wall(),
        }
    }

    async fn try_send(&self, job: &Job, parcel: &Parcel) -> Attempted {
        let began = self.clock.now();
        let verdict = send(&self.live, parcel).await;
        self.decided(job, verdict, Some(began))
    }

    /// Asks the provider for the message, and sends it only when it is missing for sure.
    async fn look_up(&self, job: &Job, parcel: &Parcel) -> Attempted {
        let asked = AssertUnwindSafe(self.live.channel.adapter.look_up(parcel));
        let answer = asked.catch_unwind().await.unwrap_or(LookUp::CannotTell);
        // What the provider wants to wait is counted from the request to send.
        let begun_now = || Parcel {
            now: self.clock.wall(),
            ..parcel.clone()
        };
        let verdict = match answer {
            LookUp::Found(reference) => {
                let taken = Outcome::Accepted { reference };
                Verdict::new(taken, "the provider has it: it was taken before")
            }
            LookUp::NotThere if unsure::is_missing_for_sure(&job.armed) => {
                return self.try_send(job, &begun_now()).await;
            }
            LookUp::CannotTell if unsure::is_decided(&job.armed) => {
                return self.try_send(job, &begun_now()).await;
            }
            LookUp::NotThere => {
                let reason = Reason::NotFoundYet;
                let reply = "asked: the provider does not have it, or not yet";
                Verdict::new(Outcome::Unknown { reason }, reply)
            }
            LookUp::CannotTell => uncertain("asked: the provider could not tell"),
        };
        self.decided(job, verdict, None)
    }

    /// Whether the provider recognises a second copy by its key.
    pub(super) fn is_keyed(&self) -> bool {
        let capabilities = self.live.channel.adapter.capabilities();
        capabilities.idempotency == IdempotencyClass::NativeKey
    }
}

/// Hands a parcel to the channel's adapter. One that panics must not take the channel with it, and nobody can tell how far it
/// got.
pub(crate) async fn send(live: &Live, parcel: &Parcel) -> Verdict {
    let sent = AssertUnwindSafe(live.channel.adapter.send(parcel));
    sent.catch_unwind().await.unwrap_or_else(|_| {
        let reason = Reason::Protocol;
        Verdict::new(Outcome::Unknown { reason }, "the adapter failed")
    })
}

/// It may have been sent before; this time nothing was.
fn uncertain(reply: &str) -> Verdict {
    let reason = Reason::Uncertain;
    Verdict::new(Outcome::Unknown { reason }, reply)
}
