//! Fitting with the facts of the demonstration, and with texts that nobody would write.

use super::cut::{has_link, has_reference};
use super::*;
use crate::text::hostile::Hostile;
use crate::text::sentence::sentences;
use crate::text::sms::Encoding;
use serde_json::{Value, json};

const URL: &str = "https://status.example.gov.uk/u/7QX-4HM";

/// The demonstration's update with some of its fields replaced.
fn notice(changes: Value) -> Notice {
    let demo: Value = serde_json::from_str(include_str!("../../../config/demo.json")).unwrap();
    let mut update = demo["update"].clone();
    let written = json!({
        "id": "upd_01kb1qz8t0e6q7n2r3s4t5v6w7", "reference": "7QX-4HM", "incident": "inc_01kb1mz8t0e6q7n2r3s4t5v6w7",
        "next_update_by": "none", "state": "draft", "created_at": 1_764_239_300_000_000i64
    });
    for fields in [written, changes] {
        update
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
    }
    Notice {
        organisation: serde_json::from_value(json!({
            "name": "Westminster City Council", "public_host": "status.example.gov.uk",
            "public_url": "https://status.example.gov.uk", "time_zone": "Europe/London"
        }))
        .unwrap(),
        incident: serde_json::from_value(json!({
            "id": "inc_01kb1mz8t0e6q7n2r3s4t5v6w7", "title": "Cyber security incident",
            "phase": "identified", "opened_at": 1_763_974_800_000_000i64
        }))
        .unwrap(),
        update: serde_json::from_value(update).unwrap(),
        services: Vec::new(),
        language: "en".to_owned(),
    }
}

fn channel() -> ChannelName {
    "residents_sms".parse().unwrap()
}

/// What becomes of a text on an SMS channel of so many parts.
fn sms(charset: Charset, most: u32, notice: &Notice, text: &str) -> Result<Fitted, Refusal> {
    let limit = Limit {
        measure: Measure::Parts,
        most,
    };
    let room = Room {
        channel: &channel(),
        limits: &[limit],
        charset: Some(charset),
    };
    room.fit(notice, text)
}

fn post(most: u32, notice: &Notice, text: &str) -> Result<Fitted, Refusal> {
    let limit = Limit {
        measure: Measure::Post { per_link: 23 },
        most,
    };
    let room = Room {
        channel: &channel(),
        limits: &[limit],
        charset: None,
    };
    room.fit(notice, text)
}

#[test]
fn the_demonstrations_text_message_is_one_part_as_its_author_wrote_it() {
    let notice = notice(json!({}));
    let text = notice.text_message(&channel());
    let fitted = sms(Charset::Gsm7, 1, &notice, &text).unwrap();
    assert_eq!(fitted.text, text);
    assert_eq!(fitted.fit.notes(), [""; 0]);
    let length = fitted.fit.sms.unwrap();
    assert_eq!(
        (length.encoding, length.units, length.parts),
        (Encoding::Gsm7, 146, 1)
    );
}

#[test]
fn a_text_too_long_is_cut_at_the_end_of_a_sentence_with_link_and_reference_kept() {
    let own = "Westminster Council: do not cancel your Direct Debit. You will not be charged twice. Ask Mr. Smith on \
               020 7641 6000 if you are not sure what to do. status.example.gov.uk Ref {ref}";
    let notice = notice(json!({ "sms": own }));
    let fitted = sms(Charset::Gsm7, 1, &notice, &notice.text_message(&channel())).unwrap();
    assert_eq!(
        fitted.text,
        "Westminster Council: do not cancel your Direct Debit. You will not be charged twice. status.example.gov.uk Ref 7QX-4HM"
    );
    assert_eq!(
        fitted.fit.left_out,
        ["Ask Mr. Smith on 020 7641 6000 if you are not sure what to do."]
    );
    let notes = fitted.fit.notes();
    assert!(
        notes[0].starts_with("Left out, because it is too long: “Ask Mr. Smith"),
        "{notes:?}"
    );
}

