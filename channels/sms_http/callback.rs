//! A gateway's receipts: whether they are genuine, what they are about, what they say.

use crate::classify::http::identifier;
use crate::sms_http::rules::{self, Place};
use aws_lc_rs::{constant_time, hmac};
use data_encoding::{BASE64, HEXLOWER};
use oyez_domain::Refusal;
use oyez_domain::inbound::{Inbound, Wish};
use oyez_domain::outcome::Reason;
use oyez_domain::parcel::Secret;
use oyez_domain::receipt::{Callback, CallbackRefusal, Receipt, ReceiptKey, ReceiptStatus};
use oyez_domain::time::Wall;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How far a signed time may be from ours, in seconds.
const TOLERANCE_SECONDS: u64 = 300;

/// How the gateway reports what became of a message.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How it proves that it is the gateway.
    pub auth: Auth,
    /// The secret: last segment of the path, bearer token, `user:password`, or signing key.
    #[serde(default)]
    pub secret: Option<SecretString>,
    /// A file that holds the secret.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// How the signature is made, with `auth = "hmac"`.
    #[serde(default)]
    pub hmac: Option<Hmac>,
    /// The form of the report.
    #[serde(default)]
    pub format: Format,
    /// Where our reference stands (RFC 6901), e.g. `/reference`.
    #[serde(default)]
    pub ref_pointer: Option<String>,
    /// Where the gateway's own identifier stands.
    #[serde(default)]
    pub id_pointer: Option<String>,
    /// Where the status stands.
    pub status_pointer: String,
    /// Where a code for the failure stands.
    #[serde(default)]
    pub reason_pointer: Option<String>,
    /// Where the time stands, in RFC 3339.
    #[serde(default)]
    pub time_pointer: Option<String>,
    /// Where the parts of a text stand that somebody sent us, if the gateway hands such texts on.
    #[serde(default)]
    pub inbound: Option<TextIn>,
    /// What the gateway's statuses mean; one that is not listed is passed over.
    pub map: BTreeMap<String, ReceiptStatus>,
    /// What the gateway's failure codes mean.
    #[serde(default)]
    pub reasons: BTreeMap<String, Reason>,
}

/// Where the parts of a text stand that came in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextIn {
    /// The number that it came from.
    pub from_pointer: String,
    /// What was written.
    pub text_pointer: String,
    /// The gateway's identifier of it.
    pub id_pointer: String,
}

/// How a callback proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// The secret is the last segment of the path, or the parameter `token`.
    PathToken,
    /// `Authorization: Bearer SECRET`.
    Bearer,
    /// `Authorization: Basic`, the secret being `user:password`.
    Basic,
    /// A signature in a header.
    Hmac,
}

/// How a signature is made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hmac {
    /// The hash.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// The header that holds the signature.
    pub header: String,
    /// How it is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// A header with the time in Unix seconds, which is signed before the body, joined by a full stop.
    #[serde(default)]
    pub timestamp_header: Option<String>,
}

/// Hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// SHA-1, for gateways that know nothing better.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Hexadecimal digits.
    #[default]
    Hex,
    /// Base64.
    Base64,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JSON: one report, or a list of them.
    #[default]
    Json,
    /// A form in the body.
    Form,
    /// Parameters in the URL.
    Query,
}

impl Settings {
    /// Every fault in these settings.
    pub(crate) fn check(&self) -> Vec<Refusal> {
        let mut faults: Vec<_> = self.secret().err().into_iter().collect();
        let text_in = self.inbound.as_ref();
        let pointers = [
            ("callback.ref_pointer", self.ref_pointer.as_ref()),
            ("callback.id_pointer", self.id_pointer.as_ref()),
            ("callback.status_pointer", Some(&self.status_pointer)),
            ("callback.reason_pointer", self.reason_pointer.as_ref()),
            ("callback.time_pointer", self.time_pointer.as_ref()),
            (
                "callback.inbound.from_pointer",
                text_in.map(|text| &text.from_pointer),
            ),
            (
                "callback.inbound.text_pointer",
                text_in.map(|text| &text.text_pointer),
            ),
            (
                "callback.inbound.id_pointer",
                text_in.map(|text| &text.id_pointer),
            ),
        ];
        faults.extend(
            pointers
                .into_iter()
                .filter_map(|(field, p)| rules::pointer(field, p)),
        );
        let mut refuse = |field: &str, why: &str| faults.push(Refusal::new(field, "missing", why));
        if self.ref_pointer.is_none() && self.id_pointer.is_none() {
            refuse(
                "callback.ref_pointer",
                "say where our reference stands, or with id_pointer where the gateway's does",
            );
        }
        if self.auth == Auth::Hmac && self.hmac.is_none() {
            refuse(
                "callback.hmac",
                "say with hmac = { header = … } how receipts are signed",
            );
        }
        if self.map.is_empty() {
            refuse("callback.map", "say what the gateway's statuses mean");
        }
        faults
    }

