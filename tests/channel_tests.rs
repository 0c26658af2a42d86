//! A test message goes to one address and no further, and its sender hears what the provider said.

use crate::support::{Done, Town};
use serde_json::{Value, json};

const PARTNERS: &str = "[channels.partners.via.webhook]";

/// A town with a channel of each family, whose email is in three languages.
fn town() -> Town {
    let town = Town::new();
    let more =
        format!("{PARTNERS}\n[channels.residents_email]\nlanguages = [\"en\", \"cy\", \"ar\"]");
    town.write("oyez.toml", town.configuration(&more));
    town
}

fn test(town: &Town, channel: &str, to: &str) -> Done {
    town.oyez(&["channel", "test", channel, "--to", to])
}

fn told(town: &Town, channel: &str, to: &str) -> Value {
    town.json(&["channel", "test", channel, "--to", to])
}

fn effects(town: &Town, channel: &str) -> u64 {
    town.seen(channel).effects
}

#[test]
fn a_mail_is_marked_in_every_language_and_reaches_the_one_address_alone() {
    let town = town();
    town.people(3);
    let said = test(&town, "residents_email", "officer@example.org").exits(0);
    for words in [
        "TEST on residents_email (smtp) to o…@example.org, to nobody else",
        "outcome     accepted",
    ] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    assert_eq!(effects(&town, "residents_email"), 1);
    let mail = town.latest("residents_email");
    assert!(mail.contains("officer@example.org"), "{mail}");
    for sentence in ["This is only a test.", "Prawf yn unig yw hwn."] {
        assert!(mail.contains(sentence), "{sentence:?} is not in: {mail}");
    }
    let report = town.oyez(&[
        "verify",
        "--log",
        town.path("sandbox.jsonl").to_str().unwrap(),
    ]);
    report.exits(0);
}

#[test]
fn a_text_says_what_the_gateway_said_while_serve_runs_and_once_only() {
    let town = town();
    let serve = town.serve();
    let tested = told(&town, "residents_sms", "07700 900123");
    assert_eq!(tested["outcome"], "accepted", "{tested}");
    assert!(tested["provider_id"].is_string(), "{tested}");
    assert_eq!(tested["what_to_do"], Value::Null);
    assert!(
        tested["text"].as_str().unwrap().starts_with("TEST: "),
        "{tested}"
    );
    let once = [
        "channel",
        "test",
        "residents_sms",
        "--to",
        "07700900123",
        "--idempotency-key",
        "a",
    ];
    let (first, again) = (town.json(&once), town.json(&once));
    assert_eq!(first["reference"], again["reference"]);
    assert_eq!(effects(&town, "residents_sms"), 2);
    assert_eq!(serve.end(), 0);
}

#[test]
fn a_post_is_a_direct_one_that_names_one_account() {
    let town = town();
    let tested = told(&town, "council_mastodon", "@press@social.example.org");
    assert_eq!(tested["outcome"], "accepted", "{tested}");
    let post: Value = serde_json::from_str(&town.latest("council_mastodon")).unwrap();
    assert_eq!(post["visibility"], "direct");
    let text = post["status"].as_str().unwrap();
    assert!(
        text.starts_with("@press@social.example.org TEST: "),
        "{text}"
    );
    test(&town, "council_mastodon", "everybody").fails(3, &["@name@server"]);
}

#[test]
fn a_partner_gets_an_event_that_is_no_update() {
    let town = town();
    test(&town, "partners", "kensington").fails(5, &["kensington", "endpoint"]);
    let url = format!("http://{}/partners/hook/kensington", town.http());
    let secret = format!("whsec_{}", data_encoding::BASE64.encode(&[7; 32]));
    let secret = town.write("whsec.txt", secret);
    let put = ["endpoint", "put", "kensington", &url, "--secret-file"];
    town.oyez(&[&put[..], &[secret.to_str().unwrap()]].concat())
        .exits(0);
    let tested = told(&town, "partners", "kensington");
    assert_eq!(tested["outcome"], "accepted", "{tested}");
    let event: Value = serde_json::from_str(&town.latest("partners")).unwrap();
    assert_eq!(event["type"], "channel.tested");
    assert_eq!(event["data"]["headline"], "TEST");
}

#[test]
fn what_is_not_taken_ends_with_its_own_code_and_what_to_do() {
    let town = town();
    let refuse = json!({ "smtp": { "code": 550, "text": "5.1.1 no such user" } });
    town.play(json!({ "channels": { "residents_email": { "rules": [{ "stage": "rcpt", "do": refuse }] } } }));
    let said = test(&town, "residents_email", "officer@example.org").exits(7);
    for words in [
        "Address does not exist",
        "550 5.1.1",
        "check the address after --to",
    ] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    let nobody = "[channels.nobody.via.webhook]\n[channels.silent_email.via.smtp]\nhost = \"127.0.0.1\"\nport = 1\n\
                  tls = \"none\"\nfrom = \"a@example.org\"";
    town.write("oyez.toml", town.configuration(nobody));
    let said = test(&town, "silent_email", "officer@example.org").exits(10);
    assert!(said.contains("check host and port"), "{said}");
}

#[test]
fn two_addresses_a_wrong_channel_and_somebody_who_said_stop_are_refused() {
    let town = town();
    test(&town, "residents_email", "a@example.org,b@example.org").fails(3, &["to: "]);
    test(&town, "residents_sms", "020 7641 6000").fails(3, &["landline"]);
    test(&town, "residents_smss", "07700900123").fails(5, &["did you mean residents_sms"]);
    town.oyez(&["system", "hold"]).exits(0);
    test(&town, "residents_sms", "07700900123").fails(6, &["everything is held"]);
    assert_eq!(effects(&town, "residents_sms"), 0);
}

#[test]
fn the_second_of_two_providers_can_be_tested_by_its_kind() {
    let town = Town::new();
    let http = town.http();
    let two = format!(
        r#"
        [channels.more_sms]
        failover = ["kannel", "vonage"]
        [channels.more_sms.via.kannel]
        url = "http://{http}/first_sms/kannel/cgi-bin/sendsms"
        username = "u"
        password = "made-up-secret"
        [channels.more_sms.via.vonage]
        server = "http://{http}/second_sms/vonage"
        api_key = "k"
        api_secret = "made-up-secret"
        from = "WCC""#
    );
    town.write("oyez.toml", town.configuration(&two));
    let first = told(&town, "more_sms", "07700900123");
    assert_eq!(
        (&first["kind"], &first["outcome"]),
        (&json!("kannel"), &json!("accepted"))
    );
    let via = |kind| {
        let to = ["--via", kind, "--to", "07700900123"];
        town.oyez(&[&["channel", "test", "more_sms"][..], &to].concat())
    };
    let second = via("vonage").exits(0);
    assert!(second.contains("TEST on more_sms (vonage)"), "{second}");
    assert_eq!(
        (effects(&town, "first_sms"), effects(&town, "second_sms")),
        (1, 1)
    );
    via("twilio").fails(3, &["more_sms sends through kannel and vonage"]);
    let list = town.oyez(&["channel", "list"]).exits(0);
    assert!(list.contains("kannel, vonage"), "{list}");
}
