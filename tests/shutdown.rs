//! SIGTERM in the middle of a release: an orderly end, and the next start goes on where this one ended.

use crate::support::{Serve, Town};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const PEOPLE: u32 = 600;

/// Looks until the provider has reached so many.
fn until_reached(town: &Town, many: u64) {
    let begun = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    while town.seen("residents_email").effects < many {
        let waited = SystemTime::UNIX_EPOCH.elapsed().unwrap() - begun;
        assert!(
            waited < Duration::from_secs(30),
            "{many} were not reached in time"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn email(report: &Value) -> &Value {
    let broadcasts = report["progress"]["broadcasts"].as_array().unwrap();
    broadcasts
        .iter()
        .find(|b| b["channel"] == "residents_email")
        .unwrap()
}

fn end_in_good_order(serve: Serve) {
    assert_eq!(serve.end(), 0);
}

#[test]
fn an_orderly_end_loses_nothing_doubts_nothing_and_repeats_nothing() {
    let town = Town::new();
    town.play(json!({ "channels": { "residents_email": { "rules": [{ "latency_ms": 100 }] } } }));
    let serve = town.serve();
    town.people(PEOPLE);
    let update = town.update(&["--channel", "residents_email"]);
    town.oyez(&["update", "send", &update, "--yes"]).exits(0);

    // Twice in one release, each time with requests in flight.
    until_reached(&town, 60);
    end_in_good_order(serve);
    let report = town.json(&["update", "report", &update]);
    let at_rest = email(&report);
    assert_eq!(at_rest["in_flight"], 0, "{at_rest}");
    assert_eq!(at_rest["unknown"], 0, "{at_rest}");
    let reached = town.seen("residents_email").effects;
    assert_eq!(
        at_rest["accepted"], reached,
        "what was in flight was recorded"
    );
    assert!(
        reached < u64::from(PEOPLE),
        "it ended too late to show anything"
    );

    let serve = town.serve();
    until_reached(&town, reached + 60);
    end_in_good_order(serve);
    let serve = town.serve();
    town.oyez(&["update", "watch", &update]).exits(0);
    end_in_good_order(serve);

    let log = town.path("sandbox.jsonl");
    let verdict = town.json(&["verify", "--log", log.to_str().unwrap()]);
    assert_eq!(verdict["violations"], json!([]));
    assert_eq!(verdict["accepted"], PEOPLE);
    let none = ["lost", "duplicates", "duplicate_bound", "unknown"];
    for figure in none {
        assert_eq!(verdict[figure], 0, "{figure}: {verdict}");
    }
}
