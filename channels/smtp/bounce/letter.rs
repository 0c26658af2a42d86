//! Mail servers' letters: bounces that follow no standard, told from absence notices and from people by what they say.

use super::Said;
use super::mime::Entity;
use crate::classify::returned::{is_explained, returned};
use oyez_domain::receipt::ReceiptStatus;

/// So much of a letter is looked at, in bytes. What happened stands at its beginning.
const LOOKED_AT: usize = 16 * 1024;

/// Lines after which a letter goes on with a copy of our own mail.
const COPY: [&str; 5] = [
    "below this line is a copy of the message",
    "this is a copy of your message",
    "this is a copy of the message",
    "original message follows",
    "original message headers",
];

/// Subjects of bounces.
const CAME_BACK: [&str; 9] = [
    "undeliver",
    "delivery failure",
    "delivery failed",
    "delivery has failed",
    "delivery status notification",
    "failure notice",
    "mail delivery",
    "returned mail",
    "returned to sender",
];

/// Subjects of those that only say that it takes longer.
const DELAYED: [&str; 4] = [
    "delay",
    "warning: could not send",
    "(warning)",
    "still trying",
];

/// Subjects of absence notices.
const ABSENT: [&str; 7] = [
    "out of office",
    "out of the office",
    "automatic reply",
    "auto reply",
    "autoreply",
    "auto-reply",
    "vacation",
];

/// What a letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// A mail came back, or is late.
    Came(Said),
    /// A machine wrote it, and nothing follows.
    Machine,
    /// Nothing says that a machine wrote it.
    Letter,
}

/// So many points make a bounce.
const ENOUGH: u32 = 4;

/// Reads a mail without a report in it. Some servers mark bounces with the same words as absence notices, and people
/// quote both, so that no single mark decides.
pub(super) fn read(mail: &Entity<'_>, leaves: &[Entity<'_>]) -> Told {
    let subject = mail.first("subject").unwrap_or("").to_lowercase();
    let has = |known: &[&str]| known.iter().any(|known| subject.contains(known));
    let words = leaves
        .iter()
        .find(|leaf| leaf.kind().starts_with("text/"))
        .map(Entity::text)
        .unwrap_or_default();
    let words = explanation(&words);
    let failed = mail.first("x-failed-recipients").is_some();
    let points = [
        (failed, 3),
        (is_from_a_server(mail), 2),
        (has(&CAME_BACK), 2),
        (is_explained(words), 2),
        (has_no_sender(mail), 1),
    ];
    let score: u32 = points
        .iter()
        .filter_map(|(holds, points)| holds.then_some(points))
        .sum();
    let is_absence = has(&ABSENT) || mail.first("x-autoreply").is_some();
    if score < ENOUGH || is_absence && !failed && !is_from_a_server(mail) {
        return if is_absence || is_automatic(mail) {
            Told::Machine
        } else {
            Told::Letter
        };
    }
    if has(&DELAYED) && !failed {
        return Told::Came(Said {
            status: ReceiptStatus::Underway,
            reason: None,
        });
    }
    let (status, reason) = returned(None, words);
    Told::Came(Said {
        status,
        reason: Some(reason),
    })
}

/// RFC 3834 §5, and what was in use before it.
fn is_automatic(mail: &Entity<'_>) -> bool {
    let marked = |name: &str, value: &str| {
        let mut values = mail.all(name);
        values.any(|found| found.to_ascii_lowercase().starts_with(value))
    };
    let submitted = mail.first("auto-submitted").unwrap_or("no");
    !submitted.to_ascii_lowercase().starts_with("no")
        || marked("precedence", "auto_reply")
        || marked("precedence", "bulk")
        || marked("precedence", "junk")
        || has_no_sender(mail)
}

fn is_from_a_server(mail: &Entity<'_>) -> bool {
    let from = mail.first("from").unwrap_or("").to_ascii_lowercase();
    ["mailer-daemon", "postmaster", "mail delivery"]
        .iter()
        .any(|name| from.contains(name))
}

fn has_no_sender(mail: &Entity<'_>) -> bool {
    mail.first("return-path").is_some_and(|path| path == "<>")
}

/// The letter up to the copy of our mail.
fn explanation(text: &str) -> &str {
    let mut end = LOOKED_AT.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or(text);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let said = line.to_lowercase();
        if COPY.iter().any(|known| said.contains(known)) {
            break;
        }
        at += line.len();
    }
    text.get(..at).unwrap_or(text)
}
