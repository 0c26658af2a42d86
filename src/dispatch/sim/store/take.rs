//! What a channel gets next: leased, checked, announced.

use super::state::{Announced, Broadcast, Delivery, Place, State};
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::channel::ChannelName;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::ledger::{Armed, ArmedRun, Ask, Taken, Window, WindowId};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::time::Wall;
use oyez_domain::{LedgerError, LedgerResult};
use std::collections::BTreeSet;

/// Who arms, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) start: i64,
    pub(super) now: Wall,
    /// The kind of the provider that it is armed for.
    pub(super) provider: &'a str,
    /// Only what may have been sent through that one already.
    pub(super) only_its_own: bool,
}

impl Moment<'_> {
    /// Whether this provider may have a delivery: not one that may have been sent through another.
    fn may_have(&self, delivery: &Delivery) -> bool {
        match &delivery.provider {
            Some(provider) => provider == self.provider,
            None => !self.only_its_own,
        }
    }
}

impl State {
    /// Refuses whoever was taken over by a newer start.
    pub(super) fn fence(&self, start: i64) -> LedgerResult<()> {
        let newest = i64::try_from(self.starts.len()).unwrap();
        if start == newest {
            Ok(())
        } else {
            Err(LedgerError::Fenced)
        }
    }

    /// The next window of a channel. Whether the asker may arm at all was checked before.
    pub(super) fn take(
        &mut self,
        start: i64,
        ask: &Ask<'_>,
        may_expire: bool,
    ) -> LedgerResult<Taken> {
        let moment = Moment {
            start,
            now: ask.now,
            provider: ask.provider,
            only_its_own: ask.only_its_own,
        };
        if may_expire {
            let late = |b: &&mut Broadcast| b.rules.expires_at <= ask.now && b.is_open();
            let mine = self.broadcasts.iter_mut();
            for broadcast in mine
                .filter(|b| b.rules.channel == *ask.channel)
                .filter(late)
            {
                broadcast.expire(ask.now);
            }
        }
        if let Some(reason) = self.held(ask.channel) {
            return Ok(Taken::Held(reason));
        }
        for (id, look) in self.looks(ask.channel) {
            if let Some(window) = self.look_in(id, look, ask, moment)? {
                return Ok(Taken::Window(window));
            }
        }
        Ok(Taken::Idle(self.next_due(ask.channel, may_expire, moment)))
    }

    /// Why a channel is held, if it is: with the whole system or by its own name.
    pub(super) fn held(&self, channel: &ChannelName) -> Option<String> {
        let whole = self.holds.get(&None);
        whole
            .or_else(|| self.holds.get(&Some(channel.clone())))
            .cloned()
    }

    /// Where to look: what is urgent first, then what is due again, then what is fresh. Of what was superseded, all
    /// that is left comes after what took its place.
    fn looks(&self, channel: &ChannelName) -> Vec<(BroadcastId, Look)> {
        let sending = self.broadcasts.iter().filter(|broadcast| {
            broadcast.rules.channel == *channel && broadcast.state == BroadcastState::Sending
        });
        let mut sending: Vec<_> = sending
            .map(|b| (!b.urgent, b.turn, self.is_superseded(b), b.id))
            .collect();
        sending.sort_unstable();
        let mut looks = Vec::new();
        for class in sending.chunk_by(|a, b| a.0 == b.0) {
            let current = class.iter().filter(|(_, _, superseded, _)| !superseded);
            looks.extend(current.map(|(.., id)| (*id, Look::Due)));
            for (_, _, superseded, id) in class {
                if *superseded {
                    looks.push((*id, Look::Due));
                }
                looks.push((*id, Look::Fresh));
            }
        }
        looks
    }

    /// Whether a newer update takes the place of this one.
    pub(super) fn is_superseded(&self, older: &Broadcast) -> bool {
        self.broadcasts
            .iter()
            .any(|newer| newer.supersedes && newer.comes_after(older))
    }

    fn look_in(
        &mut self,
        id: BroadcastId,
        look: Look,
        ask: &Ask<'_>,
        moment: Moment<'_>,
    ) -> LedgerResult<Option<Window>> {
        let shut = ask.shut_destinations;
        match look {
            Look::Due => self.arm_due(id, ask.rows, shut, moment),
            Look::Fresh if moment.only_its_own => Ok(None),
            Look::Fresh => match self.first_with_fresh(id) {
                None => self.arm_fresh(id, ask.rows, shut, moment),
                // An urgent update lends its urgency to the older one that it has to wait for.
                Some((first, BroadcastState::Sending)) => {
                    self.arm_fresh(first, ask.rows, shut, moment)
                }
                Some((
                    _,
                    BroadcastState::Held | BroadcastState::Stopped | BroadcastState::Done,
                )) => Ok(None),
            },
        }
    }

    /// The older broadcasts of the same incident and channel.
    fn older(&self, id: BroadcastId) -> impl Iterator<Item = &Broadcast> {
        let newer = self.broadcast(id).ok();
        self.broadcasts
            .iter()
            .filter(move |older| newer.is_some_and(|newer| newer.comes_after(older)))
    }

