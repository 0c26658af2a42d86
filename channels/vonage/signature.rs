//! Vonage's signature over the fields of a report, in order of their names.

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use oyez_domain::parcel::Secret;
use oyez_domain::time::Wall;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How old a signed report may be, in seconds.
const TOLERANCE_SECONDS: u64 = 300;

/// How reports are signed. MD5, which Vonage offers too, proves nothing and is not taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// HMAC with SHA-1.
    Sha1,
    /// HMAC with SHA-256.
    #[default]
    Sha256,
    /// HMAC with SHA-512.
    Sha512,
}

/// Whether the fields are signed with this secret, and lately.
pub(super) fn is_genuine(
    secret: &Secret,
    algorithm: Algorithm,
    fields: &BTreeMap<String, String>,
    now: Wall,
) -> bool {
    let time = fields
        .get("timestamp")
        .and_then(|time| time.parse::<i64>().ok());
    let fresh =
        time.is_some_and(|time| now.0.div_euclid(1_000_000).abs_diff(time) <= TOLERANCE_SECONDS);
    let tag = fields
        .get("sig")
        .and_then(|sig| HEXLOWER.decode(sig.to_ascii_lowercase().as_bytes()).ok());
    fresh
        && tag.is_some_and(|tag| {
            let key = hmac::Key::new(algorithm.of_hmac(), secret.reveal().as_bytes());
            hmac::verify(&key, signed(fields).as_bytes(), &tag).is_ok()
        })
}

impl Algorithm {
    fn of_hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// `&name=value` of every field but the signature; signs that would end a value are replaced.
fn signed(fields: &BTreeMap<String, String>) -> String {
    fields
        .iter()
        .filter(|(name, _)| *name != "sig")
        .map(|(name, value)| format!("&{name}={}", value.replace(['&', '='], "_")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(sig: &str) -> BTreeMap<String, String> {
        [
            ("api-key", "abcd1234"),
            ("client-ref", "dlv_01JD&a=b"),
            ("err-code", "0"),
            ("message-timestamp", "2025-11-24 09:00:00"),
            ("messageId", "0A0000001234567B"),
            ("msisdn", "447700900123"),
            ("network-code", "23410"),
            ("nonce", "ec11dd3e-1e7f-4db5-9467-82b02cd223b9"),
            ("price", "0.03330000"),
            ("scts", "2511240900"),
            ("status", "delivered"),
            ("timestamp", "1763974800"),
            ("to", "Council"),
            ("sig", sig),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
    }

    const SHA256: &str = "c1ecbaa42e5b036de4ed980dbbdbf963bf4090f0802c55397e53e8bcc7c9da4c";
    const SHA512: &str = "939e446f26791ae66b84d56a4f68620e6edf40b55f9cc048def878b6941c1bd03a7ffb424993a52b50302df74d2c67f66e6151be970675bee3a3f2253119d2a9";

    fn genuine(algorithm: Algorithm, sig: &str, at: i64) -> bool {
        let secret = Secret::new("my_secret_key_for_testing");
        is_genuine(&secret, algorithm, &report(sig), Wall(at * 1_000_000))
    }

    #[test]
    fn vector_signed_reports_are_genuine() {
        assert!(genuine(Algorithm::Sha256, SHA256, 1_763_974_800));
        assert!(genuine(
            Algorithm::Sha256,
            &SHA256.to_uppercase(),
            1_763_974_900
        ));
        assert!(genuine(Algorithm::Sha512, SHA512, 1_763_974_800));
    }

    #[test]
    fn another_method_an_old_report_or_any_change_is_a_forgery() {
        assert!(!genuine(Algorithm::Sha512, SHA256, 1_763_974_800));
        assert!(!genuine(Algorithm::Sha256, SHA256, 1_763_975_200));
        assert!(!genuine(
            Algorithm::Sha256,
            &SHA256.replace('c', "d"),
            1_763_974_800
        ));
        assert!(!genuine(Algorithm::Sha256, "", 1_763_974_800));
    }
}
