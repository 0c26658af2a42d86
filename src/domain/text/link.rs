//! Links in a text: web addresses with their scheme, and bare host names such as `status.example.gov.uk`.

use std::ops::Range;

/// One link, by its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Bytes from its first to behind its last.
    pub place: Range<usize>,
    /// Whether it begins with `http://` or `https://`.
    pub scheme: bool,
    /// Whether its top-level domain is certainly one: networks decide by lists that change.
    pub known: bool,
}

/// Every link, in order.
pub fn links(text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        let link = with_scheme(rest, before).or_else(|| bare(rest, before));
        at += match link {
            Some((length, scheme, known)) => {
                let place = at..at + length;
                links.push(Link {
                    place,
                    scheme,
                    known,
                });
                length
            }
            None => next_start(rest),
        };
    }
    links
}

/// How far it is to the next place where a link could begin: behind this character or behind this run of a name.
fn next_start(rest: &str) -> usize {
    let run = rest.find(|sign| !in_name(sign)).unwrap_or(rest.len());
    // A scheme may follow a run without a gap, but only behind what is no letter.
    let first = rest.chars().next().map_or(1, char::len_utf8);
    if run > 0 { run } else { first }
}

fn with_scheme(rest: &str, before: Option<char>) -> Option<(usize, bool, bool)> {
    let scheme = ["https://", "http://"].into_iter().find(|scheme| {
        let head = rest.get(..scheme.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(scheme))
    })?;
    if before.is_some_and(|sign| sign.is_ascii_alphanumeric() || "@＠$#＃".contains(sign)) {
        return None;
    }
    let rest = rest.get(scheme.len()..)?;
    let ends_host = |sign: char| !(in_name(sign) || (!sign.is_ascii() && !separates(sign)));
    let host = rest.get(..rest.find(ends_host).unwrap_or(rest.len()))?;
    let host = whole_host(host)?;
    let behind = rest.get(host.len()..)?;
    Some((
        scheme.len() + host.len() + behind_host(behind),
        true,
        is_known(host),
    ))
}

fn bare(rest: &str, before: Option<char>) -> Option<(usize, bool, bool)> {
    let follows_name = |sign: char| in_name(sign) || sign.is_alphanumeric() && sign.is_ascii();
    if before.is_some_and(|sign| follows_name(sign) || "@＠$#＃/".contains(sign)) {
        return None;
    }
    let run = rest.get(..rest.find(|sign| !in_name(sign)).unwrap_or(rest.len()))?;
    let host = whole_host(run)?;
    let behind = rest.get(host.len()..)?;
    if behind.starts_with('@') {
        return None;
    }
    Some((host.len() + behind_host(behind), false, is_known(host)))
}

fn in_name(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_' | '.')
}

/// White space, signs that only steer the reading order, and the punctuation of other scripts.
fn separates(sign: char) -> bool {
    sign.is_whitespace()
        || sign.is_control()
        || matches!(sign, '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{203e}')
        || matches!(sign, '\u{2066}'..='\u{2069}' | '\u{3000}'..='\u{3020}' | '\u{ff00}'..='\u{ff0f}')
        || matches!(sign, '«' | '»' | '¿' | '¡' | '،' | '؛' | '؟' | '۔' | '।')
}

/// The host name at the beginning: at least two labels that are fit for one, the last of letters.
fn whole_host(run: &str) -> Option<&str> {
    let run = run.trim_end_matches('.');
    let (_, last) = run.rsplit_once('.')?;
    // `example.com中国語`: the name ends where the script changes.
    let ascii = last
        .find(|sign: char| !sign.is_ascii())
        .unwrap_or(last.len());
    let host = match ascii {
        0 => run,
        ascii => run.get(..run.len() - last.len() + ascii)?,
    };
    let (above, last) = host.rsplit_once('.')?;
    let underscore = above.rsplit('.').next()?.contains('_') || last.contains('_');
    let letters = last.chars().count() >= 2
        && last
            .chars()
            .all(|sign| sign.is_alphabetic() || !sign.is_ascii());
    let top = letters || last.to_ascii_lowercase().starts_with("xn--");
    (top && host.split('.').all(is_label) && !underscore).then_some(host)
}

/// RFC 1035 §2.3.4: at most 63 octets, as they travel.
fn is_label(label: &str) -> bool {
    let outer = |sign: Option<char>| sign.is_some_and(|sign| sign != '-' && sign != '_');
    let short = if label.is_ascii() {
        label.len() <= 63
    } else {
        url::Host::parse(label).is_ok_and(|host| host.to_string().len() <= 63)
    };
    outer(label.chars().next()) && outer(label.chars().next_back()) && short
}

/// Two letters are a country; the others that councils use are few.
fn is_known(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or("").to_ascii_lowercase();
    let country = last.len() == 2 && last.bytes().all(|byte| byte.is_ascii_lowercase());
    country
        || !last.is_ascii()
        || last.starts_with("xn--")
        || [
            "com", "org", "net", "gov", "edu", "info", "int", "mil", "biz", "name", "london",
            "scot", "wales", "cymru", "coop", "museum", "app", "dev", "page", "social", "news",
            "online", "site",
        ]
        .contains(&last.as_str())
}

