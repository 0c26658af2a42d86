//! Standard Webhooks signatures over `id.timestamp.body`: version `v1` with a shared secret, `v1a` with a pair of keys.

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use oyez_domain::parcel::Secret;
use oyez_domain::signing::SigningKey;
use std::fmt::Write;

/// Keys of one endpoint: one, or an old and a new one during a change of secrets.
pub(crate) struct Keys(Vec<SigningKey>);

impl Keys {
    /// Reads secrets separated by spaces; nothing when any of them is malformed.
    pub(crate) fn read(secrets: &Secret) -> Option<Self> {
        SigningKey::all(secrets).map(Self)
    }

    /// The value of `webhook-signature`.
    pub(crate) fn signature(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut head = String::with_capacity(id.len() + 24);
        // Writing to a string cannot fail.
        write!(head, "{id}.{timestamp}.").unwrap_or_default();
        let mut signature = String::with_capacity(96 * self.0.len());
        for key in &self.0 {
            if !signature.is_empty() {
                signature.push(' ');
            }
            sign(key, head.as_bytes(), body, &mut signature);
        }
        signature
    }
}

fn sign(key: &SigningKey, head: &[u8], body: &[u8], signature: &mut String) {
    match key {
        SigningKey::Shared(secret) => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            let mut context = hmac::Context::with_key(&key);
            context.update(head);
            context.update(body);
            signature.push_str("v1,");
            BASE64.encode_append(context.sign().as_ref(), signature);
        }
        SigningKey::Pair(pair) => {
            signature.push_str("v1a,");
            BASE64.encode_append(pair.sign(&[head, body].concat()).as_ref(), signature);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_signatures_agree_with_those_that_others_publish() {
        for (secret, id, timestamp, body, expected) in [
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                r#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
                "msg_01JD0000000000000000000000",
                1_763_974_800,
                r#"{"type":"incident.updated","timestamp":"2025-11-24T09:00:00Z","data":{"id":"01JDEXAMPLE","title":"Phones restored"}}"#,
                "v1,ozhYEP+ZZCG1jo+zZ2Xu/jVdFKbGazYCNka0X9yI4is=",
            ),
            // Of the Svix libraries, and one of our own made with another implementation.
            (
                "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
            ),
            (
                "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuA==",
                "msg_01JD0000000000000000000000",
                1_763_974_800,
                r#"{"type":"incident.updated","timestamp":"2025-11-24T09:00:00Z","data":{"id":"01JDEXAMPLE","title":"Phones restored"}}"#,
                "v1a,7lBK1uNFDsiUW5lpqYTMWKBNgvhyR2lXXfrlCElIIq4/9Ox3SP1o7RJyIVcWjrmUM8luxj6J6FgOW+YptAvHBQ==",
            ),
            (
                "whsec_b3llei1kb2NzLWV4YW1wbGUtc2VjcmV0LTMyYnl0ZXM=",
                "msg_01KB1QZ9A1B2C3D4E5F6G7H8J9",
                1_764_239_400,
                r#"{"type":"update.published","timestamp":"2025-11-27T10:30:00Z","data":{"id":"upd_01KB1QZ8T0E6Q7N2R3S4T5V6W7","reference":"7QX-4HM"}}"#,
                "v1,4f1vNJD9hDeb1aUgsswk6xMKvvAcqZM6fidcNWecCQI=",
            ),
        ] {
            let keys = Keys::read(&Secret::new(secret)).unwrap();
            assert_eq!(keys.signature(id, timestamp, body.as_bytes()), expected);
        }
    }

    #[test]
    fn an_old_and_a_new_secret_both_sign_whatever_their_versions() {
        let (old, new) = (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
        );
        let sign = |secrets: &str| {
            let keys = Keys::read(&Secret::new(secrets)).unwrap();
            keys.signature("a", 1, b"{}")
        };
        assert_eq!(
            sign(&format!("{new} {old}")),
            format!("{} {}", sign(new), sign(old))
        );
    }
}
