//! One channel's breakers: its own, and one for each partner that is being sent to or is in trouble.

use crate::breaker::{Arming, Breaker, BreakerState, Change, Leave, News};
use crate::pause::{Moment, Pause};
use oyez_domain::outcome::{Outcome, Reason, Scope};
use oyez_domain::time::{Boot, Wall};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A provider that is down is tried at least this often: it serves everybody, and is to be used again soon.
const LONGEST_WAIT: Duration = Duration::from_secs(16);
/// The same for one partner, who may be gone for days.
const LONGEST_WAIT_FOR_PARTNER: Duration = Duration::from_secs(300);
/// How long somebody waits whose partner is busy with others: as long as it has been without an answer already, within
/// these bounds.
const BUSY_AT_LEAST: Duration = Duration::from_millis(50);
const BUSY_AT_MOST: Duration = Duration::from_secs(1);
/// Partners remembered at most. Who is forgotten is tried once more than needed.
const MOST_PARTNERS: usize = 4096;

/// What people should hear of: the channel, or one partner of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The partner, where it concerns only one.
    pub destination: Option<String>,
    /// What changed.
    pub change: Change,
}

/// One partner in trouble, as screens show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShutDestination {
    /// The partner's name.
    pub name: String,
    /// Why nothing goes there.
    pub pause: Pause,
}

/// The breakers of one channel.
#[derive(Debug)]
pub struct Breakers {
    state: Mutex<State>,
    /// Requests to one partner at a time, so that one who hangs cannot hold all of C.
    most_at_once: u32,
}

#[derive(Debug)]
struct State {
    channel: Breaker,
    destinations: BTreeMap<String, Destination>,
}

#[derive(Debug)]
struct Destination {
    breaker: Breaker,
    on_their_way: u32,
    /// Since when there has been no answer, while something is on its way.
    busy_since: Boot,
}

