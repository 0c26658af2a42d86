//! What an author wrote reaches each channel as it is, or as somebody was shown it would be.

use crate::adapters;
use crate::support::Town;
use oyez_domain::notice::Notice;
use serde_json::{Value, json};

/// A town with one mobile number, whose gateway carries the GSM alphabet alone and two parts.
fn town() -> Town {
    let town = Town::new();
    let strict = "max_parts = 2\ncharset = \"gsm7\"";
    let plain = town.configuration("[channels.residents_sms]\nprice_pence = 2.4");
    town.write("oyez.toml", plain.replace("max_parts = 3", strict));
    let people = town.write("people.csv", "telephone\n07700 900123\n");
    town.oyez(&["subscriber", "import", people.to_str().unwrap()])
        .exits(0);
    town
}

fn text_sent(town: &Town) -> String {
    let body: Value = serde_json::from_str(&town.latest("residents_sms")).unwrap();
    body["text"].as_str().unwrap().to_owned()
}

#[test]
fn nothing_is_changed_for_a_gateway_before_a_person_accepts_it() {
    let town = town();
    let sms = "Don’t cancel your Direct Debit – see localhost Ref {ref}";
    let update = town.update(&["--sms", sms, "--channel", "residents_sms"]);
    let shown = town.oyez(&["update", "render", &update]).exits(3);
    for words in [
        "NEEDS --accept-folding",
        "’ becomes '",
        "– becomes -",
        "1 of at most 2 parts",
        "2.4p each",
        "Don't cancel your Direct Debit - see",
    ] {
        assert!(shown.contains(words), "{words:?} is not in: {shown}");
    }
    town.oyez(&["update", "send", &update, "--yes"])
        .fails(3, &["residents_sms", "’ becomes '"]);
    assert_eq!(town.seen("residents_sms").requests, 0);
    town.oyez(&["update", "send", &update, "--dry-run", "--accept-folding"])
        .exits(0);
    town.oyez(&["update", "send", &update, "--yes", "--accept-folding"])
        .exits(0);
    let plain = format!("Don't cancel your Direct Debit - see localhost Ref {update}");
    assert_eq!(text_sent(&town), plain);
}

#[test]
fn a_sign_that_no_plainer_one_can_stand_for_is_refused_whatever_is_accepted() {
    let town = town();
    let update = town.update(&[
        "--sms",
        "Call 😀",
        "--channel",
        "residents_sms",
        "--accept-folding",
    ]);
    town.oyez(&["update", "send", &update, "--yes", "--accept-folding"])
        .fails(3, &["residents_sms cannot carry 😀"]);
    assert_eq!(town.seen("residents_sms").requests, 0);
}

#[test]
fn a_long_text_goes_out_as_its_preview_said_with_its_link_and_reference() {
    let town = town();
    let sms = format!(
        "Keep enough money in your account. {}status.example.gov.uk localhost Ref {{ref}}",
        "You will not be charged twice by us for anything. ".repeat(8)
    );
    let update = town.update(&["--sms", &sms, "--channel", "residents_sms"]);
    let previews = town.json(&["update", "render", &update]);
    let preview = &previews["data"][0];
    let text = preview["text"].as_str().unwrap();
    assert!(
        text.starts_with("Keep enough money in your account. You will not"),
        "{text}"
    );
    assert!(text.ends_with(&format!(
        "twice by us for anything. status.example.gov.uk localhost Ref {update}"
    )));
    assert_eq!(preview["fit"]["left_out"].as_array().unwrap().len(), 4);
    assert_eq!(
        (&preview["fit"]["length"], &preview["price_pence"]),
        (&2.into(), &4.8.into())
    );
    town.oyez(&["update", "send", &update, "--yes"]).exits(0);
    assert_eq!(text_sent(&town), text);
}

#[test]
fn a_short_version_stands_where_the_whole_has_no_room() {
    let town = town();
    let long = "a".repeat(600);
    let options = [
        "--sms",
        &long,
        "--short",
        "en=Keep money ready. localhost Ref {ref}",
    ];
    let update = town.update(&[&options[..], &["--channel", "residents_sms"]].concat());
    let shown = town.oyez(&["update", "render", &update]).exits(0);
    assert!(
        shown.contains("its short version stands in its place"),
        "{shown}"
    );
    town.oyez(&["update", "send", &update, "--yes"]).exits(0);
    assert_eq!(
        text_sent(&town),
        format!("Keep money ready. localhost Ref {update}")
    );
    town.oyez(&["update", "new", "--headline", "x", "--short", "no language"])
        .fails(2, &["names no language"]);
}

#[test]
fn the_demonstration_keeps_the_digits_of_a_number_in_order_beside_arabic() {
    let settings = json!({
        "url": "http://127.0.0.1:9/", "id_pointer": "/id",
        "body": { "kind": "json", "template": r#"{"to":"{to}","text":"{text}"}"# },
    });
    let notice = Notice {
        language: "ar".to_owned(),
        ..adapters::notice(json!({}))
    };
    let rendered = adapters::channel("sms_http", settings)
        .render(&notice)
        .unwrap();
    let text = &rendered.preview;
    assert!(text.contains("020\u{a0}7641\u{a0}6000"), "{text:?}");
    assert!(text.ends_with("status.example.gov.uk 7QX-4HM"), "{text:?}");
    assert!(rendered.fit.numbers_held);
    assert!(
        rendered.fit.foldings.is_empty(),
        "nothing became another sign"
    );
}
