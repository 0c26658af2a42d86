//! Just so much MIME (RFC 2045, RFC 2046) as it takes to look into a mail that came back, and within bounds.
//!
//! Anybody can send a mail to the address that bounces return to. Therefore nothing here calls itself without an end: a
//! mail is looked into [`DEEPEST`] levels deep, and a message inside a message is read for its headers only.

use data_encoding::{BASE64, BASE64_NOPAD};
use std::borrow::Cow;

/// Levels of parts within parts.
const DEEPEST: usize = 4;
/// Parts looked at in all.
const MOST_PARTS: usize = 32;
/// Header fields looked at in one part.
const MOST_FIELDS: usize = 200;

/// A mail or one part of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Entity<'a> {
    fields: Vec<Field<'a>>,
    body: &'a str,
}

/// One header field, unfolded.
#[derive(Debug, Clone)]
struct Field<'a> {
    name: &'a str,
    value: Cow<'a, str>,
}

impl<'a> Entity<'a> {
    /// Reads fields up to the first empty line; the rest is the body. What is no field is passed over.
    pub(super) fn read(text: &'a str) -> Self {
        let mut fields: Vec<Field<'a>> = Vec::new();
        let mut body = "";
        let mut rest = text;
        while let Some((line, after)) = next_line(rest) {
            rest = after;
            if line.is_empty() {
                body = rest;
                break;
            }
            if line.starts_with([' ', '\t']) {
                if let Some(last) = fields.last_mut() {
                    let value = last.value.to_mut();
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if fields.len() < MOST_FIELDS
                && let Some((name, value)) = line.split_once(':')
            {
                fields.push(Field {
                    name: name.trim_end(),
                    value: value.trim().into(),
                });
            }
        }
        Self { fields, body }
    }

    /// Every value of the fields of this name, in order.
    pub(super) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        let same = move |field: &&Field<'a>| field.name.eq_ignore_ascii_case(name);
        self.fields
            .iter()
            .filter(same)
            .map(|field| field.value.as_ref())
    }

    /// The first value of the fields of this name.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let field = fields.find(|field| field.name.eq_ignore_ascii_case(name))?;
        Some(field.value.as_ref())
    }

    /// The media type in small letters, e.g. `message/delivery-status`.
    pub(super) fn kind(&self) -> String {
        let kind = self.first("content-type").unwrap_or("text/plain");
        let kind = kind.split(';').next().unwrap_or("");
        kind.trim().to_ascii_lowercase()
    }

    /// Every part that is not made of parts, in order; the entity itself where there are none.
    pub(super) fn leaves(&self) -> Vec<Self> {
        let mut leaves = Vec::new();
        self.gather(DEEPEST, &mut leaves);
        leaves
    }

    fn gather(&self, deeper: usize, leaves: &mut Vec<Self>) {
        let boundary = self.parameter("boundary");
        match boundary {
            Some(boundary) if deeper > 0 && self.kind().starts_with("multipart/") => {
                for part in parts(self.body, boundary) {
                    if leaves.len() < MOST_PARTS {
                        Self::read(part).gather(deeper - 1, leaves);
                    }
                }
            }
            Some(_) | None => leaves.push(self.clone()),
        }
    }

    /// The body without its transfer encoding.
    pub(super) fn text(&self) -> Cow<'a, str> {
        let encoding = self.first("content-transfer-encoding").unwrap_or("");
        match encoding.trim().to_ascii_lowercase().as_str() {
            "base64" => Cow::Owned(base64(self.body)),
            "quoted-printable" => Cow::Owned(quoted_printable(self.body)),
            _ => Cow::Borrowed(self.body),
        }
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let parameters = self.first("content-type")?.split(';').skip(1);
        let mut named = parameters.filter_map(|parameter| {
            let (found, value) = parameter.split_once('=')?;
            found
                .trim()
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().trim_matches('"'))
        });
        named.next().filter(|value| !value.is_empty())
    }
}

/// The groups of fields in a report, which empty lines keep apart (RFC 3464 §2.1).
pub(super) fn groups(report: &str) -> Vec<Entity<'_>> {
    let mut groups = Vec::new();
    let mut rest = report;
    while !rest.trim().is_empty() && groups.len() < MOST_PARTS {
        let group = Entity::read(rest.trim_start_matches(['\r', '\n']));
        rest = group.body;
        groups.push(group);
    }
    groups
}

/// The first line without its end, and what follows; nothing at the end of the text.
fn next_line(text: &str) -> Option<(&str, &str)> {
    if text.is_empty() {
        return None;
    }
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    Some((line.strip_suffix('\r').unwrap_or(line), rest))
}

