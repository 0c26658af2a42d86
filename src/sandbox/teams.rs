//! Microsoft Teams behind a Workflow's webhook: 202 to what starts the workflow, whatever becomes of it then.

use serde_json::{Value, json};

use crate::exchange::{Outcome, Request};
use crate::play::ChannelPlay;

/// Bytes of a message once it is expanded. The workflow that gets more fails, and tells nobody.
const MOST_BYTES: usize = 28_672;
/// What a body of 24,453 bytes was seen to become.
const EXPANDED: (usize, usize) = (28_897, 24_453);
const CARD: &str = "application/vnd.microsoft.card.adaptive";

/// The workflow's form of error.
pub(crate) fn error(status: u16) -> String {
    let (code, message) = match status {
        400 => (
            "TriggerInputSchemaMismatch",
            "The input does not match the schema of the trigger",
        ),
        401 => (
            "DirectApiAuthorizationRequired",
            "The request must be signed",
        ),
        404 => ("WorkflowNotFound", "The workflow could not be found"),
        429 => ("TooManyRequests", "Rate limit is exceeded"),
        _ => (
            "InternalServerError",
            "The server encountered an internal error",
        ),
    };
    json!({"error": {"code": code, "message": message}}).to_string()
}

/// Starts the workflow. What cannot be shown starts it too, but reaches nobody.
pub(crate) fn send(request: &Request, play: &ChannelPlay, id: &str) -> Outcome {
    let mut query = url::form_urlencoded::parse(request.query.as_bytes());
    let signature = query
        .find(|(name, _)| name == "sig")
        .map(|(_, value)| value);
    let expected = play.script.bearer_token.as_ref();
    match signature {
        Some(given) if expected.is_none_or(|expected| expected.reveal() == given) => {}
        Some(_) | None => return Outcome::refused(401, error(401)),
    }
    let Ok(message @ Value::Object(_)) = serde_json::from_slice(&request.body) else {
        return Outcome::refused(400, error(400));
    };
    if message
        .get("attachments")
        .and_then(Value::as_array)
        .is_none()
    {
        return Outcome::refused(400, error(400));
    }
    let fits = request.body.len() * EXPANDED.0 / EXPANDED.1 <= MOST_BYTES;
    if fits && is_shown(&message) {
        Outcome::taken(202, String::new(), id)
    } else {
        Outcome::refused(202, String::new())
    }
}

/// Whether there is a card of a version that Teams shows, with text in it.
fn is_shown(message: &Value) -> bool {
    let word = |place: &str| message.pointer(place).and_then(Value::as_str).unwrap_or("");
    let at = |place: &str| word(&format!("/attachments/0/{place}")).to_owned();
    let version = at("content/version");
    let text = at("content/body/0/text");
    word("/type") == "message"
        && at("contentType") == CARD
        && at("content/type") == "AdaptiveCard"
        && matches!(version.as_str(), "1.0" | "1.1" | "1.2" | "1.3" | "1.4")
        && !text.is_empty()
}