/// Bytes of port, path and query behind a host, without the punctuation of the sentence around them.
fn behind_host(rest: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let port = match rest.strip_prefix(':').map(digits) {
        Some(digits @ 1..) => digits + 1,
        Some(0) | None => 0,
    };
    let tail = rest.get(port..).unwrap_or("");
    if !tail.starts_with(['/', '?', '#']) {
        return port;
    }
    let end = tail.find(|sign| !in_path(sign)).unwrap_or(tail.len());
    port + tail.get(..end).map_or(0, without_punctuation)
}

/// ASCII but for what encloses links in prose; Latin letters with accents, and Cyrillic ones.
fn in_path(sign: char) -> bool {
    match sign {
        '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => false,
        '!'..='~' => true,
        '\u{c0}'..='\u{24f}' | '\u{400}'..='\u{4ff}' => sign.is_alphabetic(),
        _ => false,
    }
}

fn without_punctuation(path: &str) -> usize {
    let count = |bracket| path.matches(bracket).count();
    let (opened, mut closed) = (count('('), count(')'));
    let mut length = path.len();
    for sign in path.chars().rev() {
        let of_the_sentence = match sign {
            ')' => {
                closed -= 1;
                closed >= opened
            }
            sign => ".,:;!?'*~[](@$%".contains(sign),
        };
        if !of_the_sentence {
            break;
        }
        length -= sign.len_utf8();
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::hostile::Hostile;

    fn found(text: &str) -> Vec<&str> {
        links(text)
            .into_iter()
            .map(|link| &text[link.place])
            .collect()
    }

    /// The cases of twitter-text's conformance suite first, then our own.
    const CASES: &[(&str, &[&str])] = &[
        ("text http://foobar.com/#", &["http://foobar.com/#"]),
        (
            "text http://somehost.com:3000",
            &["http://somehost.com:3000"],
        ),
        (
            "text http://xo.com/~matthew+%ff-,.;x",
            &["http://xo.com/~matthew+%ff-,.;x"],
        ),
        (
            "text http://en.wikipedia.org/wiki/Primer_(film)",
            &["http://en.wikipedia.org/wiki/Primer_(film)"],
        ),
        ("text http://✪df.ws/ejp", &["http://✪df.ws/ejp"]),
        ("text http://chilp.it/?77e8fd", &["http://chilp.it/?77e8fd"]),
        (
            "text http://domain-dash_2314352345_dfasd.foo-cow_4352.com",
            &[],
        ),
        ("text http://-dash_2314352345_dfasd.foo-cow_4352.com", &[]),
        ("text http://no-tld", &[]),
        ("text http://tld-too-short.x", &[]),
        ("(http://twitter.com)", &["http://twitter.com"]),
        ("text http://foo.com?#foo text", &["http://foo.com?#foo"]),
        (
            "foo.com foo.net foo.org foo.edu foo.gov",
            &["foo.com", "foo.net", "foo.org", "foo.edu", "foo.gov"],
        ),
        ("t.co/abcde bit.ly/abcde", &["t.co/abcde", "bit.ly/abcde"]),
        (
            "Go to http://example.com/a+ or http://example.com/a-",
            &["http://example.com/a+", "http://example.com/a-"],
        ),
        ("@user Try http:// example.com/path", &["example.com/path"]),
        (
            "日本語です。example.com中国語t.co/abcde한국",
            &["example.com", "t.co/abcde"],
        ),
        (
            "http://twitter.com/これは http://t.co/abcde한국",
            &["http://twitter.com/", "http://t.co/abcde"],
        ),
        (
            "Go to http://twitter.com/Русские_слова",
            &["http://twitter.com/Русские_слова"],
        ),
        ("test http://a.b.cd", &["http://a.b.cd"]),
        ("test http://-leadingdash.twitter.com", &[]),
        ("test http://trailingdash-.twitter.com", &[]),
        ("See status.example.gov.uk.", &["status.example.gov.uk"]),
        (
            "See https://status.example.gov.uk/u/7QX-4HM, now",
            &["https://status.example.gov.uk/u/7QX-4HM"],
        ),
        (
            "HTTPS://www.ExaMPLE.COM/index.html",
            &["HTTPS://www.ExaMPLE.COM/index.html"],
        ),
        (
            "contact@westminster.gov.uk at 9.30 or 5 p.m. on 24.11.2025",
            &[],
        ),
    ];

    #[test]
    fn vector_links_end_where_the_sentence_goes_on() {
        for (text, expected) in CASES {
            assert_eq!(found(text), *expected, "{text}");
        }
    }

    #[test]
    fn links_stand_apart_whatever_the_text() {
        for seed in 0..400 {
            let text = Hostile::new(seed).text(200);
            let mut end = 0;
            for link in links(&text) {
                assert!(link.place.start >= end, "seed {seed}: {text}");
                end = link.place.end;
                let link = &text[link.place];
                assert!(!link.contains(char::is_whitespace), "seed {seed}: {link}");
            }
        }
    }
}
