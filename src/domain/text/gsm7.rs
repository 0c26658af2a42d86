//! SMS text: the GSM 7-bit alphabet (3GPP TS 23.038), counting in parts, and folding to plainer signs.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Signs behind an escape: two septets each.
const EXTENDED: &str = "\u{c}^{}\\[~]|€";

/// How a text is put into SMS parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Septets: 160 in a single part, 153 in each of several.
    Gsm7,
    /// UTF-16 units: 70 in a single part, 67 in each of several.
    Ucs2,
}

/// What a text costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmsLength {
    /// How it travels.
    pub encoding: Encoding,
    /// Septets or UTF-16 units.
    pub units: u32,
    /// Parts, packed greedily: no escape pair and no surrogate pair is cut in two.
    pub parts: u32,
}

/// Septets of one sign, or nothing when the alphabet has no such sign.
pub fn septets(sign: char) -> Option<u32> {
    if BASIC.contains(sign) {
        Some(1)
    } else {
        EXTENDED.contains(sign).then_some(2)
    }
}

/// Counts a text as it stands.
pub fn measure(text: &str) -> SmsLength {
    let gsm7: Option<Vec<u32>> = text.chars().map(septets).collect();
    match gsm7 {
        Some(widths) => pack(Encoding::Gsm7, &widths, 160, 153),
        None => {
            let widths: Vec<u32> = text
                .chars()
                .map(|c| if c.len_utf16() == 2 { 2 } else { 1 })
                .collect();
            pack(Encoding::Ucs2, &widths, 70, 67)
        }
    }
}

fn pack(encoding: Encoding, widths: &[u32], single: u32, several: u32) -> SmsLength {
    let units = widths.iter().sum();
    if units <= single {
        return SmsLength {
            encoding,
            units,
            parts: 1,
        };
    }
    let (mut parts, mut room) = (1, several);
    for width in widths {
        if *width > room {
            parts += 1;
            room = several;
        }
        room -= width;
    }
    SmsLength {
        encoding,
        units,
        parts,
    }
}

/// How far a text may be changed so that it needs fewer parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fold {
    /// Everything that has a plain counterpart is replaced, Welsh letters too.
    GsmStrict,
    /// As strict, but Welsh letters stay, and the text travels as UCS-2.
    KeepWelsh,
    /// Nothing is changed.
    Off,
}

/// A folded text and what was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// The text after folding.
    pub text: String,
    /// Each replacement once: the sign and what stands in its place (empty when it was removed).
    pub replaced: Vec<(char, String)>,
    /// Signs that have no counterpart and stay: the text travels as UCS-2.
    pub left: Vec<char>,
}

/// Replaces signs that cost dear by plain ones. Nothing ever becomes `?`: what has no counterpart stays and is listed.
pub fn fold(text: &str, rule: Fold) -> Folded {
    let mut folded = Folded {
        text: String::with_capacity(text.len()),
        replaced: Vec::new(),
        left: Vec::new(),
    };
    let text = if rule == Fold::Off {
        text.to_owned()
    } else {
        text.replace("\r\n", "\n")
    };
    for sign in text.chars() {
        let keep = septets(sign).is_some()
            || rule == Fold::Off
            || (rule == Fold::KeepWelsh && is_welsh(sign));
        match if keep { None } else { counterpart(sign) } {
            Some(plain) => {
                if !folded.replaced.iter().any(|(known, _)| *known == sign) {
                    folded.replaced.push((sign, plain.clone()));
                }
                folded.text.push_str(&plain);
            }
            None => {
                if septets(sign).is_none() && !folded.left.contains(&sign) {
                    folded.left.push(sign);
                }
                folded.text.push(sign);
            }
        }
    }
    folded
}

fn is_welsh(sign: char) -> bool {
    "âêîôûŵŷÂÊÎÔÛŴŶàèìòùẁỳÀÈÌÒÙẀỲáéíóúẃýÁÉÍÓÚẂÝäëïöüẅÿÄËÏÖÜẄŸ".contains(sign)
}

