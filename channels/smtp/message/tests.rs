//! Whole mails as a receiver reads them.

use super::*;
use crate::fixture::{name, notice, notice_with, parcel};
use oyez_domain::address::AddressKind;
use serde_json::json;

fn headers() -> Headers {
    Headers {
        from: "Westminster City Council <updates@example.gov.uk>"
            .parse()
            .unwrap(),
        reply_to: Some("contact@example.gov.uk".parse().unwrap()),
        domain: "example.gov.uk".to_owned(),
    }
}

fn sent(notice: &Notice) -> String {
    let rendered = render(notice, &name(), &headers()).unwrap();
    let parcel = parcel(rendered, AddressKind::Email, "jo@example.org");
    String::from_utf8(splice(&parcel)).unwrap()
}

/// Undoes dot-stuffing and gives the head and the two parts, decoded.
fn received(wire: &str) -> (String, String, String) {
    let message = wire
        .strip_suffix("\r\n.\r\n")
        .expect("a final dot")
        .replace("\r\n..", "\r\n.");
    let boundary = format!("\r\n--{BOUNDARY}");
    let mut parts = message.split(&boundary);
    let head = parts.next().unwrap().to_owned();
    let mut body = || {
        let (_, body) = parts.next().unwrap().split_once("\r\n\r\n").unwrap();
        decode(body)
    };
    let (text, html) = (body(), body());
    (head, text, html)
}

