//! Putting an update out, halting it, and watching it: `/api/v1/updates/{id}/send` and its siblings.

use crate::body::Json;
use crate::deliveries::DeliveryBody;
use crate::idempotency;
use crate::problem::{Kind, Problem};
use crate::progress::ProgressBody;
use crate::state::{Caller, House};
use crate::updates::UpdateView;
use crate::view::Time;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use oyez_dispatch::desk::halt::{Found, Halted};
use oyez_domain::Refusal;
use oyez_domain::channel::ChannelName;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::ledger::DeliveryFilter;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Failed and unknown deliveries a report lists at most, each.
const LISTED: u32 = 200;

/// With what consent an update is put out.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SendBody {
    /// Signs that a gateway cannot carry, or that cost dear, may become the plainer ones that the preview shows.
    pub accept_folding: bool,
    /// It goes out although the same text went to the same people on the same incident within the last day.
    pub again: bool,
}

/// Why a person halts something.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopBody {
    /// Why, for the record.
    pub reason: String,
    /// Only this channel.
    #[serde(default)]
    pub channel: Option<String>,
}

/// What is held or resumed.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HoldBody {
    /// Why, for the record.
    pub reason: Option<String>,
    /// Only this channel.
    pub channel: Option<String>,
}

/// A channel named in a body.
pub(crate) fn named(channel: Option<&str>) -> Result<Option<ChannelName>, Problem> {
    let parsed = channel.map(str::parse::<ChannelName>).transpose();
    parsed.map_err(|fault| oyez_dispatch::DeskError::from(fault).into())
}

/// A body that may be left out.
pub(crate) async fn optional<T: Default + serde::de::DeserializeOwned>(
    request: Request,
) -> Result<T, Problem> {
    let bytes = crate::body::read(request, 64 * 1024, std::time::Duration::from_secs(30)).await?;
    or_default(&bytes)
}

fn or_default<T: Default + serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        Ok(T::default())
    } else {
        crate::body::parse(bytes)
    }
}

fn reason(text: &str) -> Result<&str, Problem> {
    let fits =
        (1..=500).contains(&text.trim().chars().count()) && !text.chars().any(char::is_control);
    let fault = || {
        Refusal::new(
            "reason",
            "empty",
            "say why, in at most 500 characters: it goes on record",
        )
    };
    if fits {
        Ok(text.trim())
    } else {
        Err(oyez_dispatch::DeskError::from(fault()).into())
    }
}

/// Puts an update out. It is durable when this answers; the sending follows.
#[utoipa::path(post, path = "/api/v1/updates/{id}/send", tag = "sending", request_body = SendBody,
    params(("id" = String, Path), ("Idempotency-Key" = String, Header, description = "One value per intended release")),
    responses((status = 202, body = ProgressBody), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn send(
    State(house): State<House>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let body = crate::body::read(request, 1024, std::time::Duration::from_secs(30)).await?;
    let consent: SendBody = or_default(&body)?;
    let update = house.desk.find_update(&id).await?;
    let subject = update.id.to_string();
    let key = idempotency::required(&headers, caller, "POST /updates/{id}/send", &subject, &body)?;
    if !consent.again
        && let Some(before) = house.desk.said_before(&update).await?
    {
        let reference = before.reference;
        let detail = format!("{reference} said the same to the same people within the last day.");
        return Err(Problem::new(Kind::SaidAlready, detail));
    }
    if consent.accept_folding {
        house.desk.accept_folding(update.id, caller.actor()).await?;
    }
    let done = house
        .desk
        .release(update.id, Some(key), caller.actor())
        .await?;
    Ok(idempotency::answer(done, |progress| {
        (
            StatusCode::ACCEPTED,
            axum::Json(ProgressBody::from(progress)),
        )
            .into_response()
    }))
}

/// What a stop found, and what it left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StoppedBody {
    /// How it was before: `underway`, `stopped` (this changed nothing) or `done` (there was nothing to stop).
    pub found: String,
    /// What went out, what did not, and what is still on its way.
    #[serde(flatten)]
    pub progress: ProgressBody,
}