fn counterpart(sign: char) -> Option<String> {
    let plain = match sign {
        '\u{2010}' | '\u{2011}' | '\u{2013}' | '\u{2014}' | '\u{2212}' | '\u{2022}' => "-",
        '\u{2026}' => "...",
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{2032}' | '`' => "'",
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2033}' => "\"",
        '\u{a0}' | '\u{202f}' | '\u{2002}' | '\u{2003}' | '\u{2009}' | '\t' => " ",
        '\u{180e}' | '\u{200b}' | '\u{200c}' | '\u{2060}' | '\u{feff}' | '\u{2028}'
        | '\u{2029}' => "",
        '\u{d7}' => "x",
        '\u{2192}' => "->",
        'Ł' => "L",
        'ł' => "l",
        'ç' => "c",
        _ => return base_letter(sign),
    };
    Some(plain.to_owned())
}

/// The letter under the accents, where the alphabet has it.
fn base_letter(sign: char) -> Option<String> {
    let base = std::iter::once(sign).nfd().next()?;
    (base != sign && base.is_alphabetic() && septets(base).is_some()).then(|| base.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gsm7(units: u32, parts: u32) -> SmsLength {
        SmsLength {
            encoding: Encoding::Gsm7,
            units,
            parts,
        }
    }

    fn ucs2(units: u32, parts: u32) -> SmsLength {
        SmsLength {
            encoding: Encoding::Ucs2,
            units,
            parts,
        }
    }

    #[test]
    fn the_alphabet_has_127_usable_signs_and_10_behind_an_escape() {
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!(EXTENDED.chars().count(), 10);
    }

    #[test]
    fn vector_parts_are_counted_exactly() {
        let a = |n: usize| "a".repeat(n);
        let w = |n: usize| "ŵ".repeat(n);
        for (text, expected) in [
            (a(160), gsm7(160, 1)),
            (a(161), gsm7(161, 2)),
            (a(306), gsm7(306, 2)),
            (a(307), gsm7(307, 3)),
            (a(158) + "€", gsm7(160, 1)),
            (a(159) + "€", gsm7(161, 2)),
            (a(152) + "€" + &a(152), gsm7(306, 3)),
            (a(918), gsm7(918, 6)),
            (w(70), ucs2(70, 1)),
            (w(71), ucs2(71, 2)),
            (w(134), ucs2(134, 2)),
            (w(135), ucs2(135, 3)),
            ("😀".repeat(35), ucs2(70, 1)),
            ("😀".repeat(36), ucs2(72, 2)),
            (w(66) + "😀" + &w(66), ucs2(134, 3)),
            (a(69) + "🙂", ucs2(71, 2)),
            ("ا".repeat(70), ucs2(70, 1)),
            ("ا".repeat(71), ucs2(71, 2)),
        ] {
            assert_eq!(measure(&text), expected, "{text}");
        }
    }

    #[test]
    fn signs_that_look_harmless_are_not_in_the_alphabet() {
        for sign in "ç`\táíóúâêôŵŷ".chars() {
            assert_eq!(septets(sign), None, "{sign}");
        }
        assert_eq!(septets('Ç'), Some(1));
    }

    #[test]
    fn folding_is_listed_and_never_makes_a_question_mark() {
        let folded = fold("Don’t – “pay”… café ŵ 字\u{200b}", Fold::GsmStrict);
        assert_eq!(folded.text, "Don't - \"pay\"... café w 字");
        assert_eq!(folded.left, ['字']);
        assert!(folded.replaced.contains(&('’', "'".to_owned())));
        assert!(folded.replaced.contains(&('\u{200b}', String::new())));
        assert_eq!(fold("á", Fold::GsmStrict).text, "a");
    }

    #[test]
    fn welsh_letters_stay_when_asked() {
        assert_eq!(fold("Tŷ ŵ ’", Fold::KeepWelsh).text, "Tŷ ŵ '");
        assert_eq!(fold("’", Fold::Off).text, "’");
    }
}
