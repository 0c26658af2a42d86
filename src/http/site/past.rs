//! What was put out before: each incident with its updates in order, and all of them in one list.

use super::pages::{Scene, within};
use super::views::{Earlier, digits};
use crate::page::render;
use crate::problem::Problem;
use askama::Template;
use oyez_domain::id::IncidentId;
use oyez_domain::incident::Incident;
use oyez_domain::organisation::Organisation;
use oyez_domain::text::spoken_time;
use oyez_domain::update::UpdateState;

/// Updates listed on one page, the most that fits of these.
const LISTED: [usize; 4] = [200, 100, 50, 20];

/// The page of an incident.
pub(super) fn path(incident: IncidentId) -> String {
    format!("/i/{incident}")
}

/// An update in a list of what happened.
struct Event {
    update: Earlier,
    phase: &'static str,
    stopped: bool,
}

#[derive(Template)]
#[template(path = "incident.html")]
struct IncidentPage<'a> {
    organisation: &'a Organisation,
    telephone_digits: String,
    incident: &'a Incident,
    opened: String,
    phase: &'static str,
    events: Vec<Event>,
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage<'a> {
    organisation: &'a Organisation,
    telephone_digits: String,
    /// Each incident with its address.
    incidents: Vec<(String, &'a Incident, Vec<Event>)>,
}

/// The incidents of which something was said, the one with the newest update first.
pub(super) fn incidents<'a>(scene: &Scene<'a>) -> Vec<&'a Incident> {
    let mut incidents: Vec<&Incident> = Vec::new();
    for told in scene.statements {
        // The newest statement knows most of its incident.
        if !incidents.iter().any(|known| known.id == told.incident.id) {
            incidents.push(&told.incident);
        }
    }
    incidents
}

/// The updates of an incident among the newest `most` of all, the newest first.
fn events(scene: &Scene<'_>, incident: IncidentId, most: usize) -> Vec<Event> {
    let zone = &scene.organisation.time_zone;
    let updates = scene.statements.iter().take(most).map(|told| &told.update);
    updates
        .filter(|update| update.incident == incident)
        .map(|update| Event {
            update: Earlier::new(update, zone),
            phase: update.phase.label(),
            stopped: update.state == UpdateState::Stopped,
        })
        .collect()
}

/// `/i/{id}`: what was said of one incident, the newest first.
pub(super) fn incident(scene: &Scene<'_>, incident: &Incident) -> Result<String, Problem> {
    within(&LISTED, |most| {
        let events = events(scene, incident.id, *most);
        render(&IncidentPage {
            organisation: scene.organisation,
            telephone_digits: digits(&scene.organisation.contact_telephone),
            incident,
            opened: spoken_time(incident.opened_at, &scene.organisation.time_zone),
            phase: events.first().map_or("", |event| event.phase),
            events,
        })
    })
}

/// `/history`: everything that was put out, incident by incident.
pub(super) fn history(scene: &Scene<'_>) -> Result<String, Problem> {
    within(&LISTED, |most| {
        let listed = incidents(scene).into_iter().map(|incident| {
            let events = events(scene, incident.id, *most);
            (path(incident.id), incident, events)
        });
        render(&HistoryPage {
            organisation: scene.organisation,
            telephone_digits: digits(&scene.organisation.contact_telephone),
            incidents: listed.filter(|(_, _, events)| !events.is_empty()).collect(),
        })
    })
}
