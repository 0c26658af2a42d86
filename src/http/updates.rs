//! `/api/v1/updates`: writing, reading and previewing statements.

use crate::body::Json;
use crate::idempotency;
use crate::previews::PreviewView;
use crate::problem::Problem;
use crate::releases::SendBody;
use crate::state::{Caller, House};
use crate::view::{Listing, Time};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use hyper::header::LOCATION;
use hyper::{HeaderMap, StatusCode};
use oyez_domain::audience::AudienceRule;
use oyez_domain::text::Line;
use oyez_domain::update::{NextUpdate, Update, UpdateDraft};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How many updates a list shows.
const LISTED: u32 = 200;

/// Whom an update concerns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Audience {
    /// Channels by name; empty means every one.
    pub channels: Vec<String>,
    /// Topics, any of which is enough; empty means every subscriber.
    pub topics: Vec<String>,
    /// Languages by BCP 47 tag; empty means all.
    pub languages: Vec<String>,
}

/// An update to be written.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateBody {
    /// The incident's identifier.
    pub incident: String,
    /// `update`, `correction`, `all_clear` or `exercise`; the first when left out.
    #[serde(default)]
    pub kind: Option<String>,
    /// Phase of the incident from now on; its present one when left out.
    #[serde(default)]
    pub phase: Option<String>,
    /// Whether it overtakes everything else.
    #[serde(default)]
    pub urgent: bool,
    /// Whether it takes the place of older updates of its incident that are still on their way; corrections, all
    /// clears and urgent updates always do.
    #[serde(default)]
    pub supersedes: bool,
    /// The language it is written in, a BCP 47 tag; `en` when left out.
    #[serde(default)]
    pub language: Option<String>,
    /// One line, at most 80 characters.
    #[serde(default)]
    pub headline: String,
    /// What people should do, one action a line.
    #[serde(default)]
    pub what_to_do: Vec<String>,
    /// What people should not do.
    #[serde(default)]
    pub what_not_to_do: Vec<String>,
    /// More detail, at most 4,000 characters.
    #[serde(default)]
    pub detail: Option<String>,
    /// Own short text for text messages; `{ref}` becomes the reference.
    #[serde(default)]
    pub sms: Option<String>,
    /// Own text by channel name.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// Own short version by language, for channels that have no room for the whole and for readers of another language;
    /// `{ref}` becomes the reference.
    #[serde(default)]
    pub short: BTreeMap<String, String>,
    /// Whether signs that a gateway cannot carry, or that cost dear, may become the plainer ones that a preview shows.
    #[serde(default)]
    pub accept_folding: bool,
    /// Services whose state changes, by identifier.
    #[serde(default)]
    pub services: BTreeMap<String, String>,
    /// RFC 3339 time of the next update, or `none`.
    #[serde(default)]
    pub next_update_by: Option<String>,
    /// Whom it concerns.
    #[serde(default)]
    #[schema(value_type = Audience)]
    pub audience: AudienceRule,
}

impl From<UpdateBody> for UpdateDraft {
    fn from(body: UpdateBody) -> Self {
        Self {
            incident: body.incident,
            kind: body.kind,
            phase: body.phase,
            urgent: body.urgent,
            supersedes: body.supersedes,
            language: body.language,
            headline: body.headline,
            what_to_do: body.what_to_do,
            what_not_to_do: body.what_not_to_do,
            detail: body.detail,
            sms: body.sms,
            versions: body.versions,
            short: body.short,
            accept_folding: body.accept_folding,
            services: body.services,
            next_update_by: body.next_update_by,
            audience: body.audience,
        }
    }
}

/// An update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateView {
    /// Identifier.
    pub id: String,
    /// What residents type to check a message.
    pub reference: String,
    /// The incident's identifier.
    pub incident: String,
    /// `update`, `correction`, `all_clear` or `exercise`.
    pub kind: String,
    /// Phase of the incident from this update on.
    pub phase: String,
    /// Whether it overtakes everything else.
    pub urgent: bool,
    /// Whether it takes the place of older updates of its incident that are still on their way.
    pub supersedes: bool,
    /// The language it is written in.
    pub language: String,
    /// One line.
    pub headline: String,
    /// What people should do.
    pub what_to_do: Vec<String>,
    /// What people should not do.
    pub what_not_to_do: Vec<String>,
    /// More detail.
    pub detail: Option<String>,
    /// Own short text.
    pub sms: Option<String>,
    /// Own text by channel name.
    pub versions: BTreeMap<String, String>,
    /// Own short version by language.
    pub short: BTreeMap<String, String>,
    /// Whether plainer signs are accepted where a gateway needs them.
    pub accept_folding: bool,
    /// Services whose state changes.
    pub services: BTreeMap<String, String>,
    /// The promised time of the next update; null when there will be none.
    pub next_update_by: Option<Time>,
    /// Whom it concerns.
    pub audience: Audience,
    /// `draft`, `released` or `stopped`.
    pub state: String,
    /// When it was written.
    pub created_at: Time,
    /// When it was released.
    pub released_at: Option<Time>,
    /// Its page on the public site.
    pub url: String,
}

