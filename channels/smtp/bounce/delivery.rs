//! Delivery status notifications (RFC 3464), as standards and as mail servers write them.

use super::Said;
use super::mime::{Entity, groups};
use crate::classify::returned::returned;
use crate::classify::smtp::Enhanced;
use oyez_domain::receipt::ReceiptStatus;

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    /// The identifier that the sender gave the envelope.
    pub(super) envelope: Option<String>,
    /// What became of the mail; nothing where the report does not say.
    pub(super) said: Option<Said>,
}

/// Reads a report. A mail of ours has one reader; where a server tells of several all the same (an alias), what one of
/// them got counts before what another did not.
pub(super) fn read(report: &str) -> Report {
    let groups = groups(report);
    let envelope = groups
        .iter()
        .find_map(|group| group.first("original-envelope-id"));
    let mut said: Vec<Said> = groups.iter().filter_map(of_recipient).collect();
    said.sort_by_key(|said| std::cmp::Reverse(weight(said.status)));
    Report {
        envelope: envelope.map(str::to_owned),
        said: said.first().copied(),
    }
}

/// Delivered; came back; on its way.
fn weight(status: ReceiptStatus) -> u8 {
    match status {
        ReceiptStatus::Delivered => 3,
        ReceiptStatus::Bounced | ReceiptStatus::BouncedForNow => 2,
        ReceiptStatus::Underway
        | ReceiptStatus::UndeliveredForNow
        | ReceiptStatus::Undelivered
        | ReceiptStatus::Complained => 1,
    }
}

fn of_recipient(group: &Entity<'_>) -> Option<Said> {
    let first_word = |name: &str| {
        let value = group.first(name)?;
        value
            .split(|sign: char| sign.is_whitespace() || matches!(sign, '(' | ';'))
            .find(|word| !word.is_empty())
    };
    let status = first_word("status").and_then(Enhanced::parse);
    let action = first_word("action").map(str::to_ascii_lowercase);
    let underway = Some(Said {
        status: ReceiptStatus::Underway,
        reason: None,
    });
    match (action.as_deref(), status) {
        (Some("failed"), _) | (None, Some(Enhanced(5, _, _))) => {
            let (status, reason) = returned(status, diagnosis(group));
            Some(Said {
                status,
                reason: Some(reason),
            })
        }
        (Some("delivered"), _) => Some(Said {
            status: ReceiptStatus::Delivered,
            reason: None,
        }),
        (Some("delayed" | "relayed" | "expanded"), _) | (None, Some(_)) => underway,
        (Some(_) | None, _) => None,
    }
}

/// What the other side said, without the name of its language: `smtp; 550 5.1.1 No such user`.
fn diagnosis<'a>(group: &'a Entity<'_>) -> &'a str {
    let text = group.first("diagnostic-code").unwrap_or("");
    match text.split_once(';') {
        Some((kind, words)) if !kind.contains(char::is_whitespace) => words.trim(),
        Some(_) | None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oyez_domain::outcome::Reason;

    fn said(report: &str) -> Option<(ReceiptStatus, Option<Reason>)> {
        read(report).said.map(|said| (said.status, said.reason))
    }

    #[test]
    fn vector_the_examples_of_the_standard_are_read() {
        // RFC 3464, appendix E.1: no space after the kind of address, and a failure with status 4.0.0.
        let first = "Reporting-MTA: dns; cs.utk.edu\n\n\
            Original-Recipient: rfc822;louisl@larry.slip.umd.edu\nFinal-Recipient: rfc822;louisl@larry.slip.umd.edu\n\
            Action: failed\nStatus: 4.0.0\nDiagnostic-Code: smtp; 426 connection timed out\n\
            Last-Attempt-Date: Thu, 7 Jul 1994 17:15:49 -0400\n";
        assert_eq!(
            said(first),
            Some((ReceiptStatus::BouncedForNow, Some(Reason::Undeliverable)))
        );
        // E.2: several recipients; one of them got it.
        let second = "Reporting-MTA: dns; cs.utk.edu\n\nOriginal-Recipient: rfc822;arathib@vnet.ibm.com\n\
            Final-Recipient: rfc822;arathib@vnet.ibm.com\nAction: failed\nStatus: 5.0.0 (permanent failure)\n\
            Diagnostic-Code: smtp; 550 'arathib@vnet.IBM.COM' is not a registered gateway user\n\
            Remote-MTA: dns; vnet.ibm.com\n\nOriginal-Recipient: rfc822;johnh@hpnjld.njd.hp.com\n\
            Final-Recipient: rfc822;johnh@hpnjld.njd.hp.com\nAction: delayed\nStatus: 4.0.0 (hpnjld.njd.jp.com: host name \
            lookup failure)\n\nOriginal-Recipient: rfc822;wsnell@sdcc13.ucsd.edu\n\
            Final-Recipient: rfc822;wsnell@sdcc13.ucsd.edu\nAction: delivered\nStatus: 2.1.5\n";
        assert_eq!(said(second), Some((ReceiptStatus::Delivered, None)));
        // E.3: delayed.
        let third = "Reporting-MTA: dns; sun2.nsfnet-relay.ac.uk\n\n\
            Final-Recipient: rfc822;thomas@de-montfort.ac.uk\nStatus: 4.0.0 (unknown temporary failure)\nAction: delayed\n";
        assert_eq!(said(third), Some((ReceiptStatus::Underway, None)));
    }

    #[test]
    fn what_servers_write_instead_is_read_too() {
        let one_group = "Original-Envelope-Id: abc\nFINAL-RECIPIENT:rfc822;x@y\naction: Failed (user)\nstatus:5.1.1(no)\n";
        assert_eq!(
            said(one_group),
            Some((ReceiptStatus::Bounced, Some(Reason::AddressUnknown)))
        );
        assert_eq!(read(one_group).envelope.as_deref(), Some("abc"));
        let no_action = "Reporting-MTA: dns; x\n\nStatus: 5.1.1\n";
        assert_eq!(
            said(no_action),
            Some((ReceiptStatus::Bounced, Some(Reason::AddressUnknown)))
        );
        let no_status =
            "Reporting-MTA: dns; x\n\nAction: failed\nDiagnostic-Code: 550 5.2.2 full; sorry\n";
        assert_eq!(
            said(no_status),
            Some((ReceiptStatus::BouncedForNow, Some(Reason::InboxFull)))
        );
        for nothing in [
            "",
            "\n\n\n",
            "Reporting-MTA: dns; x\n",
            "Action: maybe\n",
            "::::",
        ] {
            assert_eq!(said(nothing), None, "{nothing:?}");
        }
    }
}
