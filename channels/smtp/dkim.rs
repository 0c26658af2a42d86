//! DKIM (RFC 6376, RFC 8463): mails signed here, for relays that do not sign what they pass on.
//!
//! Both canonicalisations are `relaxed`. From, To and Subject are signed once more than they occur, so that nobody can
//! add another one and keep the signature.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use data_encoding::BASE64;
use oyez_domain::Refusal;
use oyez_domain::time::Wall;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use std::path::PathBuf;

/// Headers that are signed where they occur, in this order (RFC 6376 §5.4.1, RFC 8058 §4).
const SIGNED: [&str; 15] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Reply-To",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Auto-Submitted",
    "In-Reply-To",
    "References",
    "Content-Language",
];
const SIGNED_ONCE_MORE: [&str; 3] = ["From", "To", "Subject"];
/// RFC 8301 §3.2: shorter keys are not to be used, and 2,048 bits are what they should have.
const RSA_BYTES: usize = 2048 / 8;
/// Signs of a signature on one line.
const LINE: usize = 72;

/// One key of `[[channels.NAME.via.smtp.dkim]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The domain that signs; the sender's, or one above it.
    pub domain: String,
    /// Under which name the public key stands in DNS: `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// A file with the private key (PEM): RSA of at least 2,048 bits, or Ed25519.
    pub key_file: PathBuf,
}

/// A key that signs.
pub(crate) struct Signer {
    domain: String,
    selector: String,
    key: Key,
}

enum Key {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// Reads the key.
    ///
    /// # Errors
    /// When a name has other signs in it than host names have, or the key cannot be read or is too short.
    pub(crate) fn read(settings: &Settings) -> Result<Self, Refusal> {
        for (field, name) in [
            ("dkim.domain", &settings.domain),
            ("dkim.selector", &settings.selector),
        ] {
            if !super::is_name(name) {
                return Err(Refusal::new(field, "malformed_host", "it is no host name"));
            }
        }
        let pem = crate::secret::read("dkim.key_file", &settings.key_file)?;
        Ok(Self {
            domain: settings.domain.clone(),
            selector: settings.selector.clone(),
            key: Key::read(&pem).ok_or_else(|| {
                let why = "it holds no RSA key of at least 2048 bits and no Ed25519 key in PEM; make one with: \
                           openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048";
                Refusal::new("dkim.key_file", "malformed_key", why)
            })?,
        })
    }

    /// The header to stand before a message; `message` is what DATA carries, without stuffed dots.
    pub(crate) fn header(&self, message: &str, now: Wall) -> Option<String> {
        let (head, body) = message.split_once("\r\n\r\n")?;
        let headers = Headers::read(head);
        let names: Vec<&str> = SIGNED
            .into_iter()
            .filter(|name| headers.find(name).is_some())
            .collect();
        let listed: Vec<&str> = names.iter().copied().chain(SIGNED_ONCE_MORE).collect();
        let hash = BASE64.encode(digest(&SHA256, relaxed_body(body).as_bytes()).as_ref());
        let unsigned = format!(
            "v=1; a={}; c=relaxed/relaxed; d={};\r\n s={}; t={};\r\n h={};\r\n bh={hash};\r\n b=",
            self.key.algorithm(),
            self.domain,
            self.selector,
            now.0.div_euclid(1_000_000),
            listed.join(":\r\n  "),
        );
        let mut signed: String = names
            .iter()
            .filter_map(|name| headers.find(name))
            .map(|(name, value)| relaxed_header(name, value) + "\r\n")
            .collect();
        signed.push_str(&relaxed_header("DKIM-Signature", &unsigned));
        let signature = BASE64.encode(&self.key.sign(signed.as_bytes())?);
        let lines: Vec<&str> = signature
            .as_bytes()
            .chunks(LINE)
            .filter_map(|line| std::str::from_utf8(line).ok())
            .collect();
        Some(format!(
            "DKIM-Signature: {unsigned}{}\r\n",
            lines.join("\r\n  ")
        ))
    }
}

impl Key {
    fn read(pem: &str) -> Option<Self> {
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()?;
        let rsa = match &key {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(der) => {
                if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der())
                {
                    return Some(Self::Ed25519(pair));
                }
                RsaKeyPair::from_pkcs8(der.secret_pkcs8_der())
            }
            PrivateKeyDer::Sec1(_) | _ => return None,
        };
        rsa.ok()
            .filter(|pair| pair.public_modulus_len() >= RSA_BYTES)
            .map(Self::Rsa)
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    /// RFC 8463 §3: Ed25519 signs the SHA-256 of what RSA would sign.
    fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Ed25519(pair) => Some(pair.sign(digest(&SHA256, text).as_ref()).as_ref().into()),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    text,
                    &mut signature,
                )
                .ok()?;
                Some(signature)
            }
        }
    }
}

