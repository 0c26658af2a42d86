//! What is sent to a gateway: a template with variables, each escaped for the form it stands in.

use oyez_domain::Refusal;
use oyez_domain::rendered::{Personal, Piece};
use serde::Deserialize;
use std::borrow::Cow;
use std::fmt::Write;

/// The form of the request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyKind {
    /// JSON in the body.
    Json,
    /// A form in the body.
    Form,
    /// Parameters added to the URL.
    Query,
}

/// What is sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Its form.
    pub kind: BodyKind,
    /// Its text with variables: `{to}` (+447…), `{to_plain}` (447…), `{text}`, `{from}`, `{ref}` (the delivery's
    /// reference), `{parts}`, `{encoding}` (`gsm7` or `ucs2`), `{callback_url}`.
    pub template: String,
}

/// Values that are the same for everybody.
pub(crate) struct Common<'a> {
    pub(crate) text: &'a str,
    pub(crate) from: &'a str,
    pub(crate) parts: u32,
    pub(crate) encoding: &'a str,
    pub(crate) callback_url: &'a str,
}

/// A stretch of a template.
enum Stretch<'a> {
    Plain(&'a str),
    Variable(&'a str),
}

impl BodyKind {
    /// A value that cannot end its place in this form.
    pub(crate) fn escape<'a>(self, value: &'a str) -> Cow<'a, str> {
        match self {
            Self::Json => json(value),
            Self::Form | Self::Query => url::form_urlencoded::byte_serialize(value.as_bytes())
                .collect::<String>()
                .into(),
        }
    }

    /// The header that goes with it.
    pub(crate) fn content_type(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("application/json"),
            Self::Form => Some("application/x-www-form-urlencoded"),
            Self::Query => None,
        }
    }
}

impl Body {
    /// Every fault in the template.
    pub(crate) fn check(&self) -> Vec<Refusal> {
        let mut faults = unknown_variables("body.template", &self.template);
        let mut refuse =
            |code: &str, why: &str| faults.push(Refusal::new("body.template", code, why));
        if !self.uses("to") && !self.uses("to_plain") {
            refuse(
                "missing",
                "it names no recipient; put {to} or {to_plain} where the number goes",
            );
        }
        if self.uses("to") && self.uses("to_plain") {
            refuse("ambiguous", "use {to} or {to_plain}, not both");
        }
        if !self.uses("text") {
            refuse(
                "missing",
                "it says nothing; put {text} where the message goes",
            );
        }
        if self.kind == BodyKind::Json && !self.is_json() {
            refuse(
                "malformed_json",
                "it is not JSON; put variables inside quotation marks",
            );
        }
        faults
    }

    /// Whether a variable occurs.
    pub(crate) fn uses(&self, name: &str) -> bool {
        stretches(&self.template).any(|s| matches!(s, Stretch::Variable(found) if found == name))
    }

    /// The template with everything filled in but the personal parts.
    pub(crate) fn pieces(&self, common: &Common<'_>) -> Vec<Piece> {
        let (mut pieces, mut fixed) = (Vec::new(), String::new());
        for stretch in stretches(&self.template) {
            let personal = match stretch {
                Stretch::Plain(text) => {
                    fixed.push_str(text);
                    continue;
                }
                Stretch::Variable("to" | "to_plain") => Personal::Address,
                Stretch::Variable("ref") => Personal::Reference,
                Stretch::Variable(name) => {
                    fixed.push_str(&self.kind.escape(&common.value(name)));
                    continue;
                }
            };
            if !fixed.is_empty() {
                pieces.push(Piece::Fixed(std::mem::take(&mut fixed).into_bytes()));
            }
            pieces.push(Piece::Personal(personal));
        }
        if !fixed.is_empty() {
            pieces.push(Piece::Fixed(fixed.into_bytes()));
        }
        pieces
    }

    fn is_json(&self) -> bool {
        let filled: String = stretches(&self.template)
            .map(|stretch| match stretch {
                Stretch::Plain(text) => text,
                Stretch::Variable(_) => "1",
            })
            .collect();
        serde_json::from_str::<serde_json::Value>(&filled).is_ok_and(|value| value.is_object())
    }
}

impl Common<'_> {
    fn value(&self, name: &str) -> Cow<'_, str> {
        match name {
            "text" => self.text.into(),
            "from" => self.from.into(),
            "parts" => self.parts.to_string().into(),
            "encoding" => self.encoding.into(),
            "callback_url" => self.callback_url.into(),
            // `check` let no other name through.
            _ => "".into(),
        }
    }
}

/// A header's value with `{ref}` filled in.
pub(crate) fn header(template: &str, reference: &str) -> String {
    template.replace("{ref}", reference)
}

