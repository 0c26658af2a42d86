//! What the short channels say of an update, and what they refuse to say.

use crate::fixture::{channel, notice, notice_with, numbered_parcel};
use oyez_domain::Channel;
use oyez_domain::address::AddressKind;
use oyez_domain::notice::Notice;
use oyez_domain::outcome::Outcome;
use oyez_domain::rendered::Rendered;
use oyez_domain::text::sms::Encoding;
use serde_json::{Value, json};
use std::sync::Arc;

fn sms(charset: &str) -> Arc<dyn Channel> {
    channel(
        "sms_http",
        &json!({
            "url": "https://sms.example.net/v1", "id_pointer": "/id", "charset": charset, "max_parts": 2,
            "body": {"kind": "form", "template": "to={to}&text={text}"}
        }),
    )
}

fn mastodon() -> Arc<dyn Channel> {
    channel(
        "mastodon",
        &json!({"server": "https://m.example", "token": "t"}),
    )
}

fn says(channel: &Arc<dyn Channel>, notice: &Notice) -> String {
    channel.render(notice).unwrap().preview
}

#[test]
fn the_authors_own_words_come_first_the_channels_before_all() {
    let sms_text = notice_with(&json!({"sms": "Call us. Ref {ref}"}));
    assert_eq!(says(&sms("ucs2"), &sms_text), "Call us. Ref 7QX-4HM");
    let own =
        notice_with(&json!({"sms": "Call us.", "versions": {"test_channel": "Only here: {ref}"}}));
    assert_eq!(says(&sms("ucs2"), &own), "Only here: 7QX-4HM");
    assert_eq!(says(&mastodon(), &own), "Only here: 7QX-4HM");
}

#[test]
fn practice_and_corrections_say_so_in_the_authors_own_words_too() {
    for (kind, prefix) in [("exercise", "EXERCISE: "), ("correction", "Correction: ")] {
        let notice = notice_with(
            &json!({"kind": kind, "sms": "Call us.", "versions": {"test_channel": "Read this."}}),
        );
        assert_eq!(says(&mastodon(), &notice), format!("{prefix}Read this."));
        assert_eq!(says(&sms("ucs2"), &notice), format!("{prefix}Read this."));
        let composed = notice_with(&json!({"kind": kind}));
        assert!(says(&sms("ucs2"), &composed).starts_with(prefix));
        assert!(says(&mastodon(), &composed).starts_with(prefix));
    }
}

#[test]
fn what_a_gateway_cannot_carry_is_folded_when_a_person_accepts_it_and_never_before() {
    let welsh = json!({"sms": "Dŵr – “ffoniwch”"});
    let refusal = sms("gsm7").render(&notice_with(&welsh)).unwrap_err();
    assert_eq!(refusal.code, "folding_unconfirmed");
    for named in ["ŵ becomes w", "– becomes -", "“ becomes \""] {
        assert!(refusal.why.contains(named), "{}", refusal.why);
    }
    let accepted = notice_with(&changed(&welsh, &json!({"accept_folding": true})));
    let strict = sms("gsm7").render(&accepted).unwrap();
    assert_eq!(strict.preview, "Dwr - \"ffoniwch\"");
    assert_eq!(strict.fit.sms.unwrap().encoding, Encoding::Gsm7);
    assert_eq!(strict.fit.foldings.len(), 4);
    let kept = sms("gsm7_welsh").render(&accepted).unwrap();
    assert_eq!(kept.preview, "Dŵr - \"ffoniwch\"");
    assert_eq!(kept.fit.sms.unwrap().encoding, Encoding::Ucs2);
    assert_eq!(says(&sms("ucs2"), &notice_with(&welsh)), "Dŵr – “ffoniwch”");
    let arabic = notice_with(&json!({"sms": "اتصل", "accept_folding": true}));
    let refusal = sms("gsm7").render(&arabic).unwrap_err();
    assert_eq!(refusal.code, "not_carried");
    assert_eq!(
        refusal.why,
        "test_channel cannot carry ا ت ص ل; say it in other letters"
    );
}

