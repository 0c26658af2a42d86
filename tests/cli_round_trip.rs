//! One update from the first word to the last attempt, on the command line alone.

use crate::support::Town;
use serde_json::Value;

#[test]
fn an_update_is_written_sent_watched_and_accounted_for() {
    let town = Town::new();
    town.play(serde_json::json!({"channels": {"residents_email": {"rules": [
        {"stage": "rcpt", "when": {"number": {"every": 10, "rest": 3}}, "do": {"smtp": {"code": 550, "text": "5.1.1 No such mailbox"}}}
    ]}}}));
    let serve = town.serve();
    town.people(20);
    let update = town.update(&[
        "--channel",
        "residents_email",
        "--channel",
        "council_mastodon",
    ]);
    let rendered = town.oyez(&["update", "render", &update]).exits(0);
    assert!(
        rendered.contains("residents_email") && rendered.contains("of at most 500 characters"),
        "{rendered}"
    );
    let dry = town
        .oyez(&["update", "send", &update, "--dry-run"])
        .exits(0);
    assert!(
        dry.contains("21 messages") && dry.contains("Nothing was sent"),
        "{dry}"
    );

    let table = town
        .oyez(&["update", "send", &update, "--watch", "--yes"])
        .exits(7);
    assert!(
        table.contains("residents_email") && table.contains("ASKED"),
        "{table}"
    );
    assert_eq!(
        (
            town.seen("residents_email").effects,
            town.seen("council_mastodon").effects
        ),
        (18, 1)
    );

    let refused = town
        .oyez(&[
            "update",
            "report",
            &update,
            "--to",
            "resident0013@demo.invalid",
        ])
        .exits(0);
    for words in [
        "attempt 1",
        "Refused for good",
        "Address does not exist",
        "550 5.1.1",
    ] {
        assert!(refused.contains(words), "{words:?} is not in: {refused}");
    }
    let taken = town
        .oyez(&[
            "update",
            "report",
            &update,
            "--to",
            "resident0001@demo.invalid",
        ])
        .exits(0);
    assert!(taken.contains("Taken by the provider"), "{taken}");
    town.oyez(&["update", "report", &update, "--to", "stranger@demo.invalid"])
        .fails(5, &["audience"]);
    assert_eq!(serve.end(), 0);
}

#[test]
fn without_serve_a_command_does_the_whole_work_itself() {
    let town = Town::new();
    town.people(5);
    let update = town.update(&["--channel", "residents_email"]);
    town.oyez(&["update", "send", &update, "--yes"]).exits(0);
    assert_eq!(town.seen("residents_email").effects, 5);
    let report = town.json(&["update", "report", &update]);
    assert_eq!(report["progress"]["finished"], true);
    assert_eq!(report["progress"]["counts"]["accepted"], 5);
}

#[test]
fn what_is_held_waits_and_what_is_stopped_never_leaves() {
    let town = Town::new();
    let serve = town.serve();
    town.people(30);
    let (first, second) = (
        town.update(&["--channel", "residents_email"]),
        town.update(&["--channel", "residents_email"]),
    );
    town.oyez(&[
        "channel",
        "hold",
        "residents_email",
        "--reason",
        "wrong number in the text",
    ])
    .exits(0);
    for update in [&first, &second] {
        town.oyez(&["update", "send", update, "--yes"]).exits(0);
        town.oyez(&["update", "watch", update]).exits(9);
    }
    let queue = town.json(&["queue"]);
    adds_up(&queue, 60);
    assert!(
        queue.to_string().contains("wrong number in the text"),
        "{queue}"
    );
    assert_eq!(town.seen("residents_email").effects, 0);

    town.oyez(&["update", "stop", &first, "--reason", "wrong number"])
        .exits(0);
    town.oyez(&["update", "watch", &first]).exits(9);
    town.oyez(&["update", "hold", &second]).exits(0);
    town.oyez(&["channel", "resume", "residents_email"])
        .exits(0);
    town.oyez(&["update", "watch", &second]).exits(9);
    adds_up(&town.json(&["queue"]), 30);
    assert_eq!(
        town.seen("residents_email").effects,
        0,
        "held by itself, whatever the channel does"
    );

    town.oyez(&["update", "resume", &second]).exits(0);
    town.oyez(&["update", "watch", &second, "--timeout", "60"])
        .exits(0);
    adds_up(&town.json(&["queue"]), 0);
    assert_eq!(
        town.seen("residents_email").effects,
        30,
        "the second update, and nothing of the first"
    );
    let report = town.json(&["update", "report", &first]);
    assert_eq!(report["progress"]["counts"]["stopped"], 30);
    assert_eq!(serve.end(), 0);
}

#[test]
fn the_whole_system_is_held_and_resumed() {
    let town = Town::new();
    let serve = town.serve();
    town.people(3);
    let update = town.update(&[]);
    town.oyez(&["system", "hold"]).exits(0);
    town.oyez(&["update", "send", &update, "--yes", "--watch"])
        .exits(9);
    assert_eq!(town.seen("council_mastodon").effects, 0);
    town.oyez(&["system", "resume"]).exits(0);
    town.oyez(&["update", "watch", &update, "--timeout", "60"])
        .exits(0);
    assert_eq!(
        (
            town.seen("council_mastodon").effects,
            town.seen("residents_email").effects
        ),
        (1, 3)
    );
    assert_eq!(serve.end(), 0);
}

#[test]
fn a_killed_serve_leaves_a_socket_that_the_next_one_replaces() {
    let town = Town::new();
    town.serve().kill();
    assert!(town.path("store/control.sock").exists());
    let serve = town.serve();
    town.oyez(&["queue"]).exits(0);
    assert_eq!(serve.end(), 0);
    assert!(
        !town.path("store/control.sock").exists(),
        "a good end takes it away"
    );
    town.oyez(&["queue"]).exits(0);
}

#[test]
fn kinds_say_what_each_can_do() {
    let town = Town::new();
    let kinds = town.json(&["channel", "kinds"]);
    let kinds = kinds.as_array().unwrap();
    assert!(kinds.len() >= 5);
    for kind in kinds {
        let mut keys: Vec<_> = kind
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            [
                "family",
                "idempotency",
                "kind",
                "limit",
                "needs",
                "receipts",
                "unit"
            ]
        );
    }
}

/// Every row's counts are those of its broadcasts, these obey the equation, and all together are as expected.
#[track_caller]
fn adds_up(queue: &Value, pending: u64) {
    let number = |of: &Value, key: &str| of[key].as_u64().unwrap();
    let mut all = 0;
    for row in queue["data"].as_array().unwrap() {
        let broadcasts = row["broadcasts"].as_array().unwrap();
        assert_eq!(
            number(row, "pending"),
            broadcasts.iter().map(|b| number(b, "pending")).sum::<u64>()
        );
        for b in broadcasts {
            let settled = [
                "accepted",
                "failed",
                "unknown",
                "suppressed",
                "stopped",
                "expired",
                "superseded",
            ];
            let sum: u64 = settled.iter().map(|key| number(b, key)).sum();
            assert_eq!(number(b, "asked"), sum + number(b, "pending"), "{b}");
        }
        all += number(row, "pending");
    }
    assert_eq!(all, pending, "{queue}");
}
