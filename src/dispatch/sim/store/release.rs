//! Release and planning: a frozen audience, page by page.

use super::state::{Answer, Broadcast, Delivery, State};
use super::take::Moment;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::ledger::{NewBroadcast, ReleaseOrder, Released, Window};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::time::Wall;
use oyez_domain::update::{Update, UpdateState};
use oyez_domain::{LedgerError, LedgerResult, Refusal};
use std::collections::BTreeSet;
use std::sync::Arc;

impl State {
    /// Everything of a release; the caller puts back what was when it is refused.
    pub(super) fn release(&mut self, start: i64, order: &ReleaseOrder) -> LedgerResult<Released> {
        if let Some(Answer::Release(id, made)) = self.answered(order.key.as_ref())? {
            let made = made.iter();
            return Ok(Released {
                update: self.update(*id)?.clone(),
                broadcasts: made.map(|(id, name)| (*id, name.clone(), None)).collect(),
                replayed: true,
            });
        }
        self.fence(start)?;
        let mut update = self.update(order.update)?.clone();
        if update.state != UpdateState::Draft {
            let why = format!("{} was released already", update.reference);
            return Err(LedgerError::State(why));
        }
        self.sequence += 1;
        update.state = UpdateState::Released;
        update.released_at = Some(order.by.at);
        self.freeze(update.clone())?;
        let made = self.plan_first_pages(&update, order)?;
        let moment = Moment {
            start,
            now: order.by.at,
            provider: "",
            only_its_own: false,
        };
        let mut broadcasts = Vec::new();
        for (id, channel) in &made {
            let window = self.first_window(*id, moment)?;
            broadcasts.push((*id, channel.clone(), window));
        }
        self.remember(order.key.as_ref(), Answer::Release(update.id, made));
        Ok(Released {
            update,
            broadcasts,
            replayed: false,
        })
    }

    fn plan_first_pages(
        &mut self,
        update: &Update,
        order: &ReleaseOrder,
    ) -> LedgerResult<Vec<(BroadcastId, oyez_domain::channel::ChannelName)>> {
        let mut made = Vec::new();
        for rules in &order.broadcasts {
            let number = u32::try_from(self.broadcasts.len() + 1).unwrap();
            let id = BroadcastId(number);
            let mut broadcast = new_broadcast(id, update, rules, order, self.sequence);
            broadcast.turn = self.turn_of(&broadcast);
            if rules.carries == AddressKind::Account {
                let row = self.row_of(&Address::account(rules.channel.as_str()));
                broadcast.ask(row, Arc::from("en"));
                broadcast.planned = true;
            } else {
                self.write_page(&mut broadcast);
            }
            self.broadcasts.push(broadcast);
            made.push((id, rules.channel.clone()));
        }
        let mut somebody = false;
        for (id, _) in &made {
            let mut broadcast = self.broadcast(*id)?.clone();
            while broadcast.deliveries.is_empty() && !broadcast.planned {
                self.write_page(&mut broadcast);
            }
            somebody |= !broadcast.deliveries.is_empty();
            *self.broadcast_mut(*id)? = broadcast;
        }
        if !somebody {
            let why = "nobody would get this update";
            return Err(Refusal::new("audience", "empty", why).into());
        }
        Ok(made)
    }

    fn turn_of(&self, new: &Broadcast) -> BroadcastId {
        let replaced = self.broadcasts.iter().filter(|older| {
            let same = older.incident == new.incident;
            new.supersedes && same && older.rules.channel == new.rules.channel && older.is_open()
        });
        replaced
            .map(|older| older.turn)
            .fold(new.id, BroadcastId::min)
    }

    /// The first window, unless the channel is held or has something else to do first.
    fn first_window(
        &mut self,
        id: BroadcastId,
        moment: Moment<'_>,
    ) -> LedgerResult<Option<Window>> {
        let rules = &self.broadcast(id)?.rules;
        let (channel, rows) = (rules.channel.clone(), rules.first_rows);
        let (shut, kind) = (rules.shut_destinations.clone(), rules.kind.clone());
        let moment = Moment {
            provider: &kind,
            ..moment
        };
        let busy = self.broadcasts.iter().any(|other| {
            let in_flight = other.deliveries.iter().any(Delivery::is_armed);
            other.id < id && other.rules.channel == channel && (other.is_open() || in_flight)
        });
        let window = if rows == 0 || busy || self.held(&channel).is_some() {
            None
        } else {
            self.arm_fresh(id, rows, &shut, moment)?
        };
        self.broadcast_mut(id)?.see_whether_done();
        Ok(window)
    }

    /// Plans a page, and sweeps what newer audiences took the place of.
    pub(super) fn plan_page(&mut self, now: Wall) -> Option<BroadcastId> {
        let planned = self.plan_most_urgent(now);
        let swept = self.sweep(now);
        planned.or(swept)
    }

    /// Settles what is unsent of updates that newer ones took the place of, one broadcast at a time.
    fn sweep(&mut self, now: Wall) -> Option<BroadcastId> {
        for at in 0..self.broadcasts.len() {
            let id = self.broadcasts[at].id;
            let unsent = |d: &&Delivery| d.is_open() && !d.is_armed();
            let rows: BTreeSet<i64> = self.broadcasts[at]
                .deliveries
                .iter()
                .filter(unsent)
                .map(|delivery| delivery.row)
                .filter(|row| self.superseded(id, *row))
                .collect();
            if rows.is_empty() {
                continue;
            }
            let broadcast = &mut self.broadcasts[at];
            let (code, reason) = (OutcomeCode::Superseded, Reason::Superseded);
            broadcast.settle_fresh_of(|row| rows.contains(&row), code, now);
            let waiting = broadcast.deliveries.iter_mut();
            for delivery in waiting.filter(|d| d.is_open() && !d.is_armed()) {
                if rows.contains(&delivery.row) {
                    delivery.settle_unsent(code, reason, now);
                }
            }
            broadcast.see_whether_done();
            return Some(id);
        }
        None
    }

