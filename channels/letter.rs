//! One update written out in full: the plain text, and in `html` the same as a page for mail programs.

pub(crate) mod html;

use oyez_domain::notice::Notice;
use oyez_domain::service::Service;
use oyez_domain::text::{Line, Prose, telephone};

/// What stands in a letter, so that its text and its HTML cannot differ.
pub(crate) struct Letter<'a> {
    /// The update and its surroundings.
    pub(crate) notice: &'a Notice,
    /// More detail: the author's own text for the channel, or the update's.
    pub(crate) detail: Option<&'a Prose>,
    /// The link that stops these messages, where there is one.
    pub(crate) stop: Option<String>,
}

impl<'a> Letter<'a> {
    /// Headings and their lines, without the empty ones: first what to do, then what is going on.
    pub(crate) fn actions(&self) -> Vec<(&'static str, Vec<String>)> {
        let update = &self.notice.update;
        filled([
            ("What to do", plain(&update.what_to_do)),
            ("What not to do", plain(&update.what_not_to_do)),
        ])
    }

    /// What is going on.
    pub(crate) fn background(&self) -> Vec<(&'static str, Vec<String>)> {
        let incident = &self.notice.incident;
        let affected = incident
            .affected
            .iter()
            .map(|body| format!("{}: {}", body.name, body.advice))
            .collect();
        filled([
            ("What we know", plain(&incident.known)),
            ("What we do not know yet", plain(&incident.not_known)),
            ("What we are doing", plain(&incident.doing)),
            ("What you can rely on", plain(&incident.assurances)),
            ("Other organisations", affected),
        ])
    }

    /// `Cyber security incident: We are looking into it`.
    pub(crate) fn standing(&self) -> String {
        let incident = &self.notice.incident;
        let phase = self.notice.update.phase.label();
        format!("{}: {phase}", incident.title)
    }

    /// How anybody can find out whether the message is genuine.
    pub(crate) fn genuine(&self) -> Vec<String> {
        let organisation = &self.notice.organisation;
        let mut lines = vec![format!(
            "The reference of this update is {}. Type this address into your browser yourself; the page says the same: {}",
            self.notice.update.reference,
            self.notice.url()
        )];
        if !organisation.contact_telephone.is_empty() {
            lines.push(format!("Or call {}.", organisation.contact_telephone));
        }
        lines
    }

    /// The whole letter as text, lines ended by line feeds.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}\n", self.notice.headline());
        let mut section = |heading: &str, lines: &[String]| {
            text.push_str(&format!("\n{heading}\n"));
            for line in lines {
                text.push_str(&format!("{line}\n"));
            }
        };
        for (heading, lines) in self.actions() {
            section(heading, &bullets(&lines));
        }
        if let Some(detail) = self.detail {
            section("In detail", &[self.notice.fill(detail.as_str())]);
        }
        section("What is happening", &[self.standing()]);
        for (heading, lines) in self.background() {
            section(heading, &bullets(&lines));
        }
        if !self.notice.services.is_empty() {
            let lines: Vec<_> = self.notice.services.iter().flat_map(service).collect();
            section("Our services", &lines);
        }
        section("Next update", &[self.notice.promise()]);
        section("Is this message genuine?", &self.genuine());
        if let Some(stop) = &self.stop {
            section("Stop these messages", std::slice::from_ref(stop));
        }
        text.push_str(&format!("\n{}\n", self.notice.organisation.name));
        if self.reads_right_to_left(&text) {
            telephone::isolated(&text)
        } else {
            text
        }
    }

    /// Whether a telephone number in this text could be drawn with its groups in the wrong order.
    pub(crate) fn reads_right_to_left(&self, text: &str) -> bool {
        telephone::is_right_to_left(&self.notice.language) || telephone::has_right_to_left(text)
    }
}

/// What to know about a service beside its name and state, line by line.
pub(crate) fn particulars(service: &Service) -> Vec<String> {
    let note = service.note.iter().map(Line::to_string);
    let telephone = service.telephone.iter().map(|t| format!("Telephone: {t}"));
    note.chain(telephone).chain(service.hours_lines()).collect()
}

fn service(service: &Service) -> Vec<String> {
    let first = format!("- {}: {}", service.name, service.state.label());
    let rest = particulars(service)
        .into_iter()
        .map(|line| format!("  {line}"));
    std::iter::once(first).chain(rest).collect()
}

fn plain(lines: &[Line]) -> Vec<String> {
    lines.iter().map(Line::to_string).collect()
}

fn bullets(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| format!("- {line}")).collect()
}

fn filled<const N: usize>(
    sections: [(&'static str, Vec<String>); N],
) -> Vec<(&'static str, Vec<String>)> {
    sections
        .into_iter()
        .filter(|(_, lines)| !lines.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::notice_with;
    use serde_json::json;

    #[test]
    fn telephone_numbers_keep_their_digits_in_order_in_a_letter_from_right_to_left() {
        let mut notice = notice_with(&json!({
            "headline": "الهاتف 020 7641 6000", "what_to_do": ["اتصل على 020 7641 6000 <الآن>."]
        }));
        notice.language = "ar".to_owned();
        let letter = Letter {
            notice: &notice,
            detail: None,
            stop: None,
        };
        let (text, html) = (letter.text(), letter.html());
        assert!(
            text.contains("اتصل على \u{2066}020 7641 6000\u{2069} <الآن>."),
            "{text}"
        );
        assert!(
            html.contains("<li>اتصل على <bdi dir=\"ltr\">020 7641 6000</bdi> &lt;الآن&gt;.</li>"),
            "{html}"
        );
        assert!(html.contains("<html lang=\"ar\" dir=\"rtl\">"));
        assert!(html.contains("<title>الهاتف 020 7641 6000</title>"));
        assert!(
            html.contains("Telephone: <bdi dir=\"ltr\">020 7641 6000</bdi>"),
            "{html}"
        );
        notice.language = "en".to_owned();
        notice.update.what_to_do =
            vec![Line::parse("what_to_do", "Call 020 7641 6000.", 80).unwrap()];
        let letter = Letter {
            notice: &notice,
            detail: None,
            stop: None,
        };
        assert!(letter.html().contains("<li>Call 020 7641 6000.</li>"));
    }
}
