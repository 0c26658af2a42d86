//! What the short channels say of an update, and what they refuse to say.

use crate::fixture::{channel, notice, notice_with, numbered_parcel};
use oyez_domain::Channel;
use oyez_domain::address::AddressKind;
use oyez_domain::notice::Notice;
use oyez_domain::outcome::Outcome;
use serde_json::json;
use std::sync::Arc;

fn sms(fold: &str) -> Arc<dyn Channel> {
    channel(
        "sms_http",
        &json!({
            "url": "https://sms.example.net/v1", "id_pointer": "/id", "fold": fold, "max_parts": 2,
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
    assert_eq!(says(&sms("off"), &sms_text), "Call us. Ref 7QX-4HM");
    let own =
        notice_with(&json!({"sms": "Call us.", "versions": {"test_channel": "Only here: {ref}"}}));
    assert_eq!(says(&sms("off"), &own), "Only here: 7QX-4HM");
    assert_eq!(says(&mastodon(), &own), "Only here: 7QX-4HM");
}

#[test]
fn practice_and_corrections_say_so_in_the_authors_own_words_too() {
    for (kind, prefix) in [("exercise", "EXERCISE: "), ("correction", "Correction: ")] {
        let notice = notice_with(
            &json!({"kind": kind, "sms": "Call us.", "versions": {"test_channel": "Read this."}}),
        );
        assert_eq!(says(&mastodon(), &notice), format!("{prefix}Read this."));
        assert_eq!(says(&sms("off"), &notice), format!("{prefix}Read this."));
        let composed = notice_with(&json!({"kind": kind}));
        assert!(says(&sms("off"), &composed).starts_with(prefix));
        assert!(says(&mastodon(), &composed).starts_with(prefix));
    }
}

#[test]
fn a_text_is_folded_as_the_settings_say_and_the_meter_shows_it() {
    let welsh = notice_with(&json!({"sms": "Dŵr – “ffoniwch”"}));
    let strict = sms("gsm_strict").render(&welsh).unwrap();
    assert_eq!(
        (strict.fit.encoding.as_str(), strict.fit.length),
        ("gsm7", 1)
    );
    assert!(!strict.fit.notes.is_empty());
    let kept = sms("keep_welsh").render(&welsh).unwrap();
    assert!(kept.preview.contains('ŵ') && !kept.preview.contains('“'));
    assert_eq!(kept.fit.encoding, "ucs2");
    assert_eq!(says(&sms("off"), &welsh), "Dŵr – “ffoniwch”");
}

#[test]
fn a_text_that_does_not_fit_is_refused_with_by_how_much() {
    let fits = notice_with(&json!({"sms": "a".repeat(306)}));
    assert_eq!(sms("off").render(&fits).unwrap().fit.length, 2);
    let over = notice_with(&json!({"sms": "a".repeat(307)}));
    let refusal = sms("off").render(&over).unwrap_err();
    assert_eq!(refusal.code, "too_long");
    assert!(
        refusal.why.contains("3 parts, 1 more than the 2 allowed"),
        "{}",
        refusal.why
    );
    let post = notice_with(&json!({"versions": {"test_channel": "👍🏽".repeat(503)}}));
    let refusal = mastodon().render(&post).unwrap_err();
    assert!(
        refusal
            .why
            .contains("503 characters, 3 more than the 500 allowed"),
        "{}",
        refusal.why
    );
    let fits = notice_with(&json!({"versions": {"test_channel": "👍🏽".repeat(500)}}));
    assert_eq!(mastodon().render(&fits).unwrap().fit.length, 500);
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
