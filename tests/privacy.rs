//! No address, token or secret stands in a log, whatever goes wrong, nor in the database as it lies on disk.

use crate::office::{email, mobile};
use crate::support::Town;
use serde_json::json;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

const PEOPLE: u32 = 60;
const RELAY_PASSWORD: &str = "tortoiseshell-relay-password";
const GATEWAY_TOKEN: &str = "marmalade-gateway-token";
const RECEIPT_TOKEN: &str = "tabby-receipt-token";
const MASTODON_TOKEN: &str = "calico-mastodon-token";
/// It stands in the addresses of rooms of staff.
const ROOM_SECRET: &str = "manx-room-secret";
const CONSOLE_TOKEN: &str = "burmese-console-token-of-a-decent-length";
const PARTNER_KEY: &str = "c2lhbWVzZS1wYXJ0bmVyLWtleS1vZi0zMi1ieXRlcyE=";

/// The town's configuration with a secret in every place that takes one, and a log of everything.
fn configuration(town: &Town) -> String {
    let http = town.providers();
    let more = format!(
        r#"
        [channels.residents_sms.via.sms_http.callback]
        auth = "bearer"
        secret = "{RECEIPT_TOKEN}"
        ref_pointer = "/reference"
        status_pointer = "/status"
        map = {{ delivered = "delivered" }}
        [channels.neighbours.via.webhook]
        [channels.staff_slack.via.slack]
        url = "http://{http}/staff_slack/slack/services/T0/B0/{ROOM_SECRET}"
        [channels.staff_discord.via.discord]
        url = "http://{http}/staff_discord/discord/api/webhooks/42/{ROOM_SECRET}"
        [channels.staff_teams.via.teams]
        url = "http://127.0.0.1:9/teams/workflows/1/invoke?sig={ROOM_SECRET}"
        [channels.staff_telegram.via.telegram]
        server = "http://{http}/staff_telegram/telegram"
        token = "110201543:{ROOM_SECRET}"
        chat = "@council"
        "#
    );
    let login = format!(
        "username = \"crier\"\npassword = \"{RELAY_PASSWORD}\"\nhello = \"residents_email\""
    );
    let bearer = format!("auth = \"bearer\"\nsecret = \"{GATEWAY_TOKEN}\"\nid_pointer");
    let with_token = format!("listen = \"127.0.0.1:0\"\ntoken = \"{CONSOLE_TOKEN}\"");
    let changes = [
        ("hello = \"residents_email\"", login.as_str()),
        ("id_pointer", &bearer),
        ("listen = \"127.0.0.1:0\"", &with_token),
        (
            "token = \"made-up\"",
            &format!("token = \"{MASTODON_TOKEN}\""),
        ),
        ("filter = \"warn\"", "filter = \"trace\"\nformat = \"json\""),
    ];
    let plain = town.configuration(&more);
    changes.iter().fold(plain, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

/// Providers that do everything wrong which is likely to be complained about in a log.
fn trouble() -> serde_json::Value {
    let rest = |rest: u32| json!({ "number": { "every": 10, "rest": rest } });
    json!({ "channels": {
        "residents_email": {
            "smtp_login": { "user": "crier", "password": RELAY_PASSWORD },
            "rules": [
                { "stage": "rcpt", "when": rest(1), "do": { "smtp": { "code": 550, "text": "5.1.1 <resident00001@demo.invalid>: Recipient address rejected" } } },
                { "stage": "rcpt", "when": rest(2), "times_each": 1, "do": { "smtp": { "code": 451, "text": "4.7.1 Greylisted" } } },
                { "when": rest(3), "do": "drop_after_effect" },
            ],
        },
        "residents_sms": {
            "bearer_token": GATEWAY_TOKEN,
            "rules": [
                { "when": rest(4), "do": "drop_before_effect" },
                { "when": rest(5), "do": { "http": { "status": 422 } } },
            ],
        },
        "staff_slack": { "rules": [{ "times": 1, "do": { "http": { "status": 500 } } }] },
        "staff_discord": { "rules": [{ "times": 1, "do": "drop_after_effect" }] },
        "staff_telegram": { "bearer_token": "1:another" },
        "council_mastodon": { "bearer_token": MASTODON_TOKEN, "rules": [{ "times": 1, "do": { "http": { "status": 503 } } }] },
    }})
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    };
    entries.flat_map(below).collect()
}

/// Which of these texts stand in some bytes.
fn found<'a>(texts: &'a [String], bytes: &[u8]) -> Vec<&'a str> {
    let bytes = String::from_utf8_lossy(bytes);
    let stands = |text: &&String| bytes.contains(text.as_str());
    texts.iter().filter(stands).map(String::as_str).collect()
}

