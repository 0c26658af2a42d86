//! What an adapter reports of one attempt, and the one closed list of reasons.

use crate::error::Refusal;
use crate::time::Wall;
use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $code:literal, $label:literal;)*) => {
        /// Why something ended as it did. The codes stand verbatim in ledger, metrics, API and console.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Reason { $($(#[$doc])* $name = $number,)* }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code used by programs.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What people read.
            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// The number the ledger keeps.
            pub fn number(self) -> u8 {
                match self { $(Self::$name => $number,)* }
            }

            /// The reason with this number.
            pub fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

reasons! {
    /// The email address does not exist.
    AddressUnknown = 1, "address_unknown", "Address does not exist";
    /// Not a number that can be texted.
    NumberInvalid = 2, "number_invalid", "Not a mobile number";
    /// The mailbox is full.
    InboxFull = 3, "inbox_full", "Inbox full";
    /// Phone off or without signal.
    PhoneOff = 4, "phone_off", "Phone off or no signal";
    /// Refused by the mail or phone network.
    Blocked = 5, "blocked", "Refused by the mail or phone network";
    /// The network did not like the wording.
    ContentRejected = 6, "content_rejected", "The network did not like the wording";
    /// The provider's limit was reached.
    RateLimited = 7, "rate_limited", "Provider limit reached";
    /// The provider does not answer, or answers with a fault of its own.
    ProviderDown = 8, "provider_down", "Provider not answering";
    /// Our password or token was refused.
    AuthFailed = 9, "auth_failed", "Our password or token was refused";
    /// Too long for this network.
    TooLong = 10, "too_long", "Too long for this network";
    /// The network says it was posted already.
    DuplicateBlocked = 11, "duplicate_blocked", "Network says it was already posted";
    /// Not delivered in time.
    Expired = 12, "expired", "Not delivered in time";
    /// It may have been sent.
    Uncertain = 13, "uncertain", "May have been sent";
    /// The receiver asked us to try again later (greylisting, busy).
    TryLater = 14, "try_later", "Receiver asked us to try again later";
    /// No connection could be made.
    Connect = 15, "connect", "Could not connect";
    /// The name could not be resolved.
    Dns = 16, "dns", "Name could not be resolved";
    /// The secure connection could not be made.
    Tls = 17, "tls", "Secure connection failed";
    /// No answer in time.
    Timeout = 18, "timeout", "No answer in time";
    /// The answer made no sense.
    Protocol = 19, "protocol", "Answer could not be understood";
    /// The account has no credit left.
    NoCredit = 20, "no_credit", "No credit left at the provider";
    /// The provider refuses us by configuration (sender not approved, wrong address of the service).
    Misconfigured = 21, "misconfigured", "Provider refuses our settings";
    /// The partner's endpoint is gone.
    EndpointGone = 22, "endpoint_gone", "Endpoint is gone";
    /// The outbound guard does not allow this address.
    ForbiddenAddress = 23, "forbidden_address", "This network may not be called";
    /// The person said stop.
    OptedOut = 24, "opted_out", "Person stopped messages";
    /// The address is on the suppression list.
    Suppressed = 25, "suppressed", "Address is not to be used";
    /// Halted by a person.
    Stopped = 26, "stopped", "Stopped before it was sent";
    /// A newer update took its place.
    Superseded = 27, "superseded", "A newer update took its place";
    /// Tried as often as allowed.
    Exhausted = 28, "exhausted", "Tried as often as allowed";
    /// The message could not be made for this recipient.
    Unrenderable = 29, "unrenderable", "Message could not be made";
    /// The program ended while it was on its way.
    Interrupted = 30, "interrupted", "Program ended while it was on its way";
    /// Deleted or expired at the network.
    Undeliverable = 31, "undeliverable", "Network could not deliver it";
    /// Held by a person.
    Held = 32, "held", "Held by a person";
    /// A look-up found no trace of it; the provider may not have settled yet.
    NotFoundYet = 33, "not_found_yet", "Provider has no trace of it yet";
    /// A person decided.
    Decided = 34, "decided", "Decided by a person";
    /// Sending was paused because more left than can be right.
    Runaway = 35, "runaway", "More left than can be right";
    /// What is stored of the address cannot be opened with our key.
    Unreadable = 36, "unreadable", "Stored address cannot be read";
    /// The provider refuses us because this machine's clock is not right.
    ClockWrong = 37, "clock_wrong", "This machine's clock is wrong";
}

impl Reason {
    /// Whether another attempt can succeed once time has passed or somebody has put something right, while message and
    /// address stay as they are.
    pub fn can_succeed_later(self) -> bool {
        match self {
            Self::InboxFull
            | Self::PhoneOff
            | Self::RateLimited
            | Self::ProviderDown
            | Self::AuthFailed
            | Self::TryLater
            | Self::Connect
            | Self::Dns
            | Self::Tls
            | Self::Timeout
            | Self::Protocol
            | Self::NoCredit
            | Self::Misconfigured
            | Self::ForbiddenAddress
            | Self::Exhausted
            | Self::ClockWrong
            | Self::Undeliverable => true,
            // Sending again what a network refused makes it refuse more.
            Self::Blocked
            | Self::AddressUnknown
            | Self::NumberInvalid
            | Self::ContentRejected
            | Self::TooLong
            | Self::DuplicateBlocked
            | Self::Expired
            | Self::Uncertain
            | Self::EndpointGone
            | Self::OptedOut
            | Self::Suppressed
            | Self::Stopped
            | Self::Superseded
            | Self::Unrenderable
            | Self::Unreadable
            | Self::Interrupted
            | Self::Held
            | Self::NotFoundYet
            | Self::Decided
            | Self::Runaway => false,
        }
    }
}

impl std::str::FromStr for Reason {
    type Err = Refusal;
    fn from_str(code: &str) -> Result<Self, Refusal> {
        let mut all = Self::ALL.iter().copied();
        all.find(|reason| reason.code() == code).ok_or_else(|| {
            let codes: Vec<_> = Self::ALL.iter().map(|reason| reason.code()).collect();
            let why = format!("{code:?} is no reason; there are {}", codes.join(", "));
            Refusal::new("reason", "unknown_reason", why)
        })
    }
}

/// Whom a throttle or an outage concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One partner's endpoint or one mail domain.
    Destination,
    /// The whole channel.
    Channel,
}