    /// The secret that proves a callback.
    pub(crate) fn secret(&self) -> Result<Secret, Refusal> {
        crate::secret::required(
            "callback.secret",
            self.secret.as_ref(),
            self.secret_file.as_ref(),
        )
    }

    /// The text that somebody sent us, in a callback that proves itself; nothing where it has no such parts.
    pub(crate) fn read_inbound(
        &self,
        secret: &Secret,
        callback: &Callback<'_>,
        now: Wall,
    ) -> Result<Option<Inbound>, CallbackRefusal> {
        if !self.is_genuine(secret.reveal(), callback, now) {
            return Err(CallbackRefusal::Unauthenticated);
        }
        let (Some(rule), Some(report)) = (&self.inbound, self.report(callback)) else {
            return Ok(None);
        };
        let place = Place {
            json: Some(&report),
            text: "",
        };
        let pointers = [&rule.from_pointer, &rule.text_pointer, &rule.id_pointer];
        let [Some(from), Some(text), Some(id)] = pointers.map(|pointer| place.at(pointer)) else {
            return Ok(None);
        };
        Ok(Some(Inbound {
            from: from.into_owned(),
            id: identifier(&id),
            wish: Wish::of(&text),
        }))
    }

    /// The receipts in a callback that proves itself.
    pub(crate) fn read(
        &self,
        secret: &Secret,
        callback: &Callback<'_>,
        now: Wall,
    ) -> Result<Vec<Receipt>, CallbackRefusal> {
        if !self.is_genuine(secret.reveal(), callback, now) {
            return Err(CallbackRefusal::Unauthenticated);
        }
        let reports = match self.report(callback).ok_or(CallbackRefusal::Malformed)? {
            Value::Array(reports) => reports,
            report @ Value::Object(_) => vec![report],
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(CallbackRefusal::Malformed);
            }
        };
        let receipts: Option<Vec<_>> = reports.iter().map(|report| self.receipt(report)).collect();
        let receipts = receipts.ok_or(CallbackRefusal::Malformed)?;
        Ok(receipts.into_iter().flatten().collect())
    }

    fn report(&self, callback: &Callback<'_>) -> Option<Value> {
        let pairs = |text: &[u8]| -> Value {
            let pairs = url::form_urlencoded::parse(text);
            let fields =
                pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
            Value::Object(fields.collect::<Map<_, _>>())
        };
        match self.format {
            Format::Json => serde_json::from_slice(callback.body).ok(),
            Format::Form => Some(pairs(callback.body)),
            Format::Query => Some(pairs(query(callback.url).as_bytes())),
        }
    }

    /// One receipt; `None` inside when its status says nothing to us, `None` outside when it cannot be read.
    fn receipt(&self, report: &Value) -> Option<Option<Receipt>> {
        let place = Place {
            json: Some(report),
            text: "",
        };
        let at =
            |pointer: &Option<String>| pointer.as_deref().and_then(|pointer| place.at(pointer));
        let status = place.at(&self.status_pointer)?;
        let key = match (at(&self.ref_pointer), at(&self.id_pointer)) {
            (Some(reference), _) => ReceiptKey::Reference(identifier(&reference)),
            (None, Some(id)) => ReceiptKey::ProviderId(identifier(&id)),
            (None, None) => return None,
        };
        let Some(status) = self.map.get(status.as_ref()) else {
            return Some(None);
        };
        let reason =
            at(&self.reason_pointer).and_then(|code| self.reasons.get(code.as_ref()).copied());
        let undelivered = match status {
            ReceiptStatus::Undelivered
            | ReceiptStatus::UndeliveredForNow
            | ReceiptStatus::Bounced
            | ReceiptStatus::BouncedForNow => true,
            ReceiptStatus::Underway | ReceiptStatus::Delivered | ReceiptStatus::Complained => false,
        };
        Some(Some(Receipt {
            key,
            status: *status,
            reason: undelivered.then(|| reason.unwrap_or(Reason::Undeliverable)),
            provider_time: at(&self.time_pointer).and_then(|time| Wall::parse(&time)),
        }))
    }

    fn is_genuine(&self, secret: &str, callback: &Callback<'_>, now: Wall) -> bool {
        let header = |name: &str| -> Option<&str> {
            let pair = callback
                .headers
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
            Some(pair.1.as_str())
        };
        let authorization = |scheme: &str| {
            let (given, rest) = header("authorization")?.split_once(' ')?;
            given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
        };
        match self.auth {
            Auth::PathToken => token(callback.url).is_some_and(|token| same(&token, secret)),
            Auth::Bearer => authorization("bearer").is_some_and(|token| same(token, secret)),
            Auth::Basic => authorization("basic")
                .is_some_and(|pair| same(pair, &BASE64.encode(secret.as_bytes()))),
            Auth::Hmac => self.hmac.as_ref().is_some_and(|rule| {
                let time = rule.timestamp_header.as_deref().map(header);
                let signature = header(&rule.header);
                match (signature, time) {
                    (Some(signature), None) => {
                        rule.is_signed(secret, signature, None, callback.body)
                    }
                    (Some(signature), Some(Some(time))) => {
                        is_recent(time, now)
                            && rule.is_signed(secret, signature, Some(time), callback.body)
                    }
                    (None, _) | (Some(_), Some(None)) => false,
                }
            }),
        }
    }
}

