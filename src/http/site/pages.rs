//! The pages of the public site, made from what was said, and kept short enough for a bad connection.

use super::views::{Earlier, Saying, ServiceRow, digits, summary};
use crate::page::render;
use crate::problem::Problem;
use askama::Template;
use oyez_domain::incident::Incident;
use oyez_domain::ledger::Statement;
use oyez_domain::organisation::Organisation;
use oyez_domain::reference::UpdateReference;
use oyez_domain::service::{Service, ServiceState};
use oyez_domain::time::Wall;
use std::sync::Arc;

/// The largest page, in bytes as they are sent.
const LARGEST: usize = 50_000;
/// Earlier updates listed.
const EARLIER: usize = 20;
/// Earlier updates listed where room is short.
const FEW: usize = 5;

/// The page of an update.
pub(super) fn path(reference: &UpdateReference) -> String {
    format!("/u/{reference}")
}

/// Everything the pages are made of.
pub(super) struct Scene<'a> {
    pub(super) organisation: &'a Organisation,
    /// What was put out, the newest first.
    pub(super) statements: &'a [Arc<Statement>],
    pub(super) services: Vec<Service>,
    pub(super) now: Wall,
}

/// How much a page says. What is left out stands on a page of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fullness {
    Whole,
    /// Few earlier updates, and nothing about the incident beyond the update.
    Short,
    /// Services that work by their names alone.
    Names,
    /// The latest update by its headline alone.
    Headline,
}

impl Fullness {
    const ALL: [Self; 4] = [Self::Whole, Self::Short, Self::Names, Self::Headline];
}

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage<'a> {
    organisation: &'a Organisation,
    telephone_digits: String,
    summary: String,
    latest: Option<Saying>,
    /// The latest update by its headline alone.
    brief: bool,
    incident: Option<&'a Incident>,
    services: Vec<ServiceRow>,
    /// Names of services that work, where there is no room for more.
    working: Vec<String>,
    earlier: Vec<Earlier>,
}

#[derive(Template)]
#[template(path = "update.html")]
struct UpdatePage<'a> {
    organisation: &'a Organisation,
    telephone_digits: String,
    saying: Saying,
    incident: &'a Incident,
    /// What is known of the incident is left out.
    brief: bool,
    /// Services whose state this update changed.
    changed: Vec<ServiceRow>,
    /// A later update on the same incident.
    newer: Option<Earlier>,
}

impl Scene<'_> {
    /// `/`: what works, whom to call, the latest update.
    pub(super) fn status(&self) -> Result<String, Problem> {
        fit(|fullness| render(&self.status_page(fullness)))
    }

    fn status_page(&self, fullness: Fullness) -> StatusPage<'_> {
        let latest = self.statements.first();
        let row = |service: &Service| ServiceRow::at(service.clone(), self.organisation, self.now);
        let rows: Vec<ServiceRow> = self.services.iter().map(row).collect();
        let summary = summary(&rows);
        let works = |row: &ServiceRow| row.service.state == ServiceState::Ok;
        let (named, services): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .partition(|row| fullness >= Fullness::Names && works(row));
        let (whole, zone) = (fullness == Fullness::Whole, &self.organisation.time_zone);
        StatusPage {
            organisation: self.organisation,
            telephone_digits: digits(&self.organisation.contact_telephone),
            summary,
            latest: latest.map(|told| self.saying(told)),
            brief: fullness == Fullness::Headline,
            incident: latest.filter(|_| whole).map(|told| &told.incident),
            services,
            working: named
                .into_iter()
                .map(|row| row.service.name.to_string())
                .collect(),
            earlier: self
                .statements
                .iter()
                .skip(1)
                .take(if whole { EARLIER } else { FEW })
                .map(|told| Earlier::new(&told.update, zone))
                .collect(),
        }
    }

    /// `/u/{ref}`: one update in full.
    pub(super) fn update(&self, told: &Statement) -> Result<String, Problem> {
        fit(|fullness| render(&self.update_page(told, fullness)))
    }

    fn update_page<'a>(&'a self, told: &'a Statement, fullness: Fullness) -> UpdatePage<'a> {
        let update = &told.update;
        let changed = told
            .services
            .iter()
            .filter(|service| update.services.contains_key(&service.id));
        UpdatePage {
            organisation: self.organisation,
            telephone_digits: digits(&self.organisation.contact_telephone),
            saying: self.saying(told),
            incident: &told.incident,
            brief: fullness != Fullness::Whole,
            changed: changed.cloned().map(Into::into).collect(),
            newer: self.newer(told),
        }
    }

    /// The newest update of the same incident, if it is newer.
    fn newer(&self, told: &Statement) -> Option<Earlier> {
        let of_incident = |other: &&Arc<Statement>| other.update.incident == told.update.incident;
        let newest = &self.statements.iter().find(of_incident)?.update;
        let is_newer = newest.id != told.update.id && newest.released_at > told.update.released_at;
        is_newer.then(|| Earlier::new(newest, &self.organisation.time_zone))
    }

    pub(super) fn saying(&self, told: &Statement) -> Saying {
        let notice = oyez_dispatch::desk::notice(self.organisation, told.clone());
        Saying::new(notice, self.now)
    }
}

/// The fullest page that is not too large; the shortest when all are.
fn fit(page: impl Fn(Fullness) -> Result<String, Problem>) -> Result<String, Problem> {
    within(&Fullness::ALL, |fullness| page(*fullness))
}

/// The first page of these, each shorter than the one before, that is not too large; the last one when all are.
pub(super) fn within<T>(
    sizes: &[T],
    page: impl Fn(&T) -> Result<String, Problem>,
) -> Result<String, Problem> {
    let mut shortest = String::new();
    for size in sizes {
        shortest = page(size)?;
        if shortest.len() <= LARGEST {
            return Ok(shortest);
        }
    }
    let bytes = shortest.len();
    tracing::warn!(bytes, "a public page is larger than it should be");
    Ok(shortest)
}
