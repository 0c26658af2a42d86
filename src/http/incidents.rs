//! `/api/v1/incidents`: what is happening.

use crate::body::Json;
use crate::idempotency;
use crate::problem::Problem;
use crate::state::{Caller, House};
use crate::view::{Listing, Time};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::header::LOCATION;
use hyper::{HeaderMap, StatusCode};
use oyez_domain::id::IncidentId;
use oyez_domain::incident::{AffectedBody, Incident, IncidentDraft};
use oyez_domain::text::Line;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Another organisation that the incident touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Affected {
    /// Its name.
    pub name: String,
    /// What its residents should do.
    pub advice: String,
}

/// An affected organisation as it may be handed in.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum AffectedInput {
    /// By name.
    Named(Affected),
    /// Name and advice, one after the other.
    Pair(String, String),
}

/// An incident to be opened.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentBody {
    /// Public title, at most 80 characters.
    pub title: String,
    /// `investigating`, `identified`, `monitoring` or `resolved`; the first when left out.
    #[serde(default)]
    pub phase: Option<String>,
    /// What is known.
    #[serde(default)]
    pub known: Vec<String>,
    /// What is not known yet.
    #[serde(default)]
    pub not_known: Vec<String>,
    /// What is being done.
    #[serde(default)]
    pub doing: Vec<String>,
    /// What residents can rely on.
    #[serde(default)]
    pub assurances: Vec<String>,
    /// Other organisations it touches.
    #[serde(default)]
    pub affected: Vec<AffectedInput>,
}

impl From<IncidentBody> for IncidentDraft {
    fn from(body: IncidentBody) -> Self {
        let pair = |affected| match affected {
            AffectedInput::Named(Affected { name, advice }) | AffectedInput::Pair(name, advice) => {
                (name, advice)
            }
        };
        Self {
            title: body.title,
            phase: body.phase,
            known: body.known,
            not_known: body.not_known,
            doing: body.doing,
            assurances: body.assurances,
            affected: body.affected.into_iter().map(pair).collect(),
        }
    }
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentView {
    /// Identifier.
    pub id: String,
    /// Public title.
    pub title: String,
    /// How far the organisation has come.
    pub phase: String,
    /// When it was opened.
    pub opened_at: Time,
    /// What is known.
    pub known: Vec<String>,
    /// What is not known yet.
    pub not_known: Vec<String>,
    /// What is being done.
    pub doing: Vec<String>,
    /// What residents can rely on.
    pub assurances: Vec<String>,
    /// Other organisations it touches.
    pub affected: Vec<Affected>,
}

impl From<Incident> for IncidentView {
    fn from(incident: Incident) -> Self {
        let texts = |lines: Vec<Line>| lines.into_iter().map(String::from).collect();
        let affected = |body: AffectedBody| Affected {
            name: body.name.into(),
            advice: body.advice.into(),
        };
        Self {
            id: incident.id.to_string(),
            title: incident.title.into(),
            phase: incident.phase.code().to_owned(),
            opened_at: incident.opened_at.into(),
            known: texts(incident.known),
            not_known: texts(incident.not_known),
            doing: texts(incident.doing),
            assurances: texts(incident.assurances),
            affected: incident.affected.into_iter().map(affected).collect(),
        }
    }
}

/// Opens an incident. Publishes nothing.
#[utoipa::path(post, path = "/api/v1/incidents", tag = "incidents", request_body = IncidentBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat harmless")),
    responses((status = 201, body = IncidentView), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn open(
    State(house): State<House>,
    caller: Caller,
    headers: HeaderMap,
    Json { value, bytes }: Json<IncidentBody>,
) -> Result<Response, Problem> {
    let key = idempotency::key(&headers, caller, "POST /incidents", "", &bytes)?;
    let done = house
        .desk
        .open_incident(value.into(), key.as_ref(), caller.actor())
        .await?;
    Ok(idempotency::answer(done, |incident| {
        let location = format!("/api/v1/incidents/{}", incident.id);
        (
            StatusCode::CREATED,
            [(LOCATION, location)],
            axum::Json(IncidentView::from(incident)),
        )
            .into_response()
    }))
}

/// Every incident, newest first.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "incidents",
    responses((status = 200, body = Listing<IncidentView>), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn list(
    State(house): State<House>,
    _: Caller,
) -> Result<axum::Json<Listing<IncidentView>>, Problem> {
    let incidents = house.desk.ledger.incidents().await?;
    Ok(axum::Json(Listing::whole(
        incidents.into_iter().map(Into::into).collect(),
    )))
}

/// One incident.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", tag = "incidents", params(("id" = String, Path)),
    responses((status = 200, body = IncidentView), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn one(
    State(house): State<House>,
    _: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<IncidentView>, Problem> {
    let id: IncidentId = id.parse().map_err(|_| Problem::not_found())?;
    Ok(axum::Json(house.desk.ledger.incident(id).await?.into()))
}
