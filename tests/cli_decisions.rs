//! What a person decides afterwards, on the command line: how many it concerns is said first, and what it does.

use crate::support::Town;
use serde_json::{Value, json};

const MAIL: &str = "residents_email";

/// Of twenty people the mail to two may have been taken, and the inbox of two is full at first; the reference.
fn sent(town: &Town) -> String {
    town.write(
        "oyez.toml",
        town.configuration(
            "[channels.residents_email]
            on_unknown = \"hold\"
            retry = { max_attempts = 1, base_milliseconds = 100, cap_milliseconds = 100 }",
        ),
    );
    let rest = |rest: u32| json!({ "number": { "every": 10, "rest": rest } });
    let full = json!({ "smtp": { "code": 452, "text": "4.2.2 Mailbox full" } });
    town.play(json!({ "channels": { MAIL: { "rules": [
        { "when": rest(3), "times_each": 1, "do": "drop_after_effect" },
        { "stage": "rcpt", "when": rest(4), "times_each": 1, "do": full },
    ]}}}));
    town.people(20);
    let update = town.update(&["--channel", MAIL]);
    town.oyez(&["update", "send", &update, "--yes"]).exits(7);
    update
}

fn counts(town: &Town, update: &str) -> Value {
    town.json(&["update", "report", update])["progress"]["counts"].clone()
}

#[test]
fn what_may_have_been_sent_is_listed_and_decided_about() {
    let town = Town::new();
    let update = sent(&town);
    let listed = town.oyez(&["unknown", "list"]).exits(0);
    for words in [&update, MAIL, "MESSAGES", "oyez unknown decide"] {
        assert!(listed.contains(words), "{words:?} is not in: {listed}");
    }
    let rows = town.json(&["unknown", "list", "--update", &update]);
    assert_eq!(rows["data"][0]["count"], 2, "{rows}");

    let again = ["unknown", "decide", "send-again", "--update", &update];
    town.oyez(&again)
        .fails(2, &["nobody is there to be asked", "--yes"]);
    assert_eq!(counts(&town, &update)["unknown"], 2, "nothing was changed");

    let serve = town.serve();
    let decided = town.oyez(&[&again[..], &["--yes"]].concat());
    assert!(
        decided.stderr.contains("2 messages may have been sent"),
        "{}",
        decided.stderr
    );
    assert!(decided.stderr.contains("some people may get it twice"));
    assert_eq!(decided.exits(0), "2 messages are sent again now.");
    town.oyez(&["update", "watch", &update, "--timeout", "60"])
        .exits(7);
    assert_eq!(counts(&town, &update)["accepted"], 18);
    let nothing = town.oyez(&["unknown", "list"]).exits(0);
    assert!(nothing.starts_with("Nothing:"), "{nothing}");
    town.oyez(&[&again[..], &["--yes"]].concat())
        .fails(6, &["Nothing was changed"]);
    assert_eq!(serve.end(), 0);
}

#[test]
fn what_failed_is_listed_by_reason_and_tried_again() {
    let town = Town::new();
    let update = sent(&town);
    let serve = town.serve();
    let retry = |more: &[&str]| town.oyez(&[&["update", "retry", &update], more].concat());
    let listed = retry(&[]).exits(0);
    let type_this = format!("Type: oyez update retry {update} --reason inbox_full");
    assert!(listed.contains(&type_this), "{listed}");
    retry(&["--reason", "number_invalid"]).fails(3, &["another try would end the same way"]);
    retry(&["--reason", "nonsense"]).fails(3, &["is no reason"]);
    let tried = retry(&["--reason", "inbox_full"]).exits(0);
    assert!(tried.starts_with("2 tried again"), "{tried}");
    town.oyez(&["update", "watch", &update, "--timeout", "60"])
        .exits(7);
    let counts = counts(&town, &update);
    assert_eq!(
        (&counts["accepted"], &counts["failed"]),
        (&json!(18), &json!(0))
    );
    assert_eq!(serve.end(), 0);
}

#[test]
fn a_stop_says_what_it_found() {
    let town = Town::new();
    let serve = town.serve();
    town.people(5);
    let update = town.update(&["--channel", MAIL]);
    town.oyez(&["channel", "hold", MAIL]).exits(0);
    town.oyez(&["update", "send", &update, "--yes"]).exits(0);
    let stop = |update: &str| town.oyez(&["update", "stop", update, "--reason", "wrong number"]);
    let first = stop(&update).exits(0);
    assert!(first.starts_with("Stopped. 5 get nothing."), "{first}");
    for words in [
        "WENT OUT",
        "ON ITS WAY",
        "NOT SENT",
        "MAY HAVE BEEN SENT",
        MAIL,
    ] {
        assert!(first.contains(words), "{words:?} is not in: {first}");
    }
    let second = stop(&update).exits(0);
    assert!(second.starts_with("It was stopped already"), "{second}");

    town.oyez(&["channel", "resume", MAIL]).exits(0);
    let done = town.update(&["--channel", MAIL]);
    town.oyez(&["update", "send", &done, "--yes", "--watch"])
        .exits(0);
    let late = stop(&done).exits(0);
    assert!(late.contains("there was nothing to stop"), "{late}");
    town.oyez(&["update", "hold", &done])
        .fails(6, &["sent to its end"]);
    assert_eq!(serve.end(), 0);
}
