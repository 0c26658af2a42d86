//! Which of our mails is meant: by the address it was sent from, or by its own identifiers.

use super::mime::Entity;
use oyez_domain::id::unbase32;

/// What the local part of an envelope sender begins with; the reference follows.
pub(crate) const PREFIX: &str = "b+";

/// Characters of a reference.
const LENGTH: usize = 26;

/// Fields in which mail servers note the envelope's recipient, the surest first.
const RECIPIENT: [&str; 7] = [
    "X-Original-To",
    "Delivered-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-Rcpt-To",
    "Original-Recipient",
    "To",
];

/// A text that has the form of a reference. Whether it is one of ours only its key can say.
pub(super) fn exact(text: &str) -> Option<String> {
    unbase32(text.trim()).map(|_| text.trim().to_ascii_lowercase())
}

/// The reference in an address such as `b+REFERENCE@bounces.example.gov.uk`, wherever it stands in `text`.
pub(super) fn in_address(text: &str) -> Option<String> {
    let before_at = text.match_indices('@').map(|(at, _)| at);
    let mut local_parts = before_at.filter_map(|at| text.get(..at));
    local_parts.find_map(|local| {
        let start = local.len().checked_sub(LENGTH)?;
        let (before, reference) = (local.get(..start)?, local.get(start..)?);
        let mark = before.get(before.len().checked_sub(PREFIX.len())?..)?;
        let alone = before
            .get(..before.len() - PREFIX.len())?
            .ends_with(|sign: char| sign.is_alphanumeric() || "._-+=".contains(sign));
        (mark.eq_ignore_ascii_case(PREFIX) && !alone)
            .then(|| exact(reference))
            .flatten()
    })
}

/// The reference in a Message-ID such as `<REFERENCE@example.gov.uk>`.
fn in_identifier(text: &str) -> Option<String> {
    let inside = text.trim().trim_start_matches('<');
    exact(inside.split_once('@')?.0)
}

/// By the address that the mail was sent to.
pub(super) fn in_envelope(mail: &Entity<'_>, envelope: Option<&str>) -> Option<String> {
    let noted = RECIPIENT.iter().flat_map(|name| mail.all(name));
    envelope.into_iter().chain(noted).find_map(in_address)
}

/// By the headers of our own mail that came back as a part, or at the end of a letter.
pub(super) fn in_returned(leaves: &[Entity<'_>]) -> Option<String> {
    leaves.iter().find_map(|leaf| {
        let kind = leaf.kind();
        let text = leaf.text();
        match kind.as_str() {
            "message/rfc822"
            | "message/global"
            | "text/rfc822-headers"
            | "message/rfc822-headers"
            | "message/global-headers" => of_headers(&Entity::read(text.trim_start())),
            _ if kind.starts_with("text/") => in_quoted(&text),
            _ => None,
        }
    })
}

fn of_headers(ours: &Entity<'_>) -> Option<String> {
    let identifier = ours.first("message-id").and_then(in_identifier);
    identifier.or_else(|| ours.first("return-path").and_then(in_address))
}

/// By the Message-ID in a copy that stands in the text itself.
fn in_quoted(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let line = line.trim_start_matches(['>', ' ', '\t']);
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("message-id")
            .then(|| in_identifier(value))?
    })
}

/// By the mail that this one answers.
pub(super) fn in_reply(mail: &Entity<'_>) -> Option<String> {
    mail.first("in-reply-to").and_then(in_identifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str = "0000000e0001a3z1k2m3n4p5q6";

    #[test]
    fn vector_a_reference_is_found_in_the_address_that_bounces_return_to_and_nowhere_like_it() {
        for text in [
            "b+{}@bounces.example.gov.uk",
            "<B+{}@bounces.example.gov.uk>",
            "rfc822;b+{}@x",
            "\"a@b\" <b+{}@x>, c@d",
            "x@y b+{}@z",
        ] {
            let text = text.replace("{}", REFERENCE);
            assert_eq!(in_address(&text).as_deref(), Some(REFERENCE), "{text}");
            assert_eq!(
                in_address(&text.to_uppercase()).as_deref(),
                Some(REFERENCE),
                "{text}"
            );
        }
        for text in [
            "{}@x", "c+{}@x", "rb+{}@x", "b+{}0@x", "b+0{}@x", "b+{}", "b+", "@", "ŵb+@x",
            "b+ŵ{}@x",
        ] {
            let text = text.replace("{}", REFERENCE);
            assert_eq!(in_address(&text), None, "{text}");
        }
        assert_eq!(
            in_identifier(&format!("<{REFERENCE}@example.gov.uk>")).as_deref(),
            Some(REFERENCE)
        );
        assert_eq!(in_identifier("<20251127.1@example.gov.uk>"), None);
    }
}
