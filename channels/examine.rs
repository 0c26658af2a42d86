//! What a look at a provider shows beside its answer: clocks that differ, a certificate that ends, little money left.

use crate::http::{Reply, Silence};
use jiff::tz::TimeZone;
use oyez_domain::outcome::Reason;
use oyez_domain::remark::{CERTIFICATE_SOON, CLOCK_APART, Remark};
use oyez_domain::time::Wall;
use reqwest::header::DATE;

/// Below this, in the account's currency, a balance is low: about a thousand texts.
const LOW_BALANCE: f64 = 50.0;

/// What an answer shows of clock and certificate, where there is something to say.
pub(crate) fn beside(reply: &Reply, now: Wall) -> Vec<Remark> {
    let date = reply.headers.get(DATE).and_then(|date| date.to_str().ok());
    let theirs = date.and_then(crate::classify::retry_after::date);
    let clock = theirs.and_then(|theirs| clock(theirs, now));
    let certificate = reply.certificate.and_then(|until| certificate(until, now));
    clock.into_iter().chain(certificate).collect()
}

/// A warning when our clock and theirs are apart. Their date has whole seconds.
fn clock(theirs: Wall, now: Wall) -> Option<Remark> {
    let (ahead, behind) = (now.since(theirs), theirs.since(now));
    let apart = ahead.max(behind);
    let way = if ahead > behind { "ahead of" } else { "behind" };
    (apart > CLOCK_APART).then(|| {
        Remark::warn(
            format!(
                "our clock is {} s {way} the provider's; beyond 30 s some refuse every request",
                apart.as_secs()
            ),
            "set the machine's clock by NTP: timedatectl shows whether it is",
        )
    })
}

/// A warning when a certificate ends soon. One that has ended is refused before anybody can look at it.
pub(crate) fn certificate(until: Wall, now: Wall) -> Option<Remark> {
    let left = until.since(now);
    let day = until.timestamp().to_zoned(TimeZone::UTC).date();
    (left < CERTIFICATE_SOON).then(|| {
        Remark::warn(
            format!(
                "the server's certificate ends on {day}, in {} days; nothing is sent there after that",
                left.as_secs() / 86_400
            ),
            "ask whoever runs the server to renew it",
        )
    })
}

/// What is left to spend.
pub(crate) fn balance(amount: f64, currency: &str) -> Remark {
    let left = format!("the balance is {amount:.2} {currency}");
    let left = left.trim_end();
    if amount >= LOW_BALANCE {
        return Remark::ok(left);
    }
    let top_up = "top up the account, or let the provider do it by itself (auto-reload)";
    if amount <= 0.0 {
        Remark::fail(format!("{left}: nothing can be sent"), top_up)
    } else {
        Remark::warn(format!("{left}: enough for very few people"), top_up)
    }
}

/// There was no answer.
pub(crate) fn silent(silence: Silence) -> Remark {
    let (what, fix) = match silence {
        Silence::Forbidden(why) => {
            let fix = "name the network in network.allow_networks, if it may be called";
            return Remark::fail(why.to_string(), fix);
        }
        Silence::NotSent(Reason::Dns) => (
            Reason::Dns,
            "check the host name in the settings, and the machine's resolver",
        ),
        Silence::NotSent(Reason::Tls) => (
            Reason::Tls,
            "check the address; the server's certificate is wrong, has ended or is not its own",
        ),
        Silence::NotSent(reason) | Silence::MaybeSent(reason) => (
            reason,
            "check the address in the settings, and whether a firewall is in between",
        ),
    };
    Remark::fail(what.label(), fix)
}

/// The provider refuses us.
pub(crate) fn refused(what: impl Into<String>) -> Remark {
    Remark::fail(
        what,
        "compare key, secret and account in the settings with the provider's own page",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use oyez_domain::remark::Level;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn clocks_may_differ_by_five_seconds_and_no_more() {
        let now = Wall(1_764_239_400_000_000);
        for (seconds, said) in [
            (0, None),
            (5, None),
            (-5, None),
            (6, Some("6 s behind")),
            (-40, Some("40 s ahead of")),
        ] {
            let theirs = Wall(now.0 + seconds * 1_000_000);
            let remark = clock(theirs, now).map(|remark| remark.what);
            let right = remark
                .as_deref()
                .zip(said)
                .is_none_or(|(what, said)| what.contains(said));
            assert!(
                right && remark.is_some() == said.is_some(),
                "{seconds}: {remark:?}"
            );
        }
    }

    #[test]
    fn a_certificate_is_worth_a_word_in_its_last_month() {
        let now = Wall(1_764_239_400_000_000);
        assert_eq!(certificate(Wall(now.0 + 31 * DAY), now), None);
        let soon = certificate(Wall(now.0 + 3 * DAY + 1), now).unwrap();
        assert!(soon.what.contains("2025-11-30, in 3 days"), "{}", soon.what);
        assert_eq!(soon.level, Level::Warn);
    }

    #[test]
    fn little_money_is_a_warning_and_none_a_fault() {
        let level = |amount| balance(amount, "GBP").level;
        assert_eq!(level(50.0), Level::Ok);
        assert_eq!(level(49.99), Level::Warn);
        assert_eq!(level(0.0), Level::Fail);
        assert_eq!(level(-3.0), Level::Fail);
    }
}
