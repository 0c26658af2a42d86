//! Something residents use: its state, its telephone and its hours.

use crate::Refusal;
use crate::text::Line;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How well a service works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// Working.
    Ok,
    /// Working with problems.
    Limited,
    /// Not available.
    Down,
    /// Being checked.
    Unknown,
    /// Planned work.
    Planned,
}

impl ServiceState {
    /// Every state, in the order people see them.
    pub const ALL: [Self; 5] = [
        Self::Ok,
        Self::Limited,
        Self::Down,
        Self::Unknown,
        Self::Planned,
    ];

    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Limited => "limited",
            Self::Down => "down",
            Self::Unknown => "unknown",
            Self::Planned => "planned",
        }
    }

    /// What people read.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ok => "Working",
            Self::Limited => "Working with problems",
            Self::Down => "Not available",
            Self::Unknown => "We are checking",
            Self::Planned => "Planned work",
        }
    }
}

impl std::str::FromStr for ServiceState {
    type Err = Refusal;
    fn from_str(code: &str) -> Result<Self, Refusal> {
        Self::ALL
            .into_iter()
            .find(|state| state.code() == code)
            .ok_or_else(|| {
                Refusal::new(
                    "state",
                    "unknown_state",
                    format!("{code:?} is none of ok, limited, down, unknown, planned"),
                )
            })
    }
}

/// A day of the week, Monday first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    /// The day in full.
    pub fn label(self) -> &'static str {
        match self {
            Self::Mon => "Monday",
            Self::Tue => "Tuesday",
            Self::Wed => "Wednesday",
            Self::Thu => "Thursday",
            Self::Fri => "Friday",
            Self::Sat => "Saturday",
            Self::Sun => "Sunday",
        }
    }
}

/// Opening hours of one day, `09:00-17:00`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    opens_minute: u16,
    closes_minute: u16,
}

impl Hours {
    /// As people say it: `9am to 5pm`, `8:30am to 4pm`.
    pub fn spoken(&self) -> String {
        format!(
            "{} to {}",
            spoken_minute(self.opens_minute),
            spoken_minute(self.closes_minute)
        )
    }

    /// Minutes after midnight at which it opens and closes.
    pub fn minutes(&self) -> (u16, u16) {
        (self.opens_minute, self.closes_minute)
    }
}

fn spoken_minute(minute: u16) -> String {
    let (hour, rest) = (minute / 60, minute % 60);
    let half = if hour < 12 { "am" } else { "pm" };
    let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
    if rest == 0 {
        format!("{hour}{half}")
    } else {
        format!("{hour}:{rest:02}{half}")
    }
}

fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
    (hour < 24 && minute < 60 && text.len() == 5).then_some(hour * 60 + minute)
}

impl TryFrom<String> for Hours {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        let times = text
            .split_once('-')
            .and_then(|(from, to)| minute_of(from).zip(minute_of(to)));
        match times {
            Some((opens_minute, closes_minute)) if opens_minute < closes_minute => Ok(Self {
                opens_minute,
                closes_minute,
            }),
            Some(_) | None => Err(Refusal::new(
                "hours",
                "malformed_hours",
                "hours look like 09:00-17:00",
            )),
        }
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        format!("{}-{}", time(hours.opens_minute), time(hours.closes_minute))
    }
}

/// One service, as residents see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Short name for programs, `[a-z][a-z0-9_]*`.
    pub id: String,
    /// Name for people.
    pub name: Line,
    /// How well it works.
    pub state: ServiceState,
    /// What to know or do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Line>,
    /// Whom to call, as printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telephone: Option<Line>,
    /// When the telephone is answered; empty when not stated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hours: BTreeMap<Day, Hours>,
}

impl Service {
    /// The hours as lines, days with the same hours joined: `Monday, Tuesday, Thursday, Friday: 9am to 5pm`.
    pub fn hours_lines(&self) -> Vec<String> {
        let mut groups: Vec<(Vec<&str>, &Hours)> = Vec::new();
        for (day, hours) in &self.hours {
            match groups.iter_mut().find(|(_, known)| *known == hours) {
                Some((days, _)) => days.push(day.label()),
                None => groups.push((vec![day.label()], hours)),
            }
        }
        groups
            .into_iter()
            .map(|(days, hours)| format!("{}: {}", days.join(", "), hours.spoken()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_spoken_with_days_joined() {
        let service: Service = serde_json::from_value(serde_json::json!({
            "id": "housing", "name": "Housing", "state": "limited",
            "hours": {"mon": "08:30-17:30", "tue": "08:30-17:30", "wed": "08:30-16:00"}
        }))
        .unwrap();
        assert_eq!(
            service.hours_lines(),
            [
                "Monday, Tuesday: 8:30am to 5:30pm",
                "Wednesday: 8:30am to 4pm"
            ]
        );
    }

    #[test]
    fn hours_that_make_no_sense_are_refused() {
        for text in [
            "9-5",
            "09:00-09:00",
            "17:00-09:00",
            "24:00-25:00",
            "9:00-17:00",
            "",
        ] {
            assert!(Hours::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
