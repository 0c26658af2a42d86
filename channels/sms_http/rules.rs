//! What a gateway's answer means: its form of success, its own rules (the first that matches counts), then the table.

use crate::classify::http::{Answer, Manner, identifier};
use crate::classify::retry_after;
use crate::http::Reply;
use oyez_domain::Refusal;
use oyez_domain::outcome::{Outcome, Reason};
use oyez_domain::time::Wall;
use regex_lite::Regex;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::time::Duration;

/// How success looks. A status alone is not enough: a login page answers 200 too.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Success {
    /// Statuses.
    pub status: Vec<u16>,
    /// A place in the answer that must exist (RFC 6901), e.g. `/status`.
    pub pointer: Option<String>,
    /// What stands there.
    pub equals: Option<String>,
    /// A pattern that what stands there, or without `pointer` the whole answer, must match.
    pub matches: Option<String>,
}

impl Default for Success {
    fn default() -> Self {
        Self {
            status: vec![200, 201, 202],
            pointer: None,
            equals: None,
            matches: None,
        }
    }
}

/// One rule for answers that the table of statuses would misread.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The status, if it matters.
    #[serde(default)]
    pub status: Option<u16>,
    /// A place in the answer (RFC 6901), e.g. `/code`.
    #[serde(default)]
    pub pointer: Option<String>,
    /// A pattern that what stands there, or without `pointer` the whole answer, must match.
    #[serde(default)]
    pub matches: Option<String>,
    /// What the answer means.
    pub outcome: Meaning,
    /// Why; left out, what is usual for the outcome.
    #[serde(default)]
    pub reason: Option<Reason>,
    /// With `rejected`: whether the number must not be used again.
    #[serde(default)]
    pub suppress: bool,
}

/// Outcomes that a rule can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Taken.
    Accepted,
    /// Too fast.
    Throttled,
    /// Not now.
    Deferred,
    /// Never for this number.
    Rejected,
    /// Never with this text.
    BadMessage,
    /// The gateway does not work.
    ChannelDown,
    /// The gateway refuses us.
    ChannelRefused,
    /// Nobody can tell.
    Unknown,
}

/// Where the gateway says how long to wait, when not in `Retry-After`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryAfter {
    /// Another header.
    pub header: Option<String>,
    /// A place in the answer (RFC 6901).
    pub pointer: Option<String>,
    /// In what the number at `pointer` counts.
    pub unit: Unit,
}

/// Units of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Seconds.
    #[default]
    Seconds,
    /// Thousandths of a second.
    Milliseconds,
}

/// The settings, compiled.
pub(crate) struct Reader {
    pub(crate) success: Success,
    pub(crate) success_pattern: Option<Regex>,
    pub(crate) id_pointer: Option<String>,
    pub(crate) rules: Vec<(Rule, Option<Regex>)>,
    pub(crate) retry_after: RetryAfter,
    pub(crate) manner: Manner,
}

impl Reader {
    /// What an answer means.
    pub(crate) fn read(&self, reply: &Reply, now: Wall) -> Outcome {
        let json = reply.json();
        let text = String::from_utf8_lossy(&reply.body);
        let place = Place {
            json: json.as_ref(),
            text: &text,
        };
        let id = self
            .id_pointer
            .as_deref()
            .and_then(|pointer| place.at(pointer));
        let reference = id.as_ref().map(|id| identifier(id));
        let wait = self.wait(reply, place, now);
        let rule = self
            .rules
            .iter()
            .find(|(rule, pattern)| rule.fits(reply.status, place, pattern.as_ref()));
        if let Some((rule, _)) = rule {
            return match rule.outcome {
                Meaning::Accepted => Outcome::Accepted { reference },
                Meaning::Throttled => self
                    .manner
                    .throttled(wait.unwrap_or(retry_after::DEFAULT), now),
                Meaning::Deferred
                | Meaning::Rejected
                | Meaning::BadMessage
                | Meaning::ChannelDown
                | Meaning::ChannelRefused
                | Meaning::Unknown => rule.outcome(self.manner),
            };
        }
        let expected_id = self.id_pointer.is_none() || id.is_some();
        let success = self
            .success
            .fits(reply.status, place, self.success_pattern.as_ref());
        let answer = Answer {
            status: reply.status,
            own_body: match reply.status {
                200..=299 => success && expected_id,
                _ => json.is_some(),
            },
            wait,
            reference,
        };
        self.manner.outcome(answer, now)
    }

