//! Mails that came back, as many servers write them, and mails that are meant to do harm.

use super::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

const REFERENCE: &str = "0000000e0001a3z1k2m3n4p5q6";

/// One line of `tests/corpus/bounces/bounces.jsonl`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    file: String,
    section: String,
    case: String,
    mail: String,
    #[serde(default)]
    status: Option<ReceiptStatus>,
    #[serde(default)]
    reason: Option<Reason>,
}

fn corpus() -> Vec<(Case, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus/bounces");
    let list = std::fs::read_to_string(folder.join("bounces.jsonl")).unwrap();
    let cases: Vec<_> = list
        .lines()
        .map(|line| {
            let case: Case = serde_json::from_str(line).unwrap();
            let mail = std::fs::read(folder.join(&case.file)).unwrap();
            (case, mail)
        })
        .collect();
    let mails = std::fs::read_dir(&folder).unwrap().count() - 1;
    assert_eq!(mails, cases.len(), "a mail that no line tells of");
    cases
}

#[test]
fn vector_every_mail_of_the_corpus_is_read_for_what_it_is() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (case, mail) in corpus() {
        let with_line_feeds = String::from_utf8(mail.clone())
            .unwrap()
            .replace("\r\n", "\n");
        for mail in [mail.as_slice(), with_line_feeds.as_bytes()] {
            let found = read(mail, None);
            let expected = match case.mail.as_str() {
                "about" => Mail::About(Receipt {
                    key: ReceiptKey::Reference(REFERENCE.to_owned()),
                    status: case.status.unwrap(),
                    reason: case.reason,
                    provider_time: None,
                }),
                "machine" => Mail::Machine,
                _ => Mail::Letter,
            };
            assert_eq!(found, expected, "{}: {}", case.file, case.case);
        }
        *counts
            .entry(format!("bounces {}", case.section))
            .or_default() += 1;
    }
    for (section, cases) in &counts {
        println!("{cases:>4}  {section}");
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}

/// Reads a mail on a stack smaller than a worker's; whether it ends within two seconds, in a build without optimisation.
fn is_read_in_time(mail: Vec<u8>) -> bool {
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(move || done.send(read(&mail, None)))
        .unwrap();
    is_done.recv_timeout(Duration::from_secs(2)).is_ok()
}

#[test]
fn no_mail_however_broken_is_more_than_misread() {
    let corpus = corpus();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..20_000 {
        let mut mail = corpus[dice.below(corpus.len())].1.clone();
        for _ in 0..=dice.below(8) {
            let at = dice.below(mail.len());
            match dice.below(5) {
                0 => mail[at] = u8::try_from(dice.below(256)).unwrap(),
                1 => mail.truncate(at + 1),
                2 => mail.insert(at, b"\r\n:;=\"-<>@ \t\0"[dice.below(13)]),
                3 => {
                    let end = (at + dice.below(200)).min(mail.len());
                    let copy = mail[at..end].to_vec();
                    mail.splice(at..at, copy);
                }
                _ => {
                    let end = (at + dice.below(200)).min(mail.len());
                    mail.drain(at..end);
                    mail.push(b'\n');
                }
            }
        }
        // It ends, and names nothing but what has the form of a reference.
        if let Mail::About(receipt) = read(&mail, None) {
            let ReceiptKey::Reference(reference) = receipt.key else {
                panic!("{round}");
            };
            assert!(oyez_domain::id::unbase32(&reference).is_some(), "{round}");
        }
    }
}

