//! Folding: plainer signs for those that a gateway cannot carry or that cost dear, each listed, none ever becoming `?`.

use super::gsm7::septets;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use unicode_normalization::UnicodeNormalization;

/// Which signs a gateway carries as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charset {
    /// The GSM 7-bit alphabet and nothing else.
    Gsm7,
    /// That alphabet and the letters of Welsh, with which a text travels as UCS-2.
    Gsm7Welsh,
    /// Everything; signs outside the GSM 7-bit alphabet cost more.
    #[default]
    Ucs2,
}

impl Charset {
    /// Whether it carries this sign.
    pub fn carries(self, sign: char) -> bool {
        match self {
            Self::Gsm7 => septets(sign).is_some(),
            Self::Gsm7Welsh => septets(sign).is_some() || is_welsh(sign),
            Self::Ucs2 => true,
        }
    }
}

/// One sign that something plainer stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folding {
    /// The sign as the author wrote it.
    pub sign: char,
    /// What stands in its place; empty when it is left out.
    pub becomes: String,
    /// How often it occurs.
    pub times: u32,
}

impl std::fmt::Display for Folding {
    /// `’ becomes '`, `U+200B is left out (2 times)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&named(self.sign))?;
        match self.becomes.as_str() {
            "" => f.write_str(" is left out")?,
            " " => f.write_str(" becomes a space")?,
            plain => write!(f, " becomes {plain}")?,
        }
        if self.times > 1 {
            write!(f, " ({} times)", self.times)?;
        }
        Ok(())
    }
}

/// `’ becomes ', – becomes - (2 times)`.
pub fn list(foldings: &[Folding]) -> String {
    let words: Vec<_> = foldings.iter().map(ToString::to_string).collect();
    words.join(", ")
}

/// A folded text and what was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// The text after folding.
    pub text: String,
    /// Each sign that was folded, once, in order of appearance.
    pub foldings: Vec<Folding>,
    /// Signs that would have had to be folded and cannot be: they stand in the text as they were.
    pub left: Vec<char>,
}

/// Folds every sign that is not to be kept. Letters and the accents written after them are first put together (NFC),
/// which nobody can see.
pub fn fold(text: &str, keep: impl Fn(char) -> bool) -> Folded {
    let mut folded = Folded {
        text: String::with_capacity(text.len()),
        foldings: Vec::new(),
        left: Vec::new(),
    };
    let mut places = BTreeMap::new();
    for sign in text.nfc() {
        if keep(sign) {
            folded.text.push(sign);
            continue;
        }
        match places.entry(sign) {
            Entry::Occupied(_) => {}
            Entry::Vacant(place) => {
                place.insert(folded.note(sign));
            }
        }
        let known = places.get(&sign).copied().flatten();
        match known.and_then(|at: usize| folded.foldings.get_mut(at)) {
            Some(folding) => {
                folding.times += 1;
                folded.text.push_str(&folding.becomes);
            }
            None => folded.text.push(sign),
        }
    }
    folded
}

impl Folded {
    /// Lists a sign that is met for the first time; its place among the foldings, when it has a plainer one.
    fn note(&mut self, sign: char) -> Option<usize> {
        match counterpart(sign) {
            Some(becomes) => {
                self.foldings.push(Folding {
                    sign,
                    becomes,
                    times: 0,
                });
                Some(self.foldings.len() - 1)
            }
            None => {
                self.left.push(sign);
                None
            }
        }
    }
}

/// A sign as people can tell it from others: itself, or its number when it cannot be seen.
pub fn named(sign: char) -> String {
    let unseen = sign.is_control() || sign.is_whitespace() || is_mark(sign);
    if unseen || matches!(counterpart(sign).as_deref(), Some("")) {
        format!("U+{:04X}", u32::from(sign))
    } else {
        sign.to_string()
    }
}

/// Whether a letter is one that Welsh writes: a vowel, bare or under an accent.
pub fn is_welsh(sign: char) -> bool {
    "âêîôûŵŷÂÊÎÔÛŴŶàèìòùẁỳÀÈÌÒÙẀỲáéíóúẃýÁÉÍÓÚẂÝäëïöüẅÿÄËÏÖÜẄŸ".contains(sign)
}

fn counterpart(sign: char) -> Option<String> {
    let plain = match sign {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2022}' => "-",
        '\u{2026}' => "...",
        '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{2bc}' | '\u{b4}' | '`' => "'",
        '\u{201c}'..='\u{201f}' | '\u{2033}' | '«' | '»' => "\"",
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' | '\t' => " ",
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}' | '\u{2029}' => "",
        '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => "",
        '×' => "x",
        '→' => "->",
        'Ł' => "L",
        'ł' => "l",
        'Đ' => "D",
        'đ' => "d",
        'ı' => "i",
        'Œ' => "OE",
        'œ' => "oe",
        sign if is_mark(sign) => "",
        sign => return letters_under(sign),
    };
    Some(plain.to_owned())
}