#[test]
fn a_link_inside_a_sentence_too_long_to_keep_is_put_at_the_end() {
    let long = format!(
        "Read all of it at status.example.gov.uk, {}Ref 7QX-4HM.",
        "and again, ".repeat(20)
    );
    let notice = notice(json!({}));
    let fitted = sms(
        Charset::Gsm7,
        1,
        &notice,
        &format!("Keep money in your account. {long}"),
    )
    .unwrap();
    assert_eq!(fitted.text, format!("Keep money in your account. {URL}"));
    let unlinked = format!("Keep money in your account. {}", "Some more. ".repeat(30));
    let fitted = sms(Charset::Gsm7, 1, &notice, &unlinked).unwrap();
    assert!(
        fitted.text.ends_with(&format!("Some more. {URL}")),
        "{}",
        fitted.text
    );
    assert!(
        fitted.fit.sms.unwrap().units > 148,
        "as much is kept as there is room for"
    );
}

#[test]
fn the_authors_short_version_comes_before_any_cut_and_in_the_language_of_the_channel() {
    let mut notice = notice(json!({
        "short": { "en": "Keep money ready. Ref {ref}", "ar": "اتصل 020 7641 6000" }, "kind": "correction"
    }));
    let long = "This is one of many sentences. ".repeat(20);
    let fitted = post(60, &notice, &long).unwrap();
    assert_eq!(fitted.text, "Correction: Keep money ready. Ref 7QX-4HM");
    assert!(fitted.fit.shortened && fitted.fit.left_out.is_empty());
    notice.language = "ar-EG".to_owned();
    assert_eq!(
        post(60, &notice, &long).unwrap().text,
        "Correction: اتصل 020\u{a0}7641\u{a0}6000"
    );
    assert_eq!(
        notice.own(&channel()).as_deref(),
        Some("Correction: اتصل 020 7641 6000"),
        "those who read no English get it although the whole would fit"
    );
    notice.language = "cy".to_owned();
    assert_eq!(notice.own(&channel()), None);
    assert!(!post(90, &notice, &long).unwrap().fit.shortened);
}

#[test]
fn what_cannot_be_cut_is_refused_with_by_how_much_and_what_helps() {
    let whole = notice(json!({}));
    let refusal = sms(Charset::Ucs2, 1, &whole, &"a".repeat(194)).unwrap_err();
    assert_eq!(refusal.code, "too_long");
    assert_eq!(
        refusal.why,
        "34 characters too long for residents_sms; shorten the text or write a short version"
    );
    let two = format!("{}. And more.", "a".repeat(200));
    let refusal = sms(Charset::Ucs2, 1, &whole, &two).unwrap_err();
    assert_eq!(
        refusal.why,
        "81 characters too long for residents_sms, even when it is cut to its first sentence; shorten the text or write a \
         short version"
    );
    let short = notice(json!({ "short": { "en": "b".repeat(161) } }));
    let refusal = sms(Charset::Ucs2, 1, &short, &two).unwrap_err();
    assert_eq!(
        refusal.why,
        "1 character too long for residents_sms; shorten its short version"
    );
    let curly = format!("{}’", "a".repeat(150));
    let refusal = sms(Charset::Ucs2, 1, &whole, &curly).unwrap_err();
    assert_eq!(
        refusal.why,
        "81 characters too long for residents_sms; shorten the text or write a short version, or accept that ’ becomes ', \
         and it fits"
    );
    let both = Room {
        channel: &channel(),
        limits: &[
            Limit {
                measure: Measure::Graphemes,
                most: 300,
            },
            Limit {
                measure: Measure::Bytes,
                most: 3000,
            },
        ],
        charset: None,
    };
    let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦";
    let refusal = both.fit(&whole, &family.repeat(121)).unwrap_err();
    assert!(
        refusal.why.starts_with("25 bytes too long"),
        "{}",
        refusal.why
    );
    let fit = both.fit(&whole, &family.repeat(120)).unwrap().fit;
    assert_eq!(
        (fit.length, fit.limit, fit.unit.code()),
        (3000, Some(3000), "byte")
    );
}

