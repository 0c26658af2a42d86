//! Bad input on the command line: a clear error that names the place, the right exit code, nothing half done.

use crate::support::Town;
use std::net::TcpListener;

#[test]
fn an_unknown_key_is_named_with_a_suggestion() {
    let town = Town::new();
    town.write("wrong.toml", town.configuration("[engine]\npage_row = 3"));
    town.oyez_with("wrong.toml", &["serve"])
        .fails(78, &["page_row", "did you mean `page_rows`"]);
}

#[test]
fn check_reports_every_fault_of_the_configuration_at_once() {
    let town = Town::new();
    let more = "[engine]\nflush_milliseconds = 900\n[channels.residents_email.pace]\nconcurrency = 0\n\
        [channels.residents_email.retry]\nmax_attempts = 0\nbase_milliseconds = 5\ncap_milliseconds = 1";
    town.write("wrong.toml", town.configuration(more));
    let done = town.oyez_with("wrong.toml", &["check", "--offline"]);
    for key in [
        "engine.flush_milliseconds",
        "pace.concurrency",
        "retry.max_attempts",
        "retry.cap_milliseconds",
    ] {
        assert!(done.stdout.contains(key), "{key}: {}", done.stdout);
    }
    done.exits(78);
}

#[test]
fn a_missing_secret_file_is_named_with_its_key() {
    let town = Town::new();
    let more = "[channels.residents_email.via.smtp]\nusername = \"oyez\"\npassword_file = \"/nowhere/smtp\"";
    let base = town
        .configuration("")
        .replace("[channels.residents_email.via.smtp]", more);
    town.write("wrong.toml", base);
    town.oyez_with("wrong.toml", &["serve"]).fails(
        78,
        &[
            "channels.residents_email.via.smtp.password_file",
            "/nowhere/smtp",
        ],
    );
}

#[test]
fn a_port_in_use_is_named_with_its_key() {
    let town = Town::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("listen = \"{}\"", taken.local_addr().unwrap());
    town.write(
        "wrong.toml",
        town.configuration("")
            .replace("listen = \"127.0.0.1:0\"", &listen),
    );
    town.oyez_with("wrong.toml", &["serve"])
        .fails(78, &["http.listen", "address_in_use"]);
    let checked = town.oyez_with("wrong.toml", &["check", "--offline"]);
    assert!(checked.stdout.contains("FAIL"), "{}", checked.stdout);
    checked.exits(3);
}

#[test]
fn a_data_directory_that_cannot_be_written_is_said() {
    let town = Town::new();
    // A file stands where the directory should be: not even the superuser can write there.
    town.write("store", "");
    town.oyez(&["serve"])
        .fails(78, &["store", "store.data_dir"]);
    let checked = town.oyez(&["check", "--offline"]);
    assert!(checked.stdout.contains("FAIL"), "{}", checked.stdout);
    checked.exits(3);
}

#[test]
fn a_data_directory_of_a_newer_version_is_left_alone() {
    let town = Town::new();
    town.update(&[]);
    let database = rusqlite::Connection::open(town.path("store/oyez.db")).unwrap();
    database
        .execute(
            "INSERT INTO migration (id, checksum) VALUES (9999, x'00')",
            [],
        )
        .unwrap();
    drop(database);
    town.oyez(&["serve"]).fails(78, &["newer", "9999"]);
    town.oyez(&["update", "list"]).fails(78, &["newer"]);
}

#[test]
fn a_data_directory_is_used_by_one_serve_only() {
    let town = Town::new();
    let serve = town.serve();
    town.oyez(&["serve"])
        .fails(6, &["another oyez uses", "held_by_another"]);
    assert_eq!(serve.end(), 0, "the first one is unharmed");
}

#[test]
fn an_update_for_nobody_is_not_sent() {
    let town = Town::new();
    let update = town.update(&["--channel", "residents_email"]);
    town.oyez(&["update", "send", &update, "--yes"])
        .fails(3, &["audience"]);
    assert_eq!(
        town.json(&["update", "list"])["data"][0]["state"],
        "draft",
        "it can still be sent later"
    );
}

