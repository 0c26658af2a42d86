//! What people decide: stop, hold, retry, and what became of the unknown.

use super::state::{Answer, Broadcast, Delivery, Place, State};
use super::writing::{done, replayed};
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::channel::ChannelName;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::{BroadcastId, Ordinal, UpdateId};
use oyez_domain::ledger::{
    BroadcastView, By, Decision, Done, Idempotency, UnknownDelivery, UnknownFilter, UnknownGroup,
};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::time::Wall;
use oyez_domain::update::UpdateState;
use oyez_domain::{LedgerError, LedgerResult};
use std::collections::{BTreeMap, BTreeSet};

impl State {
    pub(super) fn stop(
        &mut self,
        update: UpdateId,
        channel: Option<&ChannelName>,
        by: &By,
    ) -> LedgerResult<Vec<BroadcastView>> {
        let concerned = self.concerned(update, channel)?;
        for id in &concerned {
            let broadcast = self.broadcast_mut(*id)?;
            if broadcast.is_open() {
                broadcast.state = BroadcastState::Stopped;
                broadcast.settle_rest(OutcomeCode::Stopped, Reason::Stopped, by.at);
            }
        }
        if let Some(written) = self.updates.get_mut(&update)
            && channel.is_none()
            && written.update.state == UpdateState::Released
        {
            written.update.state = UpdateState::Stopped;
            written.update.stopped_at = Some(by.at);
        }
        self.views(&concerned)
    }

    pub(super) fn hold_update(
        &mut self,
        update: UpdateId,
        channel: Option<&ChannelName>,
        held: bool,
        by: &By,
    ) -> LedgerResult<Vec<BroadcastView>> {
        let concerned = self.concerned(update, channel)?;
        for id in &concerned {
            let broadcast = self.broadcast_mut(*id)?;
            if broadcast.is_open() {
                broadcast.state = if held {
                    BroadcastState::Held
                } else {
                    BroadcastState::Sending
                };
                let resumed = Some(broadcast.rules.channel.clone());
                if !held {
                    self.resumes.push((resumed, by.at));
                }
            }
        }
        self.views(&concerned)
    }

    pub(super) fn hold_channel(
        &mut self,
        channel: Option<&ChannelName>,
        hold: Option<&str>,
        by: &By,
    ) {
        let name = channel.cloned();
        match hold {
            Some(reason) => {
                self.holds.insert(name, reason.to_owned());
            }
            None => {
                self.holds.remove(&name);
                self.resumes.push((name, by.at));
            }
        }
    }

    pub(super) fn retry_failed(
        &mut self,
        update: UpdateId,
        channel: Option<&ChannelName>,
        reasons: &[Reason],
        key: Option<&Idempotency>,
        by: &By,
    ) -> LedgerResult<Done<u64>> {
        if let Some(Answer::Decided(many)) = self.answered(key)? {
            return Ok(replayed(*many));
        }
        let (mut retried, mut over) = (0, false);
        for id in self.concerned(update, channel)? {
            if self.is_over(id, by.at) || self.newer(id).any(|newer| newer.supersedes) {
                over = true;
                continue;
            }
            let left_out: BTreeSet<i64> = self.reached_by_newer(id).collect();
            let stopped = |row: i64| self.stopped(row).is_some();
            let broadcast = self.broadcast(id)?;
            let wanted = |d: &Delivery| {
                d.state() == DeliveryState::Rejected
                    && d.reason.is_some_and(|reason| reasons.contains(&reason))
                    && !left_out.contains(&d.row)
                    && !stopped(d.row)
            };
            let chosen: Vec<_> = broadcast.deliveries.iter().map(wanted).collect();
            let broadcast = self.broadcast_mut(id)?;
            for (delivery, _) in broadcast
                .deliveries
                .iter_mut()
                .zip(&chosen)
                .filter(|(_, c)| **c)
            {
                delivery.let_go_again(by.at);
                retried += 1;
            }
            broadcast.see_whether_done();
        }
        if over && retried == 0 {
            return Err(LedgerError::State("this update is over".to_owned()));
        }
        self.remember(key, Answer::Decided(retried));
        Ok(done(retried))
    }

