//! What follows an attempt: the one place where an outcome becomes "settled", "again" or "a person decides".

use crate::settings::ConfiguredChannel;
use oyez_domain::channel::{IdempotencyClass, OnUnknown};
use oyez_domain::ledger::{Armed, Follow};
use oyez_domain::outcome::{Outcome, Reason};
use oyez_domain::retry::RetryPolicy;
use oyez_domain::time::Wall;

/// What the decision depends on beside the outcome.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// How often and how long this channel tries.
    pub policy: RetryPolicy,
    /// How a second copy is avoided.
    pub idempotency: IdempotencyClass,
    /// What happens to a delivery that may have been sent.
    pub on_unknown: OnUnknown,
    /// When the delivery stops being useful.
    pub expires_at: Wall,
    /// Now.
    pub now: Wall,
    /// A draw in `0.0..1.0` for the jitter.
    pub draw: f64,
}

impl Circumstances {
    /// On this channel, at this moment.
    pub fn of(channel: &ConfiguredChannel, expires_at: Wall, now: Wall, draw: f64) -> Self {
        Self {
            policy: channel.settings.retry,
            idempotency: channel.adapter.capabilities().idempotency,
            on_unknown: channel.on_unknown(),
            expires_at,
            now,
            draw,
        }
    }
}

/// What follows. Throttling, outages and refusals of the channel never cost the recipient an attempt.
pub fn decide(outcome: &Outcome, armed: &Armed, case: &Circumstances) -> Follow {
    let (charged, unknowns) = (armed.charged, armed.unknowns);
    let again = |not_before: Wall, charged: u32, unknowns: u32| {
        if not_before >= case.expires_at {
            Follow::Expired
        } else {
            Follow::Wait {
                not_before,
                charged,
                unknowns,
            }
        }
    };
    let pause = |failures: u32| case.now.plus(case.policy.pause(failures, case.draw));
    match outcome {
        Outcome::Accepted { .. } => Follow::Accepted,
        Outcome::Rejected {
            reason: Reason::OptedOut,
            ..
        } => Follow::Suppressed,
        Outcome::Rejected { .. } | Outcome::BadMessage { .. } => Follow::Failed,
        Outcome::Throttled { until, .. } => again(*until, charged, unknowns),
        // Attempts are counted, not failures of the channel: the wait grows although nothing is charged.
        Outcome::ChannelDown { .. } | Outcome::ChannelRefused { .. } => {
            again(pause(armed.attempt), charged, unknowns)
        }
        Outcome::Deferred { .. } => match case.policy.wait(charged + 1, case.draw) {
            Some(wait) => again(case.now.plus(wait), charged + 1, unknowns),
            None => Follow::Failed,
        },
        Outcome::Unknown { .. } => match (case.idempotency, case.on_unknown) {
            (IdempotencyClass::NativeKey, _) if unknowns < case.policy.max_attempts => {
                again(pause(unknowns + 1), charged, unknowns + 1)
            }
            (
                IdempotencyClass::LookUp | IdempotencyClass::Receipt | IdempotencyClass::Nothing,
                OnUnknown::Retry,
            ) if unknowns == 0 => again(pause(charged + 1), charged + 1, 1),
            (_, OnUnknown::Retry | OnUnknown::Hold) => Follow::Unknown,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oyez_domain::address::Address;
    use oyez_domain::id::Ordinal;
    use oyez_domain::outcome::Scope;
    use oyez_domain::parcel::Secret;
    use std::time::Duration;

    fn case(idempotency: IdempotencyClass, on_unknown: OnUnknown) -> Circumstances {
        Circumstances {
            policy: RetryPolicy {
                max_attempts: 3,
                base_milliseconds: 1000,
                cap_milliseconds: 60_000,
            },
            idempotency,
            on_unknown,
            expires_at: Wall(3_600_000_000),
            now: Wall(1_000_000),
            draw: 1.0,
        }
    }

    fn armed(attempt: u32, charged: u32, unknowns: u32) -> Armed {
        Armed {
            ordinal: Ordinal(0),
            attempt,
            charged,
            unknowns,
            unsure: unknowns > 0,
            first_armed_at: Wall(0),
            address_id: 1,
            address: Address::account("a"),
            destination: String::new(),
            secret: Secret::default(),
            language: "en".to_owned(),
        }
    }

    const UNKNOWN: Outcome = Outcome::Unknown {
        reason: Reason::Timeout,
    };

    #[test]
    fn throttling_and_outages_cost_nothing_however_often_they_come() {
        let case = case(IdempotencyClass::Nothing, OnUnknown::Hold);
        for attempt in [1, 10, 1000] {
            let throttled = Outcome::Throttled {
                until: Wall(5_000_000),
                scope: Scope::Channel,
            };
            assert_eq!(
                decide(&throttled, &armed(attempt, 2, 0), &case),
                Follow::Wait {
                    not_before: Wall(5_000_000),
                    charged: 2,
                    unknowns: 0
                }
            );
            let down = Outcome::ChannelDown {
                reason: Reason::Connect,
                scope: Scope::Channel,
            };
            assert!(matches!(
                decide(&down, &armed(attempt, 2, 0), &case),
                Follow::Wait { charged: 2, .. }
            ));
        }
    }

    #[test]
    fn refusals_for_now_are_tried_again_and_have_an_end() {
        let case = case(IdempotencyClass::Nothing, OnUnknown::Retry);
        let deferred = Outcome::Deferred {
            reason: Reason::TryLater,
        };
        let first = decide(&deferred, &armed(1, 0, 0), &case);
        assert_eq!(
            first,
            Follow::Wait {
                not_before: case.now.plus(Duration::from_secs(1)),
                charged: 1,
                unknowns: 0
            }
        );
        assert_eq!(decide(&deferred, &armed(3, 2, 0), &case), Follow::Failed);
    }

    #[test]
    fn what_may_have_been_sent_is_sent_again_only_where_that_is_safe_or_wanted() {
        use IdempotencyClass::{NativeKey, Nothing, Receipt};
        let again = |follow| matches!(follow, Follow::Wait { .. });
        assert!(
            again(decide(
                &UNKNOWN,
                &armed(1, 0, 0),
                &case(NativeKey, OnUnknown::Hold)
            )),
            "the provider knows the key"
        );
        assert!(again(decide(
            &UNKNOWN,
            &armed(1, 0, 0),
            &case(Nothing, OnUnknown::Retry)
        )));
        assert_eq!(
            decide(&UNKNOWN, &armed(2, 1, 1), &case(Nothing, OnUnknown::Retry)),
            Follow::Unknown,
            "once only"
        );
        assert_eq!(
            decide(&UNKNOWN, &armed(1, 0, 0), &case(Receipt, OnUnknown::Hold)),
            Follow::Unknown
        );
    }

    #[test]
    fn nothing_waits_beyond_its_usefulness() {
        let mut case = case(IdempotencyClass::Nothing, OnUnknown::Retry);
        case.expires_at = Wall(1_500_000);
        assert_eq!(
            decide(
                &Outcome::Deferred {
                    reason: Reason::TryLater
                },
                &armed(1, 0, 0),
                &case
            ),
            Follow::Expired
        );
    }
}
