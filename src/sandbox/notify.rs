//! GOV.UK Notify: tokens checked, texts and mails taken, found again by reference, receipts in the service's words.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::exchange::{Outcome, Request};
use crate::play::ChannelPlay;
use crate::receipts::{Callback, Form, Taken};
use crate::scenario::Secret;

/// How far a token's time may be off, in seconds, either way.
const TOLERANCE_SECONDS: u64 = 30;
/// Characters of a text at most.
const TEXT_CHARACTERS: usize = 918;
/// Characters of a UUID, of which the last two parts of an API key are made.
const UUID: usize = 36;

/// What the service can be asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To send a text.
    Sms,
    /// To send a mail.
    Email,
    /// For what it took under a reference.
    Found,
    /// For a template.
    Template,
}

impl Asked {
    /// Whether somebody may be reached by it.
    pub(crate) fn is_to_send(self) -> bool {
        match self {
            Self::Sms | Self::Email => true,
            Self::Found | Self::Template => false,
        }
    }

    pub(crate) fn of(path: &str, post: bool) -> Option<Self> {
        match (path, post) {
            ("v2/notifications/sms", true) => Some(Self::Sms),
            ("v2/notifications/email", true) => Some(Self::Email),
            ("v2/notifications", false) => Some(Self::Found),
            _ => (!post && path.starts_with("v2/template/")).then_some(Self::Template),
        }
    }
}

/// A page of the service's list.
const PAGE: usize = 250;

/// What was taken.
#[derive(Default)]
struct Kept {
    /// Identifiers by channel and reference, which need not be unique.
    by_reference: HashMap<(String, String), Vec<String>>,
    /// Everything by channel, in the order of time.
    by_time: HashMap<String, Vec<Listed>>,
}

struct Listed {
    id: String,
    reference: String,
    at: Timestamp,
}

/// What was taken, to be found again.
#[derive(Default)]
pub(crate) struct Postbox(Mutex<Kept>);

/// The body of a request to send. Everything is optional here, so that each fault gets its own error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    phone_number: String,
    email_address: String,
    template_id: String,
    reference: String,
    personalisation: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    iat: i64,
}

pub(crate) fn to_and_key(request: &Request) -> (String, String) {
    let message: Message = serde_json::from_slice(&request.body).unwrap_or_default();
    let to = if message.phone_number.is_empty() {
        message.email_address
    } else {
        message.phone_number
    };
    (to, message.reference)
}

/// The service's form of error.
pub(crate) fn error(status: u16, kind: &str, message: &str) -> String {
    json!({"status_code": status, "errors": [{"error": kind, "message": message}]}).to_string()
}

/// The service's type of error for a status that a script asks for.
pub(crate) fn kind(status: u16) -> &'static str {
    match status {
        400 => "BadRequestError",
        401 | 403 => "AuthError",
        404 => "NoResultFound",
        429 => "RateLimitError",
        _ => "Exception",
    }
}

impl Postbox {
    /// The service's answer.
    pub(crate) fn answer(
        &self,
        asked: Asked,
        request: &Request,
        play: &ChannelPlay,
        now_seconds: i64,
        id: &str,
    ) -> Outcome {
        if let Err((status, message)) =
            admit(request, play.script.bearer_token.as_ref(), now_seconds)
        {
            return refused(status, "AuthError", message);
        }
        match asked {
            Asked::Sms | Asked::Email => self.send(asked, request, play, id, now_seconds),
            Asked::Found if request.query.contains("reference=") => self.find(request),
            Asked::Found => self.list(request),
            Asked::Template => template(request),
        }
    }

    fn send(
        &self,
        asked: Asked,
        request: &Request,
        play: &ChannelPlay,
        id: &str,
        now_seconds: i64,
    ) -> Outcome {
        let Ok(message) = serde_json::from_slice::<Message>(&request.body) else {
            return refused(400, "BadRequestError", "Invalid JSON supplied in POST data");
        };
        if let Err((kind, why)) = message.check(asked) {
            return refused(400, kind, why);
        }
        let id = uuid(id);
        let place = (request.channel.clone(), message.reference.clone());
        let listed = Listed {
            id: id.clone(),
            reference: message.reference.clone(),
            at: Timestamp::from_second(now_seconds).unwrap_or_default(),
        };
        let mut kept = self.lock();
        kept.by_reference.entry(place).or_default().push(id.clone());
        let channel = kept.by_time.entry(request.channel.clone());
        channel.or_default().push(listed);
        drop(kept);
        let uri = |what: &str, id: &str| {
            format!("https://api.notifications.service.gov.uk/v2/{what}/{id}")
        };
        let body = json!({
            "id": id, "reference": message.reference, "content": message.personalisation,
            "uri": uri("notifications", &id),
            "template": {"id": message.template_id, "version": 1, "uri": uri("template", &message.template_id)},
        });
        let callback = play.script.receipt_url.as_deref().and_then(Callback::read);
        let (to, key) = to_and_key(request);
        let taken = Taken {
            channel: request.channel.clone(),
            to,
            id: id.clone(),
            reference: key,
            form: Form::Notify,
        };
        Outcome {
            receipt: callback.map(|callback| (callback, taken)),
            ..Outcome::taken(201, body.to_string(), &id)
        }
    }

