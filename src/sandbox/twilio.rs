//! Twilio: signed in with account and token, texts queued with a `sid`, errors with codes of their own.

use std::collections::HashMap;

use data_encoding::BASE64;
use serde_json::json;

use crate::exchange::{Outcome, Request};
use crate::play::ChannelPlay;
use crate::receipts::{Callback, Form, Taken};

/// Characters of a text at most.
const TEXT_CHARACTERS: usize = 1600;

type Fields = HashMap<String, String>;

fn fields(request: &Request) -> Fields {
    url::form_urlencoded::parse(&request.body)
        .into_owned()
        .collect()
}

fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map_or("", String::as_str)
}

/// The account in `2010-04-01/Accounts/AC…` and what follows it.
fn account(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("2010-04-01/Accounts/")?;
    let end = rest.find(['/', '.'])?;
    Some(rest.split_at(end))
}

/// Whether a path is one of those that are played.
pub(crate) fn serves(path: &str, post: bool) -> bool {
    match account(path) {
        Some((_, "/Messages.json")) => post,
        Some((_, ".json" | "/Balance.json")) => !post,
        Some(_) => false,
        None => !post && senders(path).is_some(),
    }
}

/// The list of a messaging service in `v1/Services/MG…/LIST`, under the name that it has in the answer.
fn senders(path: &str) -> Option<&'static str> {
    let (service, list) = path.strip_prefix("v1/Services/")?.split_once('/')?;
    let name = match list {
        "PhoneNumbers" => "phone_numbers",
        "AlphaSenders" => "alpha_senders",
        "ShortCodes" => "short_codes",
        _ => return None,
    };
    service.starts_with("MG").then_some(name)
}

pub(crate) fn to_and_key(request: &Request) -> (String, String) {
    let fields = fields(request);
    (field(&fields, "To").to_owned(), reference(&fields))
}

/// Our reference stands in the address of the status callback only.
fn reference(fields: &Fields) -> String {
    let url = field(fields, "StatusCallback");
    let query = url.split_once('?').map_or("", |(_, query)| query);
    url::form_urlencoded::parse(query.as_bytes())
        .find_map(|(name, value)| (name == "ref").then(|| value.into_owned()))
        .unwrap_or_default()
}

/// The API's form of error.
pub(crate) fn error(status: u16, code: u32, message: &str) -> String {
    let more_info = format!("https://www.twilio.com/docs/errors/{code}");
    json!({"code": code, "message": message, "more_info": more_info, "status": status}).to_string()
}

/// The code for a status that a script asks for.
pub(crate) fn code(status: u16) -> u32 {
    match status {
        429 => 20429,
        401 | 403 => 20003,
        500..=599 => 20000 + u32::from(status),
        _ => 21200,
    }
}

/// Takes a message, or shows the account.
pub(crate) fn answer(request: &Request, path: &str, play: &ChannelPlay, id: &str) -> Outcome {
    let refused = |status, code, message| Outcome::refused(status, error(status, code, message));
    let (sid, _) = account(path).unwrap_or_default();
    if !is_signed_in(request, sid, play) {
        return refused(401, 20003, "Authenticate");
    }
    if let Some(list) = senders(path) {
        let sender = json!({"sid": format!("PN{id:0>32}"), "phone_number": "+447700900999"});
        let sender = Some(sender).filter(|_| list == "phone_numbers");
        let body = json!({list: Vec::from_iter(sender), "meta": {"page": 0, "page_size": 50, "key": list}});
        return Outcome::refused(200, body.to_string());
    }
    if path.ends_with("/Balance.json") {
        let body = json!({"account_sid": sid, "balance": "62.50", "currency": "GBP"});
        return Outcome::refused(200, body.to_string());
    }
    if path.ends_with("/Messages.json") {
        send(request, id)
    } else {
        let body = json!({"sid": sid, "status": "active", "friendly_name": "sandbox"});
        Outcome::refused(200, body.to_string())
    }
}

/// Any password will do unless the script names one.
fn is_signed_in(request: &Request, sid: &str, play: &ChannelPlay) -> bool {
    let given = request
        .header("authorization")
        .strip_prefix("Basic ")
        .and_then(|given| BASE64.decode(given.as_bytes()).ok())
        .and_then(|given| String::from_utf8(given).ok());
    let Some((user, password)) = given.as_deref().and_then(|given| given.split_once(':')) else {
        return false;
    };
    let token = play.script.bearer_token.as_ref();
    // A messaging service is asked for without the account's name in the path.
    let known = user == sid || user.starts_with("SK") || (sid.is_empty() && user.starts_with("AC"));
    known && token.is_none_or(|token| token.reveal() == password)
}

fn send(request: &Request, id: &str) -> Outcome {
    let fields = fields(request);
    let (to, text) = (field(&fields, "To"), field(&fields, "Body"));
    let refused = |code, message| Outcome::refused(400, error(400, code, message));
    if !is_number(to) {
        return refused(21211, "The 'To' number is not a valid phone number.");
    }
    if text.is_empty() {
        return refused(21602, "Message body is required.");
    }
    if text.chars().count() > TEXT_CHARACTERS {
        return refused(
            21617,
            "The concatenated message body exceeds the 1600 character limit",
        );
    }
    let service = field(&fields, "MessagingServiceSid");
    if service.is_empty() && field(&fields, "From").is_empty() {
        return refused(21603, "A 'From' phone number is required");
    }
    let sid = format!("SM{id:0>32}")
        .to_ascii_lowercase()
        .replacen("sm", "SM", 1);
    let status = if service.is_empty() {
        "queued"
    } else {
        "accepted"
    };
    let body = json!({
        "sid": sid, "status": status, "to": to, "body": text, "num_segments": "0", "error_code": null,
        "direction": "outbound-api",
    });
    let callback = Callback::read(field(&fields, "StatusCallback"));
    let taken = Taken {
        channel: request.channel.clone(),
        to: to.to_owned(),
        id: sid.clone(),
        reference: reference(&fields),
        form: Form::Twilio,
    };
    Outcome {
        receipt: callback.map(|callback| (callback, taken)),
        ..Outcome::taken(201, body.to_string(), &sid)
    }
}

/// E.164.
fn is_number(to: &str) -> bool {
    to.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}
