//! One update as an alert for other warning systems (OASIS Common Alerting Protocol 1.2).

use super::pages::Scene;
use super::xml;
use crate::problem::Problem;
use askama::Template;
use oyez_domain::ledger::Statement;
use oyez_domain::notice::Notice;
use oyez_domain::organisation::Organisation;
use oyez_domain::reference::UpdateReference;
use oyez_domain::service::ServiceState;
use oyez_domain::time::Wall;
use oyez_domain::update::{NextUpdate, Update, UpdateKind};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long an alert holds when no further update is promised.
const HOLDS: Duration = Duration::from_secs(24 * 3600);

/// The alert of an update.
pub(super) fn path(reference: &UpdateReference) -> String {
    format!("/u/{reference}.cap")
}

/// What names one alert for all time (CAP 1.2 §3.2.1: no spaces, commas, `<` or `&`).
struct Name {
    identifier: String,
    sender: String,
    /// With the organisation's offset from UTC, which must not be written `Z`.
    sent: String,
}

impl Name {
    /// The alert that went out with the update.
    fn first(organisation: &Organisation, update: &Update) -> Self {
        let sent_at = update.released_at.unwrap_or(update.created_at);
        Self::new(organisation, update, 1, sent_at)
    }

    fn new(organisation: &Organisation, update: &Update, version: u8, sent_at: Wall) -> Self {
        let host = &organisation.public_host;
        Self {
            identifier: format!("{host}-{}-{version}", update.reference),
            sender: format!("oyez@{host}"),
            sent: date(sent_at, organisation),
        }
    }

    fn reference(&self) -> String {
        format!("{},{},{}", self.sender, self.identifier, self.sent)
    }
}

/// The alert in one language.
struct Info {
    language: String,
    headline: Option<String>,
    description: String,
    instruction: String,
}

#[derive(Template)]
#[template(path = "cap.xml")]
struct Alert<'a> {
    organisation: &'a Organisation,
    alert: Name,
    status: &'static str,
    message: &'static str,
    references: String,
    incident: String,
    infos: Vec<Info>,
    event: &'a str,
    response: &'static str,
    urgency: &'static str,
    severity: &'static str,
    effective: String,
    expires: String,
    web: String,
    reference: &'a UpdateReference,
    services: &'a BTreeMap<String, ServiceState>,
}

/// The alert. A stopped update is cancelled by a second alert that takes the place of the first at the same address.
pub(super) fn alert(scene: &Scene<'_>, told: &Statement) -> Result<String, Problem> {
    let (organisation, update) = (scene.organisation, &told.update);
    let first = Name::first(organisation, update);
    let effective = update.released_at.unwrap_or(update.created_at);
    let earlier = earlier(scene, update);
    let (alert, message, references) = match update.stopped_at {
        Some(at) => (
            Name::new(organisation, update, 2, at),
            "Cancel",
            vec![first.reference()],
        ),
        None => (first, message(update.kind, !earlier.is_empty()), earlier),
    };
    let (response, urgency) = match (update.kind, update.urgent) {
        (UpdateKind::AllClear, _) => ("AllClear", "Past"),
        (UpdateKind::Update | UpdateKind::Correction | UpdateKind::Exercise, true) => {
            ("Execute", "Immediate")
        }
        (UpdateKind::Update | UpdateKind::Correction | UpdateKind::Exercise, false) => {
            ("Monitor", "Expected")
        }
    };
    let notice = oyez_dispatch::desk::notice(organisation, told.clone());
    xml::document(&Alert {
        organisation,
        alert,
        status: status(update.kind),
        message,
        references: references.join(" "),
        incident: told.incident.id.to_string(),
        infos: infos(&notice),
        event: told.incident.title.as_str(),
        response,
        urgency,
        severity: if update.urgent { "Moderate" } else { "Minor" },
        effective: date(effective, organisation),
        expires: date(expires(update, effective), organisation),
        web: notice.url(),
        reference: &update.reference,
        services: &update.services,
    })
}

/// The alerts of the same incident that this one follows, the newest first; practice follows only practice.
fn earlier(scene: &Scene<'_>, update: &Update) -> Vec<String> {
    let is_earlier = |other: &&Update| {
        other.incident == update.incident
            && other.released_at < update.released_at
            && status(other.kind) == status(update.kind)
    };
    let updates = scene.statements.iter().map(|told| &told.update);
    updates
        .filter(is_earlier)
        .map(|other| Name::first(scene.organisation, other).reference())
        .collect()
}

fn message(kind: UpdateKind, follows: bool) -> &'static str {
    match (kind, follows) {
        (_, false) => "Alert",
        (UpdateKind::AllClear, true) => "Cancel",
        (UpdateKind::Update | UpdateKind::Correction | UpdateKind::Exercise, true) => "Update",
    }
}

fn status(kind: UpdateKind) -> &'static str {
    match kind {
        UpdateKind::Exercise => "Exercise",
        UpdateKind::Update | UpdateKind::Correction | UpdateKind::AllClear => "Actual",
    }
}

fn expires(update: &Update, effective: Wall) -> Wall {
    match update.next_update_by {
        NextUpdate::By(by) => by,
        NextUpdate::None => effective.plus(HOLDS),
    }
}

/// The update in its own language, and the author's short version in each other language.
fn infos(notice: &Notice) -> Vec<Info> {
    let update = &notice.update;
    let lines = |heading: &str, lines: &[oyez_domain::text::Line]| {
        let lines: Vec<_> = lines.iter().map(|line| format!("- {line}")).collect();
        let whole = format!("{heading}\n{}", lines.join("\n"));
        (!lines.is_empty()).then_some(whole)
    };
    let instruction = [
        lines("What to do", &update.what_to_do),
        lines("What not to do", &update.what_not_to_do),
    ];
    let detail = update
        .detail
        .as_ref()
        .map(|text| notice.fill(text.as_str()));
    let own = Info {
        language: tag(&update.language),
        headline: Some(notice.headline()),
        description: detail
            .into_iter()
            .chain([notice.promise()])
            .collect::<Vec<_>>()
            .join("\n\n"),
        instruction: instruction
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("\n"),
    };
    let others = update
        .short
        .iter()
        .filter(|(tag, _)| **tag != update.language);
    let others = others.map(|(language, text)| Info {
        language: tag(language),
        headline: None,
        description: notice.fill(text.as_str()),
        instruction: String::new(),
    });
    std::iter::once(own).chain(others).collect()
}

/// Readers of alerts take `en` alone for American English, which is what they assume anyway.
fn tag(language: &str) -> String {
    match language {
        "en" => "en-GB".to_owned(),
        other => other.to_owned(),
    }
}

/// CAP 1.2 §3.3.2: whole seconds and an offset in numbers.
fn date(at: Wall, organisation: &Organisation) -> String {
    let zone = jiff::tz::TimeZone::get(&organisation.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let local = at.timestamp().to_zoned(zone);
    local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}
