//! SMTP replies by stage (RFC 5321 §4.2, §4.5.3) with enhanced codes (RFC 3463), and when an address is suppressed.

use crate::classify::retry_after;
use oyez_domain::outcome::{Outcome, Reason, Scope};
use oyez_domain::time::Wall;

/// Where in the conversation a reply was given or missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Connection and greeting.
    Connect,
    /// EHLO.
    Ehlo,
    /// STARTTLS and the handshake.
    Tls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA.
    Data,
    /// While the message is written, its final dot not yet out.
    Body,
    /// After the final dot.
    Dot,
}

/// What went wrong with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The name did not resolve.
    Dns,
    /// No connection, or it ended.
    Closed,
    /// No answer in time.
    Timeout,
    /// The secure connection failed.
    Tls,
    /// The answer is no SMTP.
    Protocol,
}

/// An enhanced status code, `class.subject.detail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Enhanced(pub(crate) u8, pub(crate) u16, pub(crate) u16);

impl Enhanced {
    /// Reads the first word of a reply's text. One whose class contradicts the basic code is left out.
    pub(crate) fn read(code: u16, text: &str) -> Option<Self> {
        let word = text.split_ascii_whitespace().next()?;
        Self::parse(word).filter(|known| u16::from(known.0) == code / 100)
    }

    /// Reads a word such as `5.1.1`.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let mut parts = word.split('.');
        let mut number = || {
            let part = parts.next()?;
            let digits = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| part.parse::<u16>().ok()).flatten()
        };
        let (class, subject, detail) = (number()?, number()?, number()?);
        let class = u8::try_from(class).ok()?;
        (parts.next().is_none() && matches!(class, 2 | 4 | 5))
            .then_some(Self(class, subject, detail))
    }

    /// Codes that say the address itself is dead; everything else may be about us, the text or the day.
    pub(crate) fn suppresses(self) -> bool {
        matches!(self, Self(5, 1, 1 | 2 | 3 | 6 | 10) | Self(5, 2, 1))
    }

    /// Why a mail did not reach its reader. `explained` says whether words stand beside the code: 5.0.0 alone says
    /// nothing but that it failed.
    ///
    /// `InboxFull` and `Undeliverable` count against an address, three within 14 days; nothing else does.
    pub(crate) fn reason(self, explained: bool) -> Reason {
        match self {
            Self(_, 2, 2) => Reason::InboxFull,
            Self(4, _, _) | Self(5, 4, 4 | 7) => Reason::Undeliverable,
            Self(5, 0, 0) if !explained => Reason::Undeliverable,
            // The sender's address, not the reader's.
            Self(_, 1, 7 | 8) => Reason::Blocked,
            Self(_, 1, _) | Self(_, 2, 1) => Reason::AddressUnknown,
            Self(_, 2, 3) | Self(_, 3, 4) => Reason::TooLong,
            Self(_, 5, _) => Reason::Protocol,
            Self(_, 6, _) => Reason::ContentRejected,
            Self(_, _, _) => Reason::Blocked,
        }
    }
}

/// The outcome of a reply that is not the one hoped for at this stage.
pub(crate) fn refusal(stage: Stage, code: u16, text: &str, now: Wall) -> Outcome {
    let enhanced = Enhanced::read(code, text);
    let scope = Scope::Channel;
    let down = |reason| Outcome::ChannelDown { reason, scope };
    let refused = |reason| Outcome::ChannelRefused { reason, scope };
    match (stage, code) {
        (_, 421) => down(Reason::ProviderDown),
        (_, 0..=399 | 600..) => broken(stage, Broken::Protocol),
        (Stage::Tls, 400..=599) => down(Reason::Tls),
        (Stage::Connect | Stage::Ehlo | Stage::Auth, 400..=499) => down(Reason::ProviderDown),
        (Stage::Connect | Stage::Ehlo, 554) => refused(Reason::Blocked),
        (Stage::Connect | Stage::Ehlo, 500..=599) => refused(Reason::Misconfigured),
        (Stage::Auth, 500..=599) => refused(Reason::AuthFailed),
        (Stage::Mail, 400..=499) => match enhanced {
            Some(Enhanced(4, 7, _)) => Outcome::Throttled {
                until: now.plus(retry_after::DEFAULT),
                scope,
            },
            Some(_) | None => down(Reason::ProviderDown),
        },
        (Stage::Mail, 500..=599) => sender_refused(code, enhanced),
        (Stage::Rcpt | Stage::Data | Stage::Body | Stage::Dot, 400..=499) => match enhanced {
            Some(Enhanced(4, 2, 2)) => deferred(Reason::InboxFull),
            Some(_) | None => deferred(Reason::TryLater),
        },
        (Stage::Rcpt, 500..=599) => {
            let explained = text.split_ascii_whitespace().nth(1).is_some();
            recipient_refused(code, enhanced, explained)
        }
        (Stage::Data | Stage::Body | Stage::Dot, 500..=599) => message_refused(code, enhanced),
    }
}

