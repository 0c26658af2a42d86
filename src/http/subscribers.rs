//! `/api/v1/subscribers`: people.

use crate::body::{self, Json};
use crate::problem::{Fault, Kind, Problem};
use crate::state::{Caller, House};
use axum::extract::{Request, State};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use oyez_dispatch::DeskError;
use oyez_domain::Refusal;
use oyez_domain::address::Address;
use oyez_domain::subscriber::Imported;
use oyez_domain::text::{Line, keep};
use serde::{Deserialize, Serialize};
use std::io::Cursor;
use std::time::Duration;
use utoipa::ToSchema;

/// The longest a file may take to arrive.
const PATIENCE: Duration = Duration::from_secs(600);

/// A person to be added.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriberBody {
    /// An email address.
    #[serde(default)]
    pub email: Option<String>,
    /// A UK telephone number in any usual spelling.
    #[serde(default)]
    pub telephone: Option<String>,
    /// Topics asked for; empty means all.
    #[serde(default)]
    pub topics: Vec<String>,
    /// Language by BCP 47 tag; `en` when left out.
    #[serde(default)]
    pub language: Option<String>,
}

/// What adding or importing did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportedBody {
    /// Rows read.
    pub rows: u64,
    /// Addresses that are new.
    pub added: u64,
    /// Addresses that were there already.
    pub known: u64,
    /// Addresses that stay suppressed.
    pub suppressed: u64,
    /// Landlines kept for the call sheet.
    pub landlines: u64,
    /// What a person should know, with row and column.
    pub warnings: Vec<Fault>,
}

impl ImportedBody {
    fn new(imported: Imported, warnings: Vec<Fault>) -> Self {
        Self {
            rows: imported.rows,
            added: imported.added,
            known: imported.known,
            suppressed: imported.suppressed,
            landlines: imported.landlines,
            warnings,
        }
    }
}

/// Adds one person. Repeating it is harmless.
#[utoipa::path(post, path = "/api/v1/subscribers", tag = "subscribers", request_body = SubscriberBody,
    responses((status = 201, body = ImportedBody), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn add(
    State(house): State<House>,
    caller: Caller,
    body: Json<SubscriberBody>,
) -> Result<(StatusCode, axum::Json<ImportedBody>), Problem> {
    let person = body.value;
    let faults = &mut Vec::new();
    let mut addresses = Vec::new();
    addresses.extend(
        person
            .email
            .and_then(|text| keep(Address::email(&text), faults)),
    );
    addresses.extend(
        person
            .telephone
            .and_then(|text| keep(Address::uk_telephone(&text), faults)),
    );
    for (at, topic) in person.topics.iter().enumerate() {
        keep(Line::parse(&format!("topics[{at}]"), topic, 60), faults);
    }
    let language = person.language.unwrap_or_else(|| "en".to_owned());
    keep(tag(&language), faults);
    if !faults.is_empty() {
        return Err(DeskError::Refused(std::mem::take(faults)).into());
    }
    let imported = house
        .desk
        .add_subscriber(addresses, person.topics, &language, caller.actor())
        .await?;
    Ok((
        StatusCode::CREATED,
        axum::Json(ImportedBody::new(imported, Vec::new())),
    ))
}

fn tag(language: &str) -> Result<(), Refusal> {
    let fits = (2..=12).contains(&language.len())
        && language
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let fault = || {
        Refusal::new(
            "language",
            "malformed_language",
            "a language is a tag such as en or cy",
        )
    };
    fits.then_some(()).ok_or_else(fault)
}

/// Imports people from CSV, all or nothing. Repeating it is harmless: addresses known already are merged.
#[utoipa::path(post, path = "/api/v1/subscribers/import", tag = "subscribers",
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = ImportedBody), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn import(
    State(house): State<House>,
    caller: Caller,
    request: Request,
) -> Result<axum::Json<ImportedBody>, Problem> {
    let named = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if !named
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .eq_ignore_ascii_case("text/csv")
    {
        return Err(Problem::new(
            Kind::UnsupportedMediaType,
            "Send the file with Content-Type: text/csv.",
        ));
    }
    let largest = house.settings.import_megabytes.saturating_mul(1024 * 1024);
    let file = body::read(request, largest, PATIENCE).await?;
    let (imported, warnings) = house.desk.import(Cursor::new(file), caller.actor()).await?;
    Ok(axum::Json(ImportedBody::new(
        imported,
        warnings.into_iter().map(Into::into).collect(),
    )))
}
