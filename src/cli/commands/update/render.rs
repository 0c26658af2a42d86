//! `oyez update render`: each channel's text, and its length against the limit. Sends nothing.

use crate::args::Global;
use crate::door::{self, Need};
use crate::exit::Exit;
use crate::terminal::{self, count, word};
use oyez_domain::channel::LengthUnit;
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
    let (refusal, text) = (refusal(preview), word(preview, "text"));
    let says = match refusal {
        Some(why) if text.is_empty() => format!("DOES NOT FIT: {why}"),
        Some(_) => format!("NEEDS --accept-folding: {}", measure(preview)),
        None => measure(preview),
    };
    let notes = preview
        .pointer("/fit/notes")
        .map(door::rows)
        .unwrap_or_default();
    let notes = notes.iter().filter_map(Value::as_str);
    let lines = std::iter::once(format!("== {channel} ({kind}, {language})  {says}"))
        .chain(notes.map(|note| format!("   {note}")))
        .chain((!text.is_empty()).then(|| text.trim_end().to_owned()));
    lines.collect::<Vec<_>>().join("\n")
}

fn refusal(preview: &Value) -> Option<&str> {
    preview.pointer("/refusal/detail").and_then(Value::as_str)
}

/// `1 of at most 6 parts, 143 of 160 characters, gsm7, 2.4p each`.
fn measure(preview: &Value) -> String {
    let number = |key: &str| {
        preview
            .pointer(&format!("/fit/{key}"))
            .and_then(Value::as_u64)
    };
    let word = |key: &str| {
        preview
            .pointer(&format!("/fit/{key}"))
            .and_then(Value::as_str)
    };
    let length = count(number("length").unwrap_or(0));
    let unit = |length| words(word("unit").unwrap_or(""), length);
    let mut text = match number("limit") {
        Some(limit) => format!("{length} of at most {} {}", count(limit), unit(limit)),
        None => format!("{length} {}", unit(number("length").unwrap_or(0))),
    };
    if let (Some(units), Some(room), Some(encoding)) =
        (number("units"), number("room"), word("encoding"))
    {
        text.push_str(&format!(", {units} of {room} characters, {encoding}"));
    }
    let price = preview.get("price_pence").and_then(Value::as_f64);
    if let Some(pence) = price.filter(|pence| *pence > 0.0) {
        text.push_str(&format!(", {pence:.1}p each"));
    }
    text
}

/// What people call so many of a unit.
fn words(unit: &str, length: u64) -> &'static str {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    let unit = serde_json::from_value(unit.into()).unwrap_or(LengthUnit::Byte);
    unit.label(length)
}
