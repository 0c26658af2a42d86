//! `/api/v1/endpoints`: partners' webhooks, what they are signed with, and whether they are still there.

use crate::body::Json;
use crate::problem::Problem;
use crate::state::{Caller, House};
use crate::view::{Listing, Time};
use axum::extract::{Path, State};
use hyper::StatusCode;
use oyez_dispatch::DeskError;
use oyez_domain::Refusal;
use oyez_domain::ledger::EndpointView;
use oyez_domain::parcel::Secret;
use oyez_domain::signing::KeyVersion;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// How long an old key signs beside a new one unless somebody says otherwise, in hours.
const OVERLAP_HOURS: u32 = 24;
/// The longest it may, in hours: a fortnight.
const LONGEST_OVERLAP_HOURS: u32 = 14 * 24;

/// A partner's endpoint.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointBody {
    /// Where to post.
    pub url: String,
    /// The signing secret: `whsec_` and base64, or `whsk_` and a pair of keys (Standard Webhooks).
    #[schema(value_type = String)]
    pub secret: SecretString,
}

/// A partner's endpoint as it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct EndpointState {
    /// The partner's short name.
    pub name: String,
    /// Where its webhook is, without what follows the host: that may be a secret. Null when it cannot be read.
    pub url: Option<String>,
    /// Since when nothing is sent there; null while it gets everything.
    pub shut_at: Option<Time>,
    /// Until when an older key signs beside the present one; null when only one signs.
    pub both_until: Option<Time>,
}

impl From<EndpointView> for EndpointState {
    fn from(view: EndpointView) -> Self {
        Self {
            name: view.name,
            url: view.url.map(|url| url.masked()),
            shut_at: view.shut_at.map(Time),
            both_until: view.both_until.map(Time),
        }
    }
}

/// A change of what a partner's messages are signed with.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KeyChangeBody {
    /// `v1a` for a pair of keys, of which the partner gets the public one; `v1` for a secret that both sides know.
    pub version: String,
    /// For how many hours the present key signs, too, at most 336.
    pub overlap_hours: u32,
}

impl Default for KeyChangeBody {
    fn default() -> Self {
        Self {
            version: "v1a".to_owned(),
            overlap_hours: OVERLAP_HOURS,
        }
    }
}

/// What the partner needs from now on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct NewKeyBody {
    /// `whpk_…`, a public key, or `whsec_…`, a secret. It is told this once; give it to the partner alone.
    pub key: String,
    /// Until when the key before it signs, too.
    pub both_until: Time,
}

/// Every partner's endpoint.
#[utoipa::path(get, path = "/api/v1/endpoints", tag = "subscribers",
    responses((status = 200, body = Listing<EndpointState>), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn list(
    State(house): State<House>,
    _: Caller,
) -> Result<axum::Json<Listing<EndpointState>>, Problem> {
    let endpoints = house.desk.endpoints().await?;
    Ok(axum::Json(Listing::whole(
        endpoints.into_iter().map(Into::into).collect(),
    )))
}

/// Registers or replaces a partner's endpoint.
#[utoipa::path(put, path = "/api/v1/endpoints/{name}", tag = "subscribers", request_body = EndpointBody,
    params(("name" = String, Path)),
    responses((status = 204), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn put(
    State(house): State<House>,
    caller: Caller,
    Path(name): Path<String>,
    body: Json<EndpointBody>,
) -> Result<StatusCode, Problem> {
    let EndpointBody { url, secret } = body.value;
    let secret = Secret::new(secret.expose_secret());
    house
        .desk
        .put_endpoint(&name, &url, &secret, caller.actor())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs what goes to a partner with a new key, and for a while with the present one, too.
#[utoipa::path(post, path = "/api/v1/endpoints/{name}/key", tag = "subscribers", request_body = KeyChangeBody,
    params(("name" = String, Path)),
    responses((status = 201, body = NewKeyBody), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn change_key(
    State(house): State<House>,
    caller: Caller,
    Path(name): Path<String>,
    body: Json<KeyChangeBody>,
) -> Result<(StatusCode, axum::Json<NewKeyBody>), Problem> {
    let KeyChangeBody {
        version,
        overlap_hours,
    } = body.value;
    let version = KeyVersion::parse(&version).map_err(DeskError::from)?;
    if overlap_hours > LONGEST_OVERLAP_HOURS {
        let why = "at most 336 hours, a fortnight";
        return Err(DeskError::from(Refusal::new("overlap_hours", "out_of_range", why)).into());
    }
    let overlap = Duration::from_secs(u64::from(overlap_hours) * 3600);
    let (key, until) = house
        .desk
        .change_endpoint_key(&name, version, overlap, caller.actor())
        .await?;
    let body = NewKeyBody {
        key: key.reveal().to_owned(),
        both_until: Time(until),
    };
    Ok((StatusCode::CREATED, axum::Json(body)))
}

/// Sends a partner nothing more from the next release on.
#[utoipa::path(delete, path = "/api/v1/endpoints/{name}", tag = "subscribers",
    params(("name" = String, Path)),
    responses((status = 204), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn remove(
    State(house): State<House>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    house.desk.remove_endpoint(&name, caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