    fn find(&self, request: &Request) -> Outcome {
        let reference = url::form_urlencoded::parse(request.query.as_bytes())
            .find_map(|(name, value)| (name == "reference").then(|| value.into_owned()))
            .unwrap_or_default();
        let place = (request.channel.clone(), reference.clone());
        let kept = self.lock();
        let found: Vec<Value> = kept
            .by_reference
            .get(&place)
            .map_or(&[][..], Vec::as_slice)
            .iter()
            .map(|id| json!({"id": id, "reference": reference, "status": "sending"}))
            .collect();
        Outcome::refused(
            200,
            json!({"notifications": found, "links": {}}).to_string(),
        )
    }

    /// A page of everything, newest first: the networks delivered it all, whether or not a callback says so.
    fn list(&self, request: &Request) -> Outcome {
        let older_than = url::form_urlencoded::parse(request.query.as_bytes())
            .find_map(|(name, value)| (name == "older_than").then(|| value.into_owned()));
        let kept = self.lock();
        let all = kept
            .by_time
            .get(&request.channel)
            .map_or(&[][..], Vec::as_slice);
        let end = older_than.map_or(all.len(), |id| {
            let found = all.iter().position(|listed| listed.id == id);
            found.unwrap_or_default()
        });
        let older = all.iter().take(end).rev().take(PAGE);
        let page: Vec<Value> = older
            .map(|listed| {
                let at = listed.at.to_string();
                json!({
                    "id": listed.id, "reference": listed.reference, "status": "delivered",
                    "created_at": at, "completed_at": at,
                })
            })
            .collect();
        Outcome::refused(200, json!({"notifications": page, "links": {}}).to_string())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Message {
    fn check(&self, asked: Asked) -> Result<(), (&'static str, &'static str)> {
        let mobile = self.phone_number.strip_prefix("+447");
        let valid = match asked {
            Asked::Sms => mobile
                .is_some_and(|rest| rest.len() == 9 && rest.bytes().all(|b| b.is_ascii_digit())),
            Asked::Email => self.email_address.contains('@'),
            Asked::Found | Asked::Template => false,
        };
        let body = self.personalisation.get("body").map_or("", String::as_str);
        if asked == Asked::Sms && !valid {
            return Err(("ValidationError", "phone_number Not a UK mobile number"));
        }
        if !valid {
            return Err(("ValidationError", "email_address Not a valid email address"));
        }
        if body.is_empty() {
            return Err(("BadRequestError", "Your message is empty."));
        }
        if asked == Asked::Sms && body.encode_utf16().count() > TEXT_CHARACTERS {
            return Err((
                "BadRequestError",
                "Text messages cannot be longer than 918 characters.",
            ));
        }
        Ok(())
    }
}

/// Whether the token is one that the service would take. Without an API key in the script any signature will do.
fn admit(
    request: &Request,
    key: Option<&Secret>,
    now_seconds: i64,
) -> Result<(), (u16, &'static str)> {
    let token = request
        .bearer()
        .ok_or((401, "Unauthorized: authentication token must be provided"))?;
    let invalid = (403, "Invalid token: signature, api token not found");
    let (signed, tag) = token.rsplit_once('.').ok_or(invalid)?;
    let claims = signed
        .split_once('.')
        .and_then(|(_, claims)| BASE64URL_NOPAD.decode(claims.as_bytes()).ok())
        .and_then(|claims| serde_json::from_slice::<Claims>(&claims).ok())
        .ok_or(invalid)?;
    if now_seconds.abs_diff(claims.iat) > TOLERANCE_SECONDS {
        return Err((
            403,
            "Error: Your system clock must be accurate to within 30 seconds",
        ));
    }
    let Some(key) = key.map(Secret::reveal) else {
        return Ok(());
    };
    let secret_at = key.len().saturating_sub(UUID);
    let service_at = secret_at.saturating_sub(UUID + 1);
    let secret = key.get(secret_at..).unwrap_or("");
    let service = key.get(service_at..secret_at.saturating_sub(1));
    let tag = BASE64URL_NOPAD.decode(tag.as_bytes()).unwrap_or_default();
    let hmac_key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let genuine = hmac::verify(&hmac_key, signed.as_bytes(), &tag).is_ok();
    if genuine && service == Some(claims.iss.as_str()) {
        Ok(())
    } else {
        Err(invalid)
    }
}

/// Every template there may be: of texts in a channel whose path says so, of mails otherwise.
fn template(request: &Request) -> Outcome {
    let id = request.path.rsplit('/').next().unwrap_or("");
    let kind = if request.channel.contains("sms") {
        "sms"
    } else {
        "email"
    };
    let body = json!({
        "id": id, "type": kind, "name": "Incident", "version": 1, "subject": "((subject))", "body": "((body))",
    });
    Outcome::refused(200, body.to_string())
}

fn refused(status: u16, kind: &str, message: &str) -> Outcome {
    Outcome::refused(status, error(status, kind, message))
}

/// The sandbox's own identifier in the form of a UUID.
fn uuid(id: &str) -> String {
    let digits = format!("{id:0>32}").to_ascii_lowercase();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or("");
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_looks_like_one() {
        assert_eq!(uuid("1A2B000001"), "00000000-0000-0000-0000-001a2b000001");
    }
}
