//! Too little room on the disk: nothing new is accepted and everybody is told, but people can still halt and hold.

use crate::support::Town;

/// More than any disk has.
const EVERYTHING: u64 = 1 << 60;

#[test]
fn with_too_little_room_nothing_new_is_accepted_and_everybody_is_told_why() {
    let town = Town::new();
    town.people(3);
    let update = town.update(&["--channel", "residents_email"]);
    let tight = town.configuration("").replace(
        "[store]\n",
        &format!("[store]\nlow_disk_bytes = {EVERYTHING}\n"),
    );
    town.write("tight.toml", tight);
    let serve = town.serve_with("tight.toml");

    let (status, why) = serve.page("/readyz");
    assert_eq!(status, 503);
    assert!(
        why.starts_with("not ready\ndisk_full: The disk has "),
        "{why}"
    );
    let queue = town.oyez(&["queue"]).exits(0);
    assert!(queue.starts_with("Attention: The disk has "), "{queue}");
    town.oyez(&["update", "send", &update, "--yes"])
        .fails(74, &["The disk has", "no-room", "make room"]);
    town.oyez(&["incident", "new", "--title", "Another"])
        .fails(74, &["The disk has"]);

    // What halts is always tried.
    town.oyez(&["system", "hold"]).exits(0);
    town.oyez(&["system", "resume"]).exits(0);
    assert_eq!(serve.end(), 0);
    assert_eq!(town.seen("residents_email").effects, 0);
}

#[test]
fn a_refused_submission_says_when_to_come_again() {
    let town = Town::new();
    let tight = town.configuration("").replace(
        "[store]\n",
        &format!("[store]\nlow_disk_bytes = {EVERYTHING}\n"),
    );
    town.write("oyez.toml", tight);
    let serve = town.serve();
    let answer = serve.ask("POST", "/api/v1/incidents", r#"{"title":"While full"}"#);
    assert_eq!(answer.status, 507, "{answer:?}");
    for header in [
        "retry-after: 60\r\n",
        "content-type: application/problem+json\r\n",
    ] {
        assert!(
            answer.head.contains(header),
            "{header:?} is not in {}",
            answer.head
        );
    }
    assert_eq!(serve.end(), 0);
}