#[test]
fn where_every_sign_is_carried_folding_is_offered_with_what_it_saves_and_done_when_accepted() {
    let text = format!("Don’t cancel it. {}", "a".repeat(100));
    let open = notice(json!({}));
    let fit = sms(Charset::Ucs2, 3, &open, &text).unwrap().fit;
    assert!(fit.foldings.is_empty());
    assert_eq!(fit.sms.unwrap().parts, 2);
    assert_eq!(fit.offer.as_ref().unwrap().parts, 1);
    assert_eq!(
        fit.notes(),
        ["It would need 1 part instead of 2 if ’ becomes '."]
    );
    let accepted = notice(json!({ "accept_folding": true }));
    let fitted = sms(Charset::Ucs2, 3, &accepted, &text).unwrap();
    assert!(fitted.text.starts_with("Don't"));
    assert_eq!(fitted.fit.notes(), ["Changed: ’ becomes '."]);
    // Folded, nothing has to be left out.
    let long = format!("Don’t cancel it.{}", " And more of it.".repeat(5));
    let fit = sms(Charset::Ucs2, 1, &open, &long).unwrap().fit;
    assert_eq!(fit.left_out.len(), 5);
    assert_eq!(
        fit.notes()[1],
        "The whole text would fit in 1 part if ’ becomes '."
    );
    let fitted = sms(Charset::Ucs2, 1, &accepted, &long).unwrap();
    assert_eq!(fitted.text, long.replace('’', "'"));
    // Nothing is gained here, so nothing is changed.
    assert_eq!(
        sms(Charset::Ucs2, 3, &accepted, "Don’t").unwrap().text,
        "Don’t"
    );
    assert_eq!(
        sms(Charset::Ucs2, 3, &accepted, &format!("{text} 字"))
            .unwrap()
            .fit
            .foldings,
        []
    );
}

#[test]
fn a_welsh_text_keeps_its_letters_wherever_they_are_carried() {
    let mut notice = notice(json!({ "accept_folding": true }));
    notice.language = "cy".to_owned();
    let text = format!("Peidiwch â chanslo. Tŷ dŵr. {}", "a".repeat(80));
    for charset in [Charset::Ucs2, Charset::Gsm7Welsh] {
        let fitted = sms(charset, 3, &notice, &text).unwrap();
        assert_eq!((fitted.text, fitted.fit.offer), (text.clone(), None));
    }
    assert!(
        sms(Charset::Gsm7, 3, &notice, &text)
            .unwrap()
            .text
            .starts_with("Peidiwch a chanslo. Ty dwr.")
    );
}

#[test]
fn signs_in_what_is_left_out_need_nobodys_consent() {
    let text = format!(
        "Keep money in your account. {}",
        "“Then wait” – 字. ".repeat(20)
    );
    let notice = notice(json!({}));
    let fitted = sms(Charset::Gsm7, 1, &notice, &text).unwrap_err();
    assert_eq!(
        fitted.code, "not_carried",
        "as much as fits is kept, and it holds signs that are not carried"
    );
    let long = format!("Keep money in your account. A{}字.", "a".repeat(160));
    assert_eq!(
        sms(Charset::Gsm7, 1, &notice, &long).unwrap().text,
        format!("Keep money in your account. {URL}")
    );
}

#[test]
fn telephone_numbers_in_arabic_are_held_together_and_that_is_said() {
    let notice = notice(json!({}));
    let fitted = sms(Charset::Ucs2, 2, &notice, "اتصل على 020 7641 6000 الآن").unwrap();
    assert_eq!(fitted.text, "اتصل على 020\u{a0}7641\u{a0}6000 الآن");
    assert_eq!(fitted.fit.notes().len(), 1);
    assert_eq!(
        sms(Charset::Ucs2, 2, &notice, "Call 020 7641 6000")
            .unwrap()
            .text,
        "Call 020 7641 6000"
    );
}

