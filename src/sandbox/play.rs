//! A scenario being played: which rule meets a request, and what has been played so far.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::scenario::{Action, ChannelScript, ReceiptRule, Rule, Scenario, Since, Stage};

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
    connections: AtomicU64,
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
    /// When, in microseconds since the machine started.
    pub(crate) at_us: u64,
}

impl Play {
    pub(crate) fn new(scenario: &Scenario, started_us: u64) -> Self {
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
        Self {
            channels,
            others,
            connections: AtomicU64::new(0),
        }
    }

    pub(crate) fn channel(&self, name: &str) -> Arc<ChannelPlay> {
        Arc::clone(self.channels.get(name).unwrap_or(&self.others))
    }

    /// The client of a new SMTP connection has no name, so the first channel with a matching rule stands for it.
    pub(crate) fn at_connect(&self, at_us: u64) -> Option<(&str, Turn)> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let named = self
            .channels
            .iter()
            .map(|(name, play)| (name.as_str(), play));
        named.chain([("*", &self.others)]).find_map(|(name, play)| {
            let ask = Ask {
                point: Point::Smtp(Stage::Connect),
                number,
                to: "",
                key: "",
                at_us,
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
    pub(crate) fn begin(&self, at_us: u64) -> u64 {
        self.first_us.get_or_init(|| at_us);
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// What the script has for this point of a request, if anything.
    pub(crate) fn decide(&self, ask: Ask<'_>) -> Option<Turn> {
        if !self.script.rules.iter().any(|rule| rule.acts_at(ask.point)) {
            return None;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !ask.to.is_empty() && !state.first_of_address.contains_key(ask.to) {
            state.first_of_address.insert(ask.to.to_owned(), ask.at_us);
        }
        let mut rules = self
            .script
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| rule.acts_at(ask.point));
        let (_, rule) = rules.find(|&(index, rule)| {
            self.meets(&state, index, rule, ask) && state.play(index, rule, ask)
        })?;
        Some(Turn {
            latency_ms: rule.latency_ms,
            action: rule.action.clone(),
        })
    }

    fn meets(&self, state: &State, index: usize, rule: &Rule, ask: Ask<'_>) -> bool {
        let since_us = match rule.when.since {
            Since::Start => self.started_us,
            Since::FirstRequest => self.first_us.get().copied().unwrap_or(ask.at_us),
            Since::FirstOfAddress => state
                .first_of_address
                .get(ask.to)
                .copied()
                .unwrap_or(ask.at_us),
        };
        rule.when.is_for(ask, index) && rule.when.is_now(ask.at_us.saturating_sub(since_us) / 1_000)
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
    fn play(&mut self, index: usize, rule: &Rule, ask: Ask<'_>) -> bool {
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
            && self.has_room(index, *max_per_second, ask.at_us)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(rules: &str) -> ChannelPlay {
        let text = format!(r#"{{"channels":{{"c":{{"rules":[{rules}]}}}}}}"#);
        let mut scenario = Scenario::from_json(&text).unwrap();
        ChannelPlay::new(scenario.channels.remove("c").unwrap(), 0)
    }

    /// Whether a rule acts on a request at a millisecond.
    fn acts(play: &ChannelPlay, to: &str, at_ms: u64) -> bool {
        let at_us = at_ms * 1_000;
        let number = play.begin(at_us);
        play.decide(Ask {
            point: Point::Http,
            number,
            to,
            key: "",
            at_us,
        })
        .is_some()
    }

    #[test]
    fn a_window_counts_from_the_start_the_first_request_or_the_first_of_the_address() {
        for (since, inside, outside) in [
            ("start", [("a", 100), ("b", 199)], [("a", 99), ("a", 200)]),
            (
                "first_request",
                [("a", 150), ("b", 249)],
                [("a", 149), ("b", 250)],
            ),
            (
                "first_of_address",
                [("a", 150), ("b", 300)],
                [("b", 299), ("a", 250)],
            ),
        ] {
            let when = format!(r#"{{"when":{{"since":"{since}","from_ms":100,"to_ms":200}}}}"#);
            let play = channel(&when);
            acts(&play, "a", 50);
            acts(&play, "b", 200);
            for (to, at_ms) in inside {
                assert!(acts(&play, to, at_ms), "{since}: {to} at {at_ms}");
            }
            for (to, at_ms) in outside {
                assert!(!acts(&play, to, at_ms), "{since}: {to} at {at_ms}");
            }
        }
    }

    #[test]
    fn no_second_takes_more_than_the_rate() {
        let play = channel(r#"{"do":{"rate_limit":{"max_per_second":2}}}"#);
        let refused: Vec<u64> = (0..3_000)
            .step_by(250)
            .filter(|&at_ms| acts(&play, "a", at_ms))
            .collect();
        assert_eq!(refused, [500, 750, 1_500, 1_750, 2_500, 2_750]);
    }

    #[test]
    fn a_rule_is_played_as_often_as_it_says() {
        let play = channel(r#"{"times":3,"times_each":2}"#);
        let played: Vec<bool> = ["a", "a", "a", "b", "c"]
            .map(|to| acts(&play, to, 0))
            .into();
        assert_eq!(played, [true, true, false, true, false]);
        let play = channel(r#"{"when":{"nth":2}},{"when":{"every":3}}"#);
        let played: Vec<bool> = (0..6).map(|_| acts(&play, "a", 0)).collect();
        assert_eq!(played, [false, true, true, false, false, true]);
        let play = channel(r#"{"when":{"after":2}}"#);
        let played: Vec<bool> = (0..4).map(|_| acts(&play, "a", 0)).collect();
        assert_eq!(played, [false, false, true, true]);
    }
}
