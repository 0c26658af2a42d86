//! What a partner's webhooks are signed with: a secret that both sides know, or a pair of keys of which only ours can sign.

use crate::error::Refusal;
use crate::parcel::Secret;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use data_encoding::BASE64;

/// Bytes of a shared secret (Standard Webhooks, "Signature scheme"): shorter ones can be guessed, longer ones gain nothing.
const SHARED_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Bytes of the half of a pair that signs.
const SEED_BYTES: usize = 32;

/// The versions of a signature (Standard Webhooks, "Signature scheme").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyVersion {
    /// A secret that both sides know.
    V1,
    /// A pair of keys: who can check a signature cannot make one. The one to prefer with partners.
    #[default]
    V1a,
}

impl KeyVersion {
    /// The version of this name.
    ///
    /// # Errors
    /// `unknown_version`, on the field `version`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "v1" => Ok(Self::V1),
            "v1a" => Ok(Self::V1a),
            _ => Err(Refusal::new(
                "version",
                "unknown_version",
                "it is v1 (a shared secret) or v1a (a pair of keys)",
            )),
        }
    }
}

/// One key, as Standard Webhooks 1.0.0 writes it down.
pub enum SigningKey {
    /// `whsec_` and base64: version `v1`, HMAC-SHA256.
    Shared(Vec<u8>),
    /// `whsk_` and base64 of seed and public key: version `v1a`, Ed25519.
    Pair(Ed25519KeyPair),
}

impl SigningKey {
    /// Reads one key; nothing when it is malformed, or when the two halves of a pair do not belong together.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = |encoded: &str| BASE64.decode(encoded.as_bytes()).ok();
        if let Some(encoded) = text.strip_prefix("whsec_") {
            let secret = bytes(encoded)?;
            return SHARED_BYTES
                .contains(&secret.len())
                .then_some(Self::Shared(secret));
        }
        let both = bytes(text.strip_prefix("whsk_")?)?;
        let (seed, public) = both.split_at_checked(SEED_BYTES)?;
        Ed25519KeyPair::from_seed_and_public_key(seed, public)
            .ok()
            .map(Self::Pair)
    }

    /// Reads every key of an endpoint, separated by spaces: one, or the old and the new one while they change. Nothing when any
    /// of them is malformed.
    pub fn all(secret: &Secret) -> Option<Vec<Self>> {
        let keys: Option<Vec<_>> = secret
            .reveal()
            .split_ascii_whitespace()
            .map(Self::read)
            .collect();
        keys.filter(|keys| !keys.is_empty())
    }

    /// Refuses a secret that nothing can be signed with.
    ///
    /// # Errors
    /// `malformed_secret`, on the field `secret`.
    pub fn check(secret: &Secret) -> Result<(), Refusal> {
        match Self::all(secret) {
            Some(_) => Ok(()),
            None => Err(Refusal::new(
                "secret",
                "malformed_secret",
                "a secret is whsec_ followed by 24 to 64 random bytes in base64, or whsk_ followed by the 64 bytes of an Ed25519 key and its public half",
            )),
        }
    }

    /// A new shared secret of these random bytes.
    pub fn new_shared(random: [u8; 32]) -> Secret {
        Secret::new(format!("whsec_{}", BASE64.encode(&random)))
    }

    /// A new pair from this random seed; nothing when no pair can be made of it.
    pub fn new_pair(seed: [u8; SEED_BYTES]) -> Option<Secret> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
        let both = [&seed, pair.public_key().as_ref()].concat();
        Some(Secret::new(format!("whsk_{}", BASE64.encode(&both))))
    }

    /// What the partner needs to check the signature, to be told once and in confidence: the shared secret itself, or the public
    /// key (`whpk_`).
    pub fn for_the_partner(&self) -> Secret {
        Secret::new(match self {
            Self::Shared(secret) => format!("whsec_{}", BASE64.encode(secret)),
            Self::Pair(pair) => format!("whpk_{}", BASE64.encode(pair.public_key().as_ref())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_one_that_can_be_read_again() {
        let shared = SigningKey::new_shared([7; 32]);
        let told = SigningKey::read(shared.reveal()).unwrap().for_the_partner();
        assert_eq!(told, shared);
        let pair = SigningKey::new_pair([7; 32]).unwrap();
        let told = SigningKey::read(pair.reveal()).unwrap().for_the_partner();
        assert!(told.reveal().starts_with("whpk_"));
        assert_eq!(
            BASE64
                .decode(&told.reveal().as_bytes()["whpk_".len()..])
                .unwrap()
                .len(),
            32
        );
    }

    /// Standard Webhooks: bytes 0 to 31 as seed.
    #[test]
    fn vector_the_public_half_is_the_published_one() {
        let seed: Vec<u8> = (0..32).collect();
        let pair = SigningKey::new_pair(seed.try_into().unwrap()).unwrap();
        let told = SigningKey::read(pair.reveal()).unwrap().for_the_partner();
        assert_eq!(
            told.reveal(),
            "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
        );
    }

    #[test]
    fn what_cannot_sign_is_refused() {
        for text in [
            "",
            "whsec_",
            "whsec_c2hvcnQ=",
            "C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "whsec_!!!",
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD whsec_x",
            "whsk_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            // The halves of two pairs.
            "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh/VKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
            "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
        ] {
            assert!(SigningKey::check(&Secret::new(text)).is_err(), "{text}");
        }
    }
}