/// What stands between the lines of a boundary. A last part without its end is taken as far as it goes.
fn parts<'a>(body: &'a str, boundary: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let (mut begin, mut at) = (None, 0);
    for line in body.split_inclusive('\n') {
        let end_of_line = at + line.len();
        let mark = line.trim_end().strip_prefix("--");
        let is_mark = mark.and_then(|mark| mark.strip_prefix(boundary));
        if let Some(after) = is_mark.filter(|after| matches!(*after, "" | "--")) {
            parts.extend(begin.and_then(|begin| body.get(begin..at)));
            begin = (after.is_empty() && parts.len() < MOST_PARTS).then_some(end_of_line);
            if begin.is_none() {
                return parts;
            }
        }
        at = end_of_line;
    }
    parts.extend(begin.and_then(|begin| body.get(begin..)));
    parts
}

/// RFC 2045 §6.8; nothing where it is malformed.
fn base64(text: &str) -> String {
    let packed: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=')
        .collect();
    let whole = packed.len() - packed.len() % 4;
    let (head, tail) = packed.split_at(whole);
    let mut bytes = BASE64.decode(head).unwrap_or_default();
    bytes.extend(BASE64_NOPAD.decode(tail).unwrap_or_default());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// RFC 2045 §6.7; what is malformed stands as it is.
fn quoted_printable(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        let (bare, end) = match bare.strip_suffix('=') {
            Some(soft) => (soft, ""),
            None => (bare, if line.ends_with('\n') { "\n" } else { "" }),
        };
        let mut stretches = bare.split('=');
        bytes.extend_from_slice(stretches.next().unwrap_or("").as_bytes());
        for stretch in stretches {
            let code = stretch
                .get(..2)
                .and_then(|hex| u8::from_str_radix(hex, 16).ok());
            match code {
                Some(byte) => {
                    bytes.push(byte);
                    bytes.extend_from_slice(stretch.get(2..).unwrap_or("").as_bytes());
                }
                None => {
                    bytes.push(b'=');
                    bytes.extend_from_slice(stretch.as_bytes());
                }
            }
        }
        bytes.extend_from_slice(end.as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "Subject: a\r\n b\r\nCONTENT-TYPE: Multipart/Report; report-type=delivery-status;\r\n\
        \tboundary=\"=_x y\"\r\n\r\npreamble\r\n--=_x y\r\n\r\nplain\r\n--=_x y  \r\n\
        Content-Type: message/delivery-status\r\n\r\nA: 1\r\n\r\nB: 2\r\n c\r\n\r\n\r\nC: 3\r\n--=_x y--\r\nepilogue\r\n";

    #[test]
    fn parts_and_fields_are_read_whatever_their_line_ends() {
        for text in [REPORT.to_owned(), REPORT.replace("\r\n", "\n")] {
            let mail = Entity::read(&text);
            assert_eq!(mail.first("subject"), Some("a b"));
            assert_eq!(mail.parameter("REPORT-type"), Some("delivery-status"));
            let leaves = mail.leaves();
            let kinds: Vec<_> = leaves.iter().map(Entity::kind).collect();
            assert_eq!(kinds, ["text/plain", "message/delivery-status"]);
            assert_eq!(leaves[0].text().trim_end(), "plain");
            let status = leaves[1].text();
            let groups = groups(&status);
            let values: Vec<_> = ["A", "B", "C"]
                .iter()
                .zip(&groups)
                .map(|(name, group)| group.first(name).unwrap())
                .collect();
            assert_eq!(values, ["1", "2 c", "3"]);
        }
    }

    #[test]
    fn transfer_encodings_are_undone_and_malformed_ones_do_no_harm() {
        let decoded = |encoding: &str, body: &str| {
            let text = format!("Content-Transfer-Encoding: {encoding}\n\n{body}");
            Entity::read(&text).text().into_owned()
        };
        assert_eq!(
            decoded("BASE64", "U3RhdHVz\nOiA1LjEu\nMQ=="),
            "Status: 5.1.1"
        );
        assert_eq!(decoded("base64", "****"), "");
        assert_eq!(decoded("quoted-printable", "caf=C3=A9 =\n=3D"), "café =");
        assert_eq!(decoded("quoted-printable", "100=% =ŵ ="), "100=% =ŵ ");
        assert_eq!(decoded("8bit", "ŵ"), "ŵ");
    }

    #[test]
    fn a_mail_without_end_markers_or_with_too_many_parts_is_read_within_bounds() {
        let open = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nfirst\n--b\n\nsecond";
        assert_eq!(Entity::read(open).leaves().len(), 2);
        let many = format!(
            "Content-Type: multipart/mixed; boundary=b\n\n{}",
            "--b\n\nx\n".repeat(5000)
        );
        assert!(Entity::read(&many).leaves().len() <= MOST_PARTS);
        let empty = Entity::read("Content-Type: multipart/mixed; boundary=\n\n--\n\nx");
        assert_eq!(empty.leaves().len(), 1);
        let mut deep = String::new();
        for level in 0..2000 {
            deep.push_str(&format!(
                "Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"
            ));
        }
        assert_eq!(Entity::read(&deep).leaves().len(), 1);
        let headers = "a: b\n".repeat(10_000) + " folded".repeat(1000).as_str();
        assert!(Entity::read(&headers).fields.len() <= MOST_FIELDS);
    }
}