/// Quoted-printable as RFC 2045 §6.7 has it.
fn decode(body: &str) -> String {
    let joined = body.replace("=\r\n", "");
    let (mut bytes, mut signs) = (Vec::new(), joined.bytes());
    while let Some(sign) = signs.next() {
        if sign == b'=' {
            let hex: Vec<u8> = signs.by_ref().take(2).collect();
            let hex = std::str::from_utf8(&hex).unwrap();
            bytes.push(u8::from_str_radix(hex, 16).unwrap());
        } else {
            bytes.push(sign);
        }
    }
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

fn is_safe_for_the_wire(wire: &str) {
    let message = wire.strip_suffix(".\r\n").unwrap();
    assert!(message.ends_with("\r\n"));
    assert!(wire.is_ascii());
    for line in message.strip_suffix("\r\n").unwrap().split("\r\n") {
        assert!(!line.contains(['\r', '\n']), "a bare line end: {line:?}");
        assert!(line.len() <= 998, "{}", line.len());
        assert!(!line.starts_with('.') || line.starts_with(".."), "{line:?}");
    }
}

#[test]
fn a_mail_has_the_headers_it_needs_and_no_others() {
    let wire = sent(&notice());
    is_safe_for_the_wire(&wire);
    let (head, _, _) = received(&wire);
    let reference = parcel_reference();
    let stop = parcel_stop_token();
    for line in [
        "From: \"Westminster City Council\" <updates@example.gov.uk>".to_owned(),
        "To: jo@example.org".to_owned(),
        "Reply-To: contact@example.gov.uk".to_owned(),
        "Subject: Phones & payments: what to do".to_owned(),
        "Date: Thu, 27 Nov 2025 10:30:00 +0000".to_owned(),
        format!("Message-ID: <{reference}@example.gov.uk>"),
        "In-Reply-To: <inc_01kb1mz8t0e6q7n2r3s4t5v6w7@example.gov.uk>".to_owned(),
        "References: <inc_01kb1mz8t0e6q7n2r3s4t5v6w7@example.gov.uk>".to_owned(),
        "Precedence: bulk".to_owned(),
        "List-Id: Westminster City Council updates <updates.example.gov.uk>".to_owned(),
        format!("List-Unsubscribe: <https://status.example.gov.uk/x/{stop}>"),
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click".to_owned(),
        "MIME-Version: 1.0".to_owned(),
    ] {
        let unfolded = head.replace("\r\n ", " ");
        assert!(
            unfolded.lines().any(|found| found == line),
            "{line}\n{head}"
        );
    }
    assert!(!head.contains("Auto-Submitted"), "a person wrote this");
    let names: Vec<_> = head
        .lines()
        .filter(|l| !l.starts_with(' ') && l.contains(": "))
        .collect();
    assert_eq!(names.len(), 16, "{names:#?}");
}

fn parcel_reference() -> String {
    let rendered = render(&notice(), &name(), &headers()).unwrap();
    parcel(rendered, AddressKind::Email, "x@example.org")
        .reference
        .to_string()
}

fn parcel_stop_token() -> String {
    let rendered = render(&notice(), &name(), &headers()).unwrap();
    parcel(rendered, AddressKind::Email, "x@example.org").stop_token
}

#[test]
fn text_and_html_both_say_everything() {
    let (_, text, html) = received(&sent(&notice()));
    let stop = format!("https://status.example.gov.uk/x/{}", parcel_stop_token());
    for fact in [
        "Phones & payments: what to do",
        "Call 020 7641 6000 if it is urgent.",
        ".keep dots",
        "Do not cancel your Direct Debit.",
        ".second line",
        "ŵŷ paragraph",
        "Cyber security incident",
        "Known thing",
        "Unknown thing",
        "Doing thing",
        "Sure thing",
        "Kensington",
        "Ask your own council.",
        "Contact centre",
        "Working with problems",
        "Waits are long.",
        "Telephone: 020 7641 6000",
        "Monday, Tuesday: 9am to 5pm",
        "Wednesday: 9am to 4pm",
        "Community halls",
        "Not available",
        "Next update by 4pm on Thursday 27 November 2025.",
        "7QX-4HM",
        "https://status.example.gov.uk/u/7QX-4HM",
        &stop,
        "Westminster City Council",
    ] {
        assert!(text.contains(fact), "{fact}\n{text}");
        assert!(
            html.contains(&crate::letter::html::escape(fact)),
            "{fact}\n{html}"
        );
    }
    assert!(
        html.contains("First &lt;b&gt;line&lt;/b&gt;"),
        "what people type is text, not HTML"
    );
}

#[test]
fn the_html_is_accessible_light_and_fetches_nothing() {
    let (_, _, html) = received(&sent(&notice()));
    for needed in [
        "<html lang=\"en\" dir=\"ltr\">",
        "<meta name=\"color-scheme\" content=\"light dark\">",
        "@media(prefers-color-scheme:dark)",
        "unicode-bidi:plaintext",
        "<h1>",
        "<h2>",
        "scope=\"col\"",
        "scope=\"row\"",
        "<title>",
    ] {
        assert!(html.contains(needed), "{needed}");
    }
    for unwanted in [
        "<img",
        "<script",
        "<link",
        "src=",
        "url(",
        "http-equiv",
        "@import",
    ] {
        assert!(!html.contains(unwanted), "{unwanted}");
    }
    assert!(html.len() < 80_000);
    let arabic = Notice {
        language: "ar".to_owned(),
        ..notice()
    };
    assert!(
        received(&sent(&arabic))
            .2
            .contains("<html lang=\"ar\" dir=\"rtl\">")
    );
}

#[test]
fn a_long_update_with_many_services_still_fits() {
    let mut long = notice_with(&json!({
        "detail": "ŵ ".repeat(2000), "what_to_do": vec!["w".repeat(300); 10], "what_not_to_do": vec!["n".repeat(300); 10],
    }));
    let service = long.services[0].clone();
    long.services = vec![service; 40];
    let wire = sent(&long);
    is_safe_for_the_wire(&wire);
    assert!(received(&wire).2.len() < 80_000);
}

#[test]
fn a_mail_has_at_most_eighty_kilobytes_and_one_that_would_have_more_is_refused_by_how_much() {
    let accented = "ŵ ".repeat(3200);
    let with_detail = |letters: usize| {
        let detail = format!("{accented}{}", "w ".repeat(letters / 2));
        notice_with(&json!({ "detail": detail }))
    };
    let length = |letters: usize| {
        let rendered = render(&with_detail(letters), &name(), &headers())?;
        Ok::<_, Refusal>(rendered.fit.length)
    };
    let bare = length(2).unwrap();
    let most = LARGEST - PERSONAL;
    // Each letter stands in the text and in the HTML.
    let mut letters = usize::try_from((most - bare) / 2).unwrap() & !1;
    while length(letters).is_err() {
        letters -= 2;
    }
    let longest = with_detail(letters);
    assert!(most - length(letters).unwrap() < 16);
    assert!(sent(&longest).len() <= usize::try_from(LARGEST).unwrap());
    let refusal = length(letters + 20).unwrap_err();
    assert_eq!(refusal.code, "too_long");
    assert!(
        refusal.why.contains("more than the 77824 allowed"),
        "{}",
        refusal.why
    );
}

#[test]
fn render_is_pure() {
    let twice = [(); 2].map(|()| render(&notice(), &name(), &headers()).unwrap());
    assert_eq!(twice[0], twice[1]);
}

#[test]
fn nothing_that_people_write_becomes_a_header_or_a_second_message() {
    let (expected, _, _) = received(&sent(&notice()));
    let count = |head: &str| {
        head.lines()
            .filter(|line| !line.starts_with([' ', '\t']))
            .count()
    };
    for payload in [
        "x\r\nBcc: v@example.org",
        "x\nBcc: v@example.org",
        "x\rBcc: v@example.org",
        "x%0aBcc: v@example.org",
        "=?utf-8?q?x=0D=0ABcc:_v@example.org?=",
        "x\u{2028}Bcc: v",
        "x\u{85}Bcc: v",
        "x\0y",
        "\r\n.\r\nMAIL FROM:<a@b.c>",
        "x\n.\ny",
        "x\r.\ry",
        "\r\n\r\nbody",
        "--=_oyez_alternative--",
        "Ŵ\r\nBcc: v@example.org",
    ] {
        let mut hostile = notice();
        hostile.organisation.name = payload.to_owned();
        hostile.organisation.contact_telephone = payload.to_owned();
        hostile.language = payload.to_owned();
        // Only such texts as pass the checks of the domain can come into an update.
        for (field, value) in [
            ("headline", json!(payload)),
            ("detail", json!(payload)),
            ("what_to_do", json!([payload])),
        ] {
            let mut update = serde_json::to_value(&hostile.update).unwrap();
            update[field] = value;
            if let Ok(update) = serde_json::from_value(update) {
                hostile.update = update;
            }
        }
        let wire = sent(&hostile);
        is_safe_for_the_wire(&wire);
        let (head, _, _) = received(&wire);
        assert_eq!(count(&head), count(&expected), "{payload:?}\n{head}");
        assert!(
            !head.lines().any(|line| line.starts_with("Bcc")),
            "{payload:?}"
        );
    }
}