/// The outcome of a connection that ended, fell silent or talked nonsense.
pub(crate) fn broken(stage: Stage, broken: Broken) -> Outcome {
    let reason = match broken {
        Broken::Dns => Reason::Dns,
        Broken::Closed => Reason::Connect,
        Broken::Timeout => Reason::Timeout,
        Broken::Tls => Reason::Tls,
        Broken::Protocol => Reason::Protocol,
    };
    match stage {
        // Without its final dot a message cannot have been taken.
        Stage::Connect
        | Stage::Ehlo
        | Stage::Tls
        | Stage::Auth
        | Stage::Mail
        | Stage::Rcpt
        | Stage::Data
        | Stage::Body => Outcome::ChannelDown {
            reason,
            scope: Scope::Channel,
        },
        Stage::Dot => Outcome::Unknown {
            reason: match broken {
                Broken::Closed => Reason::Uncertain,
                Broken::Dns | Broken::Timeout | Broken::Tls | Broken::Protocol => reason,
            },
        },
    }
}

fn deferred(reason: Reason) -> Outcome {
    Outcome::Deferred { reason }
}

/// A refusal of MAIL is about us, never about the recipient.
fn sender_refused(code: u16, enhanced: Option<Enhanced>) -> Outcome {
    let reason = match (code, enhanced) {
        (552, _) | (_, Some(Enhanced(5, 3, 4) | Enhanced(5, 2, 3))) => {
            return Outcome::BadMessage {
                reason: Reason::TooLong,
            };
        }
        (530 | 535, _) | (_, Some(Enhanced(5, 7, 0 | 8 | 9))) => Reason::AuthFailed,
        (_, Some(Enhanced(5, 7, _))) => Reason::Blocked,
        (_, _) => Reason::Misconfigured,
    };
    Outcome::ChannelRefused {
        reason,
        scope: Scope::Channel,
    }
}

fn recipient_refused(code: u16, enhanced: Option<Enhanced>, explained: bool) -> Outcome {
    let suppress = enhanced.is_some_and(Enhanced::suppresses);
    let rejected = |reason| Outcome::Rejected { reason, suppress };
    let refused = |reason| Outcome::ChannelRefused {
        reason,
        scope: Scope::Channel,
    };
    match (code, enhanced) {
        // RFC 5321 §4.5.3.1.10: 552 here means too many recipients or no room, and is temporary.
        (552, Some(Enhanced(5, 2, 2))) => deferred(Reason::InboxFull),
        (552, _) => deferred(Reason::TryLater),
        // Many relays say only now what they think of the sender.
        (_, Some(Enhanced(5, 1, 7 | 8))) => refused(Reason::Misconfigured),
        (_, Some(known @ Enhanced(5, 5 | 6, _))) => Outcome::BadMessage {
            reason: known.reason(explained),
        },
        (530 | 535, _) => refused(Reason::AuthFailed),
        (_, Some(known)) => rejected(known.reason(explained)),
        (554, None) => rejected(Reason::Blocked),
        (501 | 550 | 551 | 553 | 556, None) => rejected(Reason::AddressUnknown),
        (500 | 502..=504, None) => Outcome::BadMessage {
            reason: Reason::Protocol,
        },
        (_, None) => rejected(Reason::Blocked),
    }
}