/// Runs one update over every channel with everything logged, ends in good order; the log.
fn run(town: &Town) -> Vec<u8> {
    town.write("oyez.toml", configuration(town));
    town.play(trouble());
    let log = town.path("stderr.jsonl");
    let serve = town.serve_logging(File::create(&log).unwrap());
    let people = (1..=PEOPLE).map(|n| format!("{},{}\n", email(n), mobile(n)));
    let people = format!("email,telephone\n{}", people.collect::<String>());
    let people = town.write("people.csv", people);
    let secret = town.write("whsec.txt", format!("whsec_{PARTNER_KEY}"));
    // Nobody listens there.
    let url = "http://127.0.0.1:9/hooks/oyez-at-the-neighbours";
    town.oyez(&["subscriber", "import", people.to_str().unwrap()])
        .exits(0);
    let secret = secret.to_str().unwrap();
    town.oyez(&[
        "endpoint",
        "put",
        "neighbours",
        url,
        "--secret-file",
        secret,
    ])
    .exits(0);
    let update = town.update(&[]);
    town.oyez(&["update", "send", &update, "--yes"]).exits(0);
    // The neighbours stay down, so somebody is always still asked.
    town.oyez(&["update", "watch", &update, "--timeout", "4"])
        .exits(8);
    town.oyez(&["update", "report", &update, "--to", &email(2)])
        .exits(0);
    town.oyez(&["update", "stop", &update, "--reason", "enough"])
        .exits(0);
    assert_eq!(serve.end(), 0);
    fs::read(log).unwrap()
}

#[test]
fn neither_the_logs_nor_the_database_give_anybody_away() {
    let town = Town::new();
    let log = run(&town);
    let text = String::from_utf8_lossy(&log);
    for expected in [
        "released",
        "5.1.1",
        "residents_sms",
        "council_mastodon",
        "staff_telegram",
    ] {
        assert!(
            text.contains(expected),
            "nothing was logged of {expected}: {text}"
        );
    }
    let lines = text.lines();
    for line in lines {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }

    let addresses: Vec<String> = (1..=PEOPLE).flat_map(|n| [email(n), mobile(n)]).collect();
    let local_parts = (1..=PEOPLE).map(|n| format!("resident{n:05}"));
    let numbers = (1..=PEOPLE).map(|n| format!("79{n:08}"));
    let addresses = [addresses, local_parts.collect(), numbers.collect()].concat();
    let secrets = [
        RELAY_PASSWORD,
        GATEWAY_TOKEN,
        RECEIPT_TOKEN,
        MASTODON_TOKEN,
        ROOM_SECRET,
        CONSOLE_TOKEN,
        PARTNER_KEY,
    ];
    let secrets = secrets.map(str::to_owned).to_vec();
    let private = [
        addresses,
        secrets,
        vec!["oyez-at-the-neighbours".to_owned()],
    ]
    .concat();
    assert_eq!(found(&private, &log), [""; 0], "in the log");

    let mut public = false;
    for file in files(&town.path("store")) {
        let mut bytes = fs::read(&file).unwrap();
        // Empty pages, and the ballast kept against a full disk, are zeros by the million.
        bytes.dedup_by(|next, last| *next == 0 && *last == 0);
        public |= !found(&["Direct Debit".to_owned()], &bytes).is_empty();
        assert_eq!(found(&private, &bytes), [""; 0], "in {}", file.display());
    }
    assert!(public, "what everybody may read was not found either");
}
