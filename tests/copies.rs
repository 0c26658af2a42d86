//! A copied data directory: the copy asks before it sends, the original goes on.

use crate::support::Town;
use serde_json::{Value, json};

const PEOPLE: u32 = 40;

/// A town in which something is released and nothing was sent yet, and nothing runs.
fn town_with_something_due() -> (Town, String) {
    let town = Town::new();
    town.people(PEOPLE);
    let update = town.update(&["--channel", "residents_email"]);
    let serve = town.serve();
    town.oyez(&["channel", "hold", "residents_email"]).exits(0);
    town.oyez(&["update", "send", &update, "--yes"]).exits(0);
    assert_eq!(serve.end(), 0);
    town.oyez(&["channel", "resume", "residents_email"])
        .exits(0);
    (town, update)
}

/// Copies the data directory, and writes a configuration for the copy.
fn copy(town: &Town) {
    let (from, to) = (town.path("store"), town.path("copy"));
    std::fs::create_dir(&to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
    let configuration = std::fs::read_to_string(town.path("oyez.toml")).unwrap();
    let configuration = configuration.replace(
        &format!("{:?}", town.path("store")),
        &format!("{:?}", town.path("copy")),
    );
    town.write("copy.toml", configuration);
}

#[test]
fn a_copy_sends_nothing_until_a_person_says_that_it_may() {
    let (town, update) = town_with_something_due();
    copy(&town);
    let serve = town.serve_with("copy.toml");
    let (status, why) = serve.page("/readyz");
    assert_eq!(status, 503);
    assert!(
        why.contains("held: Everything is held: this database is a copy"),
        "{why}"
    );
    let queue = town.oyez_with("copy.toml", &["queue"]).exits(0);
    assert!(queue.contains("Attention: Everything is held"), "{queue}");
    let channel = town.oyez_with("copy.toml", &["queue", "--json"]).exits(0);
    let rows: Value = serde_json::from_str(&channel).unwrap();
    let email = rows["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["channel"] == "residents_email");
    assert_eq!(email.unwrap()["paused"]["reason"], "held", "{rows}");
    assert_eq!(town.seen("residents_email").effects, 0, "nothing left");
    town.oyez_with("copy.toml", &["system", "resume"]).exits(0);
    town.oyez_with("copy.toml", &["update", "watch", &update])
        .exits(0);
    assert_eq!(serve.page("/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(serve.end(), 0);
}

#[test]
fn the_original_goes_on_by_itself() {
    let (town, update) = town_with_something_due();
    copy(&town);
    let serve = town.serve();
    town.oyez(&["update", "watch", &update]).exits(0);
    assert_eq!(serve.page("/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(town.json(&["system", "status"])["troubles"], json!([]));
    assert_eq!(serve.end(), 0);
}
