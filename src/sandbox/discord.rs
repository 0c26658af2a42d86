//! Discord's webhooks: a message for each that is sent, codes for what is wrong, and limits that every answer tells.

use std::time::Duration;

use serde_json::{Value, json};

use crate::exchange::{Outcome, Request};
use crate::play::ChannelPlay;
use crate::turns::{Turn, Turns};

const MOST_CHARACTERS: usize = 2_000;
/// Messages of one webhook within the window.
const MOST: usize = 5;
const WINDOW: Duration = Duration::from_secs(2);

/// The API's form of error, with the code that a status usually comes with.
pub(crate) fn error(status: u16) -> String {
    let (code, message) = match status {
        400 => (50_035, "Invalid Form Body"),
        401 => (50_027, "Invalid Webhook Token"),
        404 => (10_015, "Unknown Webhook"),
        429 => return limited(1.0),
        500..=599 => (0, "Internal Server Error"),
        _ => (0, "Refused"),
    };
    coded(code, message)
}

fn coded(code: u32, message: &str) -> String {
    json!({"code": code, "message": message}).to_string()
}

fn limited(seconds: f64) -> String {
    let message = "You are being rate limited.";
    json!({"message": message, "retry_after": seconds, "global": false}).to_string()
}

/// What anybody who has the address may know of the webhook.
pub(crate) fn describe(id: &str, token: &str, play: &ChannelPlay) -> Outcome {
    if !is_known(token, play) {
        return Outcome::refused(401, error(401));
    }
    let body = json!({"id": id, "type": 1, "name": "Council", "channel_id": "1", "token": token});
    Outcome::refused(200, body.to_string())
}

/// Takes a message; the answer has it only where the address asks to wait.
pub(crate) fn send(
    request: &Request,
    token: &str,
    play: &ChannelPlay,
    turns: &Turns,
    id: &str,
) -> Outcome {
    if !is_known(token, play) {
        return Outcome::refused(401, error(401));
    }
    let message: Value = match serde_json::from_slice(&request.body) {
        Ok(message @ Value::Object(_)) => message,
        _ => {
            return Outcome::refused(
                400,
                coded(50_109, "The request body contains invalid JSON."),
            );
        }
    };
    let content = message.get("content").and_then(Value::as_str).unwrap_or("");
    if content.trim().is_empty() && message.get("embeds").is_none() {
        return Outcome::refused(400, coded(50_006, "Cannot send an empty message"));
    }
    if content.chars().count() > MOST_CHARACTERS {
        return Outcome::refused(400, error(400));
    }
    let turn = turns.take(&request.channel, MOST, WINDOW);
    if turn.taken {
        with_limits(stored(request, &message, id), &turn)
    } else {
        let seconds = turn.reset.as_secs_f64();
        let outcome = Outcome::refused(429, limited(seconds))
            .with_header("retry-after", format!("{:.0}", seconds.ceil()))
            .with_header("x-ratelimit-scope", "user");
        with_limits(outcome, &turn)
    }
}

/// The message, where the address asks to wait for it.
fn stored(request: &Request, message: &Value, id: &str) -> Outcome {
    let waits = url::form_urlencoded::parse(request.query.as_bytes())
        .any(|(name, value)| name == "wait" && value == "true");
    if !waits {
        return Outcome::taken(204, String::new(), id);
    }
    let content = message.get("content");
    let mentions = message
        .pointer("/allowed_mentions/parse")
        .and_then(Value::as_array);
    let silent = mentions.is_some_and(Vec::is_empty);
    let calls = content
        .and_then(Value::as_str)
        .unwrap_or("")
        .contains("@everyone");
    let body = json!({
        "id": id, "type": 0, "channel_id": "1", "content": content, "mention_everyone": calls && !silent,
    });
    Outcome::taken(200, body.to_string(), id)
}

fn with_limits(outcome: Outcome, turn: &Turn) -> Outcome {
    outcome
        .with_header("x-ratelimit-limit", MOST.to_string())
        .with_header("x-ratelimit-remaining", turn.left.to_string())
        .with_header(
            "x-ratelimit-reset-after",
            format!("{:.3}", turn.reset.as_secs_f64()),
        )
        .with_header("x-ratelimit-bucket", "sandbox")
}

fn is_known(token: &str, play: &ChannelPlay) -> bool {
    let expected = play.script.bearer_token.as_ref();
    expected.is_none_or(|expected| expected.reveal() == token)
}
