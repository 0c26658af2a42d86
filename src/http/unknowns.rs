//! `/api/v1/unknowns`: what may have been sent, and what a person decides about it.

use crate::body::Json;
use crate::deliveries::address;
use crate::idempotency;
use crate::problem::Problem;
use crate::state::{Caller, House};
use crate::view::{Listing, Time};
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use hyper::HeaderMap;
use oyez_dispatch::DeskError;
use oyez_dispatch::desk::unknown::UnknownRow;
use oyez_domain::Refusal;
use oyez_domain::ledger::{Decision, UnknownFilter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Deliveries of one update on one channel that may have been sent, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UnknownBody {
    /// The update's identifier.
    pub update: String,
    /// Its reference.
    pub reference: String,
    /// Its headline.
    pub headline: String,
    /// The channel.
    pub channel: String,
    /// Why nobody can tell, for programs.
    pub reason: Option<String>,
    /// Why, in words.
    pub label: String,
    /// How many.
    pub count: u64,
    /// Since when, for the one that has waited longest.
    pub since: Time,
}

impl From<UnknownRow> for UnknownBody {
    fn from(row: UnknownRow) -> Self {
        Self {
            update: row.update.to_string(),
            reference: row.reference.into(),
            headline: row.headline,
            channel: row.channel.into(),
            reason: row.reason.map(|reason| reason.code().to_owned()),
            label: row.label,
            count: row.count,
            since: row.since.into(),
        }
    }
}

/// Which of them are meant; what is left out does not narrow.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhichBody {
    /// Only of this update, by identifier or reference.
    #[serde(default)]
    pub update: Option<String>,
    /// Only on this channel.
    #[serde(default)]
    pub channel: Option<String>,
    /// Only with this reason.
    #[serde(default)]
    pub reason: Option<String>,
    /// Only to this address.
    #[serde(default)]
    pub to: Option<String>,
}

/// What a person decides.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct DecisionBody {
    /// `was_sent`: counts as accepted. `send_again`: sent (again), some people may get it twice. `give_up`: stays
    /// unknown and is listed no more.
    #[schema(value_type = String)]
    pub decision: Decision,
    /// Which deliveries.
    #[serde(flatten)]
    pub which: WhichBody,
}

/// How many deliveries were decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct DecidedBody {
    /// How many.
    pub decided: u64,
}

/// The filter a person means; every member that is not right is named.
pub(crate) async fn filter(house: &House, which: &WhichBody) -> Result<UnknownFilter, Problem> {
    let mut filter = UnknownFilter::default();
    let mut faults: Vec<Refusal> = Vec::new();
    if let Some(name) = &which.channel {
        let parsed = name.parse().map(|name| filter.channel = Some(name));
        faults.extend(parsed.err());
    }
    if let Some(code) = &which.reason {
        let parsed = code.parse().map(|reason| filter.reason = Some(reason));
        faults.extend(parsed.err());
    }
    let to = which.to.as_deref().map(address).transpose();
    let to = to.map_err(|fault| faults.push(fault)).unwrap_or_default();
    if !faults.is_empty() {
        return Err(DeskError::Refused(faults).into());
    }
    if let Some(update) = &which.update {
        filter.update = Some(house.desk.find_update(update).await?.id);
    }
    match to {
        Some(address) => Ok(house.desk.unknown_to(filter, &address).await?),
        None => Ok(filter),
    }
}

fn asked(query: &str) -> Result<WhichBody, Problem> {
    let mut which = WhichBody::default();
    let mut faults = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let place = match &*name {
            "update" => &mut which.update,
            "channel" => &mut which.channel,
            "reason" => &mut which.reason,
            "to" => &mut which.to,
            _ => {
                let why = "there are update, channel, reason and to";
                faults.push(Refusal::new(&*name, "unknown_parameter", why));
                continue;
            }
        };
        *place = Some(value.into_owned());
    }
    if faults.is_empty() {
        Ok(which)
    } else {
        Err(DeskError::Refused(faults).into())
    }
}

/// What may have been sent, by update, channel and reason, oldest update first.
#[utoipa::path(get, path = "/api/v1/unknowns", tag = "sending",
    params(("update" = Option<String>, Query), ("channel" = Option<String>, Query), ("reason" = Option<String>, Query),
        ("to" = Option<String>, Query, description = "Only to this address")),
    responses((status = 200, body = Listing<UnknownBody>), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn list(
    State(house): State<House>,
    _: Caller,
    RawQuery(query): RawQuery,
) -> Result<axum::Json<Listing<UnknownBody>>, Problem> {
    let which = asked(query.as_deref().unwrap_or(""))?;
    let rows = house.desk.unknowns(&filter(&house, &which).await?).await?;
    let rows = rows.into_iter().map(Into::into).collect();
    Ok(axum::Json(Listing::whole(rows)))
}

/// Settles what may have been sent, as a person decides.
#[utoipa::path(post, path = "/api/v1/unknowns/decisions", tag = "sending", request_body = DecisionBody,
    params(("Idempotency-Key" = String, Header, description = "One value per intended decision")),
    responses((status = 200, body = DecidedBody), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn decide(
    State(house): State<House>,
    caller: Caller,
    headers: HeaderMap,
    body: Json<DecisionBody>,
) -> Result<Response, Problem> {
    let route = "POST /unknowns/decisions";
    let key = idempotency::required(&headers, caller, route, "", &body.bytes)?;
    let which = filter(&house, &body.value.which).await?;
    let done = house
        .desk
        .decide_unknown(&which, body.value.decision, Some(&key), caller.actor())
        .await?;
    Ok(idempotency::answer(done, |decided| {
        axum::Json(DecidedBody { decided }).into_response()
    }))
}
