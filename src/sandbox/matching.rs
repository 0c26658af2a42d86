//! Whom a rule is for: addresses, resident numbers, shares of the references, windows of time.

use crate::play::{Ask, Point};
use crate::scenario::{Action, Number, ReceiptRule, Rule, Stage, When};

impl Rule {
    pub(crate) fn acts_at(&self, point: Point) -> bool {
        match (&self.action, self.stage, point) {
            (Some(Action::Http { .. }), _, point) => point == Point::Http,
            (Some(Action::Smtp { .. }), None, point) => point == Point::Smtp(Stage::Dot),
            (_, Some(stage), point) => point == Point::Smtp(stage),
            (_, None, Point::Http) => true,
            (Some(Action::RateLimit { .. }), None, Point::Smtp(stage)) => stage == Stage::Mail,
            (_, None, Point::Smtp(stage)) => stage == Stage::Dot,
        }
    }
}

impl When {
    pub(crate) fn is_for(&self, ask: Ask<'_>, index: usize) -> bool {
        let hashed = if ask.key.is_empty() { ask.to } else { ask.key };
        self.to.as_ref().is_none_or(|pattern| fits(pattern, ask.to))
            && self.number.is_none_or(|number| number.is_of(ask.to))
            && self.nth.is_none_or(|nth| nth == ask.number)
            && self.after.is_none_or(|after| ask.number > after)
            && self
                .every
                .is_none_or(|every| ask.number.is_multiple_of(every))
            && self
                .fraction
                .is_none_or(|share| is_in_share(hashed, index, share))
    }

    pub(crate) fn is_now(&self, elapsed_ms: u64) -> bool {
        self.from_ms.is_none_or(|from| elapsed_ms >= from)
            && self.to_ms.is_none_or(|to| elapsed_ms < to)
    }

    /// Whether the address alone decides, so that the rule holds for ever.
    pub(crate) fn is_lasting(&self) -> bool {
        self.nth.is_none()
            && self.after.is_none()
            && self.every.is_none()
            && self.fraction.is_none()
            && self.from_ms.is_none()
            && self.to_ms.is_none()
    }

    pub(crate) fn names(&self, to: &str) -> bool {
        self.to.as_ref().is_none_or(|pattern| fits(pattern, to))
            && self.number.is_none_or(|number| number.is_of(to))
    }
}

impl ReceiptRule {
    pub(crate) fn is_for(&self, to: &str, key: &str, index: usize) -> bool {
        self.to.as_ref().is_none_or(|pattern| fits(pattern, to))
            && self.number.is_none_or(|number| number.is_of(to))
            && self
                .fraction
                .is_none_or(|share| is_in_share(key, index, share))
    }
}

impl Number {
    fn is_of(self, address: &str) -> bool {
        resident_number(address).is_some_and(|number| number % self.every == self.rest)
    }
}

/// The number a made-up resident's address ends in: `resident0042@…` is 42, `+447700900042` (the range reserved
/// for fiction) is 42, any other `+4479` number its last eight digits.
pub fn resident_number(address: &str) -> Option<u64> {
    let local = address.split_once('@').map_or(address, |(local, _)| local);
    let digits = [("+447700900", 3), ("+4479", 8)]
        .into_iter()
        .find_map(|(prefix, length)| {
            local
                .strip_prefix(prefix)
                .filter(|rest| rest.len() == length)
        })
        .unwrap_or_else(|| {
            local
                .get(local.trim_end_matches(|c: char| c.is_ascii_digit()).len()..)
                .unwrap_or("")
        });
    digits.parse().ok()
}

/// Whether a text fits a pattern in which `*` stands for any run of characters; letter case does not count.
fn fits(pattern: &str, text: &str) -> bool {
    fits_bytes(pattern.as_bytes(), text.as_bytes())
}

fn fits_bytes(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            (0..=text.len()).any(|skip| fits_bytes(rest, text.get(skip..).unwrap_or(&[])))
        }
        (Some((p, pattern)), Some((t, text))) => {
            p.eq_ignore_ascii_case(t) && fits_bytes(pattern, text)
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Whether a text belongs to a share of all texts; the salt makes two rules choose different ones.
pub(crate) fn is_in_share(text: &str, salt: usize, share: f64) -> bool {
    const PARTS: u32 = 1_000_000;
    let part = u32::try_from(hash(text, salt) % u64::from(PARTS)).unwrap_or(0);
    f64::from(part) < share * f64::from(PARTS)
}

/// FNV-1a with a finishing mix: the same in every run and on every machine, unlike the standard library's hasher.
fn hash(text: &str, salt: usize) -> u64 {
    let salted = salt.to_le_bytes().into_iter().chain(text.bytes());
    let mut hash = salted.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_whole_addresses_only() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a@x", "A@X", true),
            ("a@x", "aa@x", false),
            ("*@x", "a@x.y", false),
            ("+44*9*", "+447700900001", true),
            ("a*b*c", "abbc", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn two_rules_choose_different_shares_of_the_asked_size() {
        let references: Vec<String> = (0..10_000).map(|number| format!("r{number}")).collect();
        let chosen = |salt| {
            references
                .iter()
                .filter(|text| is_in_share(text, salt, 0.01))
                .collect::<Vec<_>>()
        };
        assert!((70..130).contains(&chosen(0).len()), "{}", chosen(0).len());
        assert_ne!(chosen(0), chosen(1));
    }
}