#[test]
fn a_text_that_does_not_fit_is_refused_with_by_how_much() {
    let fits = notice_with(&json!({"sms": "a".repeat(306)}));
    assert_eq!(sms("ucs2").render(&fits).unwrap().fit.length, 2);
    let over = notice_with(&json!({"sms": "a".repeat(340)}));
    let refusal = sms("ucs2").render(&over).unwrap_err();
    assert_eq!(refusal.code, "too_long");
    assert_eq!(
        refusal.why,
        "34 characters too long for test_channel; shorten the text or write a short version"
    );
    let post = notice_with(&json!({"versions": {"test_channel": "👍🏽".repeat(501)}}));
    let refusal = mastodon().render(&post).unwrap_err();
    assert_eq!(
        refusal.why,
        "1 character too long for test_channel; shorten the text or write a short version"
    );
    let fits = notice_with(&json!({"versions": {"test_channel": "👍🏽".repeat(500)}}));
    assert_eq!(mastodon().render(&fits).unwrap().fit.length, 500);
}

#[test]
fn a_post_too_long_for_the_instance_keeps_whole_advice_under_its_heading_and_the_link() {
    let advice =
        |number: usize| format!("{number} Keep enough money in your account for that day.");
    let dos: Vec<_> = (1..=8).map(advice).collect();
    let donts: Vec<_> = (9..=10).map(advice).collect();
    let notice = notice_with(&json!({"what_to_do": dos, "what_not_to_do": donts}));
    let Rendered { preview, fit, .. } = mastodon().render(&notice).unwrap();
    assert!(fit.length <= 500 && fit.length > 440, "{preview}");
    assert!(preview.starts_with("Phones & payments: what to do\n\nWhat to do:\n- 1 Keep"));
    assert!(preview.ends_with(" day.\n\nhttps://status.example.gov.uk/u/7QX-4HM"));
    assert!(!preview.contains("What not to do"), "{preview}");
    assert!(fit.left_out.last().unwrap().contains("10 Keep"));
    let short = changed(
        &json!({"what_to_do": dos, "what_not_to_do": donts}),
        &json!({"short": {"en": "Keep money for 10 days. Ref {ref}"}}),
    );
    let shortened = mastodon().render(&notice_with(&short)).unwrap();
    assert_eq!(shortened.preview, "Keep money for 10 days. Ref 7QX-4HM");
    assert!(shortened.fit.shortened);
}

fn changed(fields: &Value, more: &Value) -> Value {
    let mut fields = fields.clone();
    let more = more.as_object().unwrap().clone();
    fields.as_object_mut().unwrap().extend(more);
    fields
}

#[tokio::test]
async fn a_parcel_is_one_whole_file_named_after_its_reference() {
    let folder = tempfile::tempdir().unwrap();
    let channel = channel(
        "file",
        &json!({"folder": folder.path(), "carries": "mobile"}),
    );
    assert_eq!(channel.capabilities().carries, AddressKind::Mobile);
    let rendered = Arc::new(channel.render(&notice()).unwrap());
    let parcel = numbered_parcel(rendered, AddressKind::Mobile, "+447700900123", 5);
    for _ in 0..2 {
        let verdict = channel.send(&parcel).await;
        assert_eq!(verdict.outcome, Outcome::Accepted { reference: None });
    }
    let files: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|f| f.unwrap().file_name())
        .collect();
    let name = format!("{}.txt", parcel.reference);
    assert_eq!(files, [name.as_str()]);
    let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(
        text.starts_with("To: +447700900123\n") && text.contains(&parcel.stop_token),
        "{text}"
    );
    assert!(channel.check().await.is_ok());
    folder.close().unwrap();
    assert!(matches!(
        channel.send(&parcel).await.outcome,
        Outcome::ChannelDown { .. }
    ));
    assert!(channel.check().await.is_err());
}
