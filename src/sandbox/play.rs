//! A scenario being played: which rule meets a request, and what has been played so far.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::clock;
use crate::scenario::{
    Action, ChannelScript, Number, ReceiptRule, Rule, Scenario, Since, Stage, When,
};

/// The point of a request at which a rule may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    Smtp(Stage),
    Http,
}

/// What a rule makes of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn {
    pub(crate) latency_ms: u64,
    pub(crate) action: Option<Action>,
}

/// All channels of one scenario.
pub(crate) struct Play {
    channels: BTreeMap<String, Arc<ChannelPlay>>,
    others: Arc<ChannelPlay>,
}

/// One channel's script and what has been played of it.
pub(crate) struct ChannelPlay {
    pub(crate) script: ChannelScript,
    started_us: u64,
    requests: AtomicU64,
    first_us: OnceLock<u64>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    played: HashMap<usize, u32>,
    played_each: HashMap<(usize, String), u32>,
    first_of_address: HashMap<String, u64>,
    taken_us: HashMap<usize, VecDeque<u64>>,
}

/// Who is asking.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) point: Point,
    /// The request's number on its channel, from [`ChannelPlay::begin`].
    pub(crate) number: u64,
    pub(crate) to: &'a str,
    pub(crate) key: &'a str,
}

impl Play {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let started_us = clock::boottime_us();
        let mut channels: BTreeMap<_, _> = scenario
            .channels
            .iter()
            .map(|(name, script)| {
                (
                    name.clone(),
                    Arc::new(ChannelPlay::new(script.clone(), started_us)),
                )
            })
            .collect();
        let others = channels
            .remove("*")
            .unwrap_or_else(|| Arc::new(ChannelPlay::new(ChannelScript::default(), started_us)));
        Self { channels, others }
    }

    pub(crate) fn channel(&self, name: &str) -> Arc<ChannelPlay> {
        Arc::clone(self.channels.get(name).unwrap_or(&self.others))
    }

    /// The client of a new SMTP connection has no name, so the first channel with a matching rule stands for it.
    pub(crate) fn at_connect(&self) -> Option<(&str, Turn)> {
        let named = self
            .channels
            .iter()
            .map(|(name, play)| (name.as_str(), play));
        named.chain([("*", &self.others)]).find_map(|(name, play)| {
            let ask = Ask {
                point: Point::Smtp(Stage::Connect),
                number: 0,
                to: "",
                key: "",
            };
            play.decide(ask).map(|turn| (name, turn))
        })
    }
}

impl ChannelPlay {
    fn new(script: ChannelScript, started_us: u64) -> Self {
        Self {
            script,
            started_us,
            requests: AtomicU64::new(0),
            first_us: OnceLock::new(),
            state: Mutex::new(State::default()),
        }
    }

    /// Counts a request and gives its number on the channel, from 1.
    pub(crate) fn begin(&self) -> u64 {
        self.first_us.get_or_init(clock::boottime_us);
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// What the script has for this point of a request, if anything.
    pub(crate) fn decide(&self, ask: Ask<'_>) -> Option<Turn> {
        if !self.script.rules.iter().any(|rule| rule.acts_at(ask.point)) {
            return None;
        }
        let now_us = clock::boottime_us();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !ask.to.is_empty() && !state.first_of_address.contains_key(ask.to) {
            state.first_of_address.insert(ask.to.to_owned(), now_us);
        }
        let mut rules = self
            .script
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| rule.acts_at(ask.point));
        let (_, rule) = rules.find(|&(index, rule)| {
            self.meets(&state, index, rule, ask, now_us) && state.play(index, rule, ask, now_us)
        })?;
        Some(Turn {
            latency_ms: rule.latency_ms,
            action: rule.action.clone(),
        })
    }

    fn meets(&self, state: &State, index: usize, rule: &Rule, ask: Ask<'_>, now_us: u64) -> bool {
        let since_us = match rule.when.since {
            Since::Start => self.started_us,
            Since::FirstRequest => self.first_us.get().copied().unwrap_or(now_us),
            Since::FirstOfAddress => state
                .first_of_address
                .get(ask.to)
                .copied()
                .unwrap_or(now_us),
        };
        rule.when.is_for(ask, index) && rule.when.is_now(now_us.saturating_sub(since_us) / 1_000)
    }

    /// The receipt rule for a message the gateway took; `None` means the usual receipt.
    pub(crate) fn receipt_rule(&self, to: &str, key: &str) -> Option<&ReceiptRule> {
        self.script
            .receipts
            .iter()
            .enumerate()
            .find_map(|(index, rule)| rule.is_for(to, key, index).then_some(rule))
    }
}

impl State {
    /// Takes one play of the rule out of its allowance; false when there is none left.
    fn play(&mut self, index: usize, rule: &Rule, ask: Ask<'_>, now_us: u64) -> bool {
        let played = self.played.get(&index).copied().unwrap_or(0);
        if rule.times.is_some_and(|times| played >= times) {
            return false;
        }
        if let Some(times) = rule.times_each {
            let each = self
                .played_each
                .entry((index, ask.to.to_owned()))
                .or_default();
            if *each >= times {
                return false;
            }
            *each += 1;
        }
        if let Some(Action::RateLimit { max_per_second, .. }) = &rule.action
            && self.has_room(index, *max_per_second, now_us)
        {
            return false;
        }
        self.played.insert(index, played.saturating_add(1));
        true
    }

