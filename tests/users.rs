//! People who may sign in are added, found again, let in anew and barred on the command line.

use crate::support::Town;

const ADD: [&str; 7] = [
    "user",
    "add",
    "officer1@example.org",
    "--name",
    "Officer 1",
    "--may",
    "write,approve",
];

#[test]
fn a_person_gets_a_link_and_stands_in_the_list_with_what_each_may_do() {
    let town = Town::new();
    let serve = town.serve();
    let none = town.oyez(&["user", "list"]).exits(0);
    assert!(none.contains("oyez user add"), "{none}");
    let added = town.oyez(&ADD).exits(0);
    assert!(
        added.contains("/console/set-up/")
            && added.contains("once")
            && !added.contains("oyez serve"),
        "{added}"
    );
    let listed = town.oyez(&["user", "list"]).exits(0);
    for words in [
        "officer1@example.org",
        "Officer 1",
        "write, approve",
        "not set up yet",
    ] {
        assert!(listed.contains(words), "{words:?} is not in: {listed}");
    }
    town.oyez(&ADD)
        .fails(3, &["signs in with this address already"]);
    let wrong = ["user", "add", "nobody", "--name", "X", "--may", "fly"];
    town.oyez(&wrong)
        .fails(3, &["email", "\"fly\" is none of write, approve"]);
    drop(serve);
}

#[test]
fn whoever_is_locked_out_gets_a_new_link_and_whoever_left_none() {
    let town = Town::new();
    let first = town.json(&ADD)["link"].clone();
    let quiet = town
        .oyez(&["user", "recover", "officer1@example.org"])
        .exits(0);
    assert!(quiet.contains("while `oyez serve` runs"), "{quiet}");
    let serve = town.serve();
    let again = town.json(&["user", "recover", "officer1@example.org"]);
    assert_ne!(again["link"], first);
    town.oyez(&["user", "disable", "officer1@example.org"])
        .exits(0);
    let listed = town.json(&["user", "list"]);
    assert_eq!(listed[0]["disabled"], true);
    town.oyez(&["user", "enable", "officer1@example.org"])
        .exits(0);
    town.oyez(&["user", "recover", "nobody@example.org"])
        .fails(5, &["does not exist"]);
    drop(serve);
}
