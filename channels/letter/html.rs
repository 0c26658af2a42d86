//! The letter as HTML for mail programs: no images, no tracking, readable by a screen reader and in the dark.

use crate::letter::{Letter, particulars};
use oyez_domain::text::telephone::{self, is_right_to_left};
use std::fmt::Write;

/// Everything a mail program needs; nothing is fetched. Each line is set in the direction of its own words, so that a
/// sentence in another language than the page's keeps its full stop at its end.
const STYLE: &str = "\
:root{color-scheme:light dark;supported-color-schemes:light dark}\
body{margin:0;padding:16px;font:18px/1.5 Arial,Helvetica,sans-serif;background:#fff;color:#0b0c0c;overflow-wrap:break-word}\
main{max-width:38em;margin:0 auto}\
h1{font-size:1.5em;line-height:1.25}h2{font-size:1.15em;margin:1.5em 0 .3em}\
ul{margin:.3em 0;padding:0 1.2em}p{margin:.3em 0 .8em}\
table{border-collapse:collapse;width:100%}\
th,td{border-bottom:1px solid #767676;padding:8px 4px;text-align:inherit;vertical-align:top}\
h1,h2,li,p,th,td{unicode-bidi:plaintext}html[dir=rtl] body{text-align:right}bdi{white-space:nowrap}\
a{color:#144e81}\
@media(max-width:480px){table,tbody,tr,th,td{display:block}thead{display:none}\
th,td{border:0;padding:0 4px}tr{border-bottom:1px solid #767676;padding:8px 0}}\
@media(prefers-color-scheme:dark){body{background:#0b0c0c;color:#f3f2f1}a{color:#8ab8e6}}";

impl Letter<'_> {
    /// The whole letter as an HTML page.
    pub(crate) fn html(&self) -> String {
        let mut page = String::with_capacity(8 * 1024);
        let title = escape(&self.notice.headline());
        let headline = self.words(&self.notice.headline());
        let language = escape(&self.notice.language);
        put(
            &mut page,
            format_args!(
                "<!DOCTYPE html>\n<html lang=\"{language}\" dir=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"supported-color-schemes\" content=\"light dark\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{headline}</h1>\n",
                direction(&self.notice.language)
            ),
        );
        for (heading, lines) in self.actions() {
            self.list(&mut page, heading, &lines);
        }
        if let Some(detail) = self.detail {
            heading(&mut page, "In detail");
            for paragraph in self.notice.fill(detail.as_str()).split("\n\n") {
                let lines = self.words(paragraph.trim()).replace('\n', "<br>\n");
                put(&mut page, format_args!("<p>{lines}</p>\n"));
            }
        }
        heading(&mut page, "What is happening");
        put(
            &mut page,
            format_args!("<p>{}</p>\n", self.words(&self.standing())),
        );
        for (heading, lines) in self.background() {
            self.list(&mut page, heading, &lines);
        }
        self.services(&mut page);
        heading(&mut page, "Next update");
        put(
            &mut page,
            format_args!(
                "<p><strong>{}</strong></p>\n",
                self.words(&self.notice.promise())
            ),
        );
        self.foot(&mut page);
        page
    }

    fn services(&self, page: &mut String) {
        if self.notice.services.is_empty() {
            return;
        }
        heading(page, "Our services");
        page.push_str(
            "<table>\n<thead><tr><th scope=\"col\">Service</th><th scope=\"col\">State</th>\
             <th scope=\"col\">What to know</th></tr></thead>\n<tbody>\n",
        );
        for service in &self.notice.services {
            let name = self.words(service.name.as_str());
            let lines: Vec<_> = particulars(service)
                .iter()
                .map(|line| self.words(line))
                .collect();
            put(
                page,
                format_args!(
                    "<tr><th scope=\"row\">{name}</th><td>{}</td>\n<td>{}</td></tr>\n",
                    service.state.label(),
                    lines.join("<br>\n")
                ),
            );
        }
        page.push_str("</tbody>\n</table>\n");
    }

    fn foot(&self, page: &mut String) {
        heading(page, "Is this message genuine?");
        for line in self.genuine() {
            put(page, format_args!("<p>{}</p>\n", self.words(&line)));
        }
        let url = escape(&self.notice.url());
        put(
            page,
            format_args!("<p><a href=\"{url}\">\nRead this update on our own page</a></p>\n"),
        );
        if let Some(stop) = &self.stop {
            heading(page, "Stop these messages");
            put(
                page,
                format_args!(
                    "<p><a\nhref=\"{}\">\nStop these messages</a></p>\n",
                    escape(stop)
                ),
            );
        }
        let organisation = escape(&self.notice.organisation.name);
        put(
            page,
            format_args!("<p>{organisation}</p>\n</main>\n</body>\n</html>\n"),
        );
    }

    fn list(&self, page: &mut String, title: &str, lines: &[String]) {
        heading(page, title);
        page.push_str("<ul>\n");
        for line in lines {
            put(page, format_args!("<li>{}</li>\n", self.words(line)));
        }
        page.push_str("</ul>\n");
    }

    /// A text for people: escaped, and the digits of its telephone numbers in order beside right-to-left words.
    fn words(&self, text: &str) -> String {
        if !self.reads_right_to_left(text) {
            return escape(text);
        }
        let (mut words, mut seen) = (String::with_capacity(text.len() + 32), 0);
        for place in telephone::telephones(text) {
            let (before, number) = (text.get(seen..place.start), text.get(place.clone()));
            put(
                &mut words,
                format_args!(
                    "{}<bdi dir=\"ltr\">{}</bdi>",
                    escape(before.unwrap_or("")),
                    escape(number.unwrap_or(""))
                ),
            );
            seen = place.end;
        }
        words.push_str(&escape(text.get(seen..).unwrap_or("")));
        words
    }
}

/// Text that cannot end its element or attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(sign),
        }
    }
    escaped
}

/// Reading order of a language.
pub(crate) fn direction(language: &str) -> &'static str {
    if is_right_to_left(language) {
        "rtl"
    } else {
        "ltr"
    }
}

fn heading(page: &mut String, text: &str) {
    put(page, format_args!("<h2>{text}</h2>\n"));
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    page.write_fmt(text).unwrap_or_default();
}
