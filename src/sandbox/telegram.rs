//! Telegram's Bot API: `{"ok": …}` around everything, a number for each message, twenty messages a minute to one group.

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock;
use crate::exchange::{Outcome, Request};
use crate::play::ChannelPlay;
use crate::turns::Turns;

const MOST_UNITS: usize = 4_096;
/// Messages to one group within the window.
const MOST: usize = 20;
const WINDOW: Duration = Duration::from_secs(60);
/// The number that a chat with a name has here.
const NAMED: i64 = -1_001_000_000_001;

/// The API's form of error.
pub(crate) fn error(status: u16) -> String {
    match status {
        400 => said(400, "Bad Request: chat not found"),
        401 => said(401, "Unauthorized"),
        403 => said(403, "Forbidden: bot was kicked from the channel chat"),
        404 => said(404, "Not Found"),
        429 => limited(1),
        _ => said(status, "Internal Server Error"),
    }
}

fn said(status: u16, description: &str) -> String {
    json!({"ok": false, "error_code": status, "description": description}).to_string()
}

fn limited(seconds: u64) -> String {
    json!({
        "ok": false, "error_code": 429, "description": format!("Too Many Requests: retry after {seconds}"),
        "parameters": {"retry_after": seconds},
    })
    .to_string()
}

/// What the bot may know of its chat.
pub(crate) fn describe(request: &Request, token: &str, play: &ChannelPlay) -> Outcome {
    if !is_known(token, play) {
        return Outcome::refused(404, error(404));
    }
    let mut query = url::form_urlencoded::parse(request.query.as_bytes());
    let chat = query
        .find(|(name, _)| name == "chat_id")
        .map(|(_, value)| value);
    let chat = chat.unwrap_or_default();
    let number = chat.parse().ok().or_else(|| number_of(&json!(chat)));
    match number {
        Some(number) => {
            let chat = json!({"id": number, "type": "channel", "title": "Council"});
            Outcome::refused(200, json!({"ok": true, "result": chat}).to_string())
        }
        None => Outcome::refused(400, error(400)),
    }
}

/// Takes a message.
pub(crate) fn send(
    request: &Request,
    token: &str,
    play: &ChannelPlay,
    turns: &Turns,
    id: &str,
) -> Outcome {
    if !is_known(token, play) {
        return Outcome::refused(404, error(404));
    }
    let message: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let text = message
        .get("text")
        .and_then(Value::as_str)
        .unwrap_or("")
        .trim();
    let Some(chat) = message.get("chat_id").and_then(number_of) else {
        return Outcome::refused(400, error(400));
    };
    if text.is_empty() {
        return Outcome::refused(400, said(400, "Bad Request: message text is empty"));
    }
    if text.encode_utf16().count() > MOST_UNITS {
        return Outcome::refused(400, said(400, "Bad Request: message is too long"));
    }
    let turn = turns.take(&request.channel, MOST, WINDOW);
    if !turn.taken {
        let seconds = turn.reset.as_secs() + 1;
        return Outcome::refused(429, limited(seconds))
            .with_header("retry-after", seconds.to_string());
    }
    let result = json!({
        "message_id": turn.number, "date": clock::wall().as_second(), "text": text,
        "chat": {"id": chat, "type": "channel", "title": "Council"},
    });
    Outcome::taken(200, json!({"ok": true, "result": result}).to_string(), id)
}

/// The number of a chat that is given by name or by number.
fn number_of(chat: &Value) -> Option<i64> {
    let named = chat
        .as_str()
        .is_some_and(|name| name.len() > 1 && name.starts_with('@'));
    if named { Some(NAMED) } else { chat.as_i64() }
}

fn is_known(token: &str, play: &ChannelPlay) -> bool {
    let expected = play.script.bearer_token.as_ref();
    token.contains(':') && expected.is_none_or(|expected| expected.reveal() == token)
}
