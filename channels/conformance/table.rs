//! What every adapter must conclude when its provider answers wrongly, by how well the provider knows our messages.
//!
//! The rows are F1 to F5 of the bad inputs: a page that is no answer, an answer without end, a redirect, five forms of
//! `Retry-After`, refusals. F6 to F8 have files of their own.

use super::provider::{Proof, Provider};
use super::stage::{Play, answer};
use crate::fixture::NOW;
use oyez_domain::outcome::{Outcome, Reason, Scope};
use std::time::Duration;

/// One wrong answer and what it means.
pub(super) struct Row {
    pub(super) case: &'static str,
    pub(super) play: fn(&Provider) -> Play,
    pub(super) means: Means,
}

/// What is to be concluded.
#[derive(Clone, Copy)]
pub(super) enum Means {
    /// It may have been taken. Partners' endpoints say with their status alone that they took it.
    NoSuccess(Reason),
    /// The same of an answer with the status of success whose body breaks off: some say with that status alone that they
    /// took it.
    BrokenOff(Reason),
    /// It may have been taken, by everybody.
    MaybeSent(Reason),
    /// A provider that knows our key is down and may be asked again; with any other it may have been taken.
    DownOrMaybe,
    /// A refusal of ours: the channel, or the one partner, pauses and nobody is rejected.
    Refused(Reason),
    /// Too fast: a wait of so many seconds.
    Wait(u64),
    /// The endpoint is gone for its partner; for a provider it is a wrong address in our settings.
    Gone,
}

impl Means {
    /// The outcome; `keyed` says whether the provider knows a message by our key.
    pub(super) fn outcome(self, provider: &Provider, keyed: bool) -> Outcome {
        let scope = provider.scope();
        match self {
            Self::NoSuccess(reason) => match provider.proof {
                Proof::AnyStatus => Outcome::Accepted { reference: None },
                Proof::Body | Proof::OwnStatus => Outcome::Unknown { reason },
            },
            Self::BrokenOff(reason) => match provider.proof {
                Proof::AnyStatus | Proof::OwnStatus => Outcome::Accepted { reference: None },
                Proof::Body => Outcome::Unknown { reason },
            },
            Self::MaybeSent(reason) => Outcome::Unknown { reason },
            Self::DownOrMaybe => {
                let reason = Reason::ProviderDown;
                if keyed {
                    Outcome::ChannelDown { reason, scope }
                } else {
                    Outcome::Unknown { reason }
                }
            }
            Self::Refused(reason) => Outcome::ChannelRefused { reason, scope },
            Self::Wait(seconds) => {
                let until = NOW.plus(Duration::from_secs(seconds));
                Outcome::Throttled { until, scope }
            }
            Self::Gone => match scope {
                Scope::Destination => Outcome::Rejected {
                    reason: Reason::EndpointGone,
                    suppress: true,
                },
                Scope::Channel => Outcome::ChannelRefused {
                    reason: Reason::Misconfigured,
                    scope,
                },
            },
        }
    }
}

/// 10 MB of nothing, in 10 KB.
const BOMB: &[u8] = include_bytes!("bomb.gz");
const ELSEWHERE: &str = "location: http://127.0.0.1:9/elsewhere\r\n";

fn whole(provider: &Provider) -> Vec<u8> {
    let (status, body) = provider.success;
    answer(status, "", body)
}

/// The answer of a success whose body breaks off.
fn broken(provider: &Provider) -> Vec<u8> {
    let (status, body) = provider.success;
    // An endpoint that says nothing announces something here, so that there is something to break off.
    let body = if body.is_empty() { "taken" } else { body };
    let status = if status == 204 { 200 } else { status };
    let mut bytes = answer(status, "", body);
    bytes.truncate(bytes.len() - 1);
    bytes
}

fn endless(status: u16) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\ncontent-length: 10000000000\r\n\r\n").into_bytes()
}

