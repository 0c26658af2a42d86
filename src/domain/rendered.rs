//! A message made once per update, language and channel, with marked places for the personal parts.

use crate::Refusal;
use crate::channel::LengthUnit;
use crate::text::fold::{Folding, list};
use crate::text::sms::SmsLength;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What is spliced in for each recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Personal {
    /// The recipient's address.
    Address,
    /// The delivery's reference.
    Reference,
    /// The token that stops messages to this address.
    StopToken,
    /// The time of this attempt, in the adapter's own format.
    Time,
}

/// One stretch of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The same for everybody.
    Fixed(Vec<u8>),
    /// Different for each recipient.
    Personal(Personal),
}

/// How a text sits in a channel: what the composer's meter shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fit {
    /// Length in the channel's unit.
    pub length: u32,
    /// The most that the channel takes, in the same unit, if it has a limit.
    pub limit: Option<u32>,
    /// The unit.
    pub unit: LengthUnit,
    /// For SMS, how it travels and what it costs.
    #[serde(default)]
    pub sms: Option<SmsLength>,
    /// Whether the author's short version stands for a text that was too long.
    #[serde(default)]
    pub shortened: bool,
    /// Sentences that were left out of a text that was too long, in order.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// Signs that something plainer stands for.
    #[serde(default)]
    pub foldings: Vec<Folding>,
    /// Foldings that would save money and that nobody has accepted.
    #[serde(default)]
    pub offer: Option<Offer>,
    /// Whether telephone numbers are held together, so that their digits stay in order beside right-to-left words.
    #[serde(default)]
    pub numbers_held: bool,
}

/// Foldings with which a text needs fewer parts, or fits whole where it was too long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// What would change.
    pub foldings: Vec<Folding>,
    /// Parts it would need then.
    pub parts: u32,
}

impl Fit {
    /// The fit of a text in which nothing was changed.
    pub fn plain(length: u32, limit: Option<u32>, unit: LengthUnit) -> Self {
        Self {
            length,
            limit,
            unit,
            sms: None,
            shortened: false,
            left_out: Vec::new(),
            foldings: Vec::new(),
            offer: None,
            numbers_held: false,
        }
    }

    /// The fit of a message of so many bytes.
    ///
    /// # Errors
    /// `too_long` when there is a limit and the message exceeds it; `what` names the message.
    pub fn bytes(message: &[u8], limit: Option<u32>, what: &str) -> Result<Self, Refusal> {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        match limit {
            Some(limit) if length > limit => {
                let over = length - limit;
                let why = format!(
                    "{what} has {length} bytes, {over} more than the {limit} allowed; shorten the detail"
                );
                Err(Refusal::new("update", "too_long", why))
            }
            Some(_) | None => Ok(Self::plain(length, limit, LengthUnit::Byte)),
        }
    }

    /// In what the text differs from what its author wrote, in words; one sentence each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.shortened {
            notes.push(
                "The text is too long here, so its short version stands in its place.".to_owned(),
            );
        }
        if !self.left_out.is_empty() {
            let sentences: Vec<_> = self
                .left_out
                .iter()
                .map(|sentence| format!("“{sentence}”"))
                .collect();
            notes.push(format!(
                "Left out, because it is too long: {}",
                sentences.join(" ")
            ));
        }
        if !self.foldings.is_empty() {
            notes.push(format!("Changed: {}.", list(&self.foldings)));
        }
        if let Some(offer) = &self.offer {
            let parts = format!("{} {}", offer.parts, LengthUnit::Part.label(offer.parts));
            let gain = match self.sms {
                _ if self.shortened || !self.left_out.is_empty() => {
                    format!("The whole text would fit in {parts}")
                }
                Some(now) => format!("It would need {parts} instead of {}", now.parts),
                None => format!("It would need {parts}"),
            };
            notes.push(format!("{gain} if {}.", list(&offer.foldings)));
        }
        if self.numbers_held {
            notes.push(
                "Telephone numbers are held together, so that their digits stay in order."
                    .to_owned(),
            );
        }
        notes
    }
}

/// A message ready for splicing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The template in order.
    pub pieces: Vec<Piece>,
    /// The message as a person would read it.
    pub preview: String,
    /// Its length against the limit.
    pub fit: Fit,
}

impl Rendered {
    /// The message for one recipient; `personal` must return each part escaped for the format.
    pub fn splice<'a>(&self, mut personal: impl FnMut(Personal) -> Cow<'a, str>) -> Vec<u8> {
        let fixed: usize = self
            .pieces
            .iter()
            .map(|p| {
                if let Piece::Fixed(bytes) = p {
                    bytes.len()
                } else {
                    64
                }
            })
            .sum();
        let mut message = Vec::with_capacity(fixed);
        for piece in &self.pieces {
            match piece {
                Piece::Fixed(bytes) => message.extend_from_slice(bytes),
                Piece::Personal(part) => message.extend_from_slice(personal(*part).as_bytes()),
            }
        }
        message
    }

    /// Cuts a finished text at markers: `marks` are (marker, part) pairs, each marker may occur any number of times.
    pub fn cut(text: &str, marks: &[(&str, Personal)]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((at, marker, part)) = marks
            .iter()
            .filter_map(|(m, p)| rest.find(m).map(|at| (at, *m, *p)))
            .min_by_key(|(at, _, _)| *at)
        {
            let (head, tail) = rest.split_at(at);
            if !head.is_empty() {
                pieces.push(Piece::Fixed(head.as_bytes().to_vec()));
            }
            pieces.push(Piece::Personal(part));
            rest = tail.get(marker.len()..).unwrap_or("");
        }
        if !rest.is_empty() {
            pieces.push(Piece::Fixed(rest.as_bytes().to_vec()));
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_parts_stand_where_their_markers_stood() {
        let rendered = Rendered {
            pieces: Rendered::cut(
                "To: @A@ ref @R@, @R@",
                &[("@A@", Personal::Address), ("@R@", Personal::Reference)],
            ),
            preview: String::new(),
            fit: Fit::plain(0, None, LengthUnit::Byte),
        };
        let message = rendered.splice(|part| match part {
            Personal::Address => "jo".into(),
            Personal::Reference => "7".into(),
            Personal::StopToken | Personal::Time => "".into(),
        });
        assert_eq!(message, b"To: jo ref 7, 7");
    }
}
