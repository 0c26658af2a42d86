//! What follows an attempt: the one place where an outcome becomes "settled", "again" or "a person decides".

use crate::settings::ConfiguredChannel;
use crate::unsure;
use oyez_domain::channel::{IdempotencyClass, OnUnknown};
use oyez_domain::ledger::{Armed, Follow};
use oyez_domain::outcome::{Outcome, Reason};
use oyez_domain::retry::RetryPolicy;
use oyez_domain::time::Wall;
use std::time::Duration;

/// So many attempts on a channel in trouble come soon after each other.
const SOON_ATTEMPTS: u32 = 5;
/// How soon.
const SOON: Duration = Duration::from_secs(5);

/// What the decision depends on beside the outcome.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// How often and how long this channel tries.
    pub policy: RetryPolicy,
    /// How a second copy is avoided.
    pub idempotency: IdempotencyClass,
    /// How long the provider knows a key, in seconds; nothing means for good.
    pub key_seconds: Option<u32>,
    /// Whether the provider can be asked what it has.
    pub look_up: bool,
    /// What happens to a delivery that may have been sent.
    pub on_unknown: OnUnknown,
    /// Whether the update is urgent.
    pub urgent: bool,
    /// Whether the breaker of the channel, or of the partner, is open: it decides when something is tried.
    pub down: bool,
    /// When the delivery stops being useful.
    pub expires_at: Wall,
    /// Now.
    pub now: Wall,
    /// A draw in `0.0..1.0` for the jitter.
    pub draw: f64,
}

impl Circumstances {
    /// Of a delivery on this channel that is urgent or not and useful until `expires_at`, at this moment.
    pub fn of(
        channel: &ConfiguredChannel,
        (urgent, expires_at): (bool, Wall),
        now: Wall,
        draw: f64,
    ) -> Self {
        let capabilities = channel.adapter.capabilities();
        Self {
            policy: channel.settings.retry,
            idempotency: capabilities.idempotency,
            key_seconds: capabilities.key_seconds,
            look_up: capabilities.look_up,
            on_unknown: channel.on_unknown(urgent),
            urgent,
            down: false,
            expires_at,
            now,
            draw,
        }
    }
}

/// What follows. Throttling, outages and refusals of the channel never cost the recipient an attempt, and what may
/// have been sent before never ends as unsent.
pub fn decide(outcome: &Outcome, armed: &Armed, case: &Circumstances) -> Follow {
    let end = |follow: Follow, settled: bool| if settled { follow } else { Follow::Unknown };
    let again = |not_before: Wall, charged: u32| {
        if not_before >= case.expires_at {
            end(Follow::Expired, !armed.unsure)
        } else {
            Follow::Wait {
                not_before,
                charged,
                unknowns: unsure::doubts(armed),
            }
        }
    };
    match outcome {
        Outcome::Accepted { .. } => Follow::Accepted,
        Outcome::Rejected { reason, .. } | Outcome::BadMessage { reason } => {
            let refused = if *reason == Reason::OptedOut {
                Follow::Suppressed
            } else {
                Follow::Failed
            };
            end(refused, unsure::is_settled_by(*reason, armed, case))
        }
        Outcome::Throttled { until, .. } => again(*until, armed.charged),
        Outcome::ChannelDown { .. } | Outcome::ChannelRefused { .. } => {
            again(in_trouble(armed, case), armed.charged)
        }
        // An answer that may be about this message, were it not that nobody gets another.
        Outcome::Deferred {
            reason: Reason::ProviderDown,
        } if case.down => again(in_trouble(armed, case), armed.charged),
        Outcome::Deferred { .. } => match case.policy.wait(armed.charged + 1, case.draw) {
            Some(wait) => again(case.now.plus(wait), armed.charged + 1),
            // Who says "later" has not looked whether it knows the key.
            None => end(Follow::Failed, !armed.unsure),
        },
        Outcome::Unknown { reason } => unsure::follow(*reason, armed, case),
    }
}

