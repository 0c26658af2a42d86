//! Every fact of the demonstration reaches residents: in both parts of the mail, on the page, in the post, in the text.

use crate::adapters::{changed, facts};
use crate::mime::Mail;
use crate::support::Town;
use oyez_domain::incident::Phase;
use oyez_domain::service::ServiceState;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

/// What residents read of the update, white space folded.
struct Told {
    text: String,
    html: String,
    page: String,
    post: String,
    sms: String,
    reference: String,
}

/// Sends the demonstration's update with the real program to one resident, and reads what came of it.
fn told() -> Told {
    let town = Town::new();
    let serve = town.serve();
    let people = town.write("people.csv", "email,telephone\njo@mail.test,07700 900123\n");
    town.oyez(&["subscriber", "import", people.to_str().unwrap()])
        .exits(0);
    let put = |name: &str, value: &Value| {
        let file = town.write(name, value.to_string());
        file.to_str().unwrap().to_owned()
    };
    let facts = facts();
    let services = put("services.json", &facts["services"]);
    town.oyez(&["service", "put", &services]).exits(0);
    let incident = put("incident.json", &facts["incident"]);
    let incident = town.json(&["incident", "new", "--file", &incident]);
    let filled = json!({ "incident": incident["id"], "next_update_by": "none" });
    let update = put("update.json", &changed(facts["update"].clone(), filled));
    let update = town.json(&["update", "new", "--file", &update]);
    let reference = update["reference"].as_str().unwrap();
    town.oyez(&["update", "send", reference, "--watch", "--yes"])
        .exits(0);

    let mail = Mail::read(&town.latest("residents_email"));
    let said = |channel: &str, field: &str| {
        let body: Value = serde_json::from_str(&town.latest(channel)).unwrap();
        body[field].as_str().unwrap().to_owned()
    };
    Told {
        text: folded(&mail.part("text/plain")),
        html: readable(&mail.part("text/html")),
        page: readable(&get(serve.base(), "/")),
        post: folded(&said("council_mastodon", "status")),
        sms: said("residents_sms", "text"),
        reference: reference.to_owned(),
    }
}

#[test]
fn every_fact_stands_in_both_parts_of_the_mail_and_on_the_page() {
    let (told, facts) = (told(), facts());
    for (place, text) in [
        ("the text", &told.text),
        ("the HTML", &told.html),
        ("the page", &told.page),
    ] {
        let mut missing = Vec::new();
        for (path, fact) in leaves(&facts, String::new()) {
            let said = spoken(&path, &fact);
            missing.extend(said.filter(|said| !text.contains(&folded(said))));
        }
        for body in facts["incident"]["affected"].as_array().unwrap() {
            let both = format!("{}: {}", word(&body[0]), word(&body[1]));
            missing.extend((!text.contains(&both)).then_some(both));
        }
        missing.extend(services_missing(text, &facts));
        assert!(missing.is_empty(), "{place} lacks {missing:#?}\n{text}");
    }
}

#[test]
fn every_line_of_advice_stands_in_the_post_and_the_short_text_is_its_authors_own() {
    let (told, update) = (told(), &facts()["update"]);
    for list in ["what_to_do", "what_not_to_do"] {
        for line in update[list].as_array().unwrap() {
            assert!(told.post.contains(word(line)), "{line}: {}", told.post);
        }
    }
    let own = word(&update["sms"]).replace("{ref}", &told.reference);
    assert_eq!(told.sms, own);
    assert_ne!(own, word(&update["sms"]), "the reference is filled in");
}

/// Every text in the facts with its place, e.g. `/incident/known/0`.
fn leaves(value: &Value, path: String) -> Vec<(String, String)> {
    let below = |(key, value): (String, &Value)| leaves(value, format!("{path}/{key}"));
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| (key.clone(), value));
            fields.flat_map(below).collect()
        }
        Value::Array(values) => {
            let values = values.iter().enumerate();
            let values = values.map(|(at, value)| (at.to_string(), value));
            values.flat_map(below).collect()
        }
        Value::String(text) => vec![(path, text.clone())],
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// What a resident must find of a fact. Nothing for what programs read, for what is said in another language, and for services,
/// which are judged row by row.
fn spoken(path: &str, fact: &str) -> Option<String> {
    match path.split('/').skip(1).collect::<Vec<_>>()[..] {
        ["incident" | "update", "phase"] => Some(fact.parse::<Phase>().unwrap().label().to_owned()),
        ["services", ..]
        | ["update", "incident" | "kind" | "sms" | "next_update_by"]
        | ["update", "services" | "short", _] => None,
        _ => Some(fact.to_owned()),
    }
}

/// What lacks of each service: its state right after its name, then note, telephone and each day's hours.
fn services_missing(text: &str, facts: &Value) -> Vec<String> {
    let services = facts["services"].as_array().unwrap();
    let names: Vec<_> = services
        .iter()
        .map(|service| word(&service["name"]))
        .collect();
    let lacks = |service: &Value| {
        let id = word(&service["id"]);
        let state = facts["update"]["services"]
            .get(id)
            .unwrap_or(&service["state"]);
        let rows = rows(text, word(&service["name"]), &names);
        let best = rows
            .iter()
            .map(|row| row_missing(row, service, word(state)));
        best.min_by_key(Vec::len)
            .unwrap_or_else(|| vec![format!("{id} itself")])
    };
    services.iter().flat_map(lacks).collect()
}

