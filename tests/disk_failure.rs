//! A disk that fails while messages leave: the program ends at once with 74, and the next start loses nobody.

use crate::support::Town;
use serde_json::json;
use std::fs::File;

const PEOPLE: u32 = 1_500;
/// Blocks of 512 bytes.
const BLOCK: u64 = 512;

#[test]
fn a_failing_disk_ends_the_program_at_once_and_nobody_is_lost() {
    let town = Town::new();
    let latency = json!({ "rules": [{ "latency_ms": 5 }] });
    town.play(json!({ "channels": { "residents_email": latency } }));
    town.people(PEOPLE);
    let update = town.update(&["--channel", "residents_email"]);
    let database = std::fs::metadata(town.path("store/oyez.db")).unwrap().len();
    // The log of writes begins anew at a start; it breaks once it is longer than the database and a bit.
    let blocks = (database + 600 * 1024) / BLOCK;
    let log = File::create(town.path("serve.log")).unwrap();
    let serve = town.serve_on_a_disk_that_breaks(blocks, log);
    town.oyez(&["update", "send", &update, "--yes"]);
    assert_eq!(serve.code(), 74);
    let said = std::fs::read_to_string(town.path("serve.log")).unwrap();
    for words in [
        "the store failed, so nothing more is sent",
        "start `oyez serve` again",
    ] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    assert!(town.seen("residents_email").effects < u64::from(PEOPLE));

    let serve = town.serve();
    town.oyez(&["update", "watch", &update]).exits(0);
    assert_eq!(serve.end(), 0);
    let sandbox = town.path("sandbox.jsonl");
    let verdict = town.json(&["verify", "--log", sandbox.to_str().unwrap()]);
    assert_eq!(verdict["violations"], json!([]));
    assert_eq!(
        (&verdict["accepted"], &verdict["lost"]),
        (&json!(PEOPLE), &json!(0))
    );
    assert!(
        verdict["duplicates"].as_u64() <= verdict["duplicate_bound"].as_u64(),
        "{verdict}"
    );
}