#[test]
fn an_update_says_every_fault_of_its_text() {
    let town = Town::new();
    let incident = town
        .oyez(&["incident", "new", "--title", "Cyber security incident"])
        .exits(0);
    let long = "x".repeat(81);
    let update = ["update", "new", "--incident", &incident];
    town.oyez(&[&update[..], &["--do", "Wait."]].concat())
        .fails(3, &["headline", "next_update_by"]);
    town.oyez(
        &[
            &update[..],
            &["--headline", &long, "--do", "Wait.", "--next", "none"],
        ]
        .concat(),
    )
    .fails(3, &["headline", "80"]);
    town.oyez(
        &[
            &update[..],
            &[
                "--headline",
                "A\u{7}larm",
                "--do",
                "Wait.",
                "--next",
                "none",
            ],
        ]
        .concat(),
    )
    .fails(3, &["headline", "control"]);
    assert_eq!(
        town.json(&["update", "list"])["data"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn a_text_that_is_too_long_says_where_and_by_how_much() {
    let town = Town::new();
    town.people(1);
    // The channel allows 3 parts of 153 signs.
    let update = town.update(&[
        "--sms",
        &"a".repeat(500),
        "--channel",
        "residents_sms",
        "--channel",
        "residents_email",
    ]);
    let rendered = town.oyez(&["update", "render", &update]);
    assert!(
        rendered
            .stdout
            .contains("41 characters too long for residents_sms"),
        "{}",
        rendered.stdout
    );
    rendered.exits(3);
    town.oyez(&["update", "send", &update, "--yes"])
        .fails(3, &["41 characters too long for residents_sms"]);
    assert_eq!(
        town.seen("residents_email").effects,
        0,
        "the channels that fit wait with the others"
    );
}

#[test]
fn what_does_not_exist_is_not_found() {
    let town = Town::new();
    let _serve = town.serve();
    town.oyez(&["update", "render", "222-222"])
        .fails(5, &["222-222"]);
    town.oyez(&["update", "report", "rubbish"])
        .fails(5, &["rubbish"]);
    town.oyez(&["channel", "hold", "resident_sms"])
        .fails(5, &["did you mean residents_sms"]);
}

#[test]
fn an_idempotency_key_is_good_for_one_release() {
    let town = Town::new();
    town.people(1);
    let (first, second) = (
        town.update(&["--channel", "residents_email"]),
        town.update(&["--channel", "residents_email"]),
    );
    let send = |update: &str| {
        town.oyez(&[
            "update",
            "send",
            update,
            "--yes",
            "--idempotency-key",
            "monday",
        ])
    };
    send(&first).exits(0);
    send(&first).exits(0);
    assert_eq!(
        town.seen("residents_email").effects,
        1,
        "a repeat sends nothing"
    );
    send(&second).fails(1, &["idempotency-key-reused"]);
    assert_eq!(town.seen("residents_email").effects, 1);
}

#[test]
fn nobody_sends_by_accident() {
    let town = Town::new();
    town.people(1);
    let update = town.update(&[]);
    town.oyez(&["update", "send", &update]).fails(2, &["--yes"]);
    assert_eq!(town.seen("residents_email").effects, 0);
}

#[test]
fn a_server_that_is_not_there_or_refuses_us_has_its_own_exit_code() {
    let town = Town::new();
    let token = town.write("token", "not-the-token-of-this-instance");
    let serve = town.serve();
    let base = serve.base().to_owned();
    let list = [
        "update",
        "list",
        "--server",
        &base,
        "--token-file",
        token.to_str().unwrap(),
    ];
    town.oyez(&list).fails(4, &["unauthenticated"]);
    let right = town.path("store/console.token");
    town.oyez(&[
        "update",
        "list",
        "--server",
        &base,
        "--token-file",
        right.to_str().unwrap(),
    ])
    .exits(0);
    assert_eq!(serve.end(), 0);
    town.oyez(&list).fails(10, &["cannot be reached"]);
}
