//! HTTP answers: a status, whether the API itself spoke, and what the provider knows of our key make an outcome.
//!
//! Where two readings are possible the one that is safer for residents is taken: a doubtful refusal pauses the
//! channel and keeps its queue, and a doubtful success is unknown.

use crate::classify::retry_after;
use oyez_domain::channel::IdempotencyClass;
use oyez_domain::outcome::{Outcome, Reason, Scope};
use oyez_domain::time::Wall;
use std::time::Duration;

/// What does not change from answer to answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// How a second copy is avoided.
    pub(crate) idempotency: IdempotencyClass,
    /// Whom an outage or a refusal concerns.
    pub(crate) scope: Scope,
}

/// One answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// Whether the body is the API's own: for 2xx its form of success, otherwise its form of error.
    pub(crate) own_body: bool,
    /// The wait that was asked for, if any.
    pub(crate) wait: Option<Duration>,
    /// The provider's own identifier, should this be a success.
    pub(crate) reference: Option<String>,
}

impl Manner {
    /// The outcome of an answer.
    pub(crate) fn outcome(self, answer: Answer, now: Wall) -> Outcome {
        let scope = self.scope;
        let refused = |reason| Outcome::ChannelRefused { reason, scope };
        match answer.status {
            200..=299 if answer.own_body => Outcome::Accepted {
                reference: answer.reference.map(|id| identifier(&id)),
            },
            0..=299 => Outcome::Unknown {
                reason: Reason::Protocol,
            },
            300..=399 => refused(Reason::Misconfigured),
            401 | 407 => refused(Reason::AuthFailed),
            402 => refused(Reason::NoCredit),
            // We are known, but may not do this; or just not this one.
            403 | 404 => refused(Reason::Misconfigured),
            408 => Outcome::Deferred {
                reason: Reason::Timeout,
            },
            409 | 421 | 425 => Outcome::Deferred {
                reason: Reason::TryLater,
            },
            410 => self.gone(),
            413 | 414 | 431 => Outcome::BadMessage {
                reason: Reason::TooLong,
            },
            429 => self.throttled(answer.wait.unwrap_or(retry_after::DEFAULT), now),
            400..=499 => Outcome::BadMessage {
                reason: Reason::ContentRejected,
            },
            500..=599 => self.fault(&answer, now),
            600.. => Outcome::Unknown {
                reason: Reason::Protocol,
            },
        }
    }

    /// Not taken: too fast.
    pub(crate) fn throttled(self, wait: Duration, now: Wall) -> Outcome {
        Outcome::Throttled {
            until: now.plus(wait),
            scope: self.scope,
        }
    }

    /// 410 is final for one partner, and for whatever comes after (Standard Webhooks, "Operational considerations"); for a
    /// provider it is a wrong address in our settings.
    fn gone(self) -> Outcome {
        match self.scope {
            Scope::Destination => Outcome::Rejected {
                reason: Reason::EndpointGone,
                suppress: true,
            },
            Scope::Channel => Outcome::ChannelRefused {
                reason: Reason::Misconfigured,
                scope: self.scope,
            },
        }
    }

    /// A 5xx proves that nothing was taken only when the API itself says so; a proxy's 502 or 504 never does.
    fn fault(self, answer: &Answer, now: Wall) -> Outcome {
        let by_proxy = matches!(answer.status, 502 | 504) || !answer.own_body;
        match self.idempotency {
            IdempotencyClass::NativeKey => {}
            IdempotencyClass::LookUp | IdempotencyClass::Receipt | IdempotencyClass::Nothing => {
                if by_proxy {
                    return Outcome::Unknown {
                        reason: Reason::ProviderDown,
                    };
                }
            }
        }
        match (answer.wait, by_proxy || answer.status == 503) {
            (Some(wait), _) => self.throttled(wait, now),
            (None, true) => Outcome::ChannelDown {
                reason: Reason::ProviderDown,
                scope: self.scope,
            },
            // The API's own 500 may be about this one message, so it costs an attempt and has an end.
            (None, false) => Outcome::Deferred {
                reason: Reason::ProviderDown,
            },
        }
    }
}