/// Each stretch from behind this name, where a state follows it, to the next such place of any name.
fn rows<'a>(text: &'a str, name: &str, names: &[&str]) -> Vec<&'a str> {
    let end = |row: &str| names.iter().flat_map(|name| places(row, name)).min();
    let after = places(text, name)
        .into_iter()
        .map(|at| &text[at + name.len()..]);
    after
        .map(|row| &row[..end(row).unwrap_or(row.len())])
        .collect()
}

fn places(text: &str, name: &str) -> Vec<usize> {
    let found = text.match_indices(name).map(|(at, _)| at);
    found
        .filter(|at| state_said(&text[at + name.len()..]).is_some())
        .collect()
}

/// The state in words with which a row begins.
fn state_said(row: &str) -> Option<&'static str> {
    let row = row.trim_start_matches([':', ' ']);
    let labels = ServiceState::ALL.map(ServiceState::label);
    let said = labels.into_iter().filter(|label| row.starts_with(label));
    said.max_by_key(|label| label.len())
}

fn row_missing(row: &str, service: &Value, state: &str) -> Vec<String> {
    let name = word(&service["name"]);
    let mut missing = Vec::new();
    let expected = state.parse::<ServiceState>().unwrap().label();
    if state_said(row) != Some(expected) {
        missing.push(format!("{name}: {expected}"));
    }
    for field in ["note", "telephone"] {
        let fact = service[field].as_str().filter(|fact| !row.contains(fact));
        missing.extend(fact.map(|fact| format!("{name}: {fact}")));
    }
    for (day, hours) in service["hours"].as_object().into_iter().flatten() {
        if !opens(row, day, word(hours)) {
            missing.push(format!("{name}: {day} {hours}"));
        }
    }
    missing
}

const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// Whether the hours stand after the day, at most with other days between them.
fn opens(row: &str, day: &str, hours: &str) -> bool {
    let (from, to) = hours.split_once('-').unwrap();
    let spoken = format!("{} to {}", spoken_time(from), spoken_time(to));
    let day = DAYS
        .iter()
        .find(|label| label.to_lowercase().starts_with(day))
        .unwrap();
    row.match_indices(day).any(|(at, _)| {
        let mut rest = &row[at..];
        while let Some(after) = DAYS.iter().find_map(|day| rest.strip_prefix(day)) {
            rest = after.trim_start_matches([',', ':', ' ']);
        }
        rest.starts_with(&spoken)
    })
}

/// `08:30` is `8:30am`, `17:00` is `5pm`.
fn spoken_time(time: &str) -> String {
    let (hour, minute) = time.split_once(':').unwrap();
    let hour: u32 = hour.parse().unwrap();
    let (half, twelve) = (if hour < 12 { "am" } else { "pm" }, (hour + 11) % 12 + 1);
    match minute {
        "00" => format!("{twelve}{half}"),
        _ => format!("{twelve}:{minute}{half}"),
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of a page as a person reads them: no tags, references decoded.
fn readable(html: &str) -> String {
    let (_, body) = html.split_once("<body").unwrap();
    let mut words = String::new();
    for piece in body.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap();
        let name = tag
            .trim_start_matches('/')
            .split([' ', '\n'])
            .next()
            .unwrap();
        // Others begin a line or a cell of their own.
        if !["a", "b", "bdi", "strong"].contains(&name) {
            words.push(' ');
        }
        words.push_str(text);
    }
    folded(&decoded(&words))
}

/// Character references in words and in numbers.
fn decoded(text: &str) -> String {
    let mut pieces = text.split('&');
    let mut decoded = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let (code, rest) = piece.split_once(';').unwrap();
        let sign = match code.strip_prefix('#') {
            Some(number) => {
                let hex = number.strip_prefix(['x', 'X']);
                let number = hex.map_or(number.parse(), |hex| u32::from_str_radix(hex, 16));
                char::from_u32(number.unwrap()).unwrap()
            }
            None => match code {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                "nbsp" => ' ',
                _ => unreachable!("&{code}; is not expected"),
            },
        };
        decoded.push(sign);
        decoded.push_str(rest);
    }
    decoded
}

/// A page over plain HTTP 1.0, which knows no chunks.
fn get(base: &str, path: &str) -> String {
    let host = base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
    answer
}

#[test]
fn a_missing_fact_is_noticed() {
    let facts = json!({ "update": { "services": {} }, "services": [
        { "id": "a", "name": "Halls", "state": "ok", "hours": { "wed": "08:30-16:00" } },
        { "id": "b", "name": "Parks", "state": "limited", "note": "Shut at dusk. See Parks." }
    ] });
    let good = readable(
        "<body><tr><th>Halls</th><td>Working</td><td>Tuesday, Wednesday: 8:30am to 4pm</td></tr>\
         <tr><th>Parks</th> <td><b>Working</b> with problems</td><td>Shut&#32;at dusk. See Parks.</td></tr>",
    );
    assert_eq!(services_missing(&good, &facts), [""; 0]);
    for (was, is, lacking) in [
        ("Halls Working", "Halls Working with problems", 1),
        ("4pm", "5pm", 1),
        ("Wednesday", "Thursday", 1),
        ("Shut at dusk.", "", 1),
        ("Parks", "Woods", 1),
        ("Halls", "", 1),
    ] {
        let changed = good.replace(was, is);
        assert_eq!(
            services_missing(&changed, &facts).len(),
            lacking,
            "{changed}"
        );
    }
}