/// Whether a text is made of sentences of another in their order, and perhaps a link.
fn is_made_of(text: &str, wording: &str) -> bool {
    let take = |text: &str| {
        let mut rest = text.trim().to_owned();
        for sentence in sentences(wording) {
            rest = rest
                .strip_prefix(sentence.trim())
                .unwrap_or(&rest)
                .trim_start()
                .to_owned();
        }
        rest
    };
    take(text).is_empty()
        || text
            .strip_suffix(URL)
            .is_some_and(|text| take(text).is_empty())
}

#[test]
fn whatever_the_text_it_fits_whole_or_in_sentences_with_its_link_or_is_refused() {
    let notice = notice(json!({}));
    let charsets = [
        Some(Charset::Gsm7),
        Some(Charset::Gsm7Welsh),
        Some(Charset::Ucs2),
        None,
    ];
    let measures = [
        Measure::Parts,
        Measure::Graphemes,
        Measure::Post { per_link: 23 },
        Measure::Weight,
        Measure::Bytes,
    ];
    let (mut cut, mut refused) = (0, 0);
    for seed in 0..1500 {
        let mut hostile = Hostile::new(seed);
        let (charset, measure) = (charsets[hostile.below(4)], measures[hostile.below(5)]);
        let most =
            u32::try_from(1 + hostile.below(if measure == Measure::Parts { 3 } else { 300 }))
                .unwrap();
        let text = hostile.text(400);
        let limit = Limit { measure, most };
        let room = Room {
            channel: &channel(),
            limits: &[limit],
            charset,
        };
        match room.fit(&notice, &text) {
            Ok(Fitted { text: fitted, fit }) => {
                assert_eq!(limit.excess(&fitted), 0, "seed {seed}: {fitted}");
                assert_eq!(fit.length, measure.of(&fitted), "seed {seed}");
                assert!(
                    !fitted.contains('?') || text.contains('?'),
                    "seed {seed}: {fitted}"
                );
                let kept = !fit.left_out.is_empty();
                cut += usize::from(kept);
                assert!(
                    !kept || (has_link(&fitted, &notice) && has_reference(&fitted, &notice)),
                    "seed {seed}: {fitted}"
                );
                if fit.foldings.is_empty() && !fit.numbers_held && charset.is_none() {
                    assert!(
                        is_made_of(&fitted, &text),
                        "seed {seed}:\n{fitted}\nof\n{text}"
                    );
                }
            }
            Err(refusal) => {
                refused += 1;
                let known =
                    ["too_long", "not_carried", UNCONFIRMED].contains(&refusal.code.as_str());
                assert!(
                    known && !refusal.why.starts_with("0 "),
                    "seed {seed}: {refusal}"
                );
            }
        }
    }
    assert!(
        cut > 100 && refused > 100,
        "{cut} cut, {refused} refused: both are put to the test"
    );
}

#[test]
fn a_hundred_kilobytes_of_anything_are_fitted_or_refused_at_once() {
    let notice = notice(json!({}));
    for (at, piece) in [
        "a",
        "a. ",
        "a\u{301}",
        "👨\u{200d}👩\u{200d}👧\u{200d}👦",
        "\u{200f}",
        "https://a.org/b ",
        "a.a",
        "((((",
        "1. ",
        "e.g. ",
        "@a@b.org ",
        "http://",
        "字",
        "\n",
        ": ",
        "Mr. ",
        "+0 ",
        ")",
        "ﬁ’",
    ]
    .into_iter()
    .enumerate()
    {
        let text = format!("One.\nTwo.\n{}", piece.repeat(100_000 / piece.len()));
        let answer = if at % 2 == 0 {
            sms(Charset::Gsm7, 2, &notice, &text)
        } else {
            post(500, &notice, &text)
        };
        match answer {
            Ok(fitted) => assert!(fitted.text.starts_with("One.\nTwo."), "{piece}"),
            Err(refusal) => assert_ne!(
                refusal.code, "too_long",
                "{piece}: it can be cut after two sentences"
            ),
        }
    }
}
