//! What a gateway's log cannot say is not judged: neither called lost nor called somebody else's.

use crate::support::Town;

#[test]
fn texts_through_a_gateway_without_a_place_for_our_reference_are_neither_lost_nor_strange() {
    let town = Town::new();
    let http = town.http();
    let gateway = format!(
        "[channels.gateway_sms.via.kannel]\nurl = \"http://{http}/gateway_sms/kannel/cgi-bin/sendsms\"\n\
         username = \"u\"\npassword = \"made-up-secret\""
    );
    town.write("oyez.toml", town.configuration(&gateway));
    let numbers: Vec<_> = (1..=5)
        .map(|n| format!("r{n}@demo.invalid,0770090000{n}"))
        .collect();
    let people = town.write(
        "people.csv",
        format!("email,telephone\n{}\n", numbers.join("\n")),
    );
    town.oyez(&["subscriber", "import", people.to_str().unwrap()])
        .exits(0);
    let channels = ["--channel", "gateway_sms", "--channel", "residents_email"];
    let update = town.update(&channels);
    town.oyez(&["update", "send", &update, "--yes", "--watch"])
        .exits(0);
    assert_eq!(town.seen("gateway_sms").effects, 5);
    let log = town.path("sandbox.jsonl");
    let log = log.to_str().unwrap();
    let verdict = town.json(&["verify", "--log", log]);
    assert_eq!(verdict["without_reference"], 5, "{verdict}");
    assert_eq!(verdict["lost"], 0, "{verdict}");
    assert_eq!(verdict["violations"], serde_json::json!([]), "{verdict}");
    let said = town.oyez(&["verify", "--log", log]).exits(0);
    assert!(
        said.contains("5 requests in the log carry no reference"),
        "{said}"
    );
}