    fn plan_most_urgent(&mut self, now: Wall) -> Option<BroadcastId> {
        let unplanned = self.broadcasts.iter().filter(|b| !b.planned);
        let id = unplanned
            .min_by_key(|b| (!b.urgent, !b.supersedes, b.id))?
            .id;
        let at = usize::try_from(id.0 - 1).unwrap();
        let mut broadcast = self.broadcasts[at].clone();
        self.write_page(&mut broadcast);
        if broadcast.state == BroadcastState::Stopped {
            broadcast.settle_fresh(OutcomeCode::Stopped, now);
        } else if broadcast.rules.expires_at <= now {
            broadcast.settle_rest(OutcomeCode::Expired, Reason::Expired, now);
        }
        broadcast.see_whether_done();
        self.broadcasts[at] = broadcast;
        Some(id)
    }

    /// Looks at one page of subscriptions and writes out those the update concerns.
    fn write_page(&self, broadcast: &mut Broadcast) {
        let kind = broadcast.rules.carries;
        let rows = usize::try_from(broadcast.page_rows).unwrap();
        let from = (kind, broadcast.scanned_to + 1);
        let page = self.subscriptions.range(from..=(kind, i64::MAX)).take(rows);
        let mut looked_at = 0;
        for ((_, row), subscription) in page {
            looked_at += 1;
            broadcast.scanned_to = *row;
            if self.concerns(broadcast, *row) {
                broadcast.ask(*row, Arc::clone(&subscription.language));
            }
        }
        broadcast.planned = looked_at < rows;
    }

    /// Whether an address is in the audience, written out already or not.
    pub(super) fn concerns(&self, broadcast: &Broadcast, row: i64) -> bool {
        let kind = broadcast.rules.carries;
        let Some(subscription) = self.subscriptions.get(&(kind, row)) else {
            return broadcast.asked.contains(&row);
        };
        let frozen = broadcast.sequence;
        let then = subscription.from <= frozen && subscription.to.is_none_or(|to| to > frozen);
        // Topics and languages are people's wishes; partners have none.
        let wished = match kind {
            AddressKind::Account | AddressKind::Endpoint => true,
            AddressKind::Email | AddressKind::Mobile | AddressKind::Landline => {
                let topic = |topic| broadcast.topics.contains(topic);
                let language = |tag: &String| **tag == *subscription.language;
                (broadcast.topics.is_empty()
                    || subscription.topics.is_empty()
                    || subscription.topics.iter().any(topic))
                    && (broadcast.languages.is_empty() || broadcast.languages.iter().any(language))
            }
        };
        then && wished
    }

    pub(super) fn broadcast(&self, id: BroadcastId) -> LedgerResult<&Broadcast> {
        let at = usize::try_from(id.0).unwrap_or(0).checked_sub(1);
        at.and_then(|at| self.broadcasts.get(at))
            .ok_or_else(|| LedgerError::NotFound(format!("broadcast {}", id.0)))
    }

    pub(super) fn broadcast_mut(&mut self, id: BroadcastId) -> LedgerResult<&mut Broadcast> {
        let at = usize::try_from(id.0).unwrap_or(0).checked_sub(1);
        at.and_then(|at| self.broadcasts.get_mut(at))
            .ok_or_else(|| LedgerError::NotFound(format!("broadcast {}", id.0)))
    }
}

impl Broadcast {
    fn ask(&mut self, row: i64, language: Arc<str>) {
        self.deliveries.push(Delivery::new(row, language));
        self.asked.insert(row);
    }

    /// The delivery in a place.
    pub(super) fn delivery(&self, ordinal: Ordinal) -> Option<&Delivery> {
        self.deliveries.get(usize::try_from(ordinal.0).ok()?)
    }

    /// The delivery in a place, to be changed.
    pub(super) fn delivery_mut(&mut self, ordinal: Ordinal) -> Option<&mut Delivery> {
        self.deliveries.get_mut(usize::try_from(ordinal.0).ok()?)
    }

    /// Settles what is too late.
    pub(super) fn expire(&mut self, now: Wall) {
        self.settle_rest(OutcomeCode::Expired, Reason::Expired, now);
        self.see_whether_done();
    }
}

fn new_broadcast(
    id: BroadcastId,
    update: &Update,
    rules: &NewBroadcast,
    order: &ReleaseOrder,
    sequence: u64,
) -> Broadcast {
    Broadcast {
        id,
        update: update.id,
        incident: update.incident,
        urgent: update.urgent,
        supersedes: order.supersedes,
        turn: id,
        rules: rules.clone(),
        page_rows: order.page_rows.max(1),
        topics: update.audience.topics.clone(),
        languages: update.audience.languages.clone(),
        released_at: order.by.at,
        sequence,
        state: BroadcastState::Sending,
        planned: false,
        scanned_to: 0,
        deliveries: Vec::new(),
        asked: BTreeSet::new(),
        armed: Vec::new(),
        disarmed: Vec::new(),
        spans: Vec::new(),
        first_outcome_at: None,
        last_outcome_at: None,
    }
}