/// What an adapter reports of one attempt. There is no error beside it: nothing leaves an adapter unclassified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A provider took it.
    Accepted {
        /// The provider's own identifier, if it gave one.
        reference: Option<String>,
    },
    /// Not taken: too fast. Never costs the recipient an attempt.
    Throttled {
        /// Not before this moment.
        until: Wall,
        /// Whom it concerns.
        scope: Scope,
    },
    /// Not taken now; worth another attempt.
    Deferred {
        /// Why.
        reason: Reason,
    },
    /// Not taken, and pointless to repeat.
    Rejected {
        /// Why.
        reason: Reason,
        /// Whether the address must not be used again.
        suppress: bool,
    },
    /// The message itself was refused.
    BadMessage {
        /// Why.
        reason: Reason,
    },
    /// Not taken: the provider does not work at the moment. Never costs an attempt.
    ChannelDown {
        /// Why.
        reason: Reason,
        /// Whom it concerns.
        scope: Scope,
    },
    /// Not taken: the provider refuses us (credentials, credit, settings). Never costs an attempt.
    ChannelRefused {
        /// Why.
        reason: Reason,
        /// Whom it concerns.
        scope: Scope,
    },
    /// It may have been taken; nobody can tell.
    Unknown {
        /// Why.
        reason: Reason,
    },
}

/// An outcome with what the provider said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The outcome.
    pub outcome: Outcome,
    /// The provider's own words, short and without addresses or secrets, e.g. `550 5.1.1`.
    pub reply: String,
}

impl Verdict {
    /// An outcome and the reply it was read from, cut to 200 characters and to printable signs.
    pub fn new(outcome: Outcome, reply: impl AsRef<str>) -> Self {
        let reply = reply
            .as_ref()
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect();
        Self { outcome, reply }
    }
}