#[test]
fn a_mail_made_to_do_harm_is_read_within_bounds() {
    let many = |text: &str| text.repeat(LARGEST / text.len()).into_bytes();
    let nested_parts: String = (0..20_000)
        .map(|level| format!("Content-Type: multipart/x; boundary={level}\n\n--{level}\n"))
        .collect();
    let hostile = [
        many("Content-Type: message/rfc822\n\n"),
        many("Content-Type: multipart/mixed; boundary=a\n\n--a\n"),
        nested_parts.into_bytes(),
        many("b+@"),
        many("b+0000000e0001a3z1k2m3n4p5q6@"),
        many("To: b+0000000e0001a3z1k2m3n4p5q7@x\n"),
        many("Subject: a\n b\n"),
        many(" "),
        many("\n"),
        many("=\n"),
        many("<"),
        many("Message-ID: <\n"),
        many("Content-Type: x;"),
        many("Content-Type: text/plain; boundary="),
        many("\u{feff}ŵ"),
        many("Action: failed\nStatus: 5.1.1\n\n"),
        vec![0xff; LARGEST],
        vec![0; LARGEST],
        b"Content-Type: multipart/report; boundary=a\n\n"
            .iter()
            .copied()
            .chain(many(
                "--a\nContent-Type: message/delivery-status\n\nAction: failed\n",
            ))
            .collect(),
        b"Subject: failure notice\nFrom: mailer-daemon\n\n"
            .iter()
            .copied()
            .chain(many("550 5.1.1 "))
            .collect(),
        Vec::new(),
    ];
    for (number, mail) in hostile.into_iter().enumerate() {
        assert!(is_read_in_time(mail), "{number}");
    }
}

#[test]
fn what_is_longer_than_any_bounce_of_ours_is_not_read_to_its_end() {
    let mut mail = b"Subject: a\nX-Filler: ".to_vec();
    mail.resize(LARGEST, b'x');
    mail.extend_from_slice(format!("\nTo: b+{REFERENCE}@x\n").as_bytes());
    assert_eq!(read(&mail, None), Mail::Letter);
}

fn posted(
    method: &str,
    url: &str,
    token: &str,
    body: &[u8],
) -> Result<Vec<Receipt>, CallbackRefusal> {
    let headers = [("authorization".to_owned(), format!("Bearer {token}"))];
    let callback = Callback {
        method,
        url,
        headers: &headers,
        body,
    };
    receive(&Secret::new("a-long-enough-token"), &callback)
}

#[test]
fn a_mail_server_proves_itself_and_may_say_to_whom_the_mail_was_sent() {
    const URL: &str = "https://status.example.gov.uk/callbacks/residents_email";
    let good = "a-long-enough-token";
    let (_, mail) = corpus().swap_remove(0);
    assert_eq!(posted("POST", URL, good, &mail).unwrap().len(), 1);
    assert_eq!(
        posted("POST", URL, "a-long-enough-tokem", &mail),
        Err(CallbackRefusal::Unauthenticated)
    );
    for (method, body) in [("GET", mail.as_slice()), ("POST", b"".as_slice())] {
        assert_eq!(
            posted(method, URL, good, body),
            Err(CallbackRefusal::Malformed)
        );
    }
    let anonymous = b"From: mailer-daemon@x\nSubject: failure notice\n\n550 5.1.1 no\n";
    assert_eq!(posted("POST", URL, good, anonymous), Ok(Vec::new()));
    for to in [
        "b%2B0000000e0001a3z1k2m3n4p5q6@x",
        "b+0000000e0001a3z1k2m3n4p5q6%40x",
    ] {
        let url = format!("{URL}?to={to}");
        let receipts = posted("POST", &url, good, anonymous).unwrap();
        assert_eq!(
            receipts[0].key,
            ReceiptKey::Reference(REFERENCE.to_owned()),
            "{to}"
        );
    }
}

#[test]
fn a_token_that_could_be_guessed_is_a_fault() {
    let settings = |token: &str| -> Settings {
        serde_json::from_value(serde_json::json!({ "token": token })).unwrap()
    };
    assert!(settings("a-long-enough-token").check().is_empty());
    for (token, code) in [("short", "too_short"), ("", "malformed_secret")] {
        let faults = settings(token).check();
        assert_eq!(faults[0].code, code);
        assert_eq!(faults[0].field, "bounces.token");
    }
}
