//! Which of a channel's providers sends now: the first that works, or each its share of what is sent.
//!
//! One error moves nothing: only an open breaker, or a pause that is worth it, does. A provider that comes back begins
//! slowly beside the one in use, and leads again once it has kept up for a while; so the load never flaps.

use crate::breaker::BreakerState;
use crate::breakers::Breakers;
use crate::pause::{Moment, Pause};
use oyez_domain::outcome::Reason;
use oyez_domain::receipt::Receipts;
use oyez_domain::time::Boot;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// A pause shorter than this is waited out.
const WORTH_MOVING: Duration = Duration::from_secs(2);
/// How long a provider has to keep up after it came back before it leads again: as long as its slow start takes.
const KEEPS_UP: Duration = Duration::from_secs(30);
/// Who has not looked for work for so long does not use its share, and nobody waits for it.
const LATELY: Duration = Duration::from_secs(3);
/// Who is ahead of its share looks again this soon.
const AHEAD: Duration = Duration::from_millis(250);

/// What one of them may arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Whatever is next.
    Any,
    /// Only what may have been sent through it already; it looks again at this moment, if one is given.
    Own(Option<Boot>),
}

/// Another provider sends from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moved {
    /// The kind of the one that sent.
    pub(crate) from: &'static str,
    /// The kind of the one that sends.
    pub(crate) to: &'static str,
    /// Why the other one does not, unless this one comes first anyway.
    pub(crate) reason: Option<Reason>,
}

/// One provider, as screens show it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProviderView {
    /// Its kind.
    pub kind: &'static str,
    /// Its breaker.
    pub breaker: BreakerState,
    /// Why nothing is sent through it, unless another one simply comes before it.
    pub pause: Option<Pause>,
    /// Whether new deliveries are sent through it.
    pub in_use: bool,
    /// The share of its limit in use.
    pub share: f64,
}

/// One provider as the others see it.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) kind: &'static str,
    /// Of what its receipts tell.
    pub(crate) receipts: Receipts,
    /// How much of what is sent it gets, compared with the others; nothing where they go in order.
    pub(crate) weight: Option<u32>,
    pub(crate) breakers: Arc<Breakers>,
    pub(crate) bell: Arc<Notify>,
}

/// A channel's providers, first first.
#[derive(Debug)]
pub struct Providers {
    all: Vec<Provider>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    each: Vec<Each>,
    /// Whose lead was told last.
    told: usize,
}

#[derive(Debug, Clone, Copy)]
struct Each {
    standing: Standing,
    /// What it armed, divided by its weight.
    armed: f64,
    /// The last of it.
    last: f64,
    /// When it last looked for work.
    looked: Boot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Here,
    /// Its breaker is not closed, or it pauses.
    Away,
    /// It works again since then.
    Back(Boot),
}

impl Providers {
    pub(crate) fn new(all: Vec<Provider>) -> Self {
        let new = Each {
            standing: Standing::Here,
            armed: 0.0,
            last: 0.0,
            looked: Boot::default(),
        };
        let each = vec![new; all.len()];
        Self {
            all,
            state: Mutex::new(State { each, told: 0 }),
        }
    }

    /// How many there are.
    pub(crate) fn many(&self) -> usize {
        self.all.len()
    }

    /// Of what the receipts of any of them tell.
    pub(crate) fn receipts(&self) -> Receipts {
        let any = |tells| self.all.iter().any(|one| one.receipts == tells);
        let most = [Receipts::OfAll, Receipts::OfFailures];
        let most = most.into_iter().find(|tells| any(*tells));
        most.unwrap_or(Receipts::None)
    }

    /// Whether each gets its share instead of all going to the first that works.
    pub(crate) fn is_split(&self) -> bool {
        self.all.iter().any(|provider| provider.weight.is_some())
    }

    /// Has every one look for work.
    pub(crate) fn ring(&self) {
        self.all.iter().for_each(|one| one.bell.notify_one());
    }

    /// What the one at this rank may arm now. Who is away tries what its own breaker lets through.
    pub(crate) fn turn(&self, rank: usize, now: Moment) -> Turn {
        let mut state = self.look(now);
        state.each[rank].looked = now.boot;
        if state.each[rank].standing == Standing::Away {
            Turn::Any
        } else if self.is_split() {
            state.by_weight(rank, now.boot)
        } else if state.may_begin(rank) {
            Turn::Any
        } else {
            Turn::Own(None)
        }
    }

    /// So many deliveries were armed for the one at this rank, of which this share of its limit is in use.
    pub(crate) fn armed(&self, rank: usize, rows: usize, share: f64) {
        let Some(weight) = self.all[rank].weight else {
            return;
        };
        let mut state = self.lock();
        let one = &mut state.each[rank];
        one.last = rows as f64 / (f64::from(weight) * share);
        one.armed += one.last;
        drop(state);
        self.ring();
    }

