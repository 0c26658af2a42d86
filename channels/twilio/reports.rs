//! Status callbacks (our reference from the address, what became of the text from the form) and texts that came in.

use super::signature;
use oyez_domain::inbound::{Inbound, Wish};
use oyez_domain::outcome::Reason;
use oyez_domain::parcel::Secret;
use oyez_domain::receipt::{Callback, CallbackRefusal, Receipt, ReceiptKey, ReceiptStatus};
use std::collections::HashMap;

/// The receipt in a callback; none for a status that says nothing new.
pub(super) fn read(
    token: &Secret,
    callback: &Callback<'_>,
) -> Result<Vec<Receipt>, CallbackRefusal> {
    if !signature::is_genuine(token, callback) {
        return Err(CallbackRefusal::Unauthenticated);
    }
    let form: HashMap<_, _> = url::form_urlencoded::parse(callback.body).collect();
    let status = form
        .get("MessageStatus")
        .ok_or(CallbackRefusal::Malformed)?;
    let Some((status, failed)) = said(status) else {
        return Ok(Vec::new());
    };
    let query = callback.url.split_once('?').map_or("", |(_, query)| query);
    let reference = url::form_urlencoded::parse(query.as_bytes())
        .find_map(|(name, value)| (name == "ref").then(|| value.into_owned()))
        .ok_or(CallbackRefusal::Malformed)?;
    let code = form.get("ErrorCode").and_then(|code| code.parse().ok());
    let (status, reason) = match (failed, code) {
        (false, _) => (status, None),
        (true, None) => (status, Some(Reason::Undeliverable)),
        (true, Some(code)) => {
            let (status, reason) = why(code);
            (status, Some(reason))
        }
    };
    Ok(vec![Receipt {
        key: ReceiptKey::Reference(reference),
        status,
        reason,
        // Twilio's own times carry no zone.
        provider_time: None,
    }])
}

/// The text that somebody sent us; nothing where the callback reports a status.
pub(super) fn read_inbound(
    token: &Secret,
    callback: &Callback<'_>,
) -> Result<Option<Inbound>, CallbackRefusal> {
    let form: HashMap<_, _> = url::form_urlencoded::parse(callback.body).collect();
    let (false, Some(from), Some(text)) = (
        form.contains_key("MessageStatus"),
        form.get("From"),
        form.get("Body"),
    ) else {
        return Ok(None);
    };
    if !signature::is_genuine(token, callback) {
        return Err(CallbackRefusal::Unauthenticated);
    }
    let id = form.get("MessageSid").ok_or(CallbackRefusal::Malformed)?;
    // Where the account's own opt-out is on, Twilio has decided already, by the words and languages set there.
    let wish = match form.get("OptOutType").map(AsRef::as_ref) {
        Some("STOP") => Wish::Stop,
        Some("START") => Wish::Start,
        Some("HELP") => Wish::Other,
        Some(_) | None => Wish::of(text),
    };
    Ok(Some(Inbound {
        from: from.to_string(),
        id: id.to_string(),
        wish,
    }))
}

fn said(status: &str) -> Option<(ReceiptStatus, bool)> {
    Some(match status {
        "accepted" | "scheduled" | "queued" | "sending" | "sent" => {
            (ReceiptStatus::Underway, false)
        }
        "delivered" | "read" => (ReceiptStatus::Delivered, false),
        "undelivered" | "failed" | "canceled" | "partially_delivered" => {
            (ReceiptStatus::Undelivered, true)
        }
        _ => return None,
    })
}

/// Whether later news may differ, and why, by Twilio's delivery error codes.
fn why(code: u32) -> (ReceiptStatus, Reason) {
    use ReceiptStatus::{Undelivered, UndeliveredForNow};
    match code {
        30003 => (UndeliveredForNow, Reason::PhoneOff),
        30005 | 30006 => (Undelivered, Reason::NumberInvalid),
        30007 | 30450 => (Undelivered, Reason::Blocked),
        30042 => (Undelivered, Reason::Misconfigured),
        30036 => (Undelivered, Reason::Expired),
        30001 => (UndeliveredForNow, Reason::RateLimited),
        30004 => (Undelivered, Reason::OptedOut),
        _ => (UndeliveredForNow, Reason::Undeliverable),
    }
}
