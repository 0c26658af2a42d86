//! How a text travels by SMS, and in how many parts: exact, packed greedily, every part as full as it can be.

use super::gsm7::septets;
use serde::{Deserialize, Serialize};

/// How a text is put into parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Septets: 160 in a single part, 153 in each of several.
    Gsm7,
    /// UTF-16 units: 70 in a single part, 67 in each of several.
    Ucs2,
}

impl Encoding {
    /// The cheapest encoding that can say this text.
    pub fn of(text: &str) -> Self {
        if text.chars().all(|sign| septets(sign).is_some()) {
            Self::Gsm7
        } else {
            Self::Ucs2
        }
    }

    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Gsm7 => "gsm7",
            Self::Ucs2 => "ucs2",
        }
    }

    /// Units that so many parts hold in all.
    pub fn room(self, parts: u32) -> u32 {
        if parts <= 1 {
            self.single()
        } else {
            parts.saturating_mul(self.several())
        }
    }

    fn single(self) -> u32 {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// Each of several parts gives 6 octets to the header that says which part it is.
    fn several(self) -> u32 {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }

    /// Units of one sign, which no part's end may cut in two.
    fn width(self, sign: char) -> u32 {
        match self {
            Self::Gsm7 => septets(sign).unwrap_or(1),
            Self::Ucs2 if sign.len_utf16() == 2 => 2,
            Self::Ucs2 => 1,
        }
    }

    fn units(self, text: &str) -> u32 {
        text.chars().map(|sign| self.width(sign)).sum()
    }
}

/// What a text costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmsLength {
    /// How it travels.
    pub encoding: Encoding,
    /// Septets or UTF-16 units.
    pub units: u32,
    /// Parts, each of which is paid for.
    pub parts: u32,
}

/// Counts a text as it stands.
pub fn measure(text: &str) -> SmsLength {
    let encoding = Encoding::of(text);
    SmsLength {
        encoding,
        units: encoding.units(text),
        parts: u32::try_from(parts(text).len()).unwrap_or(u32::MAX),
    }
}

/// The text of each part. No escape pair and no surrogate pair is cut in two, so two texts of the same length may need
/// different numbers of parts.
pub fn parts(text: &str) -> Vec<&str> {
    let encoding = Encoding::of(text);
    if encoding.units(text) <= encoding.single() {
        return vec![text];
    }
    let (mut parts, mut start, mut room) = (Vec::new(), 0, encoding.several());
    for (at, sign) in text.char_indices() {
        let width = encoding.width(sign);
        if width > room {
            parts.extend(text.get(start..at));
            (start, room) = (at, encoding.several());
        }
        room -= width;
    }
    parts.extend(text.get(start..));
    parts
}

/// Units at the end of a text that find no place in `most` parts.
pub fn excess(text: &str, most: u32) -> u32 {
    let encoding = Encoding::of(text);
    if most <= 1 {
        return encoding.units(text).saturating_sub(encoding.single());
    }
    let beyond = parts(text).into_iter().skip(most as usize);
    beyond.map(|part| encoding.units(part)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::hostile::Hostile;

    fn length(encoding: Encoding, units: u32, parts: u32) -> SmsLength {
        SmsLength {
            encoding,
            units,
            parts,
        }
    }

    #[test]
    fn vector_parts_are_counted_exactly() {
        use Encoding::{Gsm7, Ucs2};
        let a = |n: usize| "a".repeat(n);
        let w = |n: usize| "ŵ".repeat(n);
        for (text, expected) in [
            (String::new(), length(Gsm7, 0, 1)),
            (a(160), length(Gsm7, 160, 1)),
            (a(161), length(Gsm7, 161, 2)),
            (a(306), length(Gsm7, 306, 2)),
            (a(307), length(Gsm7, 307, 3)),
            (a(158) + "€", length(Gsm7, 160, 1)),
            (a(159) + "€", length(Gsm7, 161, 2)),
            (a(152) + "€" + &a(152), length(Gsm7, 306, 3)),
            (a(918), length(Gsm7, 918, 6)),
            (w(70), length(Ucs2, 70, 1)),
            (w(71), length(Ucs2, 71, 2)),
            (w(134), length(Ucs2, 134, 2)),
            (w(135), length(Ucs2, 135, 3)),
            ("😀".repeat(35), length(Ucs2, 70, 1)),
            ("😀".repeat(36), length(Ucs2, 72, 2)),
            (w(66) + "😀" + &w(66), length(Ucs2, 134, 3)),
            (a(69) + "🙂", length(Ucs2, 71, 2)),
            ("ا".repeat(70), length(Ucs2, 70, 1)),
            ("ا".repeat(71), length(Ucs2, 71, 2)),
            ("ا".repeat(134), length(Ucs2, 134, 2)),
        ] {
            assert_eq!(measure(&text), expected, "{text}");
        }
    }

    #[test]
    fn vector_one_curly_apostrophe_doubles_the_price() {
        let text = format!("don't {}", "a".repeat(118));
        assert_eq!(measure(&text), length(Encoding::Gsm7, 124, 1));
        let curly = text.replace('\'', "’");
        assert_eq!(measure(&curly), length(Encoding::Ucs2, 124, 2));
    }

    #[test]
    fn what_is_too_much_is_counted_in_units_from_the_end() {
        assert_eq!(excess(&"a".repeat(160), 1), 0);
        assert_eq!(excess(&"a".repeat(161), 1), 1);
        assert_eq!(excess(&"a".repeat(340), 2), 34);
        assert_eq!(excess(&"ŵ".repeat(71), 1), 1);
        let straddling = "a".repeat(152) + "€" + &"a".repeat(152);
        assert_eq!(excess(&straddling, 2), 1);
    }

    /// The fewest parts there can be, found by trying every place for every end.
    fn fewest_parts(widths: &[u32], single: u32, several: u32) -> u32 {
        if widths.iter().sum::<u32>() <= single {
            return 1;
        }
        let mut fewest = vec![0u32];
        for end in 1..=widths.len() {
            let starts =
                (0..end).filter(|start| widths[*start..end].iter().sum::<u32>() <= several);
            fewest.push(starts.map(|start| fewest[start] + 1).min().unwrap());
        }
        *fewest.last().unwrap()
    }

    #[test]
    fn parts_put_together_are_the_text_none_is_too_long_and_none_is_needless() {
        for seed in 0..400 {
            let text = Hostile::new(seed).text(320);
            let (length, parts) = (measure(&text), parts(&text));
            assert_eq!(parts.concat(), text, "seed {seed}");
            assert_eq!(
                length.units,
                parts
                    .iter()
                    .map(|part| length.encoding.units(part))
                    .sum::<u32>()
            );
            let (single, several) = (length.encoding.single(), length.encoding.several());
            let room = if parts.len() == 1 { single } else { several };
            assert!(
                parts.iter().all(|part| length.encoding.units(part) <= room),
                "seed {seed}"
            );
            let widths: Vec<_> = text
                .chars()
                .map(|sign| length.encoding.width(sign))
                .collect();
            let fewest = fewest_parts(&widths, single, several);
            assert_eq!(length.parts, fewest, "seed {seed}: {text}");
            for most in 1..8 {
                assert_eq!(
                    excess(&text, most) == 0,
                    length.parts <= most,
                    "seed {seed}"
                );
            }
        }
    }
}
