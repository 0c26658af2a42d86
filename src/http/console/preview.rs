//! How an update looks on each channel, side by side, and the button that sends it.

use super::session::Officer;
use super::values::Values;
use super::words::many;
use crate::body::Form;
use crate::idempotency::request_hash;
use crate::page;
use crate::problem::Problem;
use crate::state::House;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use oyez_dispatch::preview::Preview;
use oyez_domain::address::AddressKind;
use oyez_domain::channel::ChannelName;
use oyez_domain::id::UpdateId;
use oyez_domain::ledger::Idempotency;
use oyez_domain::rendered::Fit;
use oyez_domain::update::Update;

/// One channel's version.
struct Card {
    preview: Preview,
    /// Length against limit, in words.
    meter: String,
    /// Whether it is close to the limit or needs several parts.
    tight: bool,
}

impl Card {
    fn new(preview: Preview) -> Self {
        let fit = preview.fit.as_ref();
        Self {
            meter: fit.map_or_else(String::new, measure),
            tight: fit.is_some_and(|fit| {
                fit.limit
                    .is_some_and(|limit| u64::from(fit.length) * 10 > u64::from(limit) * 9)
            }),
            preview,
        }
    }

    fn id(&self) -> String {
        format!("card-{}-{}", self.preview.channel, self.preview.language)
    }
}

/// `1 part of at most 6, GSM letters`, `213 of 500 characters`.
fn measure(fit: &Fit) -> String {
    let unit = |length: u32| match (fit.unit.as_str(), length) {
        ("part", 1) => "part".to_owned(),
        ("part", _) => "parts".to_owned(),
        ("grapheme", 1) => "character".to_owned(),
        ("grapheme", _) => "characters".to_owned(),
        ("byte", 1) => "byte".to_owned(),
        ("byte", _) => "bytes".to_owned(),
        (other, _) => other.to_owned(),
    };
    let length = many(u64::from(fit.length));
    let encoding = match fit.encoding.as_str() {
        "gsm7" => ", plain letters",
        "ucs2" => ", with letters that need more room",
        _ => "",
    };
    match fit.limit {
        Some(limit) => format!(
            "{length} of at most {} {}{encoding}",
            many(u64::from(limit)),
            unit(limit)
        ),
        None => format!("{length} {}{encoding}", unit(fit.length)),
    }
}

#[derive(Template)]
#[template(path = "console/preview.html")]
struct PreviewPage<'a> {
    organisation: &'a str,
    headline: String,
    cards: Vec<Card>,
    /// Refusals, and the card each is about.
    refusals: Vec<(String, String)>,
    /// What the button says.
    button: String,
    /// Where the button posts to.
    send_to: String,
    /// A stored draft is changed under this address, an unsaved one by handing its fields back.
    change_at: Option<String>,
    fields: Vec<(String, String)>,
}

/// `Send to about 1,998 addresses`.
async fn button(house: &House, named: &[ChannelName]) -> Result<String, Problem> {
    let chosen = house
        .desk
        .lives
        .all()
        .filter(|live| named.is_empty() || named.contains(&live.channel.name));
    let carried: Vec<AddressKind> = chosen
        .map(|live| live.channel.adapter.capabilities().carries)
        .collect();
    let counts = house.desk.ledger.subscriber_counts().await?;
    let people = |kind: AddressKind| match kind {
        AddressKind::Email | AddressKind::Mobile => carried.contains(&kind),
        AddressKind::Landline | AddressKind::Account | AddressKind::Endpoint => false,
    };
    let theirs = counts.iter().filter(|(kind, _, _)| people(*kind));
    let reach: u64 = theirs
        .map(|(_, all, suppressed)| all.saturating_sub(*suppressed))
        .sum();
    Ok(match reach {
        0 => "Send now".to_owned(),
        1 => "Send to 1 address".to_owned(),
        reach => format!("Send to about {} addresses", many(reach)),
    })
}

fn refusals(cards: &[Card]) -> Vec<(String, String)> {
    let refused = |card: &Card| {
        card.preview.refusal.as_ref().map(|refusal| {
            (
                card.id(),
                format!("{}: {}", card.preview.channel, refusal.why),
            )
        })
    };
    cards.iter().filter_map(refused).collect()
}

/// The page of a draft that is stored.
pub(super) async fn of_draft(house: &House, update: &Update) -> Result<Response, Problem> {
    let cards: Vec<Card> = house
        .desk
        .render(update.id)
        .await?
        .into_iter()
        .map(Card::new)
        .collect();
    page::html(&PreviewPage {
        organisation: &house.desk.organisation.name,
        headline: format!("{}{}", update.kind.prefix(), update.headline),
        refusals: refusals(&cards),
        cards,
        button: button(house, &update.audience.channels).await?,
        send_to: format!("/console/updates/{}/send", update.reference),
        change_at: Some(format!("/console/updates/new?from={}", update.reference)),
        fields: vec![("key".to_owned(), house.random_text::<16>())],
    })
}

/// The page of what was just typed.
pub(super) async fn of_values(
    house: &House,
    values: &Values,
    previews: Vec<Preview>,
) -> Result<Response, Problem> {
    let cards: Vec<Card> = previews.into_iter().map(Card::new).collect();
    let named: Vec<ChannelName> = values.audience(house).channels;
    page::html(&PreviewPage {
        organisation: &house.desk.organisation.name,
        headline: values.headline.clone(),
        refusals: refusals(&cards),
        cards,
        button: button(house, &named).await?,
        send_to: "/console/updates/send".to_owned(),
        change_at: None,
        fields: values.fields(),
    })
}

/// Sends a stored draft.
pub(super) async fn send(
    State(house): State<House>,
    officer: Officer,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let update = house.desk.find_update(&id).await?.id;
    release(&house, officer, update, form.get("key")).await
}

/// Puts an update out; pressing the button twice does it once.
pub(super) async fn release(
    house: &House,
    officer: Officer,
    update: UpdateId,
    key: &str,
) -> Result<Response, Problem> {
    let key = Idempotency {
        scope: "console send".to_owned(),
        key: format!("{key}-{update}"),
        request_hash: request_hash(&update.to_string(), b""),
    };
    let done = house
        .desk
        .release(update, Some(key), officer.actor())
        .await?;
    Ok(Redirect::to(&format!("/console/updates/{}", done.value.reference)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_says_length_and_limit_in_the_channels_unit() {
        let fit = |length, limit, unit: &str, encoding: &str| Fit {
            length,
            limit,
            unit: unit.to_owned(),
            encoding: encoding.to_owned(),
            notes: Vec::new(),
        };
        assert_eq!(
            measure(&fit(1, Some(6), "part", "gsm7")),
            "1 of at most 6 parts, plain letters"
        );
        assert_eq!(
            measure(&fit(213, Some(500), "grapheme", "")),
            "213 of at most 500 characters"
        );
        assert_eq!(measure(&fit(4096, None, "byte", "")), "4,096 bytes");
    }
}