/// The headers of a message as they stand, folds included.
struct Headers<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Headers<'a> {
    fn read(head: &'a str) -> Self {
        let mut headers = Vec::new();
        let mut rest = head;
        while !rest.is_empty() {
            let end = next_header(rest);
            let (header, after) = rest.split_at(end);
            headers.extend(header.trim_end_matches("\r\n").split_once(':'));
            rest = after;
        }
        Self(headers)
    }

    /// The last header of this name: a verifier counts from below.
    fn find(&self, name: &str) -> Option<(&'a str, &'a str)> {
        let mut found = self.0.iter().rev();
        found
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .copied()
    }
}

/// Where the next header begins: after the first line end that no fold follows.
fn next_header(head: &str) -> usize {
    let mut ends = head.match_indices("\r\n").map(|(at, end)| at + end.len());
    ends.find(|at| !head.get(*at..).unwrap_or("").starts_with([' ', '\t']))
        .unwrap_or(head.len())
}

/// RFC 6376 §3.4.2.
fn relaxed_header(name: &str, value: &str) -> String {
    let value = collapsed(&value.replace("\r\n", ""));
    format!("{}:{}", name.trim_end().to_ascii_lowercase(), value.trim())
}

/// RFC 6376 §3.4.4.
fn relaxed_body(body: &str) -> String {
    let lines: Vec<String> = body
        .split("\r\n")
        .map(|line| collapsed(line).trim_end().to_owned())
        .collect();
    let whole = lines.join("\r\n");
    let text = whole.trim_end_matches("\r\n");
    if text.is_empty() {
        String::new()
    } else {
        format!("{text}\r\n")
    }
}

/// Every run of spaces and tabs as one space.
fn collapsed(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            ' ' | '\t' if collapsed.ends_with(' ') => {}
            ' ' | '\t' => collapsed.push(' '),
            _ => collapsed.push(sign),
        }
    }
    collapsed
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    /// RFC 8463 appendix A.3.
    const MESSAGE: &str = "From: Joe SixPack <joe@football.example.com>\r\n\
        To: Suzie Q <suzie@shopping.example.net>\r\nSubject: Is dinner ready?\r\n\
        Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
        Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n\
        Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

    #[test]
    fn vector_the_body_hash_of_the_standard() {
        let (_, body) = MESSAGE.split_once("\r\n\r\n").unwrap();
        let hash = BASE64.encode(digest(&SHA256, relaxed_body(body).as_bytes()).as_ref());
        assert_eq!(hash, "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
    }

    #[test]
    fn vector_the_signature_of_the_standard() {
        let (head, _) = MESSAGE.split_once("\r\n\r\n").unwrap();
        let headers = Headers::read(head);
        let names = ["from", "to", "subject", "date", "message-id"];
        let mut signed: String = names
            .iter()
            .filter_map(|name| headers.find(name))
            .map(|(name, value)| relaxed_header(name, value) + "\r\n")
            .collect();
        signed += &relaxed_header(
            "DKIM-Signature",
            "v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n \
             q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : date;\r\n \
             bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=",
        );
        let public = BASE64
            .decode(b"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
            .unwrap();
        let signature = BASE64
            .decode(b"/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==")
            .unwrap();
        let hash = digest(&SHA256, signed.as_bytes());
        UnparsedPublicKey::new(&ED25519, public)
            .verify(hash.as_ref(), &signature)
            .unwrap();
    }

    #[test]
    fn vector_relaxed_forms_of_the_standard() {
        // RFC 6376 §3.4.5.
        assert_eq!(relaxed_header("A", " X"), "a:X");
        assert_eq!(relaxed_header("B ", " Y\t\r\n\tZ  "), "b:Y Z");
        assert_eq!(relaxed_body(" C \r\nD \t E\r\n\r\n\r\n"), " C\r\nD E\r\n");
        assert_eq!(relaxed_body("\r\n\r\n"), "");
    }

    #[test]
    fn the_last_of_two_headers_is_signed_and_folds_belong_to_their_header() {
        let headers = Headers::read("To: a\r\nSubject: one\r\n two\r\nTo: b");
        assert_eq!(headers.find("to"), Some(("To", " b")));
        assert_eq!(headers.find("subject"), Some(("Subject", " one\r\n two")));
        assert_eq!(headers.find("date"), None);
    }
}
