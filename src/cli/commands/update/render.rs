//! `oyez update render`: each channel's text, and its length against the limit. Sends nothing.

use crate::args::Global;
use crate::door::{self, Need};
use crate::exit::Exit;
use crate::terminal::{self, count, word};
use serde_json::{Value, json};

/// Shows how an update will look and fit on each channel.
pub(super) async fn run(update: &str, global: &Global) -> anyhow::Result<Exit> {
    door::through(global, Need::Read, async |door| {
        let previews = door
            .post(&["updates", update, "render"], &json!({}), None)
            .await?;
        terminal::data(global.json, &previews, || text(&previews))?;
        Ok(verdict(&previews))
    })
    .await
}

/// Whether every channel can carry it.
pub(super) fn verdict(previews: &Value) -> Exit {
    let fits = door::rows(previews)
        .iter()
        .all(|preview| refusal(preview).is_none());
    if fits { Exit::Done } else { Exit::Problems }
}

/// Every channel's version, one below the other.
pub(super) fn text(previews: &Value) -> String {
    let previews: Vec<_> = door::rows(previews).iter().map(version).collect();
    if previews.is_empty() {
        "No channel is switched on.".to_owned()
    } else {
        previews.join("\n\n")
    }
}

fn version(preview: &Value) -> String {
    let [channel, kind, language] = ["channel", "kind", "language"].map(|key| word(preview, key));
    match refusal(preview) {
        Some(why) => format!("== {channel} ({kind}, {language})  DOES NOT FIT: {why}"),
        None => format!(
            "== {channel} ({kind}, {language})  {}\n{}",
            fit(preview),
            word(preview, "text")
        ),
    }
}

fn refusal(preview: &Value) -> Option<&str> {
    preview.pointer("/refusal/detail").and_then(Value::as_str)
}

/// `2 of 3 parts, gsm7`, and what was changed so that the channel can carry it.
fn fit(preview: &Value) -> String {
    let number = |key: &str| {
        preview
            .pointer(&format!("/fit/{key}"))
            .and_then(Value::as_u64)
    };
    let unit = match preview.pointer("/fit/unit").and_then(Value::as_str) {
        Some("grapheme") => "characters",
        Some("part") => "parts",
        Some(_) | None => "bytes",
    };
    let length = count(number("length").unwrap_or(0));
    let mut text = match number("limit") {
        Some(limit) => format!("{length} of {} {unit}", count(limit)),
        None => format!("{length} {unit}"),
    };
    let encoding = preview
        .pointer("/fit/encoding")
        .and_then(Value::as_str)
        .unwrap_or("");
    let notes = preview
        .pointer("/fit/notes")
        .map(door::rows)
        .unwrap_or_default();
    for note in std::iter::once(encoding)
        .chain(notes.iter().filter_map(Value::as_str))
        .filter(|note| !note.is_empty())
    {
        text.push_str(&format!(", {note}"));
    }
    text
}