    /// The first older broadcast that has to begin with everybody before this one may begin.
    fn first_with_fresh(&self, id: BroadcastId) -> Option<(BroadcastId, BroadcastState)> {
        if self
            .broadcast(id)
            .is_ok_and(|broadcast| broadcast.supersedes)
        {
            return None;
        }
        let mut older = self.older(id);
        older.find(|b| b.has_fresh()).map(|b| (b.id, b.state))
    }

    /// Whose delivery of an older update has to end first.
    fn blocked(&self, id: BroadcastId) -> BTreeSet<i64> {
        let supersedes = self
            .broadcast(id)
            .is_ok_and(|broadcast| broadcast.supersedes);
        let ends_first = |d: &&Delivery| d.is_armed() || (d.is_open() && !supersedes);
        let older = self.older(id).flat_map(|b| b.deliveries.iter());
        older
            .filter(ends_first)
            .map(|delivery| delivery.row)
            .collect()
    }

    /// Whether a newer update of the incident takes this one's place for an address.
    pub(super) fn superseded(&self, id: BroadcastId, row: i64) -> bool {
        let Ok(older) = self.broadcast(id) else {
            return false;
        };
        self.broadcasts
            .iter()
            .any(|newer| newer.supersedes && newer.comes_after(older) && self.concerns(newer, row))
    }

    pub(super) fn arm_fresh(
        &mut self,
        id: BroadcastId,
        rows: u32,
        shut: &[(String, Wall)],
        moment: Moment<'_>,
    ) -> LedgerResult<Option<Window>> {
        let rows = self.rows(id, rows)?;
        let blocked = self.blocked(id);
        let all = (0..).map(Ordinal).zip(&self.broadcast(id)?.deliveries);
        let fresh = all.filter(|(_, delivery)| delivery.place == Place::Fresh);
        let fresh: Vec<_> = fresh.map(|(ordinal, _)| ordinal).collect();
        // So many are looked at together; whoever of them must not get it leaves the window smaller.
        for looked_at in fresh.chunks(rows) {
            let mut chosen = Vec::new();
            for ordinal in looked_at {
                if self.may_leave(id, *ordinal, &blocked, shut, moment.now)? {
                    chosen.push(*ordinal);
                }
            }
            if !chosen.is_empty() {
                return self.announce(id, &chosen, moment);
            }
        }
        Ok(None)
    }

    fn arm_due(
        &mut self,
        id: BroadcastId,
        rows: u32,
        shut: &[(String, Wall)],
        moment: Moment<'_>,
    ) -> LedgerResult<Option<Window>> {
        let rows = self.rows(id, rows)?;
        let blocked = self.blocked(id);
        let due = |delivery: &Delivery| match delivery.place {
            Place::Due(at) => (at <= moment.now).then_some(at),
            Place::Behind(at) => (!blocked.contains(&delivery.row)).then_some(at),
            Place::Fresh | Place::Armed(_) | Place::Unknown | Place::Settled(_) => None,
        };
        let broadcast = self.broadcast(id)?;
        let all = (0..).map(Ordinal).zip(&broadcast.deliveries);
        let mut candidates: Vec<_> = all
            .filter(|(_, d)| moment.may_have(d))
            .filter_map(|(o, d)| Some((due(d)?, o)))
            .collect();
        candidates.sort_unstable();
        let mut chosen = Vec::new();
        for (_, ordinal) in candidates {
            if chosen.len() >= rows {
                break;
            }
            if self.may_leave(id, ordinal, &blocked, shut, moment.now)? {
                chosen.push(ordinal);
            }
        }
        chosen.sort_unstable();
        self.announce(id, &chosen, moment)
    }

    fn rows(&self, id: BroadcastId, rows: u32) -> LedgerResult<usize> {
        let allowed = self.broadcast(id)?.rules.window_rows;
        Ok(usize::try_from(rows.min(allowed).max(1)).unwrap())
    }

    /// Whether a delivery may be announced now; otherwise it is settled, or put where it has to wait.
    fn may_leave(
        &mut self,
        id: BroadcastId,
        ordinal: Ordinal,
        blocked: &BTreeSet<i64>,
        shut: &[(String, Wall)],
        now: Wall,
    ) -> LedgerResult<bool> {
        let row = self.broadcast(id)?.delivery(ordinal).map_or(0, |d| d.row);
        let stopped = self.stopped(row);
        let superseded = self.superseded(id, row);
        let partner = self.known(row)?.partner.as_ref();
        let shut_until = partner.and_then(|partner| {
            let until = shut.iter().find(|(name, _)| *name == partner.name);
            until.map(|(_, until)| *until).filter(|until| *until > now)
        });
        let broadcast = self.broadcast_mut(id)?;
        let Some(delivery) = broadcast.delivery_mut(ordinal) else {
            return Ok(false);
        };
        if let Some((cause, _)) = stopped {
            delivery.settle_unsent(OutcomeCode::Suppressed, cause.reason(), now);
        } else if superseded {
            delivery.settle_unsent(OutcomeCode::Superseded, Reason::Superseded, now);
        } else if blocked.contains(&row) {
            delivery.place = Place::Behind(now);
        } else if let Some(until) = shut_until {
            delivery.place = Place::Due(until);
        } else {
            return Ok(true);
        }
        broadcast.see_whether_done();
        Ok(false)
    }

