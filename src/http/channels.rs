//! `/api/v1/channels`, `/api/v1/queue` and `/api/v1/system`: what is configured, what waits, what is held.

use crate::problem::Problem;
use crate::progress::{ProviderBody, QueueBody, WaitingBody};
use crate::releases::{HoldBody, named, optional};
use crate::state::{Caller, House};
use crate::view::Listing;
use axum::extract::{Path, Request, State};
use hyper::StatusCode;
use oyez_domain::channel::ChannelName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is put on record when nobody says why.
const UNSAID: &str = "held by a person";

/// A configured channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChannelBody {
    /// Its name.
    pub name: String,
    /// The kind of its adapter, or of the first of its providers.
    pub kind: String,
    /// Its providers in their order, where it has several.
    pub providers: Vec<ProviderBody>,
    /// `email`, `sms`, `post`, `webhook` or `file`.
    pub family: String,
    /// In what it counts length.
    pub unit: String,
    /// The hard limit in that unit.
    pub limit: Option<u32>,
    /// Whether the provider reports delivery later.
    pub receipts: bool,
    /// How a second copy is avoided.
    pub idempotency: String,
    /// Languages it carries.
    pub languages: Vec<String>,
    /// The limit in messages a second; null without one.
    pub limit_per_second: Option<f64>,
    /// The pace in force: the limit, or less of it for a while after trouble.
    pub pace_per_second: Option<f64>,
    /// Not settled.
    pub pending: u64,
    /// The channel's own health: `closed`, `open` or `probing`.
    pub breaker: String,
    /// Why nothing is sent at the moment.
    pub paused: Option<WaitingBody>,
    /// Why a person holds it, if so.
    pub held: Option<String>,
}

/// Every channel, in alphabetical order.
#[utoipa::path(get, path = "/api/v1/channels", tag = "channels",
    responses((status = 200, body = Listing<ChannelBody>), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn list(
    State(house): State<House>,
    _: Caller,
) -> Result<axum::Json<Listing<ChannelBody>>, Problem> {
    Ok(axum::Json(Listing::whole(all(&house).await?)))
}

/// Every channel with its holds and pauses.
pub(crate) async fn all(house: &House) -> Result<Vec<ChannelBody>, Problem> {
    let rows = house.desk.queue().await?;
    let holds = house.desk.ledger.holds().await?;
    let body = |live: &oyez_dispatch::supervisor::Live| {
        let capabilities = live.channel.adapter.capabilities();
        let row = rows.iter().find(|row| row.channel == live.channel.name);
        let held = holds
            .iter()
            .find(|(name, _)| name.as_ref().is_none_or(|name| *name == live.channel.name));
        ChannelBody {
            name: live.channel.name.to_string(),
            kind: capabilities.kind.to_owned(),
            providers: row.map_or_else(Vec::new, |row| {
                row.providers.iter().cloned().map(Into::into).collect()
            }),
            family: capabilities.family.code().to_owned(),
            unit: capabilities.unit.code().to_owned(),
            limit: capabilities.limit,
            receipts: capabilities.receipts,
            idempotency: capabilities.idempotency.code().to_owned(),
            languages: live.channel.settings.languages.clone(),
            limit_per_second: live.rate_per_second(),
            pending: row.map_or(0, |row| row.pending),
            pace_per_second: live.pace_per_second(),
            breaker: live.breaker().code().to_owned(),
            paused: row.and_then(|row| row.paused.clone()).map(Into::into),
            held: held.map(|(_, why)| why.clone()),
        }
    };
    Ok(house.desk.lives.all().map(body).collect())
}

/// What is waiting on each channel, in which order, and why.
#[utoipa::path(get, path = "/api/v1/queue", tag = "channels",
    responses((status = 200, body = Listing<QueueBody>), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn queue(
    State(house): State<House>,
    _: Caller,
) -> Result<axum::Json<Listing<QueueBody>>, Problem> {
    let rows = house.desk.queue().await?;
    Ok(axum::Json(Listing::whole(
        rows.into_iter().map(Into::into).collect(),
    )))
}

/// Holds a channel.
#[utoipa::path(post, path = "/api/v1/channels/{name}/hold", tag = "channels", request_body = HoldBody,
    params(("name" = String, Path)),
    responses((status = 204), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn hold(
    State(house): State<House>,
    caller: Caller,
    Path(name): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let body: HoldBody = optional(request).await?;
    let channel = named(Some(&name))?;
    set_held(
        &house,
        caller,
        channel.as_ref(),
        Some(body.reason.as_deref().unwrap_or(UNSAID)),
    )
    .await
}

/// Lets a channel go on, at once.
#[utoipa::path(post, path = "/api/v1/channels/{name}/resume", tag = "channels", params(("name" = String, Path)),
    responses((status = 204), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn resume(
    State(house): State<House>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let channel = named(Some(&name))?;
    set_held(&house, caller, channel.as_ref(), None).await
}

/// Holds everything.
#[utoipa::path(post, path = "/api/v1/system/hold", tag = "channels", request_body = HoldBody,
    responses((status = 204), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn hold_system(
    State(house): State<House>,
    caller: Caller,
    request: Request,
) -> Result<StatusCode, Problem> {
    let body: HoldBody = optional(request).await?;
    set_held(
        &house,
        caller,
        None,
        Some(body.reason.as_deref().unwrap_or(UNSAID)),
    )
    .await
}

/// Lets everything go on. Channels that are held by name stay held.
#[utoipa::path(post, path = "/api/v1/system/resume", tag = "channels",
    responses((status = 204), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn resume_system(
    State(house): State<House>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    set_held(&house, caller, None, None).await
}

async fn set_held(
    house: &House,
    caller: Caller,
    channel: Option<&ChannelName>,
    reason: Option<&str>,
) -> Result<StatusCode, Problem> {
    house
        .desk
        .hold_channel(channel, reason, caller.actor())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
