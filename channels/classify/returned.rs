//! What it means that a mail came back: the status of a report (RFC 3463), else the words beside it.

use crate::classify::smtp::Enhanced;
use oyez_domain::outcome::Reason;
use oyez_domain::receipt::ReceiptStatus;

/// Words by which mail servers say that there is no room.
const FULL: [&str; 6] = [
    "mailbox full",
    "mailbox is full",
    "inbox is full",
    "quota exceeded",
    "over quota",
    "exceeded storage",
];

/// Words by which they say that it is about us or about the text.
const POLICY: [&str; 10] = [
    "spam",
    "blocked",
    "blocklist",
    "blacklist",
    "policy",
    "reputation",
    "dmarc",
    "dkim",
    "spf",
    "virus",
];

/// Words by which they say that nobody is there.
const NOBODY: [&str; 12] = [
    "user unknown",
    "unknown user",
    "unknown recipient",
    "unknown address",
    "no such user",
    "no such recipient",
    "no mailbox here",
    "does not exist",
    "doesn't have a",
    "mailbox unavailable",
    "mailbox not found",
    "recipient not found",
];

/// What became of a mail that a server gave up, from the status in its report and the words beside it.
///
/// `Bounced` with `AddressUnknown` suppresses the address at once, and only a status that says so may: words without a
/// status count against the address and do no more, because anybody writes them as they like.
pub(crate) fn returned(status: Option<Enhanced>, words: &str) -> (ReceiptStatus, Reason) {
    let vague = status.is_none_or(|Enhanced(_, subject, _)| subject == 0);
    let found = if vague { in_words(words) } else { None };
    let status = found.or(status);
    let words = words.trim();
    let reason = match status {
        Some(Enhanced(5, 0, _)) | None if !words.is_empty() => by_words(words),
        Some(known) => known.reason(!words.is_empty()),
        None => Reason::Undeliverable,
    };
    let for_good = status.is_some_and(|known| {
        let doubtful = reason == Reason::AddressUnknown && !known.suppresses();
        known.0 == 5 && reason != Reason::InboxFull && !doubtful
    });
    let status = if for_good {
        ReceiptStatus::Bounced
    } else {
        ReceiptStatus::BouncedForNow
    };
    (status, reason)
}

/// Whether a text says by a status or in known words that a mail did not reach its reader.
pub(crate) fn is_explained(words: &str) -> bool {
    let status = in_words(words);
    let words = words.to_lowercase();
    status.is_some()
        || FULL
            .iter()
            .chain(&NOBODY)
            .any(|known| words.contains(known))
}

/// The first status in a text: after a reply code (`550 5.1.1`, `550-5.1.1`) or marked by a sign (`#5.1.1`). Standing
/// alone, three numbers may be anything.
fn in_words(text: &str) -> Option<Enhanced> {
    let mut code = None;
    for word in text.split(|sign: char| sign.is_whitespace() || sign == '-') {
        let bare = word.trim_matches(['(', ')', '[', ']', '<', '>', ',', ';', ':', '.', '\'']);
        let marked = bare.starts_with('#');
        if let Some(status) = Enhanced::parse(bare.trim_start_matches('#'))
            && (marked || code == Some(u16::from(status.0)))
        {
            return Some(status);
        }
        code = reply_class(bare);
    }
    None
}

/// The first digit of a word such as `550`.
fn reply_class(word: &str) -> Option<u16> {
    let number: u16 = word.parse().ok()?;
    (word.len() == 3 && (400..=599).contains(&number)).then_some(number / 100)
}

fn by_words(words: &str) -> Reason {
    let words = words.to_lowercase();
    let any = |known: &[&str]| known.iter().any(|known| words.contains(known));
    if any(&FULL) {
        Reason::InboxFull
    } else if any(&POLICY) {
        Reason::Blocked
    } else if any(&NOBODY) {
        Reason::Undeliverable
    } else {
        Reason::Blocked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReceiptStatus::{Bounced, BouncedForNow};

    #[test]
    fn vector_a_status_says_for_good_for_now_or_nothing_of_the_address() {
        // providers.md §2.1: suppressed at once; counted, three in 14 days; never.
        for (status, words, expected) in [
            ("5.1.1", "", (Bounced, Reason::AddressUnknown)),
            ("5.1.2", "", (Bounced, Reason::AddressUnknown)),
            ("5.1.3", "", (Bounced, Reason::AddressUnknown)),
            ("5.1.6", "", (Bounced, Reason::AddressUnknown)),
            ("5.1.10", "", (Bounced, Reason::AddressUnknown)),
            ("5.2.1", "", (Bounced, Reason::AddressUnknown)),
            ("4.2.2", "", (BouncedForNow, Reason::InboxFull)),
            ("5.2.2", "", (BouncedForNow, Reason::InboxFull)),
            ("5.4.4", "", (Bounced, Reason::Undeliverable)),
            ("5.4.7", "", (Bounced, Reason::Undeliverable)),
            ("5.0.0", "", (Bounced, Reason::Undeliverable)),
            ("4.4.1", "", (BouncedForNow, Reason::Undeliverable)),
            ("4.7.1", "", (BouncedForNow, Reason::Undeliverable)),
            ("5.7.1", "", (Bounced, Reason::Blocked)),
            ("5.7.26", "user unknown", (Bounced, Reason::Blocked)),
            ("5.6.0", "", (Bounced, Reason::ContentRejected)),
            ("5.3.4", "", (Bounced, Reason::TooLong)),
            ("5.2.3", "", (Bounced, Reason::TooLong)),
            ("5.5.0", "", (Bounced, Reason::Protocol)),
            ("5.1.0", "", (BouncedForNow, Reason::AddressUnknown)),
            ("5.1.8", "", (Bounced, Reason::Blocked)),
            ("5.4.6", "", (Bounced, Reason::Blocked)),
        ] {
            let found = returned(Enhanced::parse(status), words);
            assert_eq!(found, expected, "{status} {words}");
        }
    }

    #[test]
    fn a_vague_status_gives_way_to_a_plain_one_in_the_words_beside_it() {
        for (status, words, expected) in [
            (
                "5.0.0",
                "550 5.1.1 <x@y>: no",
                (Bounced, Reason::AddressUnknown),
            ),
            (
                "5.0.0",
                "550-5.1.1 The account",
                (Bounced, Reason::AddressUnknown),
            ),
            (
                "",
                "unrouteable (#5.1.1)",
                (Bounced, Reason::AddressUnknown),
            ),
            (
                "5.0.0",
                "552 4.2.2 class differs",
                (Bounced, Reason::Blocked),
            ),
            (
                "5.0.0",
                "at 5.1.1.7 version 5.1.1",
                (Bounced, Reason::Blocked),
            ),
            (
                "5.0.0",
                "550 User unknown",
                (Bounced, Reason::Undeliverable),
            ),
            (
                "",
                "550 User unknown",
                (BouncedForNow, Reason::Undeliverable),
            ),
            ("", "Mailbox is full", (BouncedForNow, Reason::InboxFull)),
            (
                "",
                "looks like spam to this user unknown",
                (BouncedForNow, Reason::Blocked),
            ),
            ("", "", (BouncedForNow, Reason::Undeliverable)),
        ] {
            let found = returned(Enhanced::parse(status), words);
            assert_eq!(found, expected, "{status} {words}");
        }
    }
}
