//! What may have been sent: what comes before another attempt, and what follows when nobody can tell.
//!
//! The surest way comes first: a key that the provider still knows, then its word on whether it has the message,
//! then a receipt. Where none of these is left, the channel's `on_unknown` decides.

use crate::retry::Circumstances;
use oyez_domain::channel::{IdempotencyClass, OnUnknown};
use oyez_domain::ledger::{Armed, Follow};
use oyez_domain::outcome::Reason;
use oyez_domain::time::Wall;
use std::time::Duration;

/// The share of a key's life in which it is relied on: how long a request is on its way is not known.
const RELIED_ON: f64 = 0.8;
/// How long a provider may take until a look-up finds all that it took.
const SETTLE: Duration = Duration::from_secs(60);
/// How long a receipt is waited for before the message is sent once more.
const RECEIPT: Duration = Duration::from_secs(600);
/// The same for an urgent message, which is worth a second copy sooner.
const URGENT_RECEIPT: Duration = Duration::from_secs(120);
/// A crash tells of no one message, so what it interrupts is sent again, after every crash; but what the program ends
/// on so many times over may be what ends it, and needs a person.
const MOST_CRASHES: u32 = 8;
/// So many look-ups for each attempt allowed; then a person is asked.
const LOOK_UPS: u32 = 2;

/// What comes first when a delivery is armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// It is sent.
    Send,
    /// The provider is asked whether it has it already.
    LookUp,
    /// A receipt may still come: nothing is sent yet.
    AwaitReceipt,
    /// Nothing is sent: a person decides.
    Leave,
}

/// How a second copy is avoided where no key does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    LookUp,
    Receipt,
    Nothing,
}

/// What comes first now that `armed` may be sent.
pub fn first(armed: &Armed, case: &Circumstances) -> First {
    let by_key = key_is_known(armed, case, case.now) && doubts(armed) < case.policy.max_attempts;
    if !armed.unsure || by_key {
        return First::Send;
    }
    let may_repeat =
        is_decided(armed) || (case.on_unknown == OnUnknown::Retry && doubts(armed) < MOST_CRASHES);
    match way(case) {
        Way::LookUp => First::LookUp,
        Way::Receipt if may_repeat && was_interrupted(armed) => First::AwaitReceipt,
        Way::Receipt | Way::Nothing if may_repeat => First::Send,
        Way::Receipt | Way::Nothing => First::Leave,
    }
}

/// Whether `armed`, which the provider does not find, is sent now: it was not found before either, or a person
/// wants it sent.
pub fn is_missing_for_sure(armed: &Armed) -> bool {
    armed.last_reason == Some(Reason::NotFoundYet) || is_decided(armed)
}

/// What follows an attempt of which nobody can tell whether it was taken.
pub fn follow(reason: Reason, armed: &Armed, case: &Circumstances) -> Follow {
    let doubts = doubts(armed) + 1;
    let wait = |pause: Duration, charged: u32| later(case, pause, charged, doubts);
    let pause = case.policy.pause(doubts, case.draw);
    if key_is_known(armed, case, case.now.plus(pause)) && doubts < case.policy.max_attempts {
        return wait(pause, armed.charged);
    }
    let may_repeat = case.on_unknown == OnUnknown::Retry && doubts == 1;
    match way(case) {
        Way::LookUp if reason == Reason::NotFoundYet => wait(SETTLE, armed.charged),
        Way::LookUp if doubts < case.policy.max_attempts.saturating_mul(LOOK_UPS) => {
            wait(pause.max(SETTLE), armed.charged)
        }
        Way::Receipt if may_repeat => wait(receipt_wait(case), armed.charged + 1),
        Way::Nothing if may_repeat => wait(pause, armed.charged + 1),
        Way::LookUp | Way::Receipt | Way::Nothing => Follow::Unknown,
    }
}

/// What follows when a crash interrupted a delivery whose receipt may still come.
pub fn await_receipt(armed: &Armed, case: &Circumstances) -> Follow {
    later(case, receipt_wait(case), armed.charged, doubts(armed))
}

/// Whether a refusal now says that no earlier attempt was taken either.
pub fn is_settled_by(refusal: Reason, armed: &Armed, case: &Circumstances) -> bool {
    // Nobody lives there, or the provider would have known the key.
    matches!(refusal, Reason::AddressUnknown | Reason::NumberInvalid)
        || !armed.unsure
        || key_is_known(armed, case, case.now)
}

/// How often nobody could tell so far, crashes among it.
pub fn doubts(armed: &Armed) -> u32 {
    armed.unknowns
}

fn later(case: &Circumstances, pause: Duration, charged: u32, unknowns: u32) -> Follow {
    let not_before = case.now.plus(pause);
    if not_before >= case.expires_at {
        return Follow::Unknown;
    }
    Follow::Wait {
        not_before,
        charged,
        unknowns,
    }
}

fn receipt_wait(case: &Circumstances) -> Duration {
    if case.urgent { URGENT_RECEIPT } else { RECEIPT }
}

/// A crash came before any outcome.
fn was_interrupted(armed: &Armed) -> bool {
    armed.last_reason == Some(Reason::Interrupted)
}

/// A person let it go: that takes all doubts away.
pub fn is_decided(armed: &Armed) -> bool {
    doubts(armed) == 0
}

fn key_is_known(armed: &Armed, case: &Circumstances, at: Wall) -> bool {
    let known = case.key_seconds.is_none_or(|seconds| {
        let relied_on = Duration::from_secs(seconds.into()).mul_f64(RELIED_ON);
        // A clock that was put back says nothing of how old the key is.
        at >= armed.first_armed_at && at.since(armed.first_armed_at) < relied_on
    });
    case.idempotency == IdempotencyClass::NativeKey && known
}

fn way(case: &Circumstances) -> Way {
    match case.idempotency {
        _ if case.look_up => Way::LookUp,
        IdempotencyClass::Receipt => Way::Receipt,
        IdempotencyClass::NativeKey | IdempotencyClass::LookUp | IdempotencyClass::Nothing => {
            Way::Nothing
        }
    }
}

#[cfg(test)]
mod tests;