fn message_refused(code: u16, enhanced: Option<Enhanced>) -> Outcome {
    let bad = |reason| Outcome::BadMessage { reason };
    let suppress = enhanced.is_some_and(Enhanced::suppresses);
    let rejected = |reason| Outcome::Rejected { reason, suppress };
    match (code, enhanced) {
        (_, Some(Enhanced(5, 1, _) | Enhanced(5, 2, 1))) => rejected(Reason::AddressUnknown),
        (_, Some(Enhanced(5, 2, 2))) => rejected(Reason::InboxFull),
        (_, Some(Enhanced(5, 2, 3) | Enhanced(5, 3, 4))) | (552, None) => bad(Reason::TooLong),
        (_, Some(Enhanced(5, 5, _))) | (500..=504, None) => bad(Reason::Protocol),
        (530 | 535, _) => Outcome::ChannelRefused {
            reason: Reason::AuthFailed,
            scope: Scope::Channel,
        },
        (_, _) => bad(Reason::ContentRejected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGES: [Stage; 9] = [
        Stage::Connect,
        Stage::Ehlo,
        Stage::Tls,
        Stage::Auth,
        Stage::Mail,
        Stage::Rcpt,
        Stage::Data,
        Stage::Body,
        Stage::Dot,
    ];

    fn at(stage: Stage, reply: &str) -> String {
        let (code, text) = reply.split_once(' ').unwrap_or((reply, ""));
        let code = code.parse().unwrap();
        let outcome = refusal(stage, code, text, Wall(0));
        let suppress = matches!(outcome, Outcome::Rejected { suppress: true, .. });
        format!(
            "{} {}{}",
            outcome.code().code(),
            outcome.reason().unwrap().code(),
            if suppress { " suppress" } else { "" }
        )
    }

    #[test]
    fn no_reply_but_the_hoped_for_one_is_ever_an_acceptance() {
        for stage in STAGES {
            for code in 0..=999 {
                let outcome = refusal(stage, code, "", Wall(0));
                assert!(
                    !matches!(outcome, Outcome::Accepted { .. }),
                    "{stage:?} {code}"
                );
                let unknown = matches!(outcome, Outcome::Unknown { .. });
                let in_range = (400..=599).contains(&code);
                assert_eq!(
                    unknown,
                    stage == Stage::Dot && !in_range,
                    "{stage:?} {code}"
                );
            }
        }
    }

    #[test]
    fn only_codes_about_the_address_itself_suppress_it() {
        for class in [4u16, 5] {
            for subject in 0..=9 {
                for detail in 0..=40 {
                    let reply = format!("{class}50 {class}.{subject}.{detail} x");
                    let suppressed = STAGES.iter().any(|s| at(*s, &reply).ends_with("suppress"));
                    let dead = matches!(
                        (class, subject, detail),
                        (5, 1, 1 | 2 | 3 | 6 | 10) | (5, 2, 1)
                    );
                    assert_eq!(suppressed, dead, "{reply}");
                }
            }
        }
    }

    #[test]
    fn a_closing_server_is_an_outage_at_every_stage() {
        for stage in STAGES {
            assert_eq!(at(stage, "421 4.3.2 bye"), "channel_down provider_down");
        }
    }

    #[test]
    fn silence_is_unknown_only_after_the_final_dot() {
        for stage in STAGES {
            for fault in [
                Broken::Dns,
                Broken::Closed,
                Broken::Timeout,
                Broken::Tls,
                Broken::Protocol,
            ] {
                let unknown = matches!(broken(stage, fault), Outcome::Unknown { .. });
                assert_eq!(unknown, stage == Stage::Dot, "{stage:?} {fault:?}");
            }
        }
    }

    #[test]
    fn an_enhanced_code_counts_only_where_it_agrees_with_the_basic_one() {
        assert_eq!(Enhanced::read(550, "5.1.1 who"), Some(Enhanced(5, 1, 1)));
        assert_eq!(Enhanced::read(550, "4.1.1 who"), None);
        for text in [
            "", "5.1", "5.1.1.1", "5.1.x", "5.1.1234", "55.1.1", "no 5.1.1",
        ] {
            assert_eq!(Enhanced::read(550, text), None, "{text}");
        }
    }
}