    fn announce(
        &mut self,
        id: BroadcastId,
        ordinals: &[Ordinal],
        moment: Moment<'_>,
    ) -> LedgerResult<Option<Window>> {
        if ordinals.is_empty() {
            return Ok(None);
        }
        let now = moment.now;
        let window = WindowId(i64::try_from(self.windows.len() + 1).unwrap());
        let mut armed = Vec::with_capacity(ordinals.len());
        let mut announced = Vec::with_capacity(ordinals.len());
        for ordinal in ordinals {
            let Some(delivery) = self.broadcast_mut(id)?.delivery_mut(*ordinal) else {
                continue;
            };
            delivery.place = Place::Armed(window);
            delivery.first_armed_at.get_or_insert(now);
            announced.push((*ordinal, delivery.attempt + 1));
            let delivery = delivery.clone();
            armed.push(self.armed(*ordinal, &delivery, now)?);
        }
        let runs = runs(&announced, window, moment.start, now);
        self.windows.push(Announced {
            broadcast: id,
            provider: moment.provider.to_owned(),
            deliveries: announced,
        });
        let broadcast = self.broadcast_mut(id)?;
        broadcast.armed.extend(runs);
        Ok(Some(Window {
            id: window,
            broadcast: id,
            update: broadcast.update,
            provider: moment.provider.to_owned(),
            duplicate_bound: broadcast.rules.duplicate_bound,
            asked: broadcast.deliveries.len() as u64,
            urgent: broadcast.urgent,
            expires_at: broadcast.rules.expires_at,
            armed,
        }))
    }

    fn armed(&self, ordinal: Ordinal, delivery: &Delivery, now: Wall) -> LedgerResult<Armed> {
        let known = self.known(delivery.row)?;
        let partner = known.partner.clone();
        let (destination, secret) = partner
            .map(|partner| (partner.name.clone(), partner.signs(now)))
            .unwrap_or_default();
        Ok(Armed {
            ordinal,
            attempt: delivery.attempt + 1,
            charged: delivery.charged,
            unknowns: delivery.unknowns,
            unsure: delivery.unsure,
            last_reason: delivery.reason,
            first_armed_at: delivery.first_armed_at.unwrap_or_default(),
            address_id: delivery.row,
            address: known.address.clone(),
            destination,
            secret,
            language: (*delivery.language).to_owned(),
        })
    }

    /// When something of a channel is due again through a provider, or too late.
    fn next_due(
        &self,
        channel: &ChannelName,
        may_expire: bool,
        moment: Moment<'_>,
    ) -> Option<Wall> {
        let mine = self.broadcasts.iter().filter(|broadcast| {
            broadcast.rules.channel == *channel && broadcast.state == BroadcastState::Sending
        });
        let due = |broadcast: &Broadcast| {
            let due = broadcast
                .deliveries
                .iter()
                .filter(|delivery| moment.may_have(delivery))
                .filter_map(Delivery::due)
                .min()?;
            let too_late = may_expire.then_some(broadcast.rules.expires_at);
            Some(too_late.map_or(due, |too_late| too_late.min(due)))
        };
        mine.filter_map(due).min()
    }
}

impl Broadcast {
    /// Whether it is a newer one of the same incident and channel.
    pub(super) fn comes_after(&self, older: &Self) -> bool {
        self.id > older.id
            && self.incident == older.incident
            && self.rules.channel == older.rules.channel
    }
}

#[derive(Clone, Copy)]
enum Look {
    Due,
    Fresh,
}

impl Delivery {
    /// When it is due again.
    pub(super) fn due(&self) -> Option<Wall> {
        match self.place {
            Place::Due(at) => Some(at),
            Place::Fresh
            | Place::Armed(_)
            | Place::Behind(_)
            | Place::Unknown
            | Place::Settled(_) => None,
        }
    }

    pub(super) fn is_armed(&self) -> bool {
        matches!(self.place, Place::Armed(_))
    }
}

/// Consecutive ordinals at one attempt, joined.
pub(super) fn runs(
    deliveries: &[(Ordinal, u32)],
    window: WindowId,
    boot: i64,
    at: Wall,
) -> Vec<ArmedRun> {
    let next = |a: &(Ordinal, u32), b: &(Ordinal, u32)| a.0.0 + 1 == b.0.0 && a.1 == b.1;
    let runs = deliveries.chunk_by(next).filter_map(|run| {
        let ((lo, attempt), (hi, _)) = (*run.first()?, *run.last()?);
        Some(ArmedRun {
            window,
            boot,
            lo,
            hi,
            attempt,
            at,
        })
    });
    runs.collect()
}