impl Breakers {
    /// Closed breakers of a channel with `concurrency` requests in flight at most.
    pub fn new(concurrency: u32) -> Self {
        let channel = Breaker::new(LONGEST_WAIT);
        let destinations = BTreeMap::new();
        Self {
            state: Mutex::new(State {
                channel,
                destinations,
            }),
            most_at_once: (concurrency / 4).max(1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the channel's own stands.
    pub fn state(&self) -> BreakerState {
        self.lock().channel.state()
    }

    /// Whether the channel's own, or that of this partner, is not closed.
    pub(crate) fn is_down(&self, destination: &str) -> bool {
        let state = self.lock();
        let partner = state.destinations.get(destination);
        let breakers = partner.map(|known| &known.breaker).into_iter();
        breakers
            .chain([&state.channel])
            .any(|breaker| breaker.state() != BreakerState::Closed)
    }

    /// The channel's pause in force.
    pub fn pause(&self, now: Moment) -> Option<Pause> {
        let why = self.lock().channel.pause(now.boot)?;
        Some(Pause::new(why, now))
    }

    /// The share of the channel's limit in use.
    pub fn share(&self, now: Boot) -> f64 {
        self.lock().channel.share(now)
    }

    /// Whether deliveries may be armed.
    pub(crate) fn arming(&self, now: Boot) -> Arming {
        self.lock().channel.arming(now)
    }

    /// Whether an armed delivery may leave.
    pub(crate) fn leave(&self, now: Boot) -> Leave {
        self.lock().channel.leave(now)
    }

    /// One delivery was armed to be tried.
    pub(crate) fn probe(&self, now: Boot) {
        self.lock().channel.probe(now);
    }

    /// It came to an end; if that said nothing, another follows.
    pub(crate) fn probe_ended(&self, now: Boot) {
        self.lock().channel.probe_ended(now);
    }

    /// The provider does not accept us yet.
    pub(crate) fn check_failed(&self, now: Boot) {
        self.lock().channel.check_failed(now);
    }

    /// A person says: go on at once, partners included.
    pub fn clear(&self, now: Boot) {
        let mut state = self.lock();
        state.channel.clear(now);
        for destination in state.destinations.values_mut() {
            destination.breaker.clear(now);
        }
    }

    /// The partners that get nothing at the moment, by name.
    pub fn shut(&self, now: Moment) -> Vec<ShutDestination> {
        let state = self.lock();
        let shut = state.destinations.iter().filter_map(|(name, known)| {
            let why = known.breaker.pause(now.boot)?;
            Some(ShutDestination {
                name: name.clone(),
                pause: Pause::new(why, now),
            })
        });
        shut.collect()
    }

    /// The partners for whom nothing is to be armed, and until when: those in trouble and those with enough on the
    /// way to them.
    pub(crate) fn not_to_arm(&self, now: Moment) -> Vec<(String, Wall)> {
        let state = self.lock();
        let shut = state.destinations.iter().filter_map(|(name, known)| {
            let until = known.rests_until(self.most_at_once, now.boot)?;
            Some((name.clone(), now.wall_at(until)))
        });
        shut.collect()
    }

    /// Begins a request to a partner, or says until when there is to be none. Follow it up with [`Self::left`].
    pub fn visit(&self, destination: &str, now: Boot) -> Result<(), Boot> {
        let mut state = self.lock();
        state.make_room();
        let known = state.destinations.entry(destination.to_owned());
        let known = known.or_insert_with(|| Destination {
            breaker: Breaker::new(LONGEST_WAIT_FOR_PARTNER),
            on_their_way: 0,
            busy_since: now,
        });
        if let Some(until) = known.rests_until(self.most_at_once, now) {
            return Err(until);
        }
        // Where it is closed already this changes nothing.
        known.breaker.probe(now);
        if known.on_their_way == 0 {
            known.busy_since = now;
        }
        known.on_their_way += 1;
        Ok(())
    }

    /// A request to a partner has ended and was observed.
    pub fn left(&self, destination: &str, now: Boot) {
        let mut state = self.lock();
        if let Some(known) = state.destinations.get_mut(destination) {
            known.on_their_way = known.on_their_way.saturating_sub(1);
            known.busy_since = now;
            if known.on_their_way == 0 {
                known.breaker.probe_ended(now);
                if known.breaker.is_blank() {
                    state.destinations.remove(destination);
                }
            }
        }
    }

    /// Takes in the outcome of a request that was begun at `started`.
    pub fn observe(
        &self,
        destination: &str,
        outcome: &Outcome,
        started: Boot,
        now: Moment,
    ) -> Vec<Told> {
        let Some((scope, news)) = read(outcome, now) else {
            return Vec::new();
        };
        let mut state = self.lock();
        let State {
            channel,
            destinations,
        } = &mut *state;
        let partner = destinations.get_mut(destination);
        let of_the_channel = match (scope, news) {
            (Some(Scope::Channel), _) | (None, News::Well) => true,
            (Some(Scope::Destination), _) => false,
            // Where a partner is known, it is the partner that did not answer.
            (None, News::Failed(_) | News::Throttled(_) | News::Refused(_)) => partner.is_none(),
        };
        let heard = |breaker: &mut Breaker| breaker.observe(started, now.boot, news);
        let mut told = Vec::new();
        if of_the_channel {
            let destination = None;
            told.extend(heard(channel).map(|change| Told {
                destination,
                change,
            }));
        }
        if let Some(partner) = partner.filter(|_| scope != Some(Scope::Channel)) {
            let destination = Some(destination.to_owned());
            told.extend(heard(&mut partner.breaker).map(|change| Told {
                destination,
                change,
            }));
        }
        told
    }
}

impl State {
    fn make_room(&mut self) {
        if self.destinations.len() >= MOST_PARTNERS {
            let mut known = self.destinations.iter();
            let idle = known.find(|(_, known)| known.on_their_way == 0);
            if let Some(name) = idle.map(|(name, _)| name.clone()) {
                self.destinations.remove(&name);
            }
        }
    }
}

impl Destination {
    fn rests_until(&self, most_at_once: u32, now: Boot) -> Option<Boot> {
        let is_tried = self.breaker.state() == BreakerState::Probing;
        match self.breaker.arming(now) {
            Arming::NotBefore(until) if !is_tried => Some(until),
            Arming::Freely | Arming::One | Arming::OneAfterCheck
                if self.on_their_way < most_at_once =>
            {
                None
            }
            Arming::NotBefore(_) | Arming::Freely | Arming::One | Arming::OneAfterCheck => {
                let busy = now.since(self.busy_since);
                Some(now.plus(busy.clamp(BUSY_AT_LEAST, BUSY_AT_MOST)))
            }
        }
    }
}

/// What an outcome says about whoever was asked, and whether it says for whom; nothing when it says nothing.
fn read(outcome: &Outcome, now: Moment) -> Option<(Option<Scope>, News)> {
    match outcome {
        Outcome::Accepted { .. } | Outcome::Rejected { .. } | Outcome::BadMessage { .. } => {
            Some((None, News::Well))
        }
        Outcome::Throttled { until, scope } => {
            Some((Some(*scope), News::Throttled(now.boot_at(*until))))
        }
        Outcome::Deferred { reason } => {
            let news = if is_failure(*reason) {
                News::Failed(*reason)
            } else {
                News::Well
            };
            Some((None, news))
        }
        Outcome::ChannelDown { reason, scope } => Some((Some(*scope), News::Failed(*reason))),
        Outcome::ChannelRefused { reason, scope } => Some((Some(*scope), News::Refused(*reason))),
        Outcome::Unknown { reason } => is_failure(*reason).then_some((None, News::Failed(*reason))),
    }
}

/// Whether a reason is a fault of the provider, of the way to it, or of its answer.
fn is_failure(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ProviderDown
            | Reason::Connect
            | Reason::Dns
            | Reason::Tls
            | Reason::Timeout
            | Reason::Protocol
            | Reason::Uncertain
    )
}

#[cfg(test)]
mod tests;