/// Accents that stand after a letter with which they cannot be put together.
fn is_mark(sign: char) -> bool {
    matches!(sign, '\u{300}'..='\u{36f}')
}

/// The letters under accents and inside ligatures, where the alphabet has them. Digits are left alone: 10² is not 102.
fn letters_under(sign: char) -> Option<String> {
    let letters: String = std::iter::once(sign)
        .nfkd()
        .filter(|part| !is_mark(*part))
        .collect();
    let plain = |letter: char| letter.is_alphabetic() && septets(letter).is_some();
    let found = !letters.is_empty()
        && letters
            .chars()
            .all(|letter| letter != sign && plain(letter));
    found.then_some(letters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::hostile::Hostile;

    fn strictly(text: &str) -> Folded {
        fold(text, |sign| Charset::Gsm7.carries(sign))
    }

    fn words(folded: &Folded) -> Vec<String> {
        folded.foldings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn folding_is_listed_and_never_makes_a_question_mark() {
        let folded = strictly("Don’t – “pay”… café ŵ 字\u{200b}\u{a0}ﬁ");
        assert_eq!(folded.text, "Don't - \"pay\"... café w 字 fi");
        assert_eq!(folded.left, ['字']);
        assert_eq!(
            words(&folded),
            [
                "’ becomes '",
                "– becomes -",
                "“ becomes \"",
                "” becomes \"",
                "… becomes ...",
                "ŵ becomes w",
                "U+200B is left out",
                "U+00A0 becomes a space",
                "ﬁ becomes fi",
            ]
        );
        assert_eq!(
            words(&strictly("ç ’’’")),
            ["ç becomes c", "’ becomes ' (3 times)"]
        );
    }

    #[test]
    fn vector_the_signs_that_a_public_gateway_folds_are_folded_alike() {
        for (signs, plain) in [
            ("\u{2011}\u{2013}\u{2014}\u{2212}", "-"),
            ("\u{2026}", "..."),
            ("\u{2018}\u{2019}\u{201a}", "'"),
            ("\u{201c}\u{201d}\u{201e}", "\""),
            ("\u{a0}\u{202f}\t", " "),
            (
                "\u{180e}\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{2028}\u{2029}",
                "",
            ),
            ("Ł", "L"),
            ("ł", "l"),
            ("á", "a"),
            ("\u{2010}\u{2022}", "-"),
            ("\u{2009}\u{2002}\u{2003}", " "),
            ("\u{2032}`", "'"),
            ("\u{2033}", "\""),
            ("×", "x"),
            ("→", "->"),
        ] {
            for sign in signs.chars() {
                assert_eq!(strictly(&sign.to_string()).text, plain, "{sign:?}");
            }
        }
    }

    #[test]
    fn a_number_never_becomes_another_one() {
        for text in ["10²", "1½", "№ 5", "①", "5º"] {
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
            assert_eq!(digits(&strictly(text).text), digits(text), "{text}");
        }
        assert_eq!(strictly("10²").left, ['²']);
    }

    #[test]
    fn accents_written_after_a_letter_are_first_put_together() {
        let folded = strictly("cafe\u{301} x\u{301}");
        assert_eq!(folded.text, "café x");
        assert_eq!(words(&folded), ["U+0301 is left out"]);
    }

    #[test]
    fn welsh_letters_stay_where_the_gateway_carries_them() {
        let folded = fold("Tŷ dŵr ’", |sign| Charset::Gsm7Welsh.carries(sign));
        assert_eq!(folded.text, "Tŷ dŵr '");
        assert_eq!(strictly("Tŷ dŵr ’").text, "Ty dwr '");
    }

    #[test]
    fn what_comes_out_is_carried_but_for_what_is_listed_and_folding_twice_changes_nothing() {
        for seed in 0..300 {
            let text = Hostile::new(seed).text(200);
            for charset in [Charset::Gsm7, Charset::Gsm7Welsh, Charset::Ucs2] {
                let folded = fold(&text, |sign| charset.carries(sign));
                let carried = |sign| charset.carries(sign) || folded.left.contains(&sign);
                assert!(folded.text.chars().all(carried), "seed {seed}: {text}");
                assert!(
                    !folded.text.contains('?') || text.contains('?'),
                    "seed {seed}"
                );
                let again = fold(&folded.text, |sign| charset.carries(sign));
                assert_eq!(
                    (again.text, again.foldings),
                    (folded.text, vec![]),
                    "seed {seed}: {text}"
                );
            }
        }
    }
}
