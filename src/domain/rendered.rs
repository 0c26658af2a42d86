//! A message made once per update, language and channel, with marked places for the personal parts.

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
    /// The hard limit in the same unit, if any.
    pub limit: Option<u32>,
    /// `part`, `grapheme` or `byte`.
    pub unit: String,
    /// For SMS, `gsm7` or `ucs2`; empty elsewhere.
    #[serde(default)]
    pub encoding: String,
    /// What was changed so that the channel can carry it, in words.
    #[serde(default)]
    pub notes: Vec<String>,
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
            fit: Fit {
                length: 0,
                limit: None,
                unit: "byte".to_owned(),
                encoding: String::new(),
                notes: vec![],
            },
        };
        let message = rendered.splice(|part| match part {
            Personal::Address => "jo".into(),
            Personal::Reference => "7".into(),
            Personal::StopToken | Personal::Time => "".into(),
        });
        assert_eq!(message, b"To: jo ref 7, 7");
    }
}
