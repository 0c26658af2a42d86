//! Outcomes, what is given back, and what a start finds left behind.

use super::state::{Announced, Broadcast, Delivery, End, Place, Started, State};
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::delivery::{DeliveryState, settled_by};
use oyez_domain::id::Ordinal;
use oyez_domain::ledger::{AttemptView, DisarmedRun, Follow, Recorded, WindowId};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::subscriber::SuppressionCause;
use oyez_domain::time::Wall;
use oyez_domain::{LedgerError, LedgerResult};

impl State {
    /// Appends a batch, each outcome once.
    pub(super) fn record(
        &mut self,
        start: i64,
        batch: u64,
        outcomes: &[Recorded],
    ) -> LedgerResult<()> {
        for recorded in outcomes {
            let delivery = self
                .broadcast(recorded.broadcast)?
                .delivery(recorded.ordinal);
            if delivery.is_none_or(|delivery| delivery.place == Place::Fresh) {
                let why = format!("delivery {} was never announced", recorded.ordinal.0);
                return Err(LedgerError::State(why));
            }
        }
        let at = usize::try_from(start - 1).unwrap();
        if !self.starts[at].batches.insert(batch) {
            return Ok(());
        }
        for recorded in outcomes {
            self.append(recorded)?;
        }
        Ok(())
    }

    fn append(&mut self, recorded: &Recorded) -> LedgerResult<()> {
        let id = recorded.broadcast;
        let row = self
            .broadcast(id)?
            .delivery(recorded.ordinal)
            .map_or(0, |d| d.row);
        // One that was given up as unknown may be overtaken by now.
        let unknown = self.broadcast(id)?.delivery(recorded.ordinal);
        let overtaken = unknown.is_some_and(|d| d.place == Place::Unknown)
            && self.reached_by_newer(id).any(|reached| reached == row);
        let superseded = overtaken || self.superseded(id, row);
        let provider = self.provider_of(recorded.window);
        let broadcast = self.broadcast_mut(id)?;
        let too_late = too_late(broadcast, superseded, recorded.at);
        let Some(delivery) = broadcast.delivery_mut(recorded.ordinal) else {
            return Ok(());
        };
        let known = |end: &End| end.view.attempt == recorded.attempt;
        let late = match delivery.ends.iter().position(known) {
            Some(at) if delivery.ends[at].view.outcome == OutcomeCode::Orphaned => {
                delivery.ends.remove(at);
                true
            }
            Some(_) => return Ok(()),
            None => false,
        };
        delivery.take_outcome(recorded, too_late, (late, provider.clone()));
        if delivery.attempt == recorded.attempt && recorded.code == OutcomeCode::Unknown {
            delivery.provider = provider;
        }
        let at = recorded.at;
        broadcast.first_outcome_at = Some(broadcast.first_outcome_at.map_or(at, |f| f.min(at)));
        broadcast.last_outcome_at = Some(broadcast.last_outcome_at.map_or(at, |l| l.max(at)));
        broadcast.see_whether_done();
        if recorded.suppress {
            let address = self.known(row)?.address.clone();
            let cause = SuppressionCause::of_refusal(recorded.reason);
            self.suppress(&address, cause, at);
        }
        if recorded.follow == Follow::Failed {
            self.note_miss((id, row), recorded.reason, at)?;
        }
        if let Some(id) = &recorded.provider_id {
            self.join_parked(recorded, id)?;
        }
        Ok(())
    }

    /// Gives back the window's deliveries from `from` on that nothing is known of.
    pub(super) fn disarm(
        &mut self,
        window: WindowId,
        from: Ordinal,
        now: Wall,
    ) -> LedgerResult<()> {
        let at = usize::try_from(window.0 - 1).unwrap_or(usize::MAX);
        let announced = self.windows.get(at).cloned();
        let announced =
            announced.ok_or_else(|| LedgerError::NotFound(format!("window {}", window.0)))?;
        let mut given_back = Vec::new();
        for (ordinal, attempt) in announced.deliveries {
            if ordinal < from {
                continue;
            }
            let delivery = self.broadcast(announced.broadcast)?.delivery(ordinal);
            let Some(row) = delivery
                .filter(|d| d.place == Place::Armed(window) && !d.has_evidence(attempt))
                .map(|delivery| delivery.row)
            else {
                continue;
            };
            let superseded = self.superseded(announced.broadcast, row);
            let broadcast = self.broadcast_mut(announced.broadcast)?;
            let stopped = broadcast.state == BroadcastState::Stopped;
            if let Some(delivery) = broadcast.delivery_mut(ordinal) {
                delivery.place = Place::Due(now);
                if !delivery.was_armed() {
                    delivery.first_armed_at = None;
                }
                if stopped {
                    delivery.settle_unsent(OutcomeCode::Stopped, Reason::Stopped, now);
                } else if superseded {
                    delivery.settle_unsent(OutcomeCode::Superseded, Reason::Superseded, now);
                }
            }
            given_back.push((ordinal, attempt));
        }
        let broadcast = self.broadcast_mut(announced.broadcast)?;
        let runs = super::take::runs(&given_back, window, 0, now).into_iter();
        broadcast.disarmed.extend(runs.map(|run| DisarmedRun {
            window,
            lo: run.lo,
            hi: run.hi,
            attempt: run.attempt,
        }));
        broadcast.see_whether_done();
        Ok(())
    }

