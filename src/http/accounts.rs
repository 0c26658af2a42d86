//! What signing in is made of: passwords, codes, and the brake on guessing.

pub(crate) mod codes;
pub(crate) mod password;
pub(crate) mod throttle;

use crate::state::House;
use aws_lc_rs::digest::{SHA256, digest};
use oyez_domain::accounts::SecretHash;
use oyez_domain::parcel::Secret;

/// Recovery codes a person gets.
const RECOVERY_CODES: usize = 10;

/// What is kept of a secret that is random enough to need no salt.
pub(crate) fn hashed(secret: &str) -> SecretHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}

/// A recovery code as it is compared: people type spaces, hyphens and capitals as they like.
pub(crate) fn plain(code: &str) -> String {
    let kept = code.chars().filter(char::is_ascii_alphanumeric);
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

/// New recovery codes of 80 bits each, in groups of four.
pub(crate) fn recovery_codes(house: &House) -> Vec<String> {
    let grouped = |text: String| {
        let groups: Vec<_> = text
            .as_bytes()
            .chunks(4)
            .map(String::from_utf8_lossy)
            .collect();
        groups.join("-")
    };
    (0..RECOVERY_CODES)
        .map(|_| grouped(random_base32::<10>(house).to_ascii_lowercase()))
        .collect()
}

/// RFC 4648 base32: every app reads it, and nobody takes a letter in it for a digit.
fn random_base32<const N: usize>(house: &House) -> String {
    let mut bytes = [0; N];
    house.desk.random.fill(&mut bytes);
    data_encoding::BASE32_NOPAD.encode(&bytes)
}

/// A new key for codes.
pub(crate) fn code_key(house: &House) -> Secret {
    Secret::new(random_base32::<20>(house))
}
