//! Texts that were checked when they came in, and how times are spoken.

pub mod fold;
pub mod gsm7;
#[cfg(test)]
pub(crate) mod hostile;
pub mod link;
pub mod measure;
pub mod mrkdwn;
pub mod sentence;
pub mod sms;
pub mod telephone;
pub mod weight;

use crate::error::Refusal;
use crate::time::Wall;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One line of text: not empty, bounded, no control characters, nothing that reverses reading order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Line(String);

/// Text of several lines: bounded, no control characters but the line feed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prose(String);

const STORED_CHARACTERS: usize = 20_000;

impl Line {
    /// Reads one line of at most `characters` characters.
    pub fn parse(field: &str, text: &str, characters: usize) -> Result<Self, Refusal> {
        let text = text.trim();
        check(field, text, characters, false)?;
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Prose {
    /// Reads text of at most `characters` characters; line ends become line feeds.
    pub fn parse(field: &str, text: &str, characters: usize) -> Result<Self, Refusal> {
        let text = text.replace("\r\n", "\n");
        let text = text.trim();
        check(field, text, characters, true)?;
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(field: &str, text: &str, characters: usize, line_feeds: bool) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(Refusal::new(
            field,
            "empty",
            format!("{field} must not be empty"),
        ));
    }
    if let Some(sign) = text
        .chars()
        .find(|c| forbidden(*c) && !(line_feeds && *c == '\n'))
    {
        let why = format!(
            "{field} contains the control character U+{:04X}; remove it",
            u32::from(sign)
        );
        return Err(Refusal::new(field, "control_character", why));
    }
    let count = text.chars().count();
    if count > characters {
        let over = count - characters;
        let why =
            format!("{field} has {count} characters, {over} more than the {characters} allowed");
        return Err(Refusal::new(field, "too_long", why));
    }
    Ok(())
}

/// Control characters, line and paragraph separators, and overrides of reading order.
fn forbidden(sign: char) -> bool {
    sign.is_control() || matches!(sign, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}')
}

macro_rules! text_type {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = Refusal;
            fn try_from(text: String) -> Result<Self, Refusal> {
                Self::parse("text", &text, STORED_CHARACTERS)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text_type!(Line);
text_type!(Prose);

/// Keeps a value, or puts its fault on the list.
pub fn keep<T>(result: Result<T, Refusal>, faults: &mut Vec<Refusal>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(refusal) => {
            faults.push(refusal);
            None
        }
    }
}

/// Reads a short list of lines (at most 12, each of at most 300 characters); blank ones are passed over.
pub fn lines(field: &str, texts: &[String], faults: &mut Vec<Refusal>) -> Vec<Line> {
    let texts: Vec<_> = texts
        .iter()
        .filter(|text| !text.trim().is_empty())
        .collect();
    if texts.len() > 12 {
        faults.push(Refusal::new(
            field,
            "too_many",
            format!("{field} has {} lines, at most 12 can be used", texts.len()),
        ));
    }
    let parse = |(at, text): (usize, &&String)| {
        keep(Line::parse(&format!("{field}[{at}]"), text, 300), faults)
    };
    texts.iter().enumerate().filter_map(parse).collect()
}

/// A moment as people say it: `4pm on Thursday 27 November 2025`.
pub fn spoken_time(when: Wall, time_zone: &str) -> String {
    let zone = jiff::tz::TimeZone::get(time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let local = when.timestamp().to_zoned(zone);
    let (hour, minute) = (local.hour(), local.minute());
    let half = if hour < 12 { "am" } else { "pm" };
    let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
    let time = if minute == 0 {
        format!("{hour}{half}")
    } else {
        format!("{hour}:{minute:02}{half}")
    };
    format!("{time} on {}", local.strftime("%A %-d %B %Y"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_takes_no_control_characters_and_says_which() {
        for (text, sign) in [
            ("a\u{0}b", "0000"),
            ("a\nb", "000A"),
            ("a\u{202e}b", "202E"),
            ("a\u{2028}b", "2028"),
        ] {
            let refusal = Line::parse("headline", text, 80).unwrap_err();
            assert_eq!(
                (refusal.field.as_str(), refusal.code.as_str()),
                ("headline", "control_character")
            );
            assert!(refusal.why.contains(sign), "{}", refusal.why);
        }
        assert_eq!(
            Prose::parse("detail", "a\r\nb", 80).unwrap().as_str(),
            "a\nb"
        );
    }

    #[test]
    fn a_text_too_long_says_by_how_much() {
        let refusal = Line::parse("headline", &"ŵ".repeat(83), 80).unwrap_err();
        assert_eq!(
            refusal.why,
            "headline has 83 characters, 3 more than the 80 allowed"
        );
        assert!(Line::parse("headline", &"ŵ".repeat(80), 80).is_ok());
        assert_eq!(
            Line::parse("headline", " \t ", 80).unwrap_err().code,
            "empty"
        );
    }

    #[test]
    fn times_are_spoken_in_the_organisations_zone() {
        let when = Wall::parse("2025-07-03T15:30:00Z").unwrap();
        assert_eq!(
            spoken_time(when, "Europe/London"),
            "4:30pm on Thursday 3 July 2025"
        );
        assert_eq!(
            spoken_time(
                Wall::parse("2025-11-27T12:00:00Z").unwrap(),
                "Europe/London"
            ),
            "12pm on Thursday 27 November 2025"
        );
    }
}