fn bombed() -> Vec<u8> {
    let length = BOMB.len();
    let head = format!(
        "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), BOMB].concat()
}

macro_rules! rows {
    ($($case:literal: $play:expr => $means:expr;)*) => { &[$(Row { case: $case, play: $play, means: $means },)*] };
}

/// The table.
pub(super) const TABLE: &[Row] = {
    use Means::{BrokenOff, DownOrMaybe, Gone, MaybeSent, NoSuccess, Refused, Wait};
    use Reason::{AuthFailed, Misconfigured, NoCredit, Protocol, Timeout, Uncertain};
    rows! {
        "F1 a login page with 200": |_| Play::Say(answer(200, "content-type: text/html\r\n", "<html>Please log in</html>")) => NoSuccess(Protocol);
        "F1 nothing with 200": |_| Play::Say(answer(200, "", "")) => NoSuccess(Protocol);
        "F1 JSON that breaks off": |_| Play::Say(answer(200, "", r#"{"id":"42","url"#)) => NoSuccess(Protocol);
        "F1 an error with 200": |_| Play::Say(answer(200, "", r#"{"status":"error"}"#)) => NoSuccess(Protocol);
        "F1 a list where an object should be": |_| Play::Say(answer(200, "", "[]")) => NoSuccess(Protocol);
        "F2 silence until the deadline": |_| Play::SayAndHang(Vec::new()) => MaybeSent(Timeout);
        "F2 half a head, then silence": |provider| Play::SayAndHang(whole(provider)[..12].to_vec()) => MaybeSent(Timeout);
        "F2 half a head, then a cut": |provider| Play::SayAndCut(whole(provider)[..12].to_vec()) => MaybeSent(Uncertain);
        "F2 a cut instead of an answer": |_| Play::SayAndCut(Vec::new()) => MaybeSent(Uncertain);
        "F2 a success whose body breaks off": |provider| Play::SayAndCut(broken(provider)) => BrokenOff(Protocol);
        "F2 a success whose body never ends": |provider| Play::SayAndHang(broken(provider)) => BrokenOff(Protocol);
        "F2 10 GB": |_| Play::Flood(endless(200)) => NoSuccess(Protocol);
        "F2 a byte now and then": |_| Play::Drip(endless(200)) => NoSuccess(Protocol);
        "F2 a gzip bomb": |_| Play::Say(bombed()) => NoSuccess(Protocol);
        "F3 301": |_| Play::Say(answer(301, ELSEWHERE, "")) => Refused(Misconfigured);
        "F3 302": |_| Play::Say(answer(302, ELSEWHERE, "")) => Refused(Misconfigured);
        "F3 303": |_| Play::Say(answer(303, ELSEWHERE, "")) => Refused(Misconfigured);
        "F3 307": |_| Play::Say(answer(307, ELSEWHERE, "")) => Refused(Misconfigured);
        "F3 308": |_| Play::Say(answer(308, ELSEWHERE, "")) => Refused(Misconfigured);
        "F4 no Retry-After": |_| Play::Say(answer(429, "", "{}")) => Wait(30);
        "F4 seconds": |_| Play::Say(answer(429, "retry-after: 7\r\n", "{}")) => Wait(7);
        "F4 a decimal": |_| Play::Say(answer(429, "retry-after: 1.2\r\n", "{}")) => Wait(2);
        "F4 a date": |_| Play::Say(answer(429, "retry-after: Thu, 27 Nov 2025 10:30:45 GMT\r\n", "{}")) => Wait(45);
        "F4 a date that is past": |_| Play::Say(answer(429, "retry-after: Thu, 27 Nov 2025 10:29:00 GMT\r\n", "{}")) => Wait(1);
        "F4 less than nothing": |_| Play::Say(answer(429, "retry-after: -5\r\n", "{}")) => Wait(1);
        "F4 30,000 years": |_| Play::Say(answer(429, "retry-after: 1e12\r\n", "{}")) => Wait(3600);
        "F4 soon": |_| Play::Say(answer(429, "retry-after: soon\r\n", "{}")) => Wait(30);
        "F4 two headers": |_| Play::Say(answer(429, "retry-after: 3\r\nretry-after: 9\r\n", "{}")) => Wait(9);
        "F5 401": |_| Play::Say(answer(401, "", "")) => Refused(AuthFailed);
        "F5 402": |_| Play::Say(answer(402, "", "")) => Refused(NoCredit);
        "F5 403": |_| Play::Say(answer(403, "", "")) => Refused(Misconfigured);
        "F5 404": |_| Play::Say(answer(404, "", "")) => Refused(Misconfigured);
        "F5 410": |_| Play::Say(answer(410, "", "")) => Gone;
        "a proxy's 500": |_| Play::Say(answer(500, "", "")) => DownOrMaybe;
        "a proxy's 502": |_| Play::Say(answer(502, "", "<html>Bad gateway</html>")) => DownOrMaybe;
        "a proxy's 503": |_| Play::Say(answer(503, "", "<html>oops")) => DownOrMaybe;
        "a proxy's 504": |_| Play::Say(answer(504, "", "")) => DownOrMaybe;
        "502 in the API's own words": |provider| Play::Say(answer(502, "", provider.own_fault)) => DownOrMaybe;
    }
};
