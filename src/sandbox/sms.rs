//! An SMS gateway as many vendors build them: JSON in, 202 with an id, a receipt to the callback address later.

use serde::{Deserialize, Serialize};

use crate::exchange::{Outcome, Request};
use crate::play::ChannelPlay;
use crate::receipts::{Callback, Form, Taken};

/// The body of a send request. Everything is optional here, so that each fault gets its own error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    to: String,
    text: String,
    reference: String,
    callback_url: Option<String>,
}

#[derive(Serialize)]
struct Queued<'a> {
    id: &'a str,
    status: &'static str,
}

#[derive(Serialize)]
struct Refusal<'a> {
    code: &'a str,
    message: &'a str,
}

impl Message {
    fn read(request: &Request) -> Option<Self> {
        serde_json::from_slice(&request.body).ok()
    }
}

pub(crate) fn to_and_key(request: &Request) -> (String, String) {
    let message = Message::read(request).unwrap_or_default();
    (message.to, message.reference)
}

/// The gateway's form of error: `{"code": …, "message": …}`.
pub(crate) fn error(code: &str, message: &str) -> String {
    serde_json::to_string(&Refusal { code, message }).unwrap_or_default()
}

/// Takes a message. The gateway knows no idempotency: the same reference again is a second message.
pub(crate) fn send(request: &Request, play: &ChannelPlay, id: &str) -> Outcome {
    let refused = |status, code, message| Outcome::refused(status, error(code, message));
    let token = play.script.bearer_token.as_ref();
    if token.is_some_and(|token| request.bearer() != Some(token.reveal())) {
        return refused(401, "unauthorised", "The token is missing or wrong");
    }
    let Some(message) = Message::read(request) else {
        return refused(
            400,
            "invalid_request",
            "The body is not the JSON of a message",
        );
    };
    if !is_number(&message.to) {
        return refused(
            400,
            "invalid_number",
            "The number is not a mobile number in the form +447700900000",
        );
    }
    if message.text.is_empty() {
        return refused(400, "invalid_request", "The text is empty");
    }
    let callback = message.callback_url.as_deref().map(Callback::read);
    if callback == Some(None) {
        return refused(
            400,
            "invalid_callback_url",
            "The sandbox calls http addresses of this machine only",
        );
    }
    let body = serde_json::to_string(&Queued {
        id,
        status: "queued",
    })
    .unwrap_or_default();
    let taken = Taken {
        channel: request.channel.clone(),
        to: message.to,
        id: id.to_owned(),
        reference: message.reference,
        form: Form::Gateway,
    };
    Outcome {
        receipt: callback.flatten().map(|callback| (callback, taken)),
        ..Outcome::taken(202, body, id)
    }
}

/// E.164: a plus sign and 8 to 15 digits.
fn is_number(to: &str) -> bool {
    to.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}