    /// Whether fewer than `max` requests were taken in the second before now; if so, this one is taken too.
    fn has_room(&mut self, index: usize, max: u32, now_us: u64) -> bool {
        let taken = self.taken_us.entry(index).or_default();
        while taken.front().is_some_and(|at| at + 1_000_000 <= now_us) {
            taken.pop_front();
        }
        let room = taken.len() < usize::try_from(max).unwrap_or(usize::MAX);
        if room {
            taken.push_back(now_us);
        }
        room
    }
}

impl Rule {
    pub(crate) fn acts_at(&self, point: Point) -> bool {
        match (&self.action, self.stage, point) {
            (Some(Action::Http { .. }), _, point) => point == Point::Http,
            (Some(Action::Smtp { .. }), None, point) => point == Point::Smtp(Stage::Dot),
            (_, Some(stage), point) => point == Point::Smtp(stage),
            (_, None, Point::Http) => true,
            (Some(Action::RateLimit { .. }), None, Point::Smtp(stage)) => stage == Stage::Mail,
            (_, None, Point::Smtp(stage)) => stage == Stage::Dot,
        }
    }
}

impl When {
    fn is_for(&self, ask: Ask<'_>, index: usize) -> bool {
        let hashed = if ask.key.is_empty() { ask.to } else { ask.key };
        self.to.as_ref().is_none_or(|pattern| fits(pattern, ask.to))
            && self.number.is_none_or(|number| number.is_of(ask.to))
            && self.nth.is_none_or(|nth| nth == ask.number)
            && self
                .every
                .is_none_or(|every| ask.number.is_multiple_of(every))
            && self
                .fraction
                .is_none_or(|share| is_in_share(hashed, index, share))
    }

    fn is_now(&self, elapsed_ms: u64) -> bool {
        self.from_ms.is_none_or(|from| elapsed_ms >= from)
            && self.to_ms.is_none_or(|to| elapsed_ms < to)
    }

    /// Whether the address alone decides, so that the rule holds for ever.
    pub(crate) fn is_lasting(&self) -> bool {
        self.nth.is_none()
            && self.every.is_none()
            && self.fraction.is_none()
            && self.from_ms.is_none()
            && self.to_ms.is_none()
    }

    pub(crate) fn names(&self, to: &str) -> bool {
        self.to.as_ref().is_none_or(|pattern| fits(pattern, to))
            && self.number.is_none_or(|number| number.is_of(to))
    }
}

impl ReceiptRule {
    pub(crate) fn is_for(&self, to: &str, key: &str, index: usize) -> bool {
        self.to.as_ref().is_none_or(|pattern| fits(pattern, to))
            && self.number.is_none_or(|number| number.is_of(to))
            && self
                .fraction
                .is_none_or(|share| is_in_share(key, index, share))
    }
}

impl Number {
    fn is_of(self, address: &str) -> bool {
        resident_number(address).is_some_and(|number| number % self.every == self.rest)
    }
}

/// The number a made-up resident's address ends in: `resident0042@…` is 42, `+447700900042` (the range reserved
/// for fiction) is 42, any other `+4479` number its last eight digits.
pub fn resident_number(address: &str) -> Option<u64> {
    let local = address.split_once('@').map_or(address, |(local, _)| local);
    let digits = [("+447700900", 3), ("+4479", 8)]
        .into_iter()
        .find_map(|(prefix, length)| {
            local
                .strip_prefix(prefix)
                .filter(|rest| rest.len() == length)
        })
        .unwrap_or_else(|| {
            local
                .get(local.trim_end_matches(|c: char| c.is_ascii_digit()).len()..)
                .unwrap_or("")
        });
    digits.parse().ok()
}

/// Whether a text fits a pattern in which `*` stands for any run of characters; letter case does not count.
fn fits(pattern: &str, text: &str) -> bool {
    fits_bytes(pattern.as_bytes(), text.as_bytes())
}

fn fits_bytes(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            (0..=text.len()).any(|skip| fits_bytes(rest, text.get(skip..).unwrap_or(&[])))
        }
        (Some((p, pattern)), Some((t, text))) => {
            p.eq_ignore_ascii_case(t) && fits_bytes(pattern, text)
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Whether a text belongs to a share of all texts; the salt makes two rules choose different ones.
pub(crate) fn is_in_share(text: &str, salt: usize, share: f64) -> bool {
    const PARTS: u32 = 1_000_000;
    let part = u32::try_from(hash(text, salt) % u64::from(PARTS)).unwrap_or(0);
    f64::from(part) < share * f64::from(PARTS)
}

/// FNV-1a with a finishing mix: the same in every run and on every machine, unlike the standard library's hasher.
fn hash(text: &str, salt: usize) -> u64 {
    let salted = salt.to_le_bytes().into_iter().chain(text.bytes());
    let mut hash = salted.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}