/// When a delivery may be tried again that the channel's trouble kept from leaving.
///
/// Something has to be at hand whenever the breaker allows a try, and soon enough at first to open it. Where it stays
/// closed the trouble is with this message: the wait grows although nothing is charged.
fn in_trouble(armed: &Armed, case: &Circumstances) -> Wall {
    let soon = case.down || armed.attempt <= SOON_ATTEMPTS;
    let at_most = if soon { SOON } else { Duration::MAX };
    let wait = case.policy.pause(armed.attempt, case.draw);
    case.now.plus(wait.min(at_most))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use oyez_domain::address::Address;
    use oyez_domain::id::Ordinal;
    use oyez_domain::outcome::Scope;
    use oyez_domain::parcel::Secret;

    pub(crate) fn case(idempotency: IdempotencyClass, on_unknown: OnUnknown) -> Circumstances {
        Circumstances {
            policy: RetryPolicy {
                max_attempts: 3,
                base_milliseconds: 1000,
                cap_milliseconds: 60_000,
            },
            idempotency,
            key_seconds: None,
            look_up: false,
            on_unknown,
            urgent: false,
            down: false,
            expires_at: Wall(7_200_000_000),
            now: Wall(1_000_000),
            draw: 1.0,
        }
    }

    pub(crate) fn armed(attempt: u32, charged: u32, unknowns: u32) -> Armed {
        Armed {
            ordinal: Ordinal(0),
            attempt,
            charged,
            unknowns,
            unsure: unknowns > 0,
            last_reason: (unknowns > 0).then_some(Reason::Timeout),
            first_armed_at: Wall(0),
            address_id: 1,
            address: Address::account("a"),
            destination: String::new(),
            secret: Secret::default(),
            language: "en".to_owned(),
        }
    }

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
    fn while_a_channel_is_down_something_is_at_hand_to_try_it_with() {
        let closed = Circumstances {
            expires_at: Wall(i64::MAX),
            ..case(IdempotencyClass::Nothing, OnUnknown::Hold)
        };
        let open = Circumstances {
            down: true,
            ..closed
        };
        let down = Outcome::ChannelDown {
            reason: Reason::Connect,
            scope: Scope::Channel,
        };
        let wait = |attempt, case: &Circumstances| {
            let follow = decide(&down, &armed(attempt, 0, 0), case);
            let Follow::Wait { not_before, .. } = follow else {
                panic!("{follow:?}");
            };
            not_before.since(case.now)
        };
        for attempt in [1, 5, 100] {
            assert!(wait(attempt, &open) <= SOON);
        }
        assert!(wait(5, &closed) <= SOON);
        assert_eq!(wait(100, &closed), Duration::from_secs(60));
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

    #[test]
    fn what_may_have_been_sent_never_ends_as_unsent() {
        let refused = |reason| Outcome::Rejected {
            reason,
            suppress: false,
        };
        let nothing = case(IdempotencyClass::Nothing, OnUnknown::Retry);
        let known = case(IdempotencyClass::NativeKey, OnUnknown::Retry);
        let late = Circumstances {
            expires_at: nothing.now,
            ..nothing
        };
        let later = Outcome::Deferred {
            reason: Reason::TryLater,
        };
        let unsure = armed(3, 2, 1);
        assert_eq!(
            decide(&refused(Reason::Blocked), &unsure, &nothing),
            Follow::Unknown
        );
        assert_eq!(decide(&later, &unsure, &nothing), Follow::Unknown);
        assert_eq!(decide(&later, &armed(2, 1, 1), &late), Follow::Unknown);
        assert_eq!(
            decide(&refused(Reason::AddressUnknown), &unsure, &nothing),
            Follow::Failed,
            "nobody lives there"
        );
        assert_eq!(
            decide(&refused(Reason::Blocked), &unsure, &known),
            Follow::Failed,
            "the provider would have known the key"
        );
        assert_eq!(
            decide(&later, &unsure, &known),
            Follow::Unknown,
            "who puts off may not have looked for the key"
        );
    }
}
