//! `/api/v1/services`: what residents use, and how well it works.

use crate::body::Json;
use crate::problem::Problem;
use crate::state::{Caller, House};
use crate::view::Listing;
use axum::extract::State;
use oyez_domain::Refusal;
use oyez_domain::service::{Day, Hours, Service};
use oyez_domain::text::{self, Line};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A service, in and out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceView {
    /// Short name for programs, `[a-z][a-z0-9_]*`.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// `ok`, `limited`, `down`, `unknown` or `planned`.
    pub state: String,
    /// What to know or do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whom to call, as printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telephone: Option<String>,
    /// When the telephone is answered: `mon` to `sun`, each like `09:00-17:00`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    pub hours: BTreeMap<Day, String>,
}

impl From<Service> for ServiceView {
    fn from(service: Service) -> Self {
        Self {
            id: service.id,
            name: service.name.into(),
            state: service.state.code().to_owned(),
            note: service.note.map(Into::into),
            telephone: service.telephone.map(Into::into),
            hours: service
                .hours
                .into_iter()
                .map(|(day, hours)| (day, hours.into()))
                .collect(),
        }
    }
}

impl ServiceView {
    /// The service, or every fault with `at` as the prefix.
    fn check(self, at: &str) -> Result<Service, Vec<Refusal>> {
        let faults = &mut Vec::new();
        let fits = |id: &str| {
            id.starts_with(|c: char| c.is_ascii_lowercase())
                && id.len() <= 60
                && id
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        if !fits(&self.id) {
            faults.push(Refusal::new(
                format!("{at}.id"),
                "malformed_id",
                "use small letters, digits and _, beginning with a letter",
            ));
        }
        let mut line = |field: &str, text: Option<String>, characters| {
            text.and_then(|text| {
                text::keep(
                    Line::parse(&format!("{at}.{field}"), &text, characters),
                    faults,
                )
            })
        };
        let name = line("name", Some(self.name), 120);
        let note = line(
            "note",
            self.note.filter(|text| !text.trim().is_empty()),
            500,
        );
        let telephone = line(
            "telephone",
            self.telephone.filter(|text| !text.trim().is_empty()),
            40,
        );
        let under = |field: &str, fault: Refusal| Refusal {
            field: format!("{at}.{field}"),
            ..fault
        };
        let state = text::keep(
            self.state.parse().map_err(|fault| under("state", fault)),
            faults,
        );
        let mut hours = BTreeMap::new();
        for (day, spoken) in self.hours {
            let read = Hours::try_from(spoken).map_err(|fault| under("hours", fault));
            hours.extend(text::keep(read, faults).map(|read| (day, read)));
        }
        match (name, state) {
            (Some(name), Some(state)) if faults.is_empty() => Ok(Service {
                id: self.id,
                name,
                state,
                note,
                telephone,
                hours,
            }),
            _ => Err(std::mem::take(faults)),
        }
    }
}

/// The services, or every fault in the whole list.
fn check(views: Vec<ServiceView>) -> Result<Vec<Service>, Problem> {
    let (mut services, mut faults) = (Vec::<Service>::new(), Vec::new());
    for (at, view) in views.into_iter().enumerate() {
        match view.check(&at.to_string()) {
            Ok(service) if services.iter().any(|known| known.id == service.id) => {
                faults.push(Refusal::new(
                    format!("{at}.id"),
                    "twice",
                    format!("there is a service {} already", service.id),
                ));
            }
            Ok(service) => services.push(service),
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() {
        Ok(services)
    } else {
        Err(oyez_dispatch::DeskError::Refused(faults).into())
    }
}

/// The services, in the order of the public page.
#[utoipa::path(get, path = "/api/v1/services", tag = "services",
    responses((status = 200, body = Listing<ServiceView>), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn list(
    State(house): State<House>,
    _: Caller,
) -> Result<axum::Json<Listing<ServiceView>>, Problem> {
    let services = house.desk.ledger.services().await?;
    Ok(axum::Json(Listing::whole(
        services.into_iter().map(Into::into).collect(),
    )))
}

/// Replaces the list of services.
#[utoipa::path(put, path = "/api/v1/services", tag = "services", request_body = Vec<ServiceView>,
    responses((status = 200, body = Listing<ServiceView>), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn put(
    State(house): State<House>,
    caller: Caller,
    body: Json<Vec<ServiceView>>,
) -> Result<axum::Json<Listing<ServiceView>>, Problem> {
    let services = check(body.value)?;
    house.desk.put_services(&services, caller.actor()).await?;
    Ok(axum::Json(Listing::whole(
        services.into_iter().map(Into::into).collect(),
    )))
}
