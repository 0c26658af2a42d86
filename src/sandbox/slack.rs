//! Slack's incoming webhooks: one address a room, `ok` or one word of error, all of it plain text.

use serde_json::Value;

use crate::exchange::{Outcome, Request};
use crate::play::ChannelPlay;

const MOST_BLOCKS: usize = 50;
const MOST_OF_A_SECTION: usize = 3_000;

/// The word for a status that a script asks for.
pub(crate) fn error(status: u16) -> &'static str {
    match status {
        400 => "invalid_payload",
        403 => "action_prohibited",
        404 => "no_service",
        410 => "channel_is_archived",
        500..=599 => "rollup_error",
        _ => "",
    }
}

/// Takes a message for the room behind `services/T…/B…/SECRET`.
pub(crate) fn send(request: &Request, secret: &str, play: &ChannelPlay, id: &str) -> Outcome {
    let refused = |status, word: &str| Outcome::refused(status, word.to_owned());
    let expected = play.script.bearer_token.as_ref();
    if expected.is_some_and(|expected| expected.reveal() != secret) {
        return refused(403, "invalid_token");
    }
    let Ok(message @ Value::Object(_)) = serde_json::from_slice(&request.body) else {
        return refused(400, "invalid_payload");
    };
    let blocks = message.get("blocks");
    let text = message.get("text").and_then(Value::as_str).unwrap_or("");
    if text.is_empty() && blocks.is_none() {
        return refused(400, "no_text");
    }
    if blocks.is_some_and(|blocks| !are_sound(blocks)) {
        return refused(400, "invalid_blocks");
    }
    Outcome::taken(200, "ok".to_owned(), id)
}

fn are_sound(blocks: &Value) -> bool {
    let blocks = blocks.as_array().map_or(&[][..], Vec::as_slice);
    (1..=MOST_BLOCKS).contains(&blocks.len()) && blocks.iter().all(is_sound)
}

/// Of the blocks there are, those that carry text.
fn is_sound(block: &Value) -> bool {
    let word = |place: &str| block.pointer(place).and_then(Value::as_str).unwrap_or("");
    let length = word("/text/text").encode_utf16().count();
    let kind = matches!(word("/text/type"), "mrkdwn" | "plain_text");
    word("/type") == "section" && kind && (1..=MOST_OF_A_SECTION).contains(&length)
}