    /// What changed since this was last asked; only where they go in order.
    pub(crate) fn moved(&self, now: Moment) -> Option<Moved> {
        let mut state = self.look(now);
        let (from, to) = (state.told, state.lead()?);
        if self.is_split() || from == to {
            return None;
        }
        state.told = to;
        drop(state);
        let (from, to) = (&self.all[from], &self.all[to]);
        let reason = from.breakers.pause(now).map(|pause| pause.reason);
        Some(Moved {
            from: from.kind,
            to: to.kind,
            reason,
        })
    }

    /// Why nothing is sent on the channel: every one of them pauses. Of several, the pause that ends first.
    pub(crate) fn pause(&self, now: Moment) -> Option<Pause> {
        let pauses = self.all.iter().map(|one| one.breakers.pause(now));
        let pauses: Option<Vec<_>> = pauses.collect();
        pauses?.into_iter().min_by_key(Pause::wait)
    }

    /// The channel's own health: that of the best of them.
    pub(crate) fn breaker(&self) -> BreakerState {
        let is = |state| self.all.iter().any(|one| one.breakers.state() == state);
        let states = [BreakerState::Closed, BreakerState::Probing];
        let best = states.into_iter().find(|state| is(*state));
        best.unwrap_or(BreakerState::Open)
    }

    /// The sum of the shares of the limit in use.
    pub(crate) fn share(&self, now: Moment) -> f64 {
        let views = self.views(now);
        let in_use = views.iter().filter(|view| view.in_use);
        in_use.map(|view| view.share).sum()
    }

    /// Each of them, first first.
    pub fn views(&self, now: Moment) -> Vec<ProviderView> {
        let state = self.look(now);
        let view = |(rank, one): (usize, &Provider)| {
            let works = state.each[rank].standing != Standing::Away;
            let sends = if self.is_split() {
                works || state.lead().is_none()
            } else {
                state.may_begin(rank)
            };
            ProviderView {
                kind: one.kind,
                breaker: one.breakers.state(),
                pause: one.breakers.pause(now),
                in_use: sends,
                share: one.breakers.share(now.boot),
            }
        };
        self.all.iter().enumerate().map(view).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks how each of them does.
    fn look(&self, now: Moment) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        let least = state.least(now.boot);
        for (one, provider) in state.each.iter_mut().zip(&self.all) {
            let closed = provider.breakers.state() == BreakerState::Closed;
            let wait = provider.breakers.pause(now).map(|pause| pause.wait());
            let before = one.standing;
            one.standing = before.next(closed, wait, now.boot);
            if before == Standing::Away && one.standing != before {
                // What it missed is not made up for.
                one.armed = one.armed.max(least.unwrap_or(0.0));
            }
        }
        state
    }
}

impl State {
    /// Who sends, where they go in order: the first that works, if any does.
    fn lead(&self) -> Option<usize> {
        let first = |which: fn(Standing) -> bool| {
            let mut each = self.each.iter();
            each.position(|one| which(one.standing))
        };
        first(|standing| standing == Standing::Here)
            .or_else(|| first(|standing| standing != Standing::Away))
    }

    /// Whether the one at this rank sends in order: as the first that works, as one before it that came back, or because
    /// none works.
    fn may_begin(&self, rank: usize) -> bool {
        match (self.lead(), self.each[rank].standing) {
            (None, _) => true,
            (Some(lead), Standing::Back(_)) => rank <= lead,
            (Some(lead), Standing::Here | Standing::Away) => rank == lead,
        }
    }

    /// Whether the one at this rank has had no more than its share, but for what it armed last.
    fn by_weight(&self, rank: usize, now: Boot) -> Turn {
        let one = &self.each[rank];
        let least = self.least(now).unwrap_or(one.armed);
        if one.armed - one.last <= least {
            Turn::Any
        } else {
            Turn::Own(Some(now.plus(AHEAD)))
        }
    }

    /// What the one furthest behind has armed, of those that work and look for more.
    fn least(&self, now: Boot) -> Option<f64> {
        let works = self
            .each
            .iter()
            .filter(|one| one.standing != Standing::Away && now.since(one.looked) < LATELY);
        works.map(|one| one.armed).reduce(f64::min)
    }
}

impl Standing {
    fn next(self, closed: bool, wait: Option<Duration>, now: Boot) -> Self {
        match self {
            _ if !closed || wait.is_some_and(|wait| wait > WORTH_MOVING) => Self::Away,
            // A pause that is nearly over is not over.
            Self::Away if wait.is_some() => Self::Away,
            Self::Away => Self::Back(now),
            Self::Back(since) if now.since(since) < KEEPS_UP => Self::Back(since),
            Self::Back(_) | Self::Here => Self::Here,
        }
    }
}

#[cfg(test)]
mod tests;
