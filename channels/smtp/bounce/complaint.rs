//! Complaints about mail in the Abuse Reporting Format (RFC 5965).

use super::Said;
use super::mime::groups;
use oyez_domain::receipt::ReceiptStatus;

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    /// The envelope sender of the mail complained about.
    pub(super) sender: Option<String>,
    /// That its reader does not want it; nothing where the report is about something else.
    pub(super) said: Option<Said>,
}

/// Reads a report. Only a reader's own words end the messages: reports of fraud, viruses and failed authentication are
/// about the mail, and `not-spam` takes a complaint back that nobody acted upon.
pub(super) fn read(report: &str) -> Report {
    let groups = groups(report);
    let first = |name: &str| groups.iter().find_map(|group| group.first(name));
    let kind = first("feedback-type").unwrap_or("").to_ascii_lowercase();
    let unwanted = matches!(kind.as_str(), "abuse" | "opt-out" | "opt-out-list");
    Report {
        sender: first("original-mail-from").map(str::to_owned),
        said: unwanted.then_some(Said {
            status: ReceiptStatus::Complained,
            reason: None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_a_complaint_ends_the_messages_and_other_reports_do_not() {
        // RFC 5965, appendix B.2, without its addresses.
        let example = "Feedback-Type: abuse\nUser-Agent: SomeGenerator/1.0\nVersion: 1\n\
            Original-Mail-From: <somespammer@example.net>\nOriginal-Rcpt-To: <user@example.com>\n\
            Received-Date: Thu, 8 Mar 2005 14:00:00 EDT\nSource-IP: 192.0.2.1\n";
        let report = read(example);
        assert_eq!(report.said.unwrap().status, ReceiptStatus::Complained);
        assert_eq!(report.sender.as_deref(), Some("<somespammer@example.net>"));
        for (kind, ends) in [
            ("Abuse", true),
            ("opt-out", true),
            ("fraud", false),
            ("virus", false),
            ("other", false),
            ("not-spam", false),
            ("auth-failure", false),
            ("", false),
        ] {
            let text = format!("Feedback-Type: {kind}\nVersion: 1\n");
            assert_eq!(read(&text).said.is_some(), ends, "{kind}");
        }
    }
}