    /// How many failed, by channel and last reason.
    pub(super) fn failures(
        &self,
        update: UpdateId,
    ) -> LedgerResult<Vec<(ChannelName, Reason, u64)>> {
        self.update(update)?;
        let mut counted: BTreeMap<(ChannelName, Reason), u64> = BTreeMap::new();
        for broadcast in self.broadcasts.iter().filter(|b| b.update == update) {
            let failed = broadcast.deliveries.iter();
            let failed = failed.filter(|d| d.state() == DeliveryState::Rejected);
            for reason in failed.filter_map(|delivery| delivery.reason) {
                let key = (broadcast.rules.channel.clone(), reason);
                *counted.entry(key).or_default() += 1;
            }
        }
        let counted = counted.into_iter();
        Ok(counted
            .map(|((name, reason), many)| (name, reason, many))
            .collect())
    }

    pub(super) fn decide_unknown(
        &mut self,
        which: &UnknownFilter,
        decision: Decision,
        key: Option<&Idempotency>,
        by: &By,
    ) -> LedgerResult<Done<u64>> {
        if let Some(Answer::Decided(many)) = self.answered(key)? {
            return Ok(replayed(*many));
        }
        let again = decision == Decision::SendAgain;
        let concerned = self.broadcasts.iter().filter(|b| b.is_asked_about(which));
        let concerned: Vec<_> = concerned.map(|b| b.id).collect();
        let (mut decided, mut left) = (0, false);
        for id in concerned {
            let over = again && self.is_over(id, by.at);
            let reached: BTreeSet<i64> = self.reached_by_newer(id).collect();
            let broadcast = self.broadcast_mut(id)?;
            for (ordinal, delivery) in (0..).map(Ordinal).zip(&mut broadcast.deliveries) {
                if !delivery.is_asked_about(which, (id, ordinal)) {
                    continue;
                }
                if over || (again && reached.contains(&delivery.row)) {
                    left = true;
                } else {
                    delivery.decide_unknown(decision, by.at);
                    decided += 1;
                }
            }
            broadcast.see_whether_done();
        }
        if left && decided == 0 {
            return Err(LedgerError::State("nothing of it may go again".to_owned()));
        }
        self.remember(key, Answer::Decided(decided));
        Ok(done(decided))
    }

    /// What `decide_unknown` would settle, in groups.
    pub(super) fn unknowns(&self, which: &UnknownFilter) -> Vec<UnknownGroup> {
        let mut groups = Vec::new();
        for broadcast in self.broadcasts.iter().filter(|b| b.is_asked_about(which)) {
            let mut by_reason: BTreeMap<Option<Reason>, (u64, Wall)> = BTreeMap::new();
            for (ordinal, delivery) in (0..).map(Ordinal).zip(&broadcast.deliveries) {
                if delivery.is_asked_about(which, (broadcast.id, ordinal)) {
                    let at = delivery.ends.last().map_or(Wall(0), |end| end.view.at);
                    let (many, since) = by_reason.entry(delivery.reason).or_insert((0, at));
                    *many += 1;
                    *since = at.min(*since);
                }
            }
            let found = by_reason.into_iter();
            groups.extend(found.map(|(reason, (deliveries, since))| UnknownGroup {
                update: broadcast.update,
                channel: broadcast.rules.channel.clone(),
                reason,
                deliveries,
                since,
            }));
        }
        groups
    }

