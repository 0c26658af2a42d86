//! A partner's webhook receiver: checks Standard Webhooks signatures and takes each `webhook-id` once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use data_encoding::BASE64;
use hyper::HeaderMap;

use crate::exchange::{Outcome, Request};
use crate::play::ChannelPlay;
use crate::scenario::Secret;

/// How far a sender's clock may be off, in seconds; the constant of the Standard Webhooks libraries.
const TOLERANCE_SECONDS: i64 = 300;

/// The ids a partner has taken. They are kept for the sandbox's life: the judge forgets nothing.
#[derive(Default)]
pub(crate) struct Seen(Mutex<HashSet<(String, String, String)>>);

impl Seen {
    fn take(&self, channel: &str, endpoint: &str, id: &str) -> bool {
        let seen = (channel.to_owned(), endpoint.to_owned(), id.to_owned());
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(seen)
    }
}

/// The three headers of a signed webhook.
struct Signed<'a> {
    id: &'a str,
    timestamp: i64,
    signatures: &'a str,
}

impl<'a> Signed<'a> {
    fn read(headers: &'a HeaderMap) -> Option<Self> {
        let header = |name| headers.get(name)?.to_str().ok();
        let timestamp = header("webhook-timestamp")?.parse().ok()?;
        let id = header("webhook-id").filter(|id| !id.is_empty())?;
        Some(Self {
            id,
            timestamp,
            signatures: header("webhook-signature")?,
        })
    }

    fn is_fresh(&self, now_seconds: i64) -> bool {
        now_seconds.abs_diff(self.timestamp) <= TOLERANCE_SECONDS.unsigned_abs()
    }

    /// Whether any listed signature of the key's version is right; comparison takes constant time.
    fn is_signed_with(&self, key: &CheckingKey, body: &[u8]) -> bool {
        let mut content = format!("{}.{}.", self.id, self.timestamp).into_bytes();
        content.extend_from_slice(body);
        let version = match key {
            CheckingKey::Shared(_) => "v1,",
            CheckingKey::Public(_) => "v1a,",
        };
        let listed = self
            .signatures
            .split(' ')
            .filter_map(|signature| signature.strip_prefix(version));
        let mut tags = listed.filter_map(|signature| BASE64.decode(signature.as_bytes()).ok());
        tags.any(|tag| match key {
            CheckingKey::Shared(key) => hmac::verify(key, &content, &tag).is_ok(),
            CheckingKey::Public(key) => key.verify(&content, &tag).is_ok(),
        })
    }
}

/// What a partner checks signatures with.
pub(crate) enum CheckingKey {
    /// The secret that both sides know: version 1.
    Shared(Box<hmac::Key>),
    /// The sender's public key: version 1a.
    Public(UnparsedPublicKey<Vec<u8>>),
}

/// The key in `whsec_…` or `whpk_…`; `None` when that is not base64 of something.
pub(crate) fn checking_key(secret: &Secret) -> Option<CheckingKey> {
    let text = secret.reveal();
    let (shared, encoded) = match text.strip_prefix("whsec_") {
        Some(encoded) => (true, encoded),
        None => (false, text.strip_prefix("whpk_")?),
    };
    let key = BASE64
        .decode(encoded.as_bytes())
        .ok()
        .filter(|key| !key.is_empty())?;
    Some(if shared {
        CheckingKey::Shared(Box::new(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    } else {
        CheckingKey::Public(UnparsedPublicKey::new(&ED25519, key))
    })
}

/// The sender's key, whether or not the request is any good.
pub(crate) fn key(request: &Request) -> String {
    request.header("webhook-id").to_owned()
}

/// Receives one webhook: 204 when it is good, 401 when it is not, 404 for an endpoint nobody named.
pub(crate) fn receive(
    request: &Request,
    endpoint: &str,
    play: &ChannelPlay,
    seen: &Seen,
    now_seconds: i64,
    id: &str,
) -> Outcome {
    let endpoints = &play.script.endpoints;
    if !endpoints.is_empty() && !endpoints.contains_key(endpoint) {
        return Outcome::refused(404, "no such endpoint".to_owned());
    }
    let Some(signed) = Signed::read(&request.headers) else {
        return Outcome::refused(401, "a webhook header is missing".to_owned());
    };
    if !signed.is_fresh(now_seconds) {
        return Outcome::refused(401, "the timestamp is too far off".to_owned());
    }
    let key = endpoints.get(endpoint).and_then(checking_key);
    if key.is_some_and(|key| !signed.is_signed_with(&key, &request.body)) {
        return Outcome::refused(401, "the signature is wrong".to_owned());
    }
    if seen.take(&request.channel, endpoint, signed.id) {
        Outcome::taken(204, String::new(), id)
    } else {
        Outcome::refused(204, String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_b3llei1kb2NzLWV4YW1wbGUtc2VjcmV0LTMyYnl0ZXM=";
    const BODY: &str = r#"{"type":"update.published","timestamp":"2025-11-27T10:30:00Z","data":{"id":"upd_01KB1QZ8T0E6Q7N2R3S4T5V6W7","reference":"7QX-4HM"}}"#;
    const SIGNATURE: &str = "v1a,bm90IG91cnM= v1,4f1vNJD9hDeb1aUgsswk6xMKvvAcqZM6fidcNWecCQI=";

    fn signed(timestamp: i64) -> Signed<'static> {
        Signed {
            id: "msg_01KB1QZ9A1B2C3D4E5F6G7H8J9",
            timestamp,
            signatures: SIGNATURE,
        }
    }

    #[test]
    fn the_documented_vector_is_accepted_and_any_change_is_not() {
        let key = checking_key(&Secret::new(SECRET)).unwrap();
        assert!(signed(1_764_239_400).is_signed_with(&key, BODY.as_bytes()));
        assert!(!signed(1_764_239_401).is_signed_with(&key, BODY.as_bytes()));
        assert!(!signed(1_764_239_400).is_signed_with(&key, b"{}"));
        let other = checking_key(&Secret::new("whsec_b3RoZXI=")).unwrap();
        assert!(!signed(1_764_239_400).is_signed_with(&other, BODY.as_bytes()));
    }

    #[test]
    fn a_pair_of_keys_is_checked_with_its_public_half() {
        let key = checking_key(&Secret::new(
            "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
        ));
        let key = key.unwrap();
        let signed = Signed {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: 1_614_265_330,
            signatures: "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
        };
        assert!(signed.is_signed_with(&key, br#"{"test": 2432232314}"#));
        assert!(!signed.is_signed_with(&key, br#"{"test": 2432232315}"#));
    }

    #[test]
    fn the_official_vector_is_accepted() {
        let key = checking_key(&Secret::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")).unwrap();
        let signed = Signed {
            id: "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            timestamp: 1_649_367_553,
            signatures: "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        };
        assert!(signed.is_signed_with(
            &key,
            br#"{"email":"test@example.com","username":"test_user"}"#
        ));
    }

    #[test]
    fn a_timestamp_may_be_five_minutes_off() {
        for (now, fresh) in [
            (0, true),
            (300, true),
            (-300, true),
            (301, false),
            (-301, false),
        ] {
            assert_eq!(signed(1_000).is_fresh(1_000 + now), fresh, "{now}");
        }
    }
}
