//! How an update looks on each channel, side by side, and the button that sends it.

use super::second_step;
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
use hyper::{HeaderMap, StatusCode};
use oyez_dispatch::preview::Preview;
use oyez_domain::address::AddressKind;
use oyez_domain::channel::ChannelName;
use oyez_domain::id::UpdateId;
use oyez_domain::ledger::Idempotency;
use oyez_domain::rendered::Fit;
use oyez_domain::text::sms::Encoding;
use oyez_domain::text::spoken_time;
use oyez_domain::update::Update;
use oyez_domain::user::Permission;

/// One channel's version.
struct Card {
    preview: Preview,
    /// Length against limit and what it costs, in words.
    meter: String,
    /// In what it differs from what was written.
    notes: Vec<String>,
    /// Whether it is close to the limit.
    tight: bool,
    /// Whether something is to be accepted before it can be sent.
    unconfirmed: bool,
}

impl Card {
    fn new(preview: Preview) -> Self {
        let fit = preview.fit.as_ref();
        let limit = fit.and_then(|fit| fit.limit);
        Self {
            meter: fit.map_or_else(String::new, |fit| measure(fit, preview.price_pence)),
            notes: fit.map(Fit::notes).unwrap_or_default(),
            tight: fit.zip(limit).is_some_and(|(fit, limit)| {
                limit > 1 && u64::from(fit.length) * 10 > u64::from(limit) * 9
            }),
            unconfirmed: preview.unconfirmed(),
            preview,
        }
    }

    fn id(&self) -> String {
        format!("card-{}-{}", self.preview.channel, self.preview.language)
    }

    /// Whether it cannot be sent, whatever is accepted.
    fn refused(&self) -> bool {
        self.preview.refusal.is_some() && !self.unconfirmed
    }

    /// Whether foldings would save money.
    fn offers(&self) -> bool {
        let fit = self.preview.fit.as_ref();
        fit.is_some_and(|fit| fit.offer.is_some())
    }
}

/// `1 of at most 6 parts, 143 of 160 characters, plain letters, 2.4p each`; `213 of at most 500 characters`.
fn measure(fit: &Fit, price_pence: Option<f64>) -> String {
    let length = many(u64::from(fit.length));
    let mut words = match fit.limit {
        Some(limit) => format!(
            "{length} of at most {} {}",
            many(u64::from(limit)),
            fit.unit.label(limit)
        ),
        None => format!("{length} {}", fit.unit.label(fit.length)),
    };
    if let Some(sms) = fit.sms {
        let letters = match sms.encoding {
            Encoding::Gsm7 => "plain letters",
            Encoding::Ucs2 => "letters that need more room",
        };
        let room = sms.encoding.room(sms.parts);
        words.push_str(&format!(", {} of {room} characters, {letters}", sms.units));
    }
    if let Some(pence) = price_pence.filter(|pence| *pence > 0.0) {
        words.push_str(&format!(", {pence:.1}p each"));
    }
    words
}

#[derive(Template)]
#[template(path = "console/preview.html")]
struct PreviewPage<'a> {
    organisation: &'a str,
    headline: String,
    cards: Vec<Card>,
    /// Refusals, and the card each is about.
    refusals: Vec<(String, String)>,
    consent: Consent,
    /// What the button says.
    button: String,
    /// Where the button posts to.
    send_to: String,
    /// A stored draft is changed under this address, an unsaved one by handing its fields back.
    change_at: Option<String>,
    fields: Vec<(String, String)>,
}

/// What a person is asked about foldings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Consent {
    /// Nothing.
    Unasked,
    /// They would save money.
    Offered,
    /// Without them it cannot be sent.
    Needed,
}

fn consent(cards: &[Card]) -> Consent {
    if cards.iter().any(|card| card.unconfirmed) {
        Consent::Needed
    } else if cards.iter().any(Card::offers) {
        Consent::Offered
    } else {
        Consent::Unasked
    }
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
    let why = |card: &Card| {
        let refusal = card.preview.refusal.as_ref()?;
        let why = format!("{}: {}", card.preview.channel, refusal.why);
        Some((card.id(), why))
    };
    let refused = cards.iter().filter(|card| card.refused());
    refused.filter_map(why).collect()
}

/// The page of a draft that is stored.
pub(super) async fn of_draft(house: &House, update: &Update) -> Result<Response, Problem> {
    let cards: Vec<Card> = house
        .desk
        .render(update.id, false)
        .await?
        .into_iter()
        .map(Card::new)
        .collect();
    page::html(&PreviewPage {
        organisation: &house.desk.organisation.name,
        headline: update.introduced_headline(),
        refusals: refusals(&cards),
        consent: consent(&cards),
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
        consent: consent(&cards),
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
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    officer.may(Permission::Approve)?;
    let action = format!("/console/updates/{id}/send");
    if let Some(page) = second_step::ask(&house, &headers, &officer, &form, &action).await? {
        return Ok(page);
    }
    let update = house.desk.find_update(&id).await?.id;
    if form.get("accept_folding") == "yes" {
        house.desk.accept_folding(update, officer.actor()).await?;
    }
    let again = form.get("again") == "yes";
    release(&house, officer, update, form.get("key"), again).await
}

/// The question whether the same words are to go out once more.
#[derive(Template)]
#[template(path = "console/again.html")]
struct AgainPage<'a> {
    organisation: &'a str,
    headline: String,
    before: String,
    when: String,
    reference: String,
    key: &'a str,
}

/// Puts an update out; pressing the button twice does it once. What was said already is asked about, unless `again`.
pub(super) async fn release(
    house: &House,
    officer: Officer,
    update: UpdateId,
    key: &str,
    again: bool,
) -> Result<Response, Problem> {
    officer.may(Permission::Approve)?;
    let draft = house.desk.ledger.update(update).await?;
    if !again && let Some(before) = house.desk.said_before(&draft).await? {
        let zone = &house.desk.organisation.time_zone;
        let question = AgainPage {
            organisation: &house.desk.organisation.name,
            headline: draft.headline.to_string(),
            when: spoken_time(before.released_at.unwrap_or(before.created_at), zone),
            before: before.reference.to_string(),
            reference: draft.reference.to_string(),
            key,
        };
        return page::html_with(StatusCode::CONFLICT, &question);
    }
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
    use oyez_domain::channel::LengthUnit;
    use oyez_domain::text;

    #[test]
    fn a_meter_says_length_and_limit_in_the_channels_unit() {
        let mut sms = Fit::plain(1, Some(6), LengthUnit::Part);
        sms.sms = Some(text::sms::measure(&"a".repeat(143)));
        assert_eq!(
            measure(&sms, Some(2.4)),
            "1 of at most 6 parts, 143 of 160 characters, plain letters, 2.4p each"
        );
        let post = Fit::plain(213, Some(500), LengthUnit::Grapheme);
        assert_eq!(measure(&post, None), "213 of at most 500 characters");
        let mail = Fit::plain(4096, None, LengthUnit::Byte);
        assert_eq!(measure(&mail, Some(0.0)), "4,096 bytes");
    }
}