    /// The same one by one, after a place.
    pub(super) fn unknown_deliveries(
        &self,
        which: &UnknownFilter,
        after: Option<(BroadcastId, Ordinal)>,
        limit: u32,
    ) -> LedgerResult<Vec<UnknownDelivery>> {
        let mut found = Vec::new();
        for broadcast in self.broadcasts.iter().filter(|b| b.is_asked_about(which)) {
            for (ordinal, delivery) in (0..).map(Ordinal).zip(&broadcast.deliveries) {
                let place = (broadcast.id, ordinal);
                if !delivery.is_asked_about(which, place) || after.is_some_and(|a| place <= a) {
                    continue;
                }
                found.push(UnknownDelivery {
                    update: broadcast.update,
                    broadcast: broadcast.id,
                    channel: broadcast.rules.channel.clone(),
                    ordinal,
                    address: self.known(delivery.row)?.address.clone(),
                    reason: delivery.reason,
                    since: delivery.ends.last().map_or(Wall(0), |end| end.view.at),
                });
            }
        }
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// Whether nothing of a broadcast may be opened again.
    fn is_over(&self, id: BroadcastId, now: Wall) -> bool {
        let Ok(broadcast) = self.broadcast(id) else {
            return true;
        };
        let update = self.update(broadcast.update);
        broadcast.state == BroadcastState::Stopped
            || update.is_ok_and(|update| update.state == UpdateState::Stopped)
            || now >= broadcast.rules.expires_at
    }

    /// The newer broadcasts of the same incident and channel.
    fn newer(&self, id: BroadcastId) -> impl Iterator<Item = &Broadcast> {
        let older = self.broadcast(id).ok();
        self.broadcasts
            .iter()
            .filter(move |newer| older.is_some_and(|older| newer.comes_after(older)))
    }

    /// Whom a newer update may have reached, or takes the place of this one for.
    pub(super) fn reached_by_newer(&self, id: BroadcastId) -> impl Iterator<Item = i64> {
        let newer = self.newer(id);
        newer.flat_map(|newer| {
            let reached = |d: &&Delivery| newer.supersedes || d.may_have_left();
            newer
                .deliveries
                .iter()
                .filter(reached)
                .map(|delivery| delivery.row)
        })
    }

    fn concerned(
        &self,
        update: UpdateId,
        channel: Option<&ChannelName>,
    ) -> LedgerResult<Vec<BroadcastId>> {
        let known = self.update(update)?;
        let of_update = self.broadcasts.iter().filter(|b| b.update == update);
        let of_update: Vec<&Broadcast> = of_update.collect();
        if of_update.is_empty() {
            let why = format!("{} was not released yet", known.reference);
            return Err(LedgerError::State(why));
        }
        let wanted = |b: &&Broadcast| channel.is_none_or(|name| *name == b.rules.channel);
        let concerned: Vec<_> = of_update.into_iter().filter(wanted).map(|b| b.id).collect();
        if concerned.is_empty() {
            let what = format!("a broadcast of {} on that channel", known.reference);
            return Err(LedgerError::NotFound(what));
        }
        Ok(concerned)
    }
}

impl Broadcast {
    fn is_asked_about(&self, which: &UnknownFilter) -> bool {
        let channel = which.channel.as_ref();
        which.update.is_none_or(|update| update == self.update)
            && channel.is_none_or(|name| *name == self.rules.channel)
    }
}

impl Delivery {
    /// Whether something of it may have reached its recipient, or may be about to.
    fn may_have_left(&self) -> bool {
        match self.state() {
            DeliveryState::Sending
            | DeliveryState::Accepted
            | DeliveryState::Delivered
            | DeliveryState::Undelivered
            | DeliveryState::Unknown => true,
            DeliveryState::Waiting => self.unsure,
            DeliveryState::Pending
            | DeliveryState::Rejected
            | DeliveryState::Suppressed
            | DeliveryState::Expired
            | DeliveryState::Superseded
            | DeliveryState::Stopped => false,
        }
    }

    fn is_asked_about(&self, which: &UnknownFilter, place: (BroadcastId, Ordinal)) -> bool {
        let given_up = self.ends.last().map(|end| end.view.outcome) == Some(OutcomeCode::GivenUp);
        self.state() == DeliveryState::Unknown
            && !given_up
            && which
                .reason
                .is_none_or(|reason| self.reason == Some(reason))
            && (which.deliveries.is_empty() || which.deliveries.contains(&place))
    }

    fn decide_unknown(&mut self, decision: Decision, at: Wall) {
        let decided = Some(Reason::Decided);
        match decision {
            Decision::WasSent => {
                self.decide(OutcomeCode::Confirmed, decided, at);
                self.place = Place::Settled(OutcomeCode::Confirmed);
            }
            Decision::SendAgain => self.let_go_again(at),
            Decision::GiveUp => self.decide(OutcomeCode::GivenUp, decided, at),
        }
    }

    /// Due at once, with nothing charged.
    fn let_go_again(&mut self, at: Wall) {
        self.decide(OutcomeCode::Reopened, Some(Reason::Decided), at);
        if let Some(end) = self.ends.last_mut() {
            end.again = true;
            end.not_before = Some(at);
        }
        self.charged = 0;
        self.unknowns = 0;
        self.provider = None;
        self.place = Place::Due(at);
    }
}