impl UpdateView {
    /// The view of `update`, whose page is below `public_url`.
    pub fn new(update: Update, public_url: &str) -> Self {
        let supersedes = update.takes_their_place();
        let texts = |lines: Vec<Line>| lines.into_iter().map(String::from).collect();
        Self {
            id: update.id.to_string(),
            url: format!("{public_url}/u/{}", update.reference),
            reference: update.reference.into(),
            incident: update.incident.to_string(),
            kind: update.kind.code().to_owned(),
            phase: update.phase.code().to_owned(),
            urgent: update.urgent,
            supersedes,
            language: update.language,
            headline: update.headline.into(),
            what_to_do: texts(update.what_to_do),
            what_not_to_do: texts(update.what_not_to_do),
            detail: update.detail.map(Into::into),
            sms: update.sms.map(Into::into),
            versions: update
                .versions
                .into_iter()
                .map(|(name, text)| (name.into(), text.into()))
                .collect(),
            short: update
                .short
                .into_iter()
                .map(|(tag, text)| (tag, text.into()))
                .collect(),
            accept_folding: update.accept_folding,
            services: update
                .services
                .into_iter()
                .map(|(id, state)| (id, state.code().to_owned()))
                .collect(),
            next_update_by: match update.next_update_by {
                NextUpdate::By(by) => Some(by.into()),
                NextUpdate::None => None,
            },
            audience: Audience {
                channels: update
                    .audience
                    .channels
                    .into_iter()
                    .map(Into::into)
                    .collect(),
                topics: update.audience.topics,
                languages: update.audience.languages,
            },
            state: update.state.code().to_owned(),
            created_at: update.created_at.into(),
            released_at: update.released_at.map(Into::into),
        }
    }
}

/// Writes a draft. Publishes nothing.
#[utoipa::path(post, path = "/api/v1/updates", tag = "updates", request_body = UpdateBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat harmless")),
    responses((status = 201, body = UpdateView), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn write(
    State(house): State<House>,
    caller: Caller,
    headers: HeaderMap,
    Json { value, bytes }: Json<UpdateBody>,
) -> Result<Response, Problem> {
    let key = idempotency::key(&headers, caller, "POST /updates", "", &bytes)?;
    let done = house
        .desk
        .write_update(value.into(), key.as_ref(), caller.actor())
        .await?;
    Ok(idempotency::answer(done, |update| {
        let location = format!("/api/v1/updates/{}", update.id);
        let view = UpdateView::new(update, &house.desk.organisation.public_url);
        (
            StatusCode::CREATED,
            [(LOCATION, location)],
            axum::Json(view),
        )
            .into_response()
    }))
}

/// The newest updates first, drafts included.
#[utoipa::path(get, path = "/api/v1/updates", tag = "updates",
    responses((status = 200, body = Listing<UpdateView>), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn list(
    State(house): State<House>,
    _: Caller,
) -> Result<axum::Json<Listing<UpdateView>>, Problem> {
    let updates = house.desk.ledger.updates(LISTED).await?;
    let view = |update| UpdateView::new(update, &house.desk.organisation.public_url);
    Ok(axum::Json(Listing::whole(
        updates.into_iter().map(view).collect(),
    )))
}

/// One update, by identifier or reference.
#[utoipa::path(get, path = "/api/v1/updates/{id}", tag = "updates", params(("id" = String, Path)),
    responses((status = 200, body = UpdateView), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn one(
    State(house): State<House>,
    _: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<UpdateView>, Problem> {
    let update = house.desk.find_update(&id).await?;
    Ok(axum::Json(UpdateView::new(
        update,
        &house.desk.organisation.public_url,
    )))
}

/// How a draft that is not stored would look on each channel. Changes nothing.
#[utoipa::path(post, path = "/api/v1/updates/render", tag = "updates", request_body = UpdateBody,
    responses((status = 200, body = Listing<PreviewView>), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn render_draft(
    State(house): State<House>,
    _: Caller,
    body: Json<UpdateBody>,
) -> Result<axum::Json<Listing<PreviewView>>, Problem> {
    let previews = house.desk.render_draft(body.value.into()).await?;
    Ok(axum::Json(Listing::whole(
        previews.into_iter().map(Into::into).collect(),
    )))
}

/// How an update looks on each channel. Changes nothing.
#[utoipa::path(post, path = "/api/v1/updates/{id}/render", tag = "updates", request_body = SendBody,
    params(("id" = String, Path)),
    responses((status = 200, body = Listing<PreviewView>), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn render(
    State(house): State<House>,
    _: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Result<axum::Json<Listing<PreviewView>>, Problem> {
    let body: SendBody = crate::releases::optional(request).await?;
    let update = house.desk.find_update(&id).await?;
    let previews = house.desk.render(update.id, body.accept_folding).await?;
    Ok(axum::Json(Listing::whole(
        previews.into_iter().map(Into::into).collect(),
    )))
}
