//! `/api/v1/updates/{id}/failures` and `…/retry`: what failed, by reason, and trying again what another attempt can mend.

use crate::body::Json;
use crate::idempotency;
use crate::problem::Problem;
use crate::releases::named;
use crate::state::{Caller, House};
use crate::view::Listing;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::{HeaderMap, StatusCode};
use oyez_dispatch::DeskError;
use oyez_dispatch::desk::retry::FailureRow;
use oyez_domain::Refusal;
use oyez_domain::outcome::Reason;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Deliveries that failed on one channel for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FailureBody {
    /// The channel.
    pub channel: String,
    /// Why, for programs.
    pub reason: String,
    /// Why, in words.
    pub label: String,
    /// How many.
    pub count: u64,
    /// Whether another attempt can succeed.
    pub can_succeed: bool,
}

impl From<FailureRow> for FailureBody {
    fn from(row: FailureRow) -> Self {
        Self {
            channel: row.channel.into(),
            reason: row.reason.code().to_owned(),
            label: row.label,
            count: row.count,
            can_succeed: row.can_succeed,
        }
    }
}

/// What is to be tried again.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryBody {
    /// Deliveries whose last reason is one of these.
    pub reasons: Vec<String>,
    /// Only on this channel.
    #[serde(default)]
    pub channel: Option<String>,
}

/// How many deliveries are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct RetriedBody {
    /// How many.
    pub again: u64,
}

/// The reasons by code; every code that is none is named.
pub(crate) fn reasons<'a>(codes: impl Iterator<Item = &'a str>) -> Result<Vec<Reason>, Problem> {
    let (mut reasons, mut faults) = (Vec::new(), Vec::new());
    for (at, code) in codes.enumerate() {
        match code.parse::<Reason>() {
            Ok(reason) => reasons.push(reason),
            Err(fault) => faults.push(Refusal {
                field: format!("reasons[{at}]"),
                ..fault
            }),
        }
    }
    if faults.is_empty() {
        Ok(reasons)
    } else {
        Err(DeskError::Refused(faults).into())
    }
}

/// What failed, by channel and reason.
#[utoipa::path(get, path = "/api/v1/updates/{id}/failures", tag = "sending", params(("id" = String, Path)),
    responses((status = 200, body = Listing<FailureBody>), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn failures(
    State(house): State<House>,
    _: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<Listing<FailureBody>>, Problem> {
    let update = house.desk.find_update(&id).await?;
    let rows = house.desk.failures(update.id).await?;
    let rows = rows.into_iter().map(Into::into).collect();
    Ok(axum::Json(Listing::whole(rows)))
}

/// Tries again what failed for these reasons, with nothing charged. Reasons that another attempt cannot mend are refused.
#[utoipa::path(post, path = "/api/v1/updates/{id}/retry", tag = "sending", request_body = RetryBody,
    params(("id" = String, Path), ("Idempotency-Key" = String, Header, description = "One value per intended retry")),
    responses((status = 202, body = RetriedBody), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn retry(
    State(house): State<House>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Json<RetryBody>,
) -> Result<Response, Problem> {
    let update = house.desk.find_update(&id).await?.id;
    let subject = update.to_string();
    let route = "POST /updates/{id}/retry";
    let key = idempotency::required(&headers, caller, route, &subject, &body.bytes)?;
    let channel = named(body.value.channel.as_deref())?;
    let reasons = reasons(body.value.reasons.iter().map(String::as_str))?;
    let done = house
        .desk
        .retry(
            update,
            channel.as_ref(),
            &reasons,
            Some(&key),
            caller.actor(),
        )
        .await?;
    Ok(idempotency::answer(done, |again| {
        (StatusCode::ACCEPTED, axum::Json(RetriedBody { again })).into_response()
    }))
}
