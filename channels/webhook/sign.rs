//! Standard Webhooks signatures, version `v1`: HMAC-SHA256 over `id.timestamp.body`.

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use std::fmt::Write;

/// Secrets shorter or longer than this many bytes are not safe to sign with.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Keys of one endpoint: one, or an old and a new one during a change of secrets.
pub(crate) struct Keys(Vec<hmac::Key>);

impl Keys {
    /// Reads `whsec_…` secrets separated by spaces; nothing when any of them is malformed.
    pub(crate) fn read(secrets: &str) -> Option<Self> {
        let keys: Option<Vec<_>> = secrets.split_ascii_whitespace().map(key).collect();
        keys.filter(|keys| !keys.is_empty()).map(Self)
    }

    /// The value of `webhook-signature`.
    pub(crate) fn signature(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut head = String::with_capacity(id.len() + 24);
        // Writing to a string cannot fail.
        write!(head, "{id}.{timestamp}.").unwrap_or_default();
        let mut signature = String::with_capacity(48 * self.0.len());
        for key in &self.0 {
            let mut context = hmac::Context::with_key(key);
            context.update(head.as_bytes());
            context.update(body);
            if !signature.is_empty() {
                signature.push(' ');
            }
            signature.push_str("v1,");
            BASE64.encode_append(context.sign().as_ref(), &mut signature);
        }
        signature
    }
}

fn key(secret: &str) -> Option<hmac::Key> {
    let bytes = BASE64
        .decode(secret.strip_prefix("whsec_")?.as_bytes())
        .ok()?;
    SECRET_BYTES
        .contains(&bytes.len())
        .then(|| hmac::Key::new(hmac::HMAC_SHA256, &bytes))
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
            (
                "whsec_b3llei1kb2NzLWV4YW1wbGUtc2VjcmV0LTMyYnl0ZXM=",
                "msg_01KB1QZ9A1B2C3D4E5F6G7H8J9",
                1_764_239_400,
                r#"{"type":"update.published","timestamp":"2025-11-27T10:30:00Z","data":{"id":"upd_01KB1QZ8T0E6Q7N2R3S4T5V6W7","reference":"7QX-4HM"}}"#,
                "v1,4f1vNJD9hDeb1aUgsswk6xMKvvAcqZM6fidcNWecCQI=",
            ),
        ] {
            let keys = Keys::read(secret).unwrap();
            assert_eq!(keys.signature(id, timestamp, body.as_bytes()), expected);
        }
    }

    #[test]
    fn an_old_and_a_new_secret_both_sign() {
        let (old, new) = (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        );
        let sign = |secrets: &str| Keys::read(secrets).unwrap().signature("a", 1, b"{}");
        assert_eq!(
            sign(&format!("{new} {old}")),
            format!("{} {}", sign(new), sign(old))
        );
    }

    #[test]
    fn a_secret_too_short_or_of_another_kind_does_not_sign() {
        for secrets in [
            "",
            "whsec_",
            "whsec_c2hvcnQ=",
            "C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "whsec_!!!",
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD whsec_x",
        ] {
            assert!(Keys::read(secrets).is_none(), "{secrets}");
        }
    }
}
