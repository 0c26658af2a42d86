//! `/api/v1/updates/{id}/deliveries`: what became of each recipient, addresses masked.

use crate::problem::{Kind, Problem};
use crate::state::{Caller, House};
use crate::view::{Listing, Time};
use axum::extract::{Path, RawQuery, State};
use oyez_dispatch::DeskError;
use oyez_domain::Refusal;
use oyez_domain::address::Address;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::ledger::{AttemptView, DeliveryFilter, DeliveryView};
use oyez_domain::outcome::Reason;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Rows of a page, unless asked otherwise, and at most.
const ROWS: (u32, u32) = (50, 200);

const STATES: [DeliveryState; 12] = [
    DeliveryState::Pending,
    DeliveryState::Sending,
    DeliveryState::Accepted,
    DeliveryState::Delivered,
    DeliveryState::Undelivered,
    DeliveryState::Rejected,
    DeliveryState::Waiting,
    DeliveryState::Unknown,
    DeliveryState::Suppressed,
    DeliveryState::Expired,
    DeliveryState::Superseded,
    DeliveryState::Stopped,
];

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptBody {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// When its outcome was known.
    pub at: Time,
    /// The outcome.
    pub outcome: String,
    /// Why, for programs.
    pub reason: Option<String>,
    /// Why, in words.
    pub reason_label: Option<String>,
    /// The provider's words.
    pub reply: String,
    /// The provider's identifier.
    pub provider_id: Option<String>,
}

impl From<AttemptView> for AttemptBody {
    fn from(attempt: AttemptView) -> Self {
        Self {
            attempt: attempt.attempt,
            at: attempt.at.into(),
            outcome: attempt.outcome.code().to_owned(),
            reason: attempt.reason.map(|reason| reason.code().to_owned()),
            reason_label: attempt.reason.map(|reason| reason.label().to_owned()),
            reply: attempt.reply,
            provider_id: attempt.provider_id,
        }
    }
}

/// One receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptBody {
    /// When it came.
    pub at: Time,
    /// `underway`, `undelivered_for_now`, `undelivered` or `delivered`.
    pub status: String,
    /// Why not.
    pub reason: Option<String>,
}

/// One delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryBody {
    /// The broadcast's number.
    pub broadcast: u32,
    /// The channel.
    pub channel: String,
    /// Its place in the audience, from 0.
    pub ordinal: u32,
    /// The address, masked.
    pub address: String,
    /// Where it stands.
    pub state: String,
    /// When it is tried again.
    pub not_before: Option<Time>,
    /// Its attempts.
    pub attempts: Vec<AttemptBody>,
    /// Its receipts.
    pub receipts: Vec<ReceiptBody>,
}

impl From<DeliveryView> for DeliveryBody {
    fn from(delivery: DeliveryView) -> Self {
        let receipt =
            |(at, status, reason): (_, oyez_domain::receipt::ReceiptStatus, Option<Reason>)| {
                ReceiptBody {
                    at: Time(at),
                    status: status_code(status).to_owned(),
                    reason: reason.map(|reason| reason.code().to_owned()),
                }
            };
        Self {
            broadcast: delivery.broadcast.0,
            channel: delivery.channel.into(),
            ordinal: delivery.ordinal.0,
            address: delivery.address.masked(),
            state: delivery.state.code().to_owned(),
            not_before: delivery.not_before.map(Into::into),
            attempts: delivery.attempts.into_iter().map(Into::into).collect(),
            receipts: delivery.receipts.into_iter().map(receipt).collect(),
        }
    }
}

fn status_code(status: oyez_domain::receipt::ReceiptStatus) -> &'static str {
    use oyez_domain::receipt::ReceiptStatus::{
        Bounced, BouncedForNow, Complained, Delivered, Undelivered, UndeliveredForNow, Underway,
    };
    match status {
        Underway => "underway",
        UndeliveredForNow => "undelivered_for_now",
        Undelivered => "undelivered",
        Delivered => "delivered",
        BouncedForNow => "bounced_for_now",
        Bounced => "bounced",
        Complained => "complained",
    }
}

