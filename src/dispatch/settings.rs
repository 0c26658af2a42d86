//! How fast, how often and how long: the engine's settings and each channel's.

use crate::runaway::Limits;
use oyez_domain::Refusal;
use oyez_domain::channel::{Capabilities, ChannelName, Family, IdempotencyClass, OnUnknown};
use oyez_domain::invariants::{ChannelRules, PaceRules};
use oyez_domain::ports::SharedChannel;
use oyez_domain::retry::RetryPolicy;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest an outcome may wait for its commit, in seconds: τ of the duplicate bound.
const FLUSH_CEILING_SECONDS: f64 = 0.05;

/// How fast a channel may send.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaceSettings {
    /// Messages a second; left out means no limit.
    #[serde(default)]
    pub rate_per_second: Option<f64>,
    /// How many late messages may be made up for at once; left out means a twentieth of a second's worth.
    #[serde(default)]
    pub burst: Option<u32>,
    /// Requests in flight at most: C of the duplicate bound.
    #[serde(default = "default_concurrency")]
    pub concurrency: u32,
}

fn default_concurrency() -> u32 {
    16
}

impl Default for PaceSettings {
    fn default() -> Self {
        Self {
            rate_per_second: None,
            burst: None,
            concurrency: default_concurrency(),
        }
    }
}

impl PaceSettings {
    /// The declared burst.
    pub fn declared_burst(&self) -> u32 {
        let twentieth = self
            .rate_per_second
            .map_or(1.0, |rate| (rate / 20.0).ceil().clamp(1.0, 10_000.0));
        // A float between 1 and 10,000 fits.
        self.burst.unwrap_or(twentieth as u32)
    }

    /// What the judge may hold the channel to.
    pub fn rules(&self) -> PaceRules {
        PaceRules {
            rate_per_second: self.rate_per_second,
            burst: self.declared_burst(),
            concurrency: self.concurrency,
        }
    }

    /// D = C + ⌈R·τ⌉ + 8, or C + 512 without a rate limit: one crash sends at most so many twice.
    pub fn duplicate_bound(&self) -> u32 {
        match self.rate_per_second {
            Some(rate) => {
                self.concurrency
                    + (rate * FLUSH_CEILING_SECONDS).ceil().clamp(0.0, 100_000.0) as u32
                    + 8
            }
            None => self.concurrency + 512,
        }
    }

    /// Ordinals armed at a time: about half a second's worth, because nothing overtakes what is armed; no more than C
    /// where an orphan needs a person.
    pub fn window_rows(&self, holds_unknown: bool) -> u32 {
        let half_second =
            self.rate_per_second
                .map_or(500.0, |rate| (rate / 2.0).ceil().clamp(1.0, 500.0)) as u32;
        if holds_unknown {
            half_second.min(self.concurrency).max(1)
        } else {
            half_second
        }
    }
}

/// One channel's settings for the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelSettings {
    /// How fast it may send.
    #[serde(default)]
    pub pace: PaceSettings,
    /// How often it tries.
    #[serde(default = "default_retry")]
    pub retry: RetryPolicy,
    /// What happens to a delivery that may have been sent; left out means what suits the kind.
    #[serde(default)]
    pub on_unknown: Option<OnUnknown>,
    /// Languages it can carry, BCP 47 tags; others get the first.
    #[serde(default = "default_languages")]
    pub languages: Vec<String>,
    /// What one unit costs, in pence.
    #[serde(default)]
    pub price_pence: Option<f64>,
}

impl Default for ChannelSettings {
    fn default() -> Self {
        Self {
            pace: PaceSettings::default(),
            retry: default_retry(),
            on_unknown: None,
            languages: default_languages(),
            price_pence: None,
        }
    }
}

fn default_languages() -> Vec<String> {
    vec!["en".to_owned()]
}

fn default_retry() -> RetryPolicy {
    RetryPolicy {
        max_attempts: 6,
        base_milliseconds: 30_000,
        cap_milliseconds: 1_800_000,
    }
}

impl ChannelSettings {
    /// What the judge may hold a channel of this kind to.
    pub fn rules(&self, kind: &Capabilities, engine: &EngineSettings) -> ChannelRules {
        let counted = kind.family.is_bulk() && engine.most_an_hour > 0;
        // An hour is counted from a recipient's first message, so two of them may meet; the message that is one too
        // many has left before the channel is held.
        let hourly_cap = if counted {
            2 * (u32::from(engine.most_an_hour) + 1)
        } else {
            u32::MAX
        };
        ChannelRules {
            keyed: kind.idempotency == IdempotencyClass::NativeKey,
            by_destination: kind.family == Family::Webhook,
            by_provider: false,
            pace: Some(self.pace.rules()),
            retry: Some(self.retry),
            hourly_cap: Some(hourly_cap),
        }
    }

