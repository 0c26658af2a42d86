//! Two references: the delivery's, which locates itself and proves it is ours, and the update's, which people type.

use crate::error::Refusal;
use crate::id::{BroadcastId, Ordinal, base32, unbase32};
use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The delivery's own name on every attempt: Message-ID, idempotency key, `webhook-id`, SMS reference.
///
/// Broadcast number, ordinal and an 8-byte truncated HMAC-SHA256, in base32: it needs no index and is
/// checked before anything is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reference(String);

impl Reference {
    /// The 26 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key that makes references, one per instance.
#[derive(Clone)]
pub struct ReferenceKey(hmac::Key);

impl fmt::Debug for ReferenceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReferenceKey(…)")
    }
}

impl ReferenceKey {
    /// A key from 32 secret bytes.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    fn tag(&self, label: &[u8], message: &[u8]) -> u64 {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(label);
        context.update(message);
        let tag = context.sign();
        let mut first = [0; 8];
        for (to, from) in first.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        u64::from_be_bytes(first)
    }

    /// The reference of one delivery.
    pub fn seal(&self, broadcast: BroadcastId, ordinal: Ordinal) -> Reference {
        let place = place(broadcast, ordinal);
        let tag = self.tag(b"delivery", &place.to_be_bytes());
        Reference(base32((u128::from(place) << 64) | u128::from(tag)))
    }

    /// The delivery a reference names, or nothing when it was not made with this key.
    pub fn open(&self, text: &str) -> Option<(BroadcastId, Ordinal)> {
        let value = unbase32(text)?;
        let place = u64::try_from(value >> 64).ok()?;
        let broadcast = BroadcastId(u32::try_from(place >> 32).ok()?);
        let ordinal = Ordinal(u32::try_from(place & 0xffff_ffff).ok()?);
        // The tag is compared as a whole number, not byte by byte: no early exit that could be timed.
        (self.seal(broadcast, ordinal).0 == text.to_ascii_lowercase())
            .then_some((broadcast, ordinal))
    }

    /// The token that stops messages to one address (RFC 8058: unforgeable, needs no session).
    pub fn stop_token(&self, address: i64) -> String {
        let tag = self.tag(b"stop", &address.to_be_bytes());
        base32((u128::from(address.cast_unsigned()) << 64) | u128::from(tag))
    }

    /// The address a stop token names, or nothing when it was not made with this key.
    pub fn open_stop_token(&self, token: &str) -> Option<i64> {
        let address = u64::try_from(unbase32(token)? >> 64).ok()?.cast_signed();
        (self.stop_token(address) == token.to_ascii_lowercase()).then_some(address)
    }
}

fn place(broadcast: BroadcastId, ordinal: Ordinal) -> u64 {
    (u64::from(broadcast.0) << 32) | u64::from(ordinal.0)
}

/// What people read out or type to check a message: `7QX-4HM`. No vowels, nothing that looks like another sign.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UpdateReference(String);

const READABLE: &[u8; 20] = b"23456789CFGHJMPQRVWX";

impl UpdateReference {
    /// A reference from six random bytes.
    pub fn new(random: [u8; 6]) -> Self {
        let sign = |byte: u8| char::from(READABLE[usize::from(byte) % READABLE.len()]);
        let [a, b, c, d, e, f] = random.map(sign);
        Self(format!("{a}{b}{c}-{d}{e}{f}"))
    }

    /// The seven characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UpdateReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for UpdateReference {
    type Error = Refusal;

    /// Reads a reference as people type it: any case, with or without the hyphen or a space.
    fn try_from(text: String) -> Result<Self, Refusal> {
        let signs: String = text
            .chars()
            .filter(|c| !matches!(c, '-' | ' '))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let known = |c: u8| READABLE.contains(&c);
        match signs.split_at_checked(3) {
            Some((head, tail)) if signs.len() == 6 && signs.bytes().all(known) => {
                Ok(Self(format!("{head}-{tail}")))
            }
            Some(_) | None => Err(Refusal::new(
                "reference",
                "malformed_reference",
                "a reference has six letters or digits, such as 7QX-4HM",
            )),
        }
    }
}

impl std::str::FromStr for UpdateReference {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        Self::try_from(text.to_owned())
    }
}

impl From<UpdateReference> for String {
    fn from(reference: UpdateReference) -> Self {
        reference.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_its_delivery_and_nothing_else_does() {
        let key = ReferenceKey::new(&[1; 32]);
        let reference = key.seal(BroadcastId(7), Ordinal(41_999));
        assert_eq!(
            key.open(reference.as_str()),
            Some((BroadcastId(7), Ordinal(41_999)))
        );
        assert_eq!(
            key.open(&reference.as_str().to_uppercase()),
            Some((BroadcastId(7), Ordinal(41_999)))
        );
        assert_eq!(ReferenceKey::new(&[2; 32]).open(reference.as_str()), None);
        for at in 0..reference.as_str().len() {
            let mut forged = reference.as_str().as_bytes().to_vec();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(
                key.open(std::str::from_utf8(&forged).unwrap()),
                None,
                "changed at {at}"
            );
        }
    }

    #[test]
    fn a_stop_token_is_not_a_reference() {
        let key = ReferenceKey::new(&[1; 32]);
        let token = key.stop_token(12);
        assert_eq!(key.open_stop_token(&token), Some(12));
        assert_eq!(key.open(&token), None);
    }

    #[test]
    fn people_may_type_a_reference_as_they_like() {
        let reference: UpdateReference = "7qx 4hm".parse().unwrap();
        assert_eq!(reference.as_str(), "7QX-4HM");
        assert!(
            "7QX-4H1".parse::<UpdateReference>().is_err(),
            "1 looks like l"
        );
        assert!("ŵQX-4HM".parse::<UpdateReference>().is_err());
    }
}