/// A provider's identifier is opaque, but it is kept short and printable.
pub(crate) fn identifier(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(255).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use IdempotencyClass::{LookUp, NativeKey, Nothing, Receipt};

    const NOW: Wall = Wall(1_000_000);

    fn outcome(status: u16, own_body: bool, idempotency: IdempotencyClass) -> Outcome {
        let manner = Manner {
            idempotency,
            scope: Scope::Channel,
        };
        let answer = Answer {
            status,
            own_body,
            ..Answer::default()
        };
        manner.outcome(answer, NOW)
    }

    #[test]
    fn only_a_2xx_in_the_apis_own_form_is_accepted() {
        for status in 100..=599 {
            for class in [NativeKey, LookUp, Receipt, Nothing] {
                for own_body in [true, false] {
                    let accepted =
                        matches!(outcome(status, own_body, class), Outcome::Accepted { .. });
                    assert_eq!(
                        accepted,
                        own_body && (200..300).contains(&status),
                        "{status} {own_body} {class:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_may_have_been_taken_is_unknown_and_nothing_else_is() {
        for status in 100..=599u16 {
            for class in [NativeKey, LookUp, Receipt, Nothing] {
                for own_body in [true, false] {
                    let unknown =
                        matches!(outcome(status, own_body, class), Outcome::Unknown { .. });
                    let doubtful = match status {
                        0..=199 => true,
                        200..=299 => !own_body,
                        500..=599 if class == NativeKey => false,
                        502 | 504 => true,
                        500..=599 => !own_body,
                        _ => false,
                    };
                    assert_eq!(unknown, doubtful, "{status} {own_body} {class:?}");
                }
            }
        }
    }

    #[test]
    fn every_4xx_has_its_meaning() {
        let code = |status| {
            let outcome = outcome(status, true, Receipt);
            (outcome.code().code(), outcome.reason().unwrap())
        };
        for status in 400..=499u16 {
            let expected = match status {
                401 | 407 => ("channel_refused", Reason::AuthFailed),
                402 => ("channel_refused", Reason::NoCredit),
                403 | 404 | 410 => ("channel_refused", Reason::Misconfigured),
                408 => ("deferred", Reason::Timeout),
                409 | 421 | 425 => ("deferred", Reason::TryLater),
                413 | 414 | 431 => ("bad_message", Reason::TooLong),
                429 => ("throttled", Reason::RateLimited),
                _ => ("bad_message", Reason::ContentRejected),
            };
            assert_eq!(code(status), expected, "{status}");
        }
    }

    #[test]
    fn a_redirect_is_a_fault_in_our_settings() {
        for status in 300..=399 {
            let refused = Outcome::ChannelRefused {
                reason: Reason::Misconfigured,
                scope: Scope::Channel,
            };
            assert_eq!(outcome(status, true, NativeKey), refused);
        }
    }

    #[test]
    fn a_wait_is_honoured_on_429_and_on_the_apis_own_5xx() {
        let manner = Manner {
            idempotency: Receipt,
            scope: Scope::Channel,
        };
        let with_wait = |status, own_body| {
            let wait = Some(Duration::from_secs(5));
            manner.outcome(
                Answer {
                    status,
                    own_body,
                    wait,
                    reference: None,
                },
                NOW,
            )
        };
        let until = Outcome::Throttled {
            until: Wall(6_000_000),
            scope: Scope::Channel,
        };
        assert_eq!(with_wait(429, false), until);
        assert_eq!(with_wait(503, true), until);
        assert_eq!(with_wait(503, false).code().code(), "unknown");
        assert_eq!(
            outcome(429, true, Receipt),
            manner.throttled(retry_after::DEFAULT, NOW)
        );
    }

    #[test]
    fn one_partner_gone_or_down_leaves_the_others_alone() {
        let manner = Manner {
            idempotency: NativeKey,
            scope: Scope::Destination,
        };
        for status in 300..=599 {
            let answer = Answer {
                status,
                own_body: false,
                ..Answer::default()
            };
            let of_the_channel = match manner.outcome(answer, NOW) {
                Outcome::Throttled { scope, .. }
                | Outcome::ChannelDown { scope, .. }
                | Outcome::ChannelRefused { scope, .. } => scope == Scope::Channel,
                Outcome::Accepted { .. }
                | Outcome::Deferred { .. }
                | Outcome::Rejected { .. }
                | Outcome::BadMessage { .. }
                | Outcome::Unknown { .. } => false,
            };
            assert!(!of_the_channel, "{status}");
        }
    }
}
