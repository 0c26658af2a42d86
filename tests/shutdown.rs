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

/// Replies take so long.
fn slow(town: &Town, milliseconds: u32) {
    let rules = json!({ "rules": [{ "latency_ms": milliseconds }] });
    town.play(json!({ "channels": { "residents_email": rules } }));
}

/// A release of which requests are in flight.
fn under_way(town: &Town, serve: &Serve) -> String {
    town.people(PEOPLE);
    let update = town.update(&["--channel", "residents_email"]);
    let sent = format!("/api/v1/updates/{update}/send");
    assert_eq!(serve.ask("POST", &sent, "{}").status, 202);
    until_reached(town, 1);
    update
}

/// What the ledger and the provider's log together say once everything has been sent.
fn judged(town: &Town, update: &str) -> Value {
    slow(town, 0);
    let serve = town.serve();
    town.oyez(&["update", "watch", update]).exits(0);
    end_in_good_order(serve);
    let log = town.path("sandbox.jsonl");
    town.json(&["verify", "--log", log.to_str().unwrap()])
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

#[test]
fn from_the_first_signal_on_it_is_not_ready_and_begins_nothing() {
    let town = Town::new();
    slow(&town, 1_500);
    let serve = town.serve();
    under_way(&town, &serve);
    assert_eq!(serve.page("/readyz"), (200, "ready\n".to_owned()));
    serve.signal("TERM");
    let mut page = serve.page("/readyz");
    while page.0 == 200 {
        page = serve.page("/readyz");
    }
    assert_eq!(page.0, 503);
    assert!(
        page.1.contains("ending: The program is ending"),
        "{}",
        page.1
    );
    let begun = town.seen("residents_email").requests;
    assert_eq!(serve.code(), 0);
    let after = town.seen("residents_email").requests;
    assert!(after <= begun + 16, "{begun} requests, then {after}");
}

#[test]
fn what_takes_longer_than_a_shutdown_may_is_left_to_the_next_start() {
    let town = Town::new();
    town.write(
        "oyez.toml",
        town.configuration("[engine]\nshutdown_seconds = 1\n"),
    );
    slow(&town, 20_000);
    let serve = town.serve();
    let update = under_way(&town, &serve);
    let begun = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    assert_eq!(serve.end(), 0);
    let took = SystemTime::UNIX_EPOCH.elapsed().unwrap() - begun;
    assert!(took < Duration::from_secs(5), "{took:?}");
    let verdict = judged(&town, &update);
    assert_eq!(
        (&verdict["accepted"], &verdict["lost"]),
        (&json!(PEOPLE), &json!(0))
    );
    assert!(verdict["duplicates"].as_u64() > Some(0), "{verdict}");
    assert!(
        verdict["duplicates"].as_u64() <= verdict["duplicate_bound"].as_u64(),
        "{verdict}"
    );
    assert_eq!(verdict["violations"], json!([]));
}

#[test]
fn a_second_signal_ends_it_at_once_and_loses_nobody() {
    for second in ["TERM", "INT"] {
        let town = Town::new();
        slow(&town, 20_000);
        let serve = town.serve();
        let update = under_way(&town, &serve);
        serve.signal("TERM");
        while serve.page("/readyz").0 == 200 {}
        let begun = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        serve.signal(second);
        assert_eq!(serve.code(), 130);
        let took = SystemTime::UNIX_EPOCH.elapsed().unwrap() - begun;
        assert!(took < Duration::from_secs(1), "{took:?}");
        let verdict = judged(&town, &update);
        assert_eq!(
            (&verdict["accepted"], &verdict["lost"]),
            (&json!(PEOPLE), &json!(0))
        );
        assert_eq!(verdict["violations"], json!([]));
    }
}
