//! Vonage's SMS API: 200 to everything, and inside a status for each part.

use std::collections::HashMap;

use serde_json::json;

use crate::exchange::{Outcome, Request};
use crate::play::ChannelPlay;
use crate::receipts::{Callback, Form, Taken};

type Fields = HashMap<String, String>;

fn fields(request: &Request) -> Fields {
    url::form_urlencoded::parse(&request.body)
        .into_owned()
        .collect()
}

fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map_or("", String::as_str)
}

pub(crate) fn to_and_key(request: &Request) -> (String, String) {
    let fields = fields(request);
    (
        field(&fields, "to").to_owned(),
        field(&fields, "client-ref").to_owned(),
    )
}

/// The API's form of error, which comes with status 200 from the API itself.
pub(crate) fn error(status: &str, text: &str) -> String {
    json!({"message-count": "1", "messages": [{"status": status, "error-text": text}]}).to_string()
}

/// What is left to spend.
pub(crate) fn balance() -> Outcome {
    Outcome::refused(200, json!({"value": 31.4, "autoReload": false}).to_string())
}

/// Takes a text.
pub(crate) fn send(request: &Request, play: &ChannelPlay, id: &str) -> Outcome {
    let fields = fields(request);
    let refused = |status, text| Outcome::refused(200, error(status, text));
    let secret = play.script.bearer_token.as_ref();
    let (to, text) = (field(&fields, "to"), field(&fields, "text"));
    if field(&fields, "api_key").is_empty()
        || secret.is_some_and(|secret| secret.reveal() != field(&fields, "api_secret"))
    {
        return refused("4", "Bad Credentials");
    }
    if text.is_empty() || field(&fields, "from").is_empty() {
        return refused("2", "Missing parameters");
    }
    if !(8..=15).contains(&to.len()) || !to.bytes().all(|byte| byte.is_ascii_digit()) {
        return refused("6", "Invalid message or number");
    }
    let parts = parts(text);
    let entry = |part: usize| {
        let message_id = format!("{id}{part:02}");
        json!({"to": to, "message-id": message_id, "status": "0", "remaining-balance": "31.4", "network": "23410"})
    };
    let entries: Vec<_> = (0..parts).map(entry).collect();
    let body = json!({"message-count": parts.to_string(), "messages": entries});
    let first = format!("{id}00");
    let taken = Taken {
        channel: request.channel.clone(),
        to: to.to_owned(),
        id: first.clone(),
        reference: field(&fields, "client-ref").to_owned(),
        form: Form::Vonage,
    };
    let callback = Callback::read(field(&fields, "callback"));
    Outcome {
        receipt: callback.map(|callback| (callback, taken)),
        ..Outcome::taken(200, body.to_string(), &first)
    }
}

/// Near enough for an answer: what exactly makes a part is for the sender to count.
fn parts(text: &str) -> usize {
    match text.chars().count() {
        0..=160 => 1,
        more => more.div_ceil(153),
    }
}
