//! Public identifiers: a prefix and a UUIDv7 in Crockford base32, sortable by the time they were made.

use crate::error::Refusal;
use crate::time::Wall;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 128 bits as 26 characters of Crockford base32, lower case.
pub fn base32(value: u128) -> String {
    (0..26)
        .rev()
        .map(|i| char::from(CROCKFORD[usize::try_from((value >> (i * 5)) & 31).unwrap_or(0)]))
        .collect()
}

/// Reads 26 characters of Crockford base32, upper or lower case.
pub fn unbase32(text: &str) -> Option<u128> {
    if text.len() != 26 || !text.starts_with(|c: char| ('0'..='7').contains(&c)) {
        return None;
    }
    text.bytes().try_fold(0u128, |value, byte| {
        let digit = CROCKFORD
            .iter()
            .position(|c| *c == byte.to_ascii_lowercase())?;
        Some((value << 5) | u128::try_from(digit).ok()?)
    })
}

macro_rules! public_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(u128);

        impl $name {
            /// What every identifier of this type begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new identifier from the wall clock and ten random bytes.
            pub fn new(now: Wall, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.0 / 1000).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().as_u128())
            }

            /// The 128 bits, as the store keeps them.
            pub fn as_bytes(&self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            /// The identifier with these 128 bits.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes).as_u128())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", Self::PREFIX, base32(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = Refusal;
            fn from_str(text: &str) -> Result<Self, Refusal> {
                text.strip_prefix(Self::PREFIX).and_then(unbase32).map(Self).ok_or_else(|| {
                    Refusal::new("id", "malformed_id", format!("an identifier like {}… was expected", Self::PREFIX))
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = Refusal;
            fn try_from(text: String) -> Result<Self, Refusal> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

public_id!(
    /// An incident.
    IncidentId, "inc_"
);
public_id!(
    /// An update.
    UpdateId, "upd_"
);
public_id!(
    /// A subscriber.
    SubscriberId, "sub_"
);
public_id!(
    /// A person of the organisation who may sign in.
    UserId, "usr_"
);

/// The number of a broadcast in this ledger; small, because it travels in every delivery's reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BroadcastId(pub u32);

/// The place of one recipient in a broadcast's frozen audience, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ordinal(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_reads_back_as_it_was_written() {
        let id = UpdateId::new(Wall(1_764_239_400_000_000), [7; 10]);
        assert_eq!(id.to_string().parse::<UpdateId>(), Ok(id));
        assert_eq!(UpdateId::from_bytes(id.as_bytes()), id);
        assert!(
            id.to_string()
                .to_uppercase()
                .replace("UPD_", "upd_")
                .parse::<UpdateId>()
                .is_ok()
        );
    }

    #[test]
    fn identifiers_made_later_sort_later() {
        assert!(
            UpdateId::new(Wall(1_000_000), [255; 10]) < UpdateId::new(Wall(2_000_000), [0; 10])
        );
    }

    #[test]
    fn another_prefix_or_a_wrong_letter_is_refused() {
        let id = IncidentId::new(Wall(0), [0; 10]).to_string();
        assert!(id.parse::<UpdateId>().is_err());
        assert!(
            "upd_0000000000000000000000000u"
                .parse::<UpdateId>()
                .is_err()
        );
        assert!(
            "upd_zzzzzzzzzzzzzzzzzzzzzzzzzz"
                .parse::<UpdateId>()
                .is_err()
        );
    }
}
