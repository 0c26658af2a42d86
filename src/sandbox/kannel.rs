//! Kannel's `sendsms` page: everything in the address, answers in plain text, reports to the address it was given.

use std::collections::HashMap;

use crate::exchange::{Outcome, Request};
use crate::play::ChannelPlay;
use crate::receipts::{Callback, Form, Taken};

type Fields = HashMap<String, String>;

fn fields(request: &Request) -> Fields {
    let query = url::form_urlencoded::parse(request.query.as_bytes());
    query.into_owned().collect()
}

fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map_or("", String::as_str)
}

pub(crate) fn to_and_key(request: &Request) -> (String, String) {
    let fields = fields(request);
    (field(&fields, "to").to_owned(), reference(&fields))
}

/// Our reference stands in the address of the reports only.
fn reference(fields: &Fields) -> String {
    let url = field(fields, "dlr-url");
    let query = url.split_once('?').map_or("", |(_, query)| query);
    url::form_urlencoded::parse(query.as_bytes())
        .find_map(|(name, value)| (name == "ref").then(|| value.into_owned()))
        .unwrap_or_default()
}

/// Kannel's own words for a status that a script asks for.
pub(crate) fn error(status: u16) -> String {
    let text = match status {
        403 => "Authorization failed for sendsms",
        503 => "Temporal failure, try again later.",
        _ => "Rejected",
    };
    text.to_owned()
}

/// Takes a text.
pub(crate) fn send(request: &Request, play: &ChannelPlay, id: &str) -> Outcome {
    let fields = fields(request);
    let password = play.script.bearer_token.as_ref();
    let known = !field(&fields, "username").is_empty()
        && password.is_none_or(|password| password.reveal() == field(&fields, "password"));
    if !known {
        return Outcome::refused(403, error(403));
    }
    if field(&fields, "to").is_empty() {
        return Outcome::refused(400, "Missing receiver number, rejected".to_owned());
    }
    if field(&fields, "text").is_empty() {
        return Outcome::refused(400, "Missing text, rejected".to_owned());
    }
    let taken = Taken {
        channel: request.channel.clone(),
        to: field(&fields, "to").to_owned(),
        id: id.to_owned(),
        reference: reference(&fields),
        form: Form::Kannel,
    };
    let callback = Callback::read(field(&fields, "dlr-url"));
    Outcome {
        receipt: callback.map(|callback| (callback, taken)),
        ..Outcome::taken(202, "0: Accepted for delivery".to_owned(), id)
    }
}