    /// A start of the program: what the last one left announced is an orphan. Returns its number.
    pub(super) fn start(&mut self, now: Wall, forgets_orphans: bool) -> i64 {
        self.staged.clear();
        for broadcast in &mut self.broadcasts {
            if !forgets_orphans {
                broadcast.orphan_all(&self.windows, now);
            }
        }
        self.starts.push(Started {
            at: now,
            ended: false,
            batches: std::collections::BTreeSet::new(),
        });
        i64::try_from(self.starts.len()).unwrap()
    }
}

impl Broadcast {
    fn orphan_all(&mut self, windows: &[Announced], now: Wall) {
        // Whether it is too late is for arming to say, which knows whether the clock can be trusted.
        let again = !self.rules.holds_unknown && self.state != BroadcastState::Stopped;
        for delivery in self.deliveries.iter_mut().filter(|d| d.is_armed()) {
            delivery.provider = delivery.armed_for(windows);
            delivery.decide(OutcomeCode::Orphaned, Some(Reason::Interrupted), now);
            delivery.unsure = true;
            delivery.unknowns += 1;
            delivery.place = if again {
                Place::Due(now)
            } else {
                Place::Unknown
            };
            if let Some(end) = delivery.ends.last_mut() {
                end.again = again;
            }
        }
        self.see_whether_done();
    }
}

/// Whether nothing more may be sent of a delivery, and why.
fn too_late(broadcast: &Broadcast, superseded: bool, at: Wall) -> Option<(OutcomeCode, Reason)> {
    if at >= broadcast.rules.expires_at {
        Some((OutcomeCode::Expired, Reason::Expired))
    } else if broadcast.state == BroadcastState::Stopped {
        Some((OutcomeCode::Stopped, Reason::Stopped))
    } else if superseded {
        Some((OutcomeCode::Superseded, Reason::Superseded))
    } else {
        None
    }
}

/// The window with this name, if there is one.
fn named(windows: &[Announced], window: WindowId) -> Option<&Announced> {
    windows.get(usize::try_from(window.0 - 1).ok()?)
}

impl State {
    /// Forgets through whom what may have been sent was sent.
    pub(super) fn forget_providers(&mut self) {
        let all = self.broadcasts.iter_mut().flat_map(|b| &mut b.deliveries);
        all.for_each(|delivery| delivery.provider = None);
    }

    /// The kind of the provider that a window went through.
    pub(super) fn provider_of(&self, window: WindowId) -> Option<String> {
        named(&self.windows, window).map(|window| window.provider.clone())
    }
}

impl Delivery {
    /// The kind of the provider that it is announced for.
    fn armed_for(&self, windows: &[Announced]) -> Option<String> {
        match self.place {
            Place::Armed(window) => named(windows, window).map(|window| window.provider.clone()),
            Place::Fresh
            | Place::Due(_)
            | Place::Behind(_)
            | Place::Unknown
            | Place::Settled(_) => None,
        }
    }
}

impl End {
    /// Whether it left open what had become of the attempt.
    fn is_doubtful(&self) -> bool {
        match self.view.outcome {
            OutcomeCode::Unknown | OutcomeCode::Orphaned => true,
            OutcomeCode::Accepted
            | OutcomeCode::Throttled
            | OutcomeCode::Deferred
            | OutcomeCode::Rejected
            | OutcomeCode::BadMessage
            | OutcomeCode::ChannelDown
            | OutcomeCode::ChannelRefused
            | OutcomeCode::Suppressed
            | OutcomeCode::Stopped
            | OutcomeCode::Expired
            | OutcomeCode::Superseded
            | OutcomeCode::Confirmed
            | OutcomeCode::Reopened
            | OutcomeCode::GivenUp => false,
        }
    }
}

