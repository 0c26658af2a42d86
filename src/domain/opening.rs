//! Whether a telephone is answered at a moment, and until when that is so.

use crate::organisation::Organisation;
use crate::service::{Day, Service};
use crate::text::spoken_time;
use crate::time::Wall;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

/// Where nothing opens for so many days, no day is named.
const DAYS_AHEAD: usize = 15;

/// How it is with opening hours at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Open until then.
    Open(Wall),
    /// Closed until then; nothing when no day is known on which it opens.
    Closed(Option<Wall>),
}

impl Opening {
    /// How it is with a service at `now`, by the clocks where the organisation is; nothing when it states no hours.
    pub fn of(service: &Service, organisation: &Organisation, now: Wall) -> Option<Self> {
        if service.hours.is_empty() {
            return None;
        }
        let zone = TimeZone::get(&organisation.time_zone).unwrap_or(TimeZone::UTC);
        let today = now.timestamp().to_zoned(zone.clone()).date();
        for date in today.series(jiff::Span::new().days(1)).take(DAYS_AHEAD) {
            let Some((opens, closes)) = hours_on(service, organisation, date, &zone) else {
                continue;
            };
            if now < opens {
                return Some(Self::Closed(Some(opens)));
            }
            if now < closes {
                return Some(Self::Open(closes));
            }
        }
        Some(Self::Closed(None))
    }

    /// From then on it is otherwise.
    pub fn until(self) -> Option<Wall> {
        match self {
            Self::Open(until) => Some(until),
            Self::Closed(until) => until,
        }
    }

    /// As people read it: with the day, so that an old copy of the page is known for what it is.
    pub fn spoken(self, time_zone: &str) -> String {
        let word = match self {
            Self::Open(_) => "Open now",
            Self::Closed(_) => "Closed now",
        };
        match self.until() {
            Some(until) => format!("{word}, until {}", spoken_time(until, time_zone)),
            None => word.to_owned(),
        }
    }
}

/// When a service opens and closes on a day, unless it stays closed.
fn hours_on(
    service: &Service,
    organisation: &Organisation,
    date: Date,
    zone: &TimeZone,
) -> Option<(Wall, Wall)> {
    if organisation.closed_on.contains(&date) {
        return None;
    }
    let hours = service.hours.get(&day(date.weekday()))?;
    let (opens, closes) = hours.minutes();
    Some((moment(date, opens, zone)?, moment(date, closes, zone)?))
}

fn moment(date: Date, minute: u16, zone: &TimeZone) -> Option<Wall> {
    let (hour, rest) = (
        i8::try_from(minute / 60).ok()?,
        i8::try_from(minute % 60).ok()?,
    );
    let time = Time::new(hour, rest, 0, 0).ok()?;
    let zoned = zone.to_zoned(date.to_datetime(time)).ok()?;
    Some(Wall::from(zoned.timestamp()))
}

fn day(weekday: Weekday) -> Day {
    match weekday {
        Weekday::Monday => Day::Mon,
        Weekday::Tuesday => Day::Tue,
        Weekday::Wednesday => Day::Wed,
        Weekday::Thursday => Day::Thu,
        Weekday::Friday => Day::Fri,
        Weekday::Saturday => Day::Sat,
        Weekday::Sunday => Day::Sun,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Wall {
        Wall::from(text.parse::<jiff::Timestamp>().unwrap())
    }

    fn centre() -> Service {
        serde_json::from_value(serde_json::json!({
            "id": "general", "name": "Contact centre", "state": "limited", "telephone": "020 7641 6000",
            "hours": {"mon": "09:00-17:00", "tue": "09:00-17:00", "wed": "09:00-16:00", "thu": "09:00-17:00",
                "fri": "09:00-17:00"}
        }))
        .unwrap()
    }

    fn said(closed_on: &[&str], now: &str) -> String {
        let organisation: Organisation = serde_json::from_value(serde_json::json!({
            "name": "Westminster City Council", "public_host": "a.test", "public_url": "https://a.test",
            "time_zone": "Europe/London", "closed_on": closed_on
        }))
        .unwrap();
        let opening = Opening::of(&centre(), &organisation, at(now)).unwrap();
        opening.spoken(&organisation.time_zone)
    }

    #[test]
    fn each_day_has_its_own_hours() {
        for (now, words) in [
            (
                "2025-11-25T16:30:00Z",
                "Open now, until 5pm on Tuesday 25 November 2025",
            ),
            (
                "2025-11-26T16:30:00Z",
                "Closed now, until 9am on Thursday 27 November 2025",
            ),
            (
                "2025-11-26T15:59:59Z",
                "Open now, until 4pm on Wednesday 26 November 2025",
            ),
            (
                "2025-11-26T16:00:00Z",
                "Closed now, until 9am on Thursday 27 November 2025",
            ),
            (
                "2025-11-28T17:00:00Z",
                "Closed now, until 9am on Monday 1 December 2025",
            ),
            (
                "2025-11-27T08:59:59Z",
                "Closed now, until 9am on Thursday 27 November 2025",
            ),
        ] {
            assert_eq!(said(&[], now), words, "{now}");
        }
    }

    #[test]
    fn the_clocks_are_those_where_the_council_is() {
        let words = "Open now, until 5pm on Monday 1 June 2026";
        assert_eq!(said(&[], "2026-06-01T08:00:00Z"), words);
        // On 25 October 2026 the clocks go back in the night.
        let words = "Closed now, until 9am on Monday 26 October 2026";
        assert_eq!(said(&[], "2026-10-24T23:30:00Z"), words);
        assert_eq!(said(&[], "2026-10-26T08:59:00Z"), words);
    }

    #[test]
    fn on_a_bank_holiday_nobody_answers() {
        let words = "Closed now, until 9am on Tuesday 29 December 2026";
        let holidays = ["2026-12-25", "2026-12-28"];
        assert_eq!(said(&holidays, "2026-12-25T10:00:00Z"), words);
        assert_eq!(said(&holidays, "2026-12-28T10:00:00Z"), words);
    }

    #[test]
    fn who_states_no_hours_is_neither_open_nor_closed() {
        let organisation: Organisation = serde_json::from_value(serde_json::json!({
            "name": "A", "public_host": "a.test", "public_url": "https://a.test", "time_zone": "Europe/London"
        }))
        .unwrap();
        let mut service = centre();
        service.hours.clear();
        assert_eq!(
            Opening::of(&service, &organisation, at("2025-11-25T16:30:00Z")),
            None
        );
    }
}