    /// Every fault, with `field` as the prefix.
    pub fn check(&self, field: &str) -> Vec<Refusal> {
        let mut faults = Vec::new();
        let mut refuse = |key: &str, why: &str| {
            faults.push(Refusal::new(format!("{field}.{key}"), "out_of_range", why));
        };
        if self
            .pace
            .rate_per_second
            .is_some_and(|rate| !rate.is_finite() || rate <= 0.0 || rate > 100_000.0)
        {
            refuse(
                "pace.rate_per_second",
                "must be more than 0 and at most 100000; hold the channel to send nothing",
            );
        }
        if self.pace.burst == Some(0) {
            refuse("pace.burst", "must be at least 1");
        }
        if !(1..=1000).contains(&self.pace.concurrency) {
            refuse("pace.concurrency", "must be between 1 and 1000");
        }
        if !(1..=100).contains(&self.retry.max_attempts) {
            refuse("retry.max_attempts", "must be between 1 and 100");
        }
        if self.retry.base_milliseconds == 0
            || self.retry.cap_milliseconds < self.retry.base_milliseconds
        {
            refuse(
                "retry.cap_milliseconds",
                "base_milliseconds must be at least 1 and cap_milliseconds no smaller",
            );
        }
        if self.languages.is_empty() {
            refuse("languages", "name at least one language, such as en");
        }
        faults
    }
}

/// A channel as the engine runs it through one provider.
#[derive(Clone)]
pub struct ConfiguredChannel {
    /// Its name.
    pub name: ChannelName,
    /// Its settings.
    pub settings: ChannelSettings,
    /// Its adapter.
    pub adapter: SharedChannel,
    /// How much of what is sent it gets, compared with the channel's other providers; nothing where the first that works
    /// gets all.
    pub weight: Option<u32>,
}

impl ConfiguredChannel {
    /// The kind of its provider.
    pub fn kind(&self) -> &'static str {
        self.adapter.capabilities().kind
    }

    /// What happens here to a delivery that may have been sent, once neither key nor provider nor receipt says more.
    /// A public post is never repeated by itself, whatever is configured; an urgent text is worth a second copy.
    pub fn on_unknown(&self, urgent: bool) -> OnUnknown {
        let capabilities = self.adapter.capabilities();
        match (capabilities.family, self.settings.on_unknown) {
            (Family::Post, _) => OnUnknown::Hold,
            (_, Some(said)) => said,
            (Family::Sms, None) if urgent => OnUnknown::Retry,
            (_, None) => capabilities.on_unknown,
        }
    }

    /// Whether an orphan needs a person: nothing would recognise a second copy, nobody can be asked, and the channel
    /// holds.
    pub fn holds_unknown(&self, urgent: bool) -> bool {
        let capabilities = self.adapter.capabilities();
        capabilities.idempotency != IdempotencyClass::NativeKey
            && !capabilities.look_up
            && self.on_unknown(urgent) == OnUnknown::Hold
    }
}

/// Refuses what would never be obeyed: a public post that nothing recognises is not sent twice by itself.
pub fn check_on_unknown(
    said: Option<OnUnknown>,
    capabilities: &Capabilities,
    field: &str,
) -> Option<Refusal> {
    let recognised =
        capabilities.idempotency == IdempotencyClass::NativeKey || capabilities.look_up;
    let refused =
        said == Some(OnUnknown::Retry) && capabilities.family == Family::Post && !recognised;
    refused.then(|| {
        Refusal::new(
            format!("{field}.on_unknown"),
            "never_twice",
            "a public post that may be out is never posted again by itself; leave the line out, and decide with `oyez unknown`",
        )
    })
}

/// Settings of the engine as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSettings {
    /// Audience rows planned in one transaction.
    pub page_rows: u32,
    /// Ordinals in a chunk.
    pub chunk_rows: u32,
    /// How long outcomes are gathered before a commit, in milliseconds; at most 50.
    pub flush_milliseconds: u64,
    /// How long after its release a delivery is still useful, in seconds.
    pub useful_seconds: u64,
    /// The longest a shutdown waits for requests in flight, in seconds.
    pub shutdown_seconds: u64,
    /// Messages that one address may get on one bulk channel in an hour; 0 means any number.
    pub most_an_hour: u8,
    /// The same for a day.
    pub most_a_day: u8,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            page_rows: 5000,
            chunk_rows: 1000,
            flush_milliseconds: 5,
            useful_seconds: 43_200,
            shutdown_seconds: 30,
            most_an_hour: 3,
            most_a_day: 10,
        }
    }
}

impl EngineSettings {
    /// Every fault.
    pub fn check(&self) -> Vec<Refusal> {
        let range = |key: &str, ok: bool, why: &str| {
            (!ok).then(|| Refusal::new(format!("engine.{key}"), "out_of_range", why))
        };
        [
            range(
                "page_rows",
                (1..=100_000).contains(&self.page_rows),
                "must be between 1 and 100000",
            ),
            range(
                "chunk_rows",
                (1..=100_000).contains(&self.chunk_rows),
                "must be between 1 and 100000",
            ),
            range(
                "flush_milliseconds",
                self.flush_milliseconds <= 50,
                "must be at most 50: it is part of the duplicate bound",
            ),
            range(
                "useful_seconds",
                self.useful_seconds >= 60,
                "must be at least 60",
            ),
            range(
                "shutdown_seconds",
                (1..=600).contains(&self.shutdown_seconds),
                "must be between 1 and 600",
            ),
            range(
                "most_an_hour",
                self.most_an_hour <= 250,
                "must be at most 250; 0 means any number",
            ),
            range(
                "most_a_day",
                self.most_a_day <= 250,
                "must be at most 250; 0 means any number",
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What one recipient may get before the channel is held.
    pub fn limits(&self) -> Limits {
        Limits {
            an_hour: self.most_an_hour,
            a_day: self.most_a_day,
        }
    }

    /// How long outcomes are gathered.
    pub fn flush(&self) -> Duration {
        Duration::from_millis(self.flush_milliseconds)
    }
}

#[cfg(test)]
mod tests;