impl From<Halted> for StoppedBody {
    fn from(halted: Halted) -> Self {
        let found = match halted.found {
            Found::Underway => "underway",
            Found::Stopped => "stopped",
            Found::Done => "done",
        };
        Self {
            found: found.to_owned(),
            progress: halted.progress.into(),
        }
    }
}

/// Halts what is unsent, on one channel or on all. What is in flight ends and is recorded.
#[utoipa::path(post, path = "/api/v1/updates/{id}/stop", tag = "sending", request_body = StopBody,
    params(("id" = String, Path)),
    responses((status = 200, body = StoppedBody), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn stop(
    State(house): State<House>,
    caller: Caller,
    Path(id): Path<String>,
    body: Json<StopBody>,
) -> Result<axum::Json<StoppedBody>, Problem> {
    let update = house.desk.find_update(&id).await?.id;
    let channel = named(body.value.channel.as_deref())?;
    let why = reason(&body.value.reason)?;
    Ok(axum::Json(
        house
            .desk
            .stop(update, channel.as_ref(), why, caller.actor())
            .await?
            .into(),
    ))
}

/// Holds an update, on one channel or on all.
#[utoipa::path(post, path = "/api/v1/updates/{id}/hold", tag = "sending", request_body = HoldBody,
    params(("id" = String, Path)),
    responses((status = 200, body = ProgressBody), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn hold(
    State(house): State<House>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Result<axum::Json<ProgressBody>, Problem> {
    set_held(&house, caller, &id, request, true).await
}

/// Lets a held update go on.
#[utoipa::path(post, path = "/api/v1/updates/{id}/resume", tag = "sending", request_body = HoldBody,
    params(("id" = String, Path)),
    responses((status = 200, body = ProgressBody), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn resume(
    State(house): State<House>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Result<axum::Json<ProgressBody>, Problem> {
    set_held(&house, caller, &id, request, false).await
}

async fn set_held(
    house: &House,
    caller: Caller,
    id: &str,
    request: Request,
    held: bool,
) -> Result<axum::Json<ProgressBody>, Problem> {
    let body: HoldBody = optional(request).await?;
    let update = house.desk.find_update(id).await?.id;
    let channel = named(body.channel.as_deref())?;
    Ok(axum::Json(
        house
            .desk
            .hold(update, channel.as_ref(), held, caller.actor())
            .await?
            .into(),
    ))
}

/// How an update goes.
#[utoipa::path(get, path = "/api/v1/updates/{id}/progress", tag = "sending", params(("id" = String, Path)),
    responses((status = 200, body = ProgressBody), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn progress(
    State(house): State<House>,
    _: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<ProgressBody>, Problem> {
    let update = house.desk.find_update(&id).await?;
    Ok(axum::Json(house.desk.progress(update.id).await?.into()))
}

/// What became of an update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReportBody {
    /// The update.
    pub update: UpdateView,
    /// How it went.
    pub progress: ProgressBody,
    /// Rejected and exhausted deliveries, at most 200.
    pub failed: Vec<DeliveryBody>,
    /// Deliveries that may have been sent, at most 200.
    pub unknown: Vec<DeliveryBody>,
    /// When this report was made.
    pub made_at: Time,
}

/// What became of an update: counts, and the deliveries that went wrong.
#[utoipa::path(get, path = "/api/v1/updates/{id}/report", tag = "sending", params(("id" = String, Path)),
    responses((status = 200, body = ReportBody), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn report(
    State(house): State<House>,
    _: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<ReportBody>, Problem> {
    let update = house.desk.find_update(&id).await?;
    let only = |state| DeliveryFilter {
        state: Some(state),
        limit: LISTED,
        ..DeliveryFilter::default()
    };
    let failed = house
        .desk
        .deliveries(update.id, &only(DeliveryState::Rejected))
        .await?;
    let unknown = house
        .desk
        .deliveries(update.id, &only(DeliveryState::Unknown))
        .await?;
    let progress = house.desk.progress(update.id).await?;
    Ok(axum::Json(ReportBody {
        made_at: progress.as_of.into(),
        progress: progress.into(),
        failed: failed.into_iter().map(Into::into).collect(),
        unknown: unknown.into_iter().map(Into::into).collect(),
        update: UpdateView::new(update, &house.desk.organisation.public_url),
    }))
}