/// Reads the query string; every parameter that is not right is named.
fn filter(query: &str) -> Result<DeliveryFilter, Problem> {
    let mut filter = DeliveryFilter {
        limit: ROWS.0,
        ..DeliveryFilter::default()
    };
    let mut faults = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let read = match &*name {
            "channel" => value.parse().map(|channel| filter.channel = Some(channel)),
            "state" => state(&value).map(|state| filter.state = Some(state)),
            "to" => address(&value).map(|address| filter.address = Some(address)),
            "cursor" => cursor(&value).map(|place| filter.after = Some(place)),
            "limit" => limit(&value).map(|limit| filter.limit = limit),
            _ => Err(Refusal::new(
                &*name,
                "unknown_parameter",
                "there are channel, state, to, cursor and limit",
            )),
        };
        faults.extend(read.err());
    }
    if faults.is_empty() {
        Ok(filter)
    } else {
        Err(DeskError::Refused(faults).into())
    }
}

fn state(code: &str) -> Result<DeliveryState, Refusal> {
    STATES
        .into_iter()
        .find(|state| state.code() == code)
        .ok_or_else(|| {
            let codes: Vec<_> = STATES.iter().map(|state| state.code()).collect();
            Refusal::new(
                "state",
                "unknown_state",
                format!("it is none of {}", codes.join(", ")),
            )
        })
}

/// An address as people type it: an email address, a telephone number or a URL.
pub(crate) fn address(text: &str) -> Result<Address, Refusal> {
    let read = match text {
        text if text.contains("://") => Address::endpoint(text),
        text if text.contains('@') => Address::email(text),
        text => Address::uk_telephone(text),
    };
    read.map_err(|fault| Refusal {
        field: "to".to_owned(),
        ..fault
    })
}

fn limit(text: &str) -> Result<u32, Refusal> {
    let fault = || Refusal::new("limit", "out_of_range", "a limit is a number from 1 to 200");
    text.parse::<u32>()
        .ok()
        .filter(|limit| *limit > 0)
        .map(|limit| limit.min(ROWS.1))
        .ok_or_else(fault)
}

fn cursor(text: &str) -> Result<(BroadcastId, Ordinal), Refusal> {
    let place = text.split_once('-').and_then(|(broadcast, ordinal)| {
        Some((
            BroadcastId(broadcast.parse().ok()?),
            Ordinal(ordinal.parse().ok()?),
        ))
    });
    place.ok_or_else(|| {
        Refusal::new(
            "cursor",
            "malformed_cursor",
            "hand back next_cursor as it was given",
        )
    })
}

/// Deliveries of one update.
#[utoipa::path(get, path = "/api/v1/updates/{id}/deliveries", tag = "sending",
    params(("id" = String, Path), ("channel" = Option<String>, Query), ("state" = Option<String>, Query),
        ("to" = Option<String>, Query, description = "Only this address"),
        ("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query, description = "At most 200; 50 when left out")),
    responses((status = 200, body = Listing<DeliveryBody>), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn list(
    State(house): State<House>,
    _: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<axum::Json<Listing<DeliveryBody>>, Problem> {
    let filter = filter(query.as_deref().unwrap_or(""))?;
    if let Some(channel) = filter
        .channel
        .as_ref()
        .filter(|name| house.desk.lives.get(name).is_none())
    {
        return Err(Problem::new(
            Kind::NotFound,
            format!("the channel {channel} does not exist."),
        ));
    }
    let update = house.desk.find_update(&id).await?;
    let deliveries = house.desk.deliveries(update.id, &filter).await?;
    let full = deliveries.len() >= usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let last = deliveries.last().filter(|_| full);
    let next_cursor = last.map(|last| format!("{}-{}", last.broadcast.0, last.ordinal.0));
    Ok(axum::Json(Listing {
        data: deliveries.into_iter().map(Into::into).collect(),
        next_cursor,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_parameter_is_named() {
        let problem = filter("channel=X&state=nope&to=here&cursor=z&limit=0&page=2").unwrap_err();
        assert_eq!(problem.errors.len(), 6, "{:?}", problem.errors);
        assert_eq!(
            filter("limit=1000").unwrap().limit,
            200,
            "a limit is capped"
        );
        assert_eq!(
            filter("cursor=3-17").unwrap().after,
            Some((BroadcastId(3), Ordinal(17)))
        );
    }
}
