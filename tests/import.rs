//! Importing people: every fault with its row and column, all or nothing, and nobody who said stop is written to again.

use crate::support::Town;
use std::io::{Read, Write};
use std::net::TcpStream;

/// Files that are not taken, and what must be said of each.
const BAD: &[(&str, &[u8], &[&str])] = &[
    ("an empty file", b"", &["row 1", "empty"]),
    ("a header without people", b"email\n", &["nobody"]),
    (
        "no column we know",
        b"name,town\nJo,London\n",
        &["row 1", "email or telephone"],
    ),
    (
        "a header twice",
        b"email,phone,E-Mail\na@x.uk,,b@x.uk\n",
        &["row 1", "E-Mail"],
    ),
    (
        "a broken quote",
        b"email\na@x.uk\n\"b@x.uk\nc@x.uk\n",
        &["row 3", "quotation mark"],
    ),
    (
        "no UTF-8",
        b"email,topics\nok@x.uk,\na@x.uk,caf\xe9\n",
        &["row 3", "topics", "UTF-8"],
    ),
    (
        "a formula",
        b"email\nok@x.uk\n=cmd()\n",
        &["row 3", "email", "formula"],
    ),
    (
        "a line break in an address",
        b"email\n\"a@x.uk\r\nBcc: v@y.uk\"\n",
        &["row 2", "email", "line break"],
    ),
    (
        "no address",
        b"email\nok@x.uk\nnot an address\n",
        &["row 3", "email"],
    ),
    (
        "no telephone number",
        b"telephone\n12\n",
        &["row 2", "telephone"],
    ),
    (
        "too many cells",
        b"email\na@x.uk,b@x.uk\n",
        &["row 2", "cells"],
    ),
];

#[test]
fn a_bad_file_is_refused_whole_with_row_and_column() {
    let town = Town::new();
    for (what, csv, words) in BAD {
        let file = town.write("bad.csv", csv);
        let done = town.oyez(&["subscriber", "import", file.to_str().unwrap()]);
        assert!(
            !done.stderr.contains("v@y.uk"),
            "{what}: an address is never repeated: {}",
            done.stderr
        );
        done.fails(3, words);
    }
    let file = town.write("good.csv", "email\nok@x.uk\n");
    let imported = town.json(&["subscriber", "import", file.to_str().unwrap()]);
    assert_eq!(
        imported["added"], 1,
        "nothing of the bad files had been taken"
    );
}

#[test]
fn every_fault_of_a_file_is_listed_at_once() {
    let town = Town::new();
    let file = town.write(
        "bad.csv",
        "email,telephone\nbad,12\n=1+1,07700900123\nok@x.uk,\n",
    );
    town.oyez(&["subscriber", "import", file.to_str().unwrap()])
        .fails(3, &["row 2, email", "row 2, telephone", "row 3, email"]);
}

#[test]
fn spellings_of_one_number_are_one_person_and_a_landline_is_never_texted() {
    let town = Town::new();
    let file = town.write(
        "people.csv",
        "telephone\n07700 900123\n+44 7700 900123\n(0)7700-900123\n020 7641 6000\n",
    );
    let done = town.oyez(&["subscriber", "import", file.to_str().unwrap(), "--json"]);
    assert!(
        done.stderr.contains("row 5") && done.stderr.contains("landline"),
        "{}",
        done.stderr
    );
    let imported: serde_json::Value = serde_json::from_str(&done.exits(0)).unwrap();
    assert_eq!(
        (imported["rows"].as_u64(), imported["landlines"].as_u64()),
        (Some(4), Some(1))
    );
    let update = town.update(&["--channel", "residents_sms"]);
    town.oyez(&["update", "send", &update, "--yes"]).exits(0);
    assert_eq!(town.seen("residents_sms").requests, 1);
}

#[test]
fn a_missing_file_is_named() {
    Town::new()
        .oyez(&["subscriber", "import", "nowhere.csv"])
        .fails(3, &["nowhere.csv"]);
}

#[test]
fn whoever_said_stop_stays_stopped_after_another_import() {
    let town = Town::new();
    let serve = town.serve();
    town.people(1);
    let first = town.update(&["--channel", "residents_email"]);
    town.oyez(&["update", "send", &first, "--yes", "--watch"])
        .exits(0);
    let path = stop_path(&town.latest("residents_email"));
    let host = serve.base().trim_start_matches("http://");
    assert!(
        request(host, "GET", &path).starts_with("HTTP/1.1 200"),
        "looking changes nothing"
    );
    let posted = request(host, "POST", &path);
    assert!(posted.starts_with("HTTP/1.1 2"), "{posted}");

    let file = town.path("people.csv");
    let imported = town.json(&["subscriber", "import", file.to_str().unwrap()]);
    assert_eq!(
        (imported["added"].as_u64(), imported["suppressed"].as_u64()),
        (Some(0), Some(1))
    );
    let second = town.update(&[
        "--channel",
        "residents_email",
        "--channel",
        "council_mastodon",
    ]);
    town.oyez(&["update", "send", &second, "--yes", "--watch"])
        .exits(0);
    assert_eq!(
        town.seen("residents_email").effects,
        1,
        "the first update only"
    );
    assert_eq!(serve.end(), 0);
}

/// The path of the link in `List-Unsubscribe`.
fn stop_path(mail: &str) -> String {
    let unfolded = mail.replace("\r\n ", " ");
    let header = unfolded
        .lines()
        .find(|line| line.starts_with("List-Unsubscribe:"))
        .unwrap();
    let at = header.find("/x/").unwrap();
    header[at..]
        .split(['>', ',', ' '])
        .next()
        .unwrap()
        .to_owned()
}

/// One request as a mail provider's one-click unsubscribe makes it (RFC 8058).
fn request(host: &str, method: &str, path: &str) -> String {
    let body = if method == "POST" {
        "List-Unsubscribe=One-Click"
    } else {
        ""
    };
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
