//! The newest updates and all services as JSON, each update in the shape that partners' webhooks carry.

use super::atom::{ENTRIES, seconds};
use super::pages::Scene;
use crate::problem::{Kind, Problem};
use oyez_domain::ledger::Statement;
use oyez_domain::service::Service;
use oyez_domain::text::Line;
use oyez_domain::update::{NextUpdate, UpdateKind};
use serde_json::{Value, json};

const LICENCE: &str = "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/";

/// `/updates.json`.
pub(super) fn json(scene: &Scene<'_>) -> Result<String, Problem> {
    let told = scene.statements.iter().take(ENTRIES);
    let document = json!({
        "issuer": issuer(scene),
        "updates": told.map(|told| update(scene, told)).collect::<Vec<_>>(),
        "services": scene.services.iter().map(service).collect::<Vec<_>>(),
        "licence": LICENCE,
    });
    serde_json::to_string(&document)
        .map_err(|_| Problem::new(Kind::Internal, "The list could not be written."))
}

fn issuer(scene: &Scene<'_>) -> Value {
    json!({ "id": scene.organisation.public_host, "name": scene.organisation.name })
}

fn update(scene: &Scene<'_>, told: &Statement) -> Value {
    let notice = oyez_dispatch::desk::notice(scene.organisation, told.clone());
    let (update, incident) = (&told.update, &told.incident);
    let web = notice.url();
    json!({
        "id": update.id.to_string(),
        "reference": update.reference.as_str(),
        "kind": update.kind.code(),
        "state": update.state.code(),
        "status": match update.kind {
            UpdateKind::Exercise => "exercise",
            UpdateKind::Update | UpdateKind::AllClear | UpdateKind::Correction => "actual",
        },
        "supersedes": null,
        "issuer": issuer(scene),
        "incident": {
            "id": incident.id.to_string(),
            "title": incident.title.as_str(),
            "phase": update.phase.code(),
            "opened_at": seconds(incident.opened_at),
        },
        "language": update.language,
        "headline": notice.headline(),
        "what_to_do": texts(&update.what_to_do),
        "what_not_to_do": texts(&update.what_not_to_do),
        "detail": update.detail.as_ref().map(|detail| notice.fill(detail.as_str())),
        "services": told.services.iter().map(service).collect::<Vec<_>>(),
        "published_at": seconds(update.released_at.unwrap_or(update.created_at)),
        "stopped_at": update.stopped_at.map(seconds),
        "next_update_by": match update.next_update_by {
            NextUpdate::By(by) => Some(seconds(by)),
            NextUpdate::None => None,
        },
        "links": { "web": web, "cap": format!("{web}.cap") },
    })
}

fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(Line::as_str).collect()
}

fn service(service: &Service) -> Value {
    json!({
        "id": service.id,
        "name": service.name.as_str(),
        "state": service.state.code(),
        "note": service.note.as_ref().map(|note| note.as_str()),
        "telephone": service.telephone.as_ref().map(|line| line.as_str()),
    })
}