impl Delivery {
    /// Appends an outcome and does what follows from it, unless something better is known. One that comes `late` takes
    /// the place of a note that nobody knew what had become of the attempt.
    fn take_outcome(
        &mut self,
        recorded: &Recorded,
        too_late: Option<(OutcomeCode, Reason)>,
        (late, provider): (bool, Option<String>),
    ) {
        let says_something = self.is_news(recorded, late);
        if late {
            let doubtful = recorded.code == OutcomeCode::Unknown;
            self.unsure = doubtful || self.ends.iter().any(End::is_doubtful);
            self.provider = self.provider.take().filter(|_| self.unsure);
        }
        let next = self.next(recorded, too_late);
        let (again, not_before) = match next {
            Next::Wait { not_before } => (true, says_something.then_some(not_before)),
            Next::Decided(..) => (true, None),
            Next::Unknown | Next::Settled => (false, None),
        };
        self.ends.push(End {
            view: AttemptView {
                attempt: recorded.attempt,
                at: recorded.at,
                outcome: recorded.code,
                reason: recorded.reason,
                reply: recorded.reply.clone(),
                provider_id: recorded.provider_id.clone(),
            },
            again,
            not_before,
            late,
            provider,
        });
        self.ends.sort_by_key(|end| end.view.attempt);
        if !says_something {
            return;
        }
        self.attempt = self.attempt.max(recorded.attempt);
        self.reason = recorded.reason;
        if recorded.code == OutcomeCode::Unknown {
            self.unsure = true;
        }
        match next {
            Next::Wait { not_before } => {
                if let Follow::Wait {
                    charged, unknowns, ..
                } = recorded.follow
                {
                    (self.charged, self.unknowns) = (charged, unknowns);
                }
                self.place = Place::Due(not_before);
            }
            Next::Unknown => {
                self.unknowns += 1;
                self.place = Place::Unknown;
            }
            Next::Settled => self.place = Place::Settled(recorded.code),
            Next::Decided(code, reason) => {
                self.decide(code, reason, recorded.at);
                self.place = if settled_by(code) == DeliveryState::Unknown {
                    Place::Unknown
                } else {
                    Place::Settled(code)
                };
            }
        }
    }

    /// A receipt says more than any outcome, a later attempt more than an earlier one, and an acceptance more than
    /// any refusal.
    fn is_news(&self, recorded: &Recorded, late: bool) -> bool {
        if self.state().is_taken() {
            return false;
        }
        let of_the_last = self.attempt == recorded.attempt && !self.is_armed();
        recorded.code == OutcomeCode::Accepted
            || (!self.state().is_settled()
                && (self.attempt < recorded.attempt || (late && of_the_last)))
    }

    fn next(&self, recorded: &Recorded, too_late: Option<(OutcomeCode, Reason)>) -> Next {
        if recorded.code == OutcomeCode::Accepted {
            return Next::Settled;
        }
        let unsure = self.unsure || recorded.code == OutcomeCode::Unknown;
        let uncertain = Next::Decided(OutcomeCode::Unknown, Some(Reason::Uncertain));
        let settled = |state, code, reason| {
            if settled_by(recorded.code) == state {
                Next::Settled
            } else {
                Next::Decided(code, reason)
            }
        };
        match (recorded.follow, too_late) {
            (Follow::Wait { not_before, .. }, None) => Next::Wait { not_before },
            (Follow::Wait { .. }, Some(_)) if recorded.code == OutcomeCode::Unknown => {
                Next::Unknown
            }
            (Follow::Wait { .. }, Some(_)) if unsure => uncertain,
            (Follow::Wait { .. }, Some((code, reason))) => Next::Decided(code, Some(reason)),
            (Follow::Unknown, _) if settled_by(recorded.code) == DeliveryState::Unknown => {
                Next::Unknown
            }
            (Follow::Unknown, _) => uncertain,
            (Follow::Accepted, _) => settled(DeliveryState::Accepted, OutcomeCode::Accepted, None),
            (Follow::Failed, _) => {
                let code = OutcomeCode::Rejected;
                settled(DeliveryState::Rejected, code, recorded.reason)
            }
            (Follow::Suppressed, _) => {
                let code = OutcomeCode::Suppressed;
                settled(DeliveryState::Suppressed, code, recorded.reason)
            }
            (Follow::Expired, _) => {
                let reason = Some(Reason::Expired);
                settled(DeliveryState::Expired, OutcomeCode::Expired, reason)
            }
        }
    }
}

/// What an outcome leads to.
#[derive(Clone, Copy)]
enum Next {
    Wait {
        not_before: Wall,
    },
    Unknown,
    /// Settled by the outcome itself.
    Settled,
    /// Settled by a decision that is noted after it.
    Decided(OutcomeCode, Option<Reason>),
}