impl Hmac {
    fn is_signed(&self, secret: &str, signature: &str, time: Option<&str>, body: &[u8]) -> bool {
        let (algorithm, prefix) = match self.algorithm {
            Algorithm::Sha1 => (hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, "sha1="),
            Algorithm::Sha256 => (hmac::HMAC_SHA256, "sha256="),
        };
        let written = signature.trim();
        let written = written.strip_prefix(prefix).unwrap_or(written);
        let tag = match self.encoding {
            Encoding::Hex => HEXLOWER.decode(written.to_ascii_lowercase().as_bytes()),
            Encoding::Base64 => BASE64.decode(written.as_bytes()),
        };
        let mut message = Vec::with_capacity(body.len() + 16);
        if let Some(time) = time {
            message.extend_from_slice(time.as_bytes());
            message.push(b'.');
        }
        message.extend_from_slice(body);
        let key = hmac::Key::new(algorithm, secret.as_bytes());
        tag.is_ok_and(|tag| hmac::verify(&key, &message, &tag).is_ok())
    }
}

fn is_recent(time: &str, now: Wall) -> bool {
    let ours = now.0.div_euclid(1_000_000);
    time.trim()
        .parse::<i64>()
        .is_ok_and(|theirs| ours.abs_diff(theirs) <= TOLERANCE_SECONDS)
}

fn same(given: &str, expected: &str) -> bool {
    constant_time::verify_slices_are_equal(given.as_bytes(), expected.as_bytes()).is_ok()
}

fn query(url: &str) -> &str {
    let without_fragment = url.split('#').next().unwrap_or("");
    without_fragment
        .split_once('?')
        .map_or("", |(_, query)| query)
}

/// The parameter `token`, or the last segment of the path.
fn token(url: &str) -> Option<Cow<'_, str>> {
    let parameter = url::form_urlencoded::parse(query(url).as_bytes())
        .find_map(|(name, value)| (name == "token").then_some(value));
    let path = url.split(['?', '#']).next().unwrap_or("");
    parameter.or_else(|| path.rsplit('/').next().map(Cow::Borrowed))
}

#[cfg(test)]
mod tests;