    fn wait(&self, reply: &Reply, place: Place<'_>, now: Wall) -> Option<Duration> {
        let named = self.retry_after.header.as_deref().and_then(|name| {
            let values = reply.headers.get_all(name).iter();
            retry_after::wait(values.map(|value| value.to_str().unwrap_or("")), now)
        });
        let pointed = self.retry_after.pointer.as_deref().and_then(|pointer| {
            let number = place.at(pointer)?.parse::<f64>().ok()?;
            Some(retry_after::seconds(match self.retry_after.unit {
                Unit::Seconds => number,
                Unit::Milliseconds => number / 1000.0,
            }))
        });
        named.or(pointed).or_else(|| reply.wait(now))
    }
}

impl Success {
    fn fits(&self, status: u16, place: Place<'_>, pattern: Option<&Regex>) -> bool {
        let found = match &self.pointer {
            Some(pointer) => place.at(pointer),
            None => Some(Cow::Borrowed(place.text)),
        };
        let Some(found) = found else {
            return false;
        };
        self.status.contains(&status)
            && self.equals.as_ref().is_none_or(|equals| *equals == found)
            && pattern.is_none_or(|pattern| pattern.is_match(&found))
    }

    /// Whether anything but the status is looked at.
    pub(crate) fn looks_inside(&self) -> bool {
        self.pointer.is_some() || self.matches.is_some()
    }
}

impl Rule {
    fn fits(&self, status: u16, place: Place<'_>, pattern: Option<&Regex>) -> bool {
        let found = match &self.pointer {
            Some(pointer) => place.at(pointer),
            None => Some(Cow::Borrowed(place.text)),
        };
        let matches =
            found.is_some_and(|found| pattern.is_none_or(|pattern| pattern.is_match(&found)));
        self.status.is_none_or(|expected| expected == status) && matches
    }

    fn outcome(&self, manner: Manner) -> Outcome {
        let scope = manner.scope;
        let or = |usual| self.reason.unwrap_or(usual);
        match self.outcome {
            Meaning::Accepted => Outcome::Accepted { reference: None },
            Meaning::Deferred => Outcome::Deferred {
                reason: or(Reason::TryLater),
            },
            Meaning::Rejected => Outcome::Rejected {
                reason: or(Reason::NumberInvalid),
                suppress: self.suppress,
            },
            Meaning::BadMessage => Outcome::BadMessage {
                reason: or(Reason::ContentRejected),
            },
            Meaning::Throttled | Meaning::ChannelDown => Outcome::ChannelDown {
                reason: or(Reason::ProviderDown),
                scope,
            },
            Meaning::ChannelRefused => Outcome::ChannelRefused {
                reason: or(Reason::Misconfigured),
                scope,
            },
            Meaning::Unknown => Outcome::Unknown {
                reason: or(Reason::Uncertain),
            },
        }
    }
}

/// An answer in which places can be looked up.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) json: Option<&'a Value>,
    pub(crate) text: &'a str,
}

impl<'a> Place<'a> {
    /// The text, number or truth value at a pointer.
    pub(crate) fn at(&self, pointer: &str) -> Option<Cow<'a, str>> {
        match self.json?.pointer(pointer)? {
            Value::String(text) => Some(text.as_str().into()),
            Value::Number(number) => Some(number.to_string().into()),
            Value::Bool(truth) => Some(truth.to_string().into()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// A compiled pattern.
///
/// # Errors
/// When it is no pattern.
pub(crate) fn pattern(field: &str, text: Option<&String>) -> Result<Option<Regex>, Refusal> {
    text.map(|text| Regex::new(text))
        .transpose()
        .map_err(|error| Refusal::new(field, "malformed_pattern", error.to_string()))
}

/// A fault when a pointer is none.
pub(crate) fn pointer(field: &str, pointer: Option<&String>) -> Option<Refusal> {
    let pointer = pointer?;
    (!pointer.starts_with('/')).then(|| {
        let why = format!("{pointer:?} is no JSON pointer; it begins with a slash, such as /id");
        Refusal::new(field, "malformed_pointer", why)
    })
}
