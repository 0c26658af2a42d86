//! What the service's answers mean: 201 with an `id`, or `{"status_code", "errors": [{"error", "message"}]}`.
//!
//! The service asks programs to go by status and type and not by its sentences; where only the sentence tells the
//! recipient's fault from ours, its first word is looked at, which is the name of a field.

use crate::classify::http::{Answer, Manner};
use crate::http::Reply;
use oyez_domain::channel::IdempotencyClass;
use oyez_domain::outcome::{Outcome, Reason, Scope, Verdict};
use oyez_domain::time::Wall;
use serde::Deserialize;
use std::time::Duration;

const MANNER: Manner = Manner {
    idempotency: IdempotencyClass::LookUp,
    scope: Scope::Channel,
};

/// The service says no `Retry-After`. Its bucket fills 50 times a second, so a short wait is enough.
const SHORT: Duration = Duration::from_secs(2);
const DAY: i64 = 86_400 * 1_000_000;

#[derive(Deserialize)]
struct Refused {
    errors: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    error: String,
    #[serde(default)]
    message: String,
}

/// The verdict on an answer.
pub(super) fn read(reply: &Reply, now: Wall) -> Verdict {
    let refused: Option<Refused> = serde_json::from_slice(&reply.body).ok();
    let fault = refused.and_then(|refused| refused.errors.into_iter().next());
    let status = reply.status;
    if let Some(fault) = &fault
        && let Some(outcome) = known(status, fault, now)
    {
        return Verdict::new(outcome, words(status, fault));
    }
    let json = reply.json();
    let id = json.as_ref().and_then(|json| json.get("id")?.as_str());
    let answer = Answer {
        status,
        own_body: match status {
            200..=299 => id.is_some(),
            _ => fault.is_some(),
        },
        wait: reply.wait(now),
        reference: id.map(str::to_owned),
    };
    Verdict::new(MANNER.outcome(answer, now), status.to_string())
}

/// What the service's own types of error mean; nothing for those that mean what their status means.
fn known(status: u16, fault: &Fault, now: Wall) -> Option<Outcome> {
    let refused = |reason| Outcome::ChannelRefused {
        reason,
        scope: Scope::Channel,
    };
    Some(match (status, fault.error.as_str()) {
        (400, "InvalidPhoneError") => rejected(Reason::NumberInvalid),
        (400, "InvalidEmailError") => rejected(Reason::AddressUnknown),
        (400, "ValidationError") if fault.names("phone_number") => rejected(Reason::NumberInvalid),
        (400, "ValidationError") if fault.names("email_address") => {
            rejected(Reason::AddressUnknown)
        }
        (400, "ValidationError" | "BadRequestError") => {
            if fault.is_about_the_text() {
                Outcome::BadMessage {
                    reason: Reason::TooLong,
                }
            } else {
                refused(Reason::Misconfigured)
            }
        }
        (403, "AuthError") if fault.is_about_the_clock() => refused(Reason::ClockWrong),
        (401 | 403, "AuthError") => refused(Reason::AuthFailed),
        (429, "RateLimitError") => MANNER.throttled(SHORT, now),
        // The day's allowance comes back at midnight UTC.
        (429, "TooManyRequestsError") => Outcome::Throttled {
            until: Wall((now.0.div_euclid(DAY) + 1) * DAY),
            scope: Scope::Channel,
        },
        _ => return None,
    })
}

/// Wants correcting; the address is not to be shut out for it.
fn rejected(reason: Reason) -> Outcome {
    Outcome::Rejected {
        reason,
        suppress: false,
    }
}

impl Fault {
    fn names(&self, field: &str) -> bool {
        self.message.starts_with(field)
    }

    fn is_about_the_text(&self) -> bool {
        let message = self.message.to_ascii_lowercase();
        ["character", "too long", "empty", "content"]
            .iter()
            .any(|word| message.contains(word))
    }

    fn is_about_the_clock(&self) -> bool {
        self.message.to_ascii_lowercase().contains("clock")
    }
}

/// Our own words: the service's sentences may hold an address.
fn words(status: u16, fault: &Fault) -> String {
    if status == 403 && fault.is_about_the_clock() {
        return "403: this machine's clock is more than 30 seconds off; set it right".to_owned();
    }
    let known = [
        "AuthError",
        "BadRequestError",
        "InvalidEmailError",
        "InvalidPhoneError",
        "NoResultFound",
        "RateLimitError",
        "TooManyRequestsError",
        "ValidationError",
    ];
    match known.iter().find(|known| **known == fault.error) {
        Some(known) => format!("{status} {known}"),
        None => status.to_string(),
    }
}