/// The outcome without its particulars, as the ledger keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeCode {
    /// See [`Outcome::Accepted`].
    Accepted = 1,
    /// See [`Outcome::Throttled`].
    Throttled = 2,
    /// See [`Outcome::Deferred`].
    Deferred = 3,
    /// See [`Outcome::Rejected`].
    Rejected = 4,
    /// See [`Outcome::BadMessage`].
    BadMessage = 5,
    /// See [`Outcome::ChannelDown`].
    ChannelDown = 6,
    /// See [`Outcome::ChannelRefused`].
    ChannelRefused = 7,
    /// See [`Outcome::Unknown`].
    Unknown = 8,
    /// Decided when arming: the address must not be used.
    Suppressed = 9,
    /// Decided before sending: halted by a person.
    Stopped = 10,
    /// Decided before sending: too late to be useful.
    Expired = 11,
    /// Decided before sending: a newer update took its place.
    Superseded = 12,
    /// Armed when the program ended, and no outcome.
    Orphaned = 13,
    /// A person decided: what may have been sent was sent.
    Confirmed = 14,
    /// A person decided: it is to be sent (again).
    Reopened = 15,
    /// A person decided: nobody will find out whether it was sent.
    GivenUp = 16,
}

impl OutcomeCode {
    /// Every code.
    pub const ALL: [Self; 16] = [
        Self::Accepted,
        Self::Throttled,
        Self::Deferred,
        Self::Rejected,
        Self::BadMessage,
        Self::ChannelDown,
        Self::ChannelRefused,
        Self::Unknown,
        Self::Suppressed,
        Self::Stopped,
        Self::Expired,
        Self::Superseded,
        Self::Orphaned,
        Self::Confirmed,
        Self::Reopened,
        Self::GivenUp,
    ];

    /// The number the ledger keeps.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The code with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }

    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Throttled => "throttled",
            Self::Deferred => "deferred",
            Self::Rejected => "rejected",
            Self::BadMessage => "bad_message",
            Self::ChannelDown => "channel_down",
            Self::ChannelRefused => "channel_refused",
            Self::Unknown => "unknown",
            Self::Suppressed => "suppressed",
            Self::Stopped => "stopped",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Orphaned => "orphaned",
            Self::Confirmed => "confirmed",
            Self::Reopened => "reopened",
            Self::GivenUp => "given_up",
        }
    }
}

impl Outcome {
    /// The outcome without its particulars.
    pub fn code(&self) -> OutcomeCode {
        match self {
            Self::Accepted { .. } => OutcomeCode::Accepted,
            Self::Throttled { .. } => OutcomeCode::Throttled,
            Self::Deferred { .. } => OutcomeCode::Deferred,
            Self::Rejected { .. } => OutcomeCode::Rejected,
            Self::BadMessage { .. } => OutcomeCode::BadMessage,
            Self::ChannelDown { .. } => OutcomeCode::ChannelDown,
            Self::ChannelRefused { .. } => OutcomeCode::ChannelRefused,
            Self::Unknown { .. } => OutcomeCode::Unknown,
        }
    }

    /// Why, where there is a reason to give.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Accepted { .. } => None,
            Self::Throttled { .. } => Some(Reason::RateLimited),
            Self::Deferred { reason }
            | Self::Rejected { reason, .. }
            | Self::BadMessage { reason }
            | Self::ChannelDown { reason, .. }
            | Self::ChannelRefused { reason, .. }
            | Self::Unknown { reason } => Some(*reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_and_code_reads_back_from_its_number() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_number(reason.number()), Some(*reason));
            assert_eq!(
                serde_json::to_value(reason).unwrap(),
                reason.code(),
                "one spelling everywhere"
            );
            assert_eq!(reason.code().parse(), Ok(*reason));
        }
        for code in OutcomeCode::ALL {
            assert_eq!(OutcomeCode::from_number(code.number()), Some(code));
            assert_eq!(serde_json::to_value(code).unwrap(), code.code());
        }
    }

    #[test]
    fn a_reply_cannot_carry_control_characters_into_the_ledger() {
        let verdict = Verdict::new(
            Outcome::Accepted { reference: None },
            format!("250 ok\r\n{}", "x".repeat(500)),
        );
        assert_eq!(verdict.reply.len(), 200);
        assert!(!verdict.reply.contains('\n'));
    }
}
