//! What readers of other status pages know how to read: the public API, version 2, of Statuspage
//! (<https://metastatuspage.com/api/v2>), read-only.

use super::atom::seconds;
use super::pages::Scene;
use super::past;
use super::views::{ServiceRow, summary};
use crate::problem::{Kind, Problem};
use oyez_domain::incident::{Incident, Phase};
use oyez_domain::ledger::Statement;
use oyez_domain::service::{Service, ServiceState};
use oyez_domain::time::Wall;
use serde_json::{Value, json};
use std::sync::Arc;

/// Incidents listed at most, as there.
const LISTED: usize = 50;

/// Every address with its document.
pub(super) fn documents(scene: &Scene<'_>) -> Result<Vec<(&'static str, String)>, Problem> {
    let incidents = past::incidents(scene);
    let incident = |incident: &&Incident| told_incident(scene, incident);
    let all: Vec<_> = incidents.iter().take(LISTED).map(incident).collect();
    let open = |incident: &&Value| incident["status"] != Phase::Resolved.code();
    let unresolved: Vec<_> = all.iter().filter(open).collect();
    let (page, status, components) = (page(scene), status(scene), components(scene));
    let documents = [
        (
            "/api/v2/summary.json",
            json!({ "page": page, "components": components, "incidents": unresolved,
                "scheduled_maintenances": [], "status": status }),
        ),
        (
            "/api/v2/status.json",
            json!({ "page": page, "status": status }),
        ),
        (
            "/api/v2/components.json",
            json!({ "page": page, "components": components }),
        ),
        (
            "/api/v2/incidents.json",
            json!({ "page": page, "incidents": all }),
        ),
        (
            "/api/v2/incidents/unresolved.json",
            json!({ "page": page, "incidents": unresolved }),
        ),
    ];
    let written = documents.map(|(path, document)| {
        let text = serde_json::to_string(&document);
        text.map(|text| (path, text))
            .map_err(|_| Problem::new(Kind::Internal, "The status could not be written."))
    });
    written.into_iter().collect()
}

fn page(scene: &Scene<'_>) -> Value {
    let organisation = scene.organisation;
    json!({
        "id": organisation.public_host,
        "name": organisation.name,
        "url": organisation.public_url,
        "time_zone": organisation.time_zone,
        "updated_at": scene.statements.iter().map(|told| changed_at(told)).max().map(seconds),
    })
}

/// How everything is: as bad as the worst service.
fn status(scene: &Scene<'_>) -> Value {
    let rows: Vec<ServiceRow> = scene.services.iter().cloned().map(Into::into).collect();
    json!({ "indicator": indicator(&scene.services), "description": summary(&rows) })
}

fn indicator(services: &[Service]) -> &'static str {
    let any = |wanted: ServiceState| services.iter().any(|service| service.state == wanted);
    if any(ServiceState::Down) {
        "major"
    } else if any(ServiceState::Limited) || any(ServiceState::Unknown) {
        "minor"
    } else if any(ServiceState::Planned) {
        "maintenance"
    } else {
        "none"
    }
}

fn components(scene: &Scene<'_>) -> Vec<Value> {
    let component = |(position, service): (u32, &Service)| {
        let mut told = scene.statements.iter();
        let last = told.find(|told| told.update.services.contains_key(&service.id));
        json!({
            "id": service.id,
            "name": service.name.as_str(),
            "status": component_status(service.state),
            "description": service.note.as_ref().map(|note| note.as_str()),
            "position": position,
            "created_at": null,
            "updated_at": last.map(|told| seconds(released_at(told))),
            "start_date": null,
            "page_id": scene.organisation.public_host,
            "group_id": null,
            "group": false,
            "showcase": false,
            "only_show_if_degraded": false,
        })
    };
    (1..).zip(&scene.services).map(component).collect()
}

fn component_status(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Ok => "operational",
        // There is no word there for what is being looked at.
        ServiceState::Limited | ServiceState::Unknown => "degraded_performance",
        ServiceState::Down => "major_outage",
        ServiceState::Planned => "under_maintenance",
    }
}

fn told_incident(scene: &Scene<'_>, incident: &Incident) -> Value {
    let of_it = |told: &&Arc<Statement>| told.incident.id == incident.id;
    let told: Vec<_> = scene.statements.iter().filter(of_it).collect();
    let phase = told
        .first()
        .map_or(incident.phase, |newest| newest.update.phase);
    let first_in = |wanted: Phase| {
        let of_phase = told.iter().rev().find(|told| told.update.phase == wanted);
        of_phase.map(|told| seconds(released_at(told)))
    };
    let services: Vec<Service> = told
        .first()
        .map_or_else(Vec::new, |newest| newest.services.clone());
    json!({
        "id": incident.id.to_string(),
        "name": incident.title.as_str(),
        "status": phase.code(),
        "impact": indicator(&services),
        "created_at": seconds(incident.opened_at),
        "started_at": seconds(incident.opened_at),
        "updated_at": told.iter().map(|told| changed_at(told)).max().map(seconds),
        "monitoring_at": first_in(Phase::Monitoring),
        "resolved_at": (phase == Phase::Resolved).then(|| first_in(Phase::Resolved)).flatten(),
        "shortlink": format!("{}{}", scene.organisation.public_url, past::path(incident.id)),
        "page_id": scene.organisation.public_host,
        "incident_updates": told.iter().map(|told| told_update(scene, told)).collect::<Vec<_>>(),
    })
}

fn told_update(scene: &Scene<'_>, told: &Statement) -> Value {
    let notice = oyez_dispatch::desk::notice(scene.organisation, told.clone());
    let update = &told.update;
    let at = seconds(released_at(told));
    json!({
        "id": update.id.to_string(),
        "incident_id": update.incident.to_string(),
        "status": update.phase.code(),
        "body": body(&notice.headline(), told),
        "created_at": at,
        "display_at": at,
        "updated_at": seconds(changed_at(told)),
    })
}

/// Headline and lines as one text; that it was stopped comes first, for readers that know no such thing.
fn body(headline: &str, told: &Statement) -> String {
    let update = &told.update;
    let stopped = update
        .stopped_at
        .map(|_| "We stopped sending this update before everybody had it.".to_owned());
    let lines = [
        ("What to do", &update.what_to_do),
        ("What not to do", &update.what_not_to_do),
    ];
    let lines = lines.into_iter().flat_map(|(heading, lines)| {
        let heading = (!lines.is_empty()).then(|| format!("{heading}:"));
        let lines = lines.iter().map(|line| line.as_str().to_owned());
        heading.into_iter().chain(lines)
    });
    let detail = update.detail.as_ref().map(|text| text.as_str().to_owned());
    let all = stopped.into_iter().chain([headline.to_owned()]);
    let all: Vec<_> = all.chain(lines).chain(detail).collect();
    all.join("\n")
}

fn released_at(told: &Statement) -> Wall {
    told.update.released_at.unwrap_or(told.update.created_at)
}

fn changed_at(told: &Statement) -> Wall {
    told.update.stopped_at.unwrap_or_else(|| released_at(told))
}