/// A fault for every `{name}` that is no variable.
fn unknown_variables(field: &str, template: &str) -> Vec<Refusal> {
    let mut faults = Vec::new();
    let mut rest = template;
    while let Some((_, tail)) = rest.split_once('{') {
        rest = tail;
        let Some((name, _)) = tail.split_once('}') else {
            break;
        };
        let looks_like_one =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if looks_like_one && !VARIABLES.contains(&name) {
            let known = VARIABLES.join("}, {");
            let why = format!("there is no variable {{{name}}}; there are {{{known}}}");
            faults.push(Refusal::new(field, "unknown_variable", why));
        }
    }
    faults
}

const VARIABLES: [&str; 8] = [
    "to",
    "to_plain",
    "text",
    "from",
    "ref",
    "parts",
    "encoding",
    "callback_url",
];

/// Cuts a template at its variables. Braces that hold no variable's name are text: JSON is full of them.
fn stretches(template: &str) -> impl Iterator<Item = Stretch<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let variable = |at: usize| {
            let (name, _) = rest.get(at + 1..)?.split_once('}')?;
            VARIABLES.contains(&name).then_some(name)
        };
        let found = rest
            .match_indices('{')
            .find_map(|(at, _)| variable(at).map(|name| (at, name)));
        let (stretch, taken) = match found {
            Some((0, name)) => (Stretch::Variable(name), name.len() + 2),
            Some((at, _)) => (Stretch::Plain(rest.get(..at)?), at),
            None => (Stretch::Plain(rest), rest.len()),
        };
        rest = rest.get(taken..)?;
        Some(stretch)
    })
}

/// The inside of a JSON string (RFC 8259 §7).
fn json(value: &str) -> Cow<'_, str> {
    let special = |c: char| c == '"' || c == '\\' || c.is_control();
    if !value.contains(special) {
        return value.into();
    }
    let mut escaped = String::with_capacity(value.len() + 8);
    for sign in value.chars() {
        match sign {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            sign if sign.is_control() => {
                // Writing to a string cannot fail.
                write!(escaped, "\\u{:04x}", u32::from(sign)).unwrap_or_default();
            }
            sign => escaped.push(sign),
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use oyez_domain::channel::LengthUnit;
    use oyez_domain::rendered::{Fit, Rendered};

    const COMMON: Common<'static> = Common {
        text: "\"Stay in\" & ring 020\\7641\n{to} £5+ŵ",
        from: "WCC",
        parts: 2,
        encoding: "ucs2",
        callback_url: "https://x.example/callbacks/sms?a=b&c=d",
    };

    fn fill(kind: BodyKind, template: &str) -> String {
        let body = Body {
            kind,
            template: template.to_owned(),
        };
        assert_eq!(body.check(), [], "{template}");
        let fit = Fit::plain(0, None, LengthUnit::Part);
        let rendered = Rendered {
            pieces: body.pieces(&COMMON),
            preview: String::new(),
            fit,
        };
        let bytes = rendered.splice(|part| match part {
            Personal::Address => kind.escape("+447700900123").into_owned().into(),
            Personal::Reference => "r1".into(),
            Personal::StopToken | Personal::Time => "".into(),
        });
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_text_arrives_in_json_as_it_was_written() {
        let sent = fill(
            BodyKind::Json,
            r#"{"m":{"to":"{to}","t":"{text}"},"r":"{ref}","n":{parts},"cb":"{callback_url}"}"#,
        );
        let value: serde_json::Value = serde_json::from_str(&sent).unwrap();
        assert_eq!(value["m"]["t"], COMMON.text);
        assert_eq!(value["m"]["to"], "+447700900123");
        assert_eq!((&value["r"], &value["n"]), (&"r1".into(), &2.into()));
        assert_eq!(value["cb"], COMMON.callback_url);
    }

    #[test]
    fn a_text_arrives_in_a_form_as_it_was_written() {
        let sent = fill(BodyKind::Form, "To={to}&Body={text}&Ref={ref}");
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(sent.as_bytes())
            .into_owned()
            .collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            pairs,
            [
                pair("To", "+447700900123"),
                pair("Body", COMMON.text),
                pair("Ref", "r1")
            ]
        );
    }

    #[test]
    fn a_template_with_a_slip_is_refused() {
        for (template, code) in [
            (r#"{"to":"{to}","text":"{txet}"}"#, "unknown_variable"),
            (r#"{"to":"{to}"}"#, "missing"),
            (r#"{"text":"{text}"}"#, "missing"),
            (r#"{"to":"{to}","text":"{text}""#, "malformed_json"),
            (
                r#"{"a":"{to}","b":"{to_plain}","text":"{text}"}"#,
                "ambiguous",
            ),
        ] {
            let body = Body {
                kind: BodyKind::Json,
                template: template.to_owned(),
            };
            assert!(
                body.check().iter().any(|fault| fault.code == code),
                "{template}"
            );
        }
    }
}
