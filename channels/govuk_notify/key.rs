//! The service's API key and the tokens made with it: JWT with HS256, one per request.

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use oyez_domain::Refusal;
use oyez_domain::parcel::Secret;
use oyez_domain::time::Wall;
use serde::Serialize;

/// Characters of a UUID.
const UUID: usize = 36;

/// An API key, taken apart.
pub(super) struct ApiKey {
    service: String,
    secret: hmac::Key,
}

/// The claims, in the order in which the service's own clients write them.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
}

impl ApiKey {
    /// Reads `NAME-SERVICE-SECRET`. The name may have hyphens in it, so both identifiers are taken from the end.
    pub(super) fn read(text: &Secret) -> Result<Self, Refusal> {
        let text = text.reveal();
        let parts = || {
            let secret_at = text.len().checked_sub(UUID)?;
            let service_at = secret_at.checked_sub(UUID + 1)?;
            let service = text.get(service_at..secret_at.checked_sub(1)?)?;
            Some((service, text.get(secret_at..)?))
        };
        match parts().filter(|(service, secret)| is_uuid(service) && is_uuid(secret)) {
            Some((service, secret)) => Ok(Self {
                service: service.to_owned(),
                secret: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
            }),
            None => Err(Refusal::new(
                "api_key",
                "malformed_key",
                "copy the whole key from the service's page: a name, the service's identifier and a secret, joined by hyphens",
            )),
        }
    }

    /// The bearer token of a request made now.
    pub(super) fn token(&self, now: Wall) -> String {
        let claims = Claims {
            iss: &self.service,
            iat: now.0.div_euclid(1_000_000),
        };
        // Two plain fields can always be written.
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        let mut token = BASE64URL_NOPAD.encode(br#"{"typ":"JWT","alg":"HS256"}"#);
        token.push('.');
        BASE64URL_NOPAD.encode_append(&claims, &mut token);
        let tag = hmac::sign(&self.secret, token.as_bytes());
        token.push('.');
        BASE64URL_NOPAD.encode_append(tag.as_ref(), &mut token);
        token
    }
}

/// Whether a text has the form of a UUID.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == UUID
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "a-key-with-hyphens-26785a09-ab16-4eb0-8407-a37497a57506-3d844edf-8d35-48ac-975b-e847b4f122b0";

    #[test]
    fn vector_a_token_is_what_the_services_own_client_makes() {
        let key = ApiKey::read(&Secret::new(KEY)).unwrap();
        assert_eq!(
            key.token(Wall(1_568_818_578_999_999)),
            "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.\
             eyJpc3MiOiIyNjc4NWEwOS1hYjE2LTRlYjAtODQwNy1hMzc0OTdhNTc1MDYiLCJpYXQiOjE1Njg4MTg1Nzh9.\
             YT_aQYNif0l3HaPwy62Cj9g0qsYzjnj1K5pLwkELiFw"
        );
    }

    #[test]
    fn half_a_key_is_refused_without_being_shown() {
        for text in [
            "",
            "shibboleth",
            &KEY[20..60],
            &KEY[..KEY.len() - 1],
            "é".repeat(60).as_str(),
        ] {
            let refusal = ApiKey::read(&Secret::new(text)).err().unwrap();
            assert_eq!(refusal.code, "malformed_key");
            assert!(text.is_empty() || !refusal.why.contains(text));
        }
    }
}
