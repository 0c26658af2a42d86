//! `Retry-After` in every form that providers send (RFC 9110 §10.2.3, and decimals, which some use).

use oyez_domain::time::Wall;
use std::time::Duration;

/// The shortest and the longest wait a provider can impose.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3600);

/// The wait when a provider says "too fast" without a usable time.
pub(crate) const DEFAULT: Duration = Duration::from_secs(30);

/// The wait that the header's values ask for: the largest of them, or nothing when there are none.
pub(crate) fn wait<'a>(values: impl IntoIterator<Item = &'a str>, now: Wall) -> Option<Duration> {
    values.into_iter().map(|value| one(value, now)).max()
}

/// A wait of so many seconds, within bounds; what is no number is the default.
pub(crate) fn seconds(seconds: f64) -> Duration {
    if seconds.is_nan() {
        return DEFAULT;
    }
    Duration::from_secs_f64(seconds.clamp(SHORTEST.as_secs_f64(), LONGEST.as_secs_f64()))
}

/// The wait until a moment, within bounds.
pub(crate) fn until(moment: Wall, now: Wall) -> Duration {
    moment.since(now).clamp(SHORTEST, LONGEST)
}

/// The wait that a reset header asks for: until a date and time (Mastodon), or until a number of seconds since 1970
/// (Bluesky, and other servers that speak Mastodon's API).
pub(crate) fn reset(value: &str, now: Wall) -> Option<Duration> {
    let seconds = || value.parse::<i64>().ok()?.checked_mul(1_000_000).map(Wall);
    Wall::parse(value)
        .or_else(seconds)
        .map(|moment| until(moment, now))
}

fn one(value: &str, now: Wall) -> Duration {
    let value = value.trim();
    let number = value.parse::<f64>().ok().filter(|n| !n.is_nan());
    match (number, date(value)) {
        (Some(number), _) => seconds(number.ceil()),
        (None, Some(moment)) => until(moment, now),
        (None, None) => DEFAULT,
    }
}

/// The three forms of an HTTP-date (RFC 9110 §5.6.7).
pub(crate) fn date(value: &str) -> Option<Wall> {
    let plain = value.strip_suffix(" GMT").unwrap_or(value);
    [
        "%a, %d %b %Y %H:%M:%S",
        "%A, %d-%b-%y %H:%M:%S",
        "%a %b %e %H:%M:%S %Y",
    ]
    .iter()
    .find_map(|format| jiff::civil::DateTime::strptime(format, plain).ok())
    .and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC).ok())
    .map(|zoned| Wall::from(zoned.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Option<u64> {
        let now = Wall::parse("2025-11-27T10:30:00Z").unwrap();
        wait(values.iter().copied(), now).map(|wait| wait.as_secs())
    }

    #[test]
    fn every_form_of_the_header_becomes_a_wait_between_a_second_and_an_hour() {
        for (value, expected) in [
            ("7", 7),
            (" 120 ", 120),
            ("120.1", 121),
            ("0", 1),
            ("-5", 1),
            ("1e12", 3600),
            ("1000000000000", 3600),
            ("inf", 3600),
            ("soon", 30),
            ("", 30),
            ("NaN", 30),
            ("Thu, 27 Nov 2025 10:30:45 GMT", 45),
            ("Thursday, 27-Nov-25 10:31:00 GMT", 60),
            ("Thu Nov 27 10:32:00 2025", 120),
            ("Thu, 27 Nov 2025 10:29:00 GMT", 1),
            ("Fri, 28 Nov 2025 10:30:00 GMT", 3600),
        ] {
            assert_eq!(of(&[value]), Some(expected), "{value:?}");
        }
    }

    #[test]
    fn a_reset_is_a_date_or_a_number_of_seconds_and_nothing_else() {
        let now = Wall::parse("2025-11-27T10:30:00Z").unwrap();
        let of = |value| reset(value, now).map(|wait| wait.as_secs());
        assert_eq!(of("2025-11-27T10:31:40.123456Z"), Some(100));
        assert_eq!(of("1764239500"), Some(100));
        assert_eq!(of("1764239000"), Some(1), "it has passed");
        assert_eq!(of("9223372036854775807"), None);
        assert_eq!((of("soon"), of("")), (None, None));
    }

    #[test]
    fn the_largest_of_several_headers_counts_and_none_is_none() {
        assert_eq!(of(&["2", "9", "soon"]), Some(30));
        assert_eq!(of(&[]), None);
    }
}
