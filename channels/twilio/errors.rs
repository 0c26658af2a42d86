//! What Twilio's answers mean: 201 with a `sid`, or an error with a `code` of its own that says more than the status.

use crate::classify::http::{Answer, Manner};
use crate::http::Reply;
use oyez_domain::channel::IdempotencyClass;
use oyez_domain::outcome::{Outcome, Reason, Scope, Verdict};
use oyez_domain::time::Wall;
use std::time::Duration;

const MANNER: Manner = Manner {
    idempotency: IdempotencyClass::Receipt,
    scope: Scope::Channel,
};

/// The sender's queue is full: it drains a part a second, so a minute is the least that helps.
const QUEUE_FULL: Duration = Duration::from_secs(60);
const TOO_MANY: Duration = Duration::from_secs(2);

/// The verdict on an answer.
pub(super) fn read(reply: &Reply, now: Wall) -> Verdict {
    let json = reply.json().unwrap_or_default();
    let code = json.get("code").and_then(serde_json::Value::as_u64);
    if (400..500).contains(&reply.status)
        && let Some(code) = code
        && let Some(outcome) = known(code, reply, now)
    {
        return Verdict::new(outcome, format!("{} {code}", reply.status));
    }
    let sid = json.get("sid").and_then(serde_json::Value::as_str);
    let answer = Answer {
        status: reply.status,
        own_body: match reply.status {
            200..=299 => sid.is_some(),
            _ => code.is_some(),
        },
        wait: reply.wait(now),
        reference: sid.map(str::to_owned),
    };
    Verdict::new(MANNER.outcome(answer, now), reply.status.to_string())
}

/// Codes of <https://www.twilio.com/docs/api/errors>; nothing for those that mean what their status means.
fn known(code: u64, reply: &Reply, now: Wall) -> Option<Outcome> {
    let rejected = |reason| Outcome::Rejected {
        reason,
        suppress: true,
    };
    let refused = |reason| Outcome::ChannelRefused {
        reason,
        scope: Scope::Channel,
    };
    Some(match code {
        21211 | 21217 | 21614 => rejected(Reason::NumberInvalid),
        21610 => rejected(Reason::OptedOut),
        // No permission to text that country concerns that number only.
        21408 => Outcome::Rejected {
            reason: Reason::Blocked,
            suppress: false,
        },
        21606 | 21608 | 21612 | 21659 => refused(Reason::Misconfigured),
        21212 => refused(Reason::Misconfigured),
        10001 | 20003 | 20005 => refused(Reason::AuthFailed),
        21602 => Outcome::BadMessage {
            reason: Reason::ContentRejected,
        },
        21617 => Outcome::BadMessage {
            reason: Reason::TooLong,
        },
        21611 | 30001 => MANNER.throttled(QUEUE_FULL, now),
        20429 | 63017 => MANNER.throttled(reply.wait(now).unwrap_or(TOO_MANY), now),
        _ => return None,
    })
}
