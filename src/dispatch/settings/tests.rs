//! What happens to a message that may have been sent, by kind, urgency and configuration.

use super::*;
use oyez_domain::address::AddressKind;
use oyez_domain::channel::LengthUnit;
use oyez_domain::notice::Notice;
use oyez_domain::outcome::{Outcome, Verdict};
use oyez_domain::parcel::Parcel;
use oyez_domain::rendered::Rendered;
use oyez_domain::{BoxFuture, Channel};
use std::sync::Arc;

/// A kind on paper.
struct Paper(Capabilities);

impl Channel for Paper {
    fn capabilities(&self) -> &Capabilities {
        &self.0
    }

    fn render(&self, _: &Notice) -> Result<Rendered, Refusal> {
        Err(Refusal::new("update", "on_paper", "it cannot be rendered"))
    }

    fn send<'a>(&'a self, _: &'a Parcel) -> BoxFuture<'a, Verdict> {
        let nothing = Outcome::Accepted { reference: None };
        Box::pin(std::future::ready(Verdict::new(nothing, "")))
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(std::future::ready(Ok(String::new())))
    }
}

fn capabilities(family: Family, on_unknown: OnUnknown) -> Capabilities {
    Capabilities {
        kind: "paper",
        family,
        carries: AddressKind::Email,
        unit: LengthUnit::Byte,
        limit: None,
        receipts: false,
        receipts_by_provider_id: false,
        idempotency: IdempotencyClass::Nothing,
        key_seconds: None,
        look_up: false,
        on_unknown,
        needs: &[],
    }
}

fn channel(capabilities: Capabilities, said: Option<OnUnknown>) -> ConfiguredChannel {
    ConfiguredChannel {
        weight: None,
        name: "paper".parse().unwrap(),
        settings: ChannelSettings {
            on_unknown: said,
            ..ChannelSettings::default()
        },
        adapter: Arc::new(Paper(capabilities)),
    }
}

#[test]
fn an_urgent_text_is_worth_a_second_copy_and_a_public_post_never_is() {
    use OnUnknown::{Hold, Retry};
    let of = |family, by_kind, said, urgent| {
        channel(capabilities(family, by_kind), said).on_unknown(urgent)
    };
    assert_eq!(of(Family::Email, Retry, None, false), Retry);
    assert_eq!(of(Family::Email, Retry, Some(Hold), true), Hold);
    assert_eq!(of(Family::Sms, Hold, None, false), Hold);
    assert_eq!(of(Family::Sms, Hold, None, true), Retry);
    assert_eq!(
        of(Family::Sms, Hold, Some(Hold), true),
        Hold,
        "as it is said"
    );
    assert_eq!(of(Family::Post, Retry, Some(Retry), true), Hold);
}

#[test]
fn a_post_that_nothing_recognises_may_not_be_configured_to_go_out_twice() {
    let post = capabilities(Family::Post, OnUnknown::Hold);
    let keyed = Capabilities {
        idempotency: IdempotencyClass::NativeKey,
        ..post.clone()
    };
    let asked = Capabilities {
        look_up: true,
        ..post.clone()
    };
    let refused = |said, kind| check_on_unknown(said, kind, "channels.board");
    let refusal = refused(Some(OnUnknown::Retry), &post).unwrap();
    assert_eq!(refusal.field, "channels.board.on_unknown");
    assert_eq!(refused(Some(OnUnknown::Hold), &post), None);
    assert_eq!(refused(None, &post), None);
    assert_eq!(refused(Some(OnUnknown::Retry), &keyed), None);
    assert_eq!(refused(Some(OnUnknown::Retry), &asked), None);
    let mail = capabilities(Family::Email, OnUnknown::Retry);
    assert_eq!(refused(Some(OnUnknown::Retry), &mail), None);
}

#[test]
fn an_orphan_needs_a_person_only_where_nothing_else_can_tell() {
    let text = capabilities(Family::Sms, OnUnknown::Hold);
    let keyed = Capabilities {
        idempotency: IdempotencyClass::NativeKey,
        ..text.clone()
    };
    let asked = Capabilities {
        look_up: true,
        ..text.clone()
    };
    assert!(channel(text.clone(), None).holds_unknown(false));
    assert!(!channel(text, None).holds_unknown(true), "it is urgent");
    assert!(!channel(keyed, None).holds_unknown(false));
    assert!(!channel(asked, None).holds_unknown(false));
}
