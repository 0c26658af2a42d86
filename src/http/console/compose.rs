//! Writing an update: one form, every fault at once, and nothing typed is lost.

use super::preview;
use super::second_step;
use super::session::Officer;
use super::values::Values;
use crate::body::Form;
use crate::idempotency::request_hash;
use crate::page;
use crate::problem::Problem;
use crate::state::House;
use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use hyper::{HeaderMap, StatusCode};
use jiff::tz::TimeZone;
use oyez_dispatch::DeskError;
use oyez_domain::Refusal;
use oyez_domain::id::{IncidentId, UpdateId};
use oyez_domain::incident::{Incident, IncidentDraft, Phase};
use oyez_domain::ledger::Idempotency;
use oyez_domain::reference::UpdateReference;
use oyez_domain::service::{Service, ServiceState};
use oyez_domain::update::UpdateDraft;
use oyez_domain::user::Permission;
use std::collections::{BTreeMap, BTreeSet};

fn zone_of(house: &House) -> TimeZone {
    TimeZone::get(&house.desk.organisation.time_zone).unwrap_or(TimeZone::UTC)
}

/// One channel's tick box.
struct Tick {
    name: String,
    kind: String,
    ticked: bool,
}

/// One language's short version.
struct Short {
    language: String,
    text: String,
}

/// One service's select.
struct Choice {
    service: Service,
    chosen: String,
}

#[derive(Template)]
#[template(path = "console/compose.html")]
struct ComposePage<'a> {
    organisation: &'a str,
    values: Values,
    faults: Vec<Refusal>,
    incidents: Vec<Incident>,
    channels: Vec<Tick>,
    short: Vec<Short>,
    services: Vec<Choice>,
    states: [ServiceState; 5],
    phases: [Phase; 4],
    /// Whether 4pm is still to come.
    before_four: bool,
    time_zone: &'a str,
}

impl ComposePage<'_> {
    /// What is wrong with a field or one of its lines.
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults
            .iter()
            .find(|fault| base_of(&fault.field) == field)
            .map(|fault| fault.why.as_str())
    }
}

/// The field of the form that a fault belongs to: `what_to_do[3]` is a line of `what_to_do`.
fn base_of(field: &str) -> &str {
    let base = field.split(['[', '.']).next().unwrap_or(field);
    match base {
        "id" => "incident",
        "title" => "new_incident",
        "audience" | "channels" => "channel",
        "next_update_by" => "next",
        base => base,
    }
}

/// Every language that a channel carries, and those in which something is written already.
fn languages(house: &House, values: &Values) -> BTreeSet<String> {
    let channels = house.desk.lives.all();
    let carried = channels.flat_map(|live| live.channel.settings.languages.iter());
    carried.chain(values.short.keys()).cloned().collect()
}

async fn form(house: &House, values: Values, faults: Vec<Refusal>) -> Result<Response, Problem> {
    let zone = zone_of(house);
    let desk = &house.desk;
    let mut incidents = desk.ledger.incidents().await?;
    incidents.retain(|incident| {
        incident.phase != Phase::Resolved || incident.id.to_string() == values.incident
    });
    let tick = |live: &oyez_dispatch::supervisor::Live| Tick {
        name: live.channel.name.to_string(),
        kind: live.channel.adapter.capabilities().kind.to_owned(),
        ticked: values
            .channels
            .iter()
            .any(|name| name == live.channel.name.as_str()),
    };
    let short = |language: String| Short {
        text: values.short.get(&language).cloned().unwrap_or_default(),
        language,
    };
    let choice = |service: Service| Choice {
        chosen: values
            .services
            .get(&service.id)
            .cloned()
            .unwrap_or_default(),
        service,
    };
    let status = if faults.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let page = ComposePage {
        organisation: &desk.organisation.name,
        incidents,
        channels: desk.lives.all().map(tick).collect(),
        short: languages(house, &values).into_iter().map(short).collect(),
        services: desk
            .ledger
            .services()
            .await?
            .into_iter()
            .map(choice)
            .collect(),
        states: ServiceState::ALL,
        phases: [
            Phase::Investigating,
            Phase::Identified,
            Phase::Monitoring,
            Phase::Resolved,
        ],
        before_four: desk.clock.wall().timestamp().to_zoned(zone).hour() < 16,
        time_zone: &desk.organisation.time_zone,
        values,
        faults,
    };
    page::html_with(status, &page)
}

/// An empty form, or that of a stored draft.
pub(super) async fn show(
    State(house): State<House>,
    officer: Officer,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    officer.may(Permission::Write)?;
    let query: BTreeMap<String, String> =
        url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let channels: Vec<String> = house.desk.lives.names().map(ToString::to_string).collect();
    let mut values = match query.get("from") {
        Some(id) => Values::of(
            &house.desk.find_update(id).await?,
            &zone_of(&house),
            &channels,
        ),
        None => Values {
            kind: "update".to_owned(),
            incident: query.get("incident").cloned().unwrap_or_default(),
            channels,
            ..Values::default()
        },
    };
    values.key = house.random_text::<16>();
    form(&house, values, Vec::new()).await
}

/// The form again, with what was typed.
pub(super) async fn change(
    State(house): State<House>,
    officer: Officer,
    typed: Form,
) -> Result<Response, Problem> {
    officer.may(Permission::Write)?;
    form(&house, Values::read(&typed), Vec::new()).await
}

/// Shows how it will look, or what is wrong with it. Sends nothing.
pub(super) async fn preview(
    State(house): State<House>,
    officer: Officer,
    typed: Form,
) -> Result<Response, Problem> {
    officer.may(Permission::Write)?;
    let zone = zone_of(&house);
    let mut values = Values::read(&typed);
    values.settle_time(house.desk.clock.wall(), &zone);
    if values.channels.is_empty() {
        let fault = Refusal::new("channel", "empty", "choose at least one channel");
        return form(&house, values, vec![fault]).await;
    }
    match looked_at(&house, officer, &mut values, &zone).await {
        Ok(previews) => preview::of_values(&house, &values, previews).await,
        Err(DeskError::Refused(faults)) => form(&house, values, faults).await,
        Err(DeskError::Ledger(oyez_domain::LedgerError::Refused(fault))) => {
            form(&house, values, vec![fault]).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn looked_at(
    house: &House,
    officer: Officer,
    values: &mut Values,
    zone: &TimeZone,
) -> Result<Vec<oyez_dispatch::preview::Preview>, DeskError> {
    if values.incident.is_empty() {
        let title = values.new_incident.trim().to_owned();
        if title.is_empty() {
            return Err(DeskError::Refused(without_incident(house, values, zone)));
        }
        // Opening an incident publishes nothing; the same form opens it once.
        let key = key("console incident", &values.key, title.as_bytes());
        let draft = IncidentDraft {
            title,
            ..IncidentDraft::default()
        };
        let incident = house
            .desk
            .open_incident(draft, Some(&key), officer.actor())
            .await?
            .value;
        (values.incident, values.new_incident) = (incident.id.to_string(), String::new());
    }
    house.desk.render_draft(values.draft(house, zone)).await
}

/// What is wrong with an update that names no incident, the rest of it included.
fn without_incident(house: &House, values: &Values, zone: &TimeZone) -> Vec<Refusal> {
    let now = house.desk.clock.wall();
    let missing = Refusal::new("incident", "empty", "choose an incident, or name a new one");
    let stand_in = UpdateDraft {
        incident: IncidentId::new(now, [0; 10]).to_string(),
        ..values.draft(house, zone)
    };
    let (id, reference) = (UpdateId::new(now, [0; 10]), UpdateReference::new([0; 6]));
    let rest = stand_in
        .check(id, reference, Phase::Investigating, now)
        .err();
    std::iter::once(missing)
        .chain(rest.into_iter().flatten())
        .collect()
}

fn key(scope: &str, key: &str, body: &[u8]) -> Idempotency {
    Idempotency {
        scope: scope.to_owned(),
        key: key.to_owned(),
        request_hash: request_hash(scope, body),
    }
}

/// Writes what was previewed, and puts it out if whoever wrote it may do that too.
pub(super) async fn send(
    State(house): State<House>,
    officer: Officer,
    headers: HeaderMap,
    typed: Form,
) -> Result<Response, Problem> {
    officer.may(Permission::Write)?;
    let releases = officer.may(Permission::Approve).is_ok();
    if releases {
        let action = "/console/updates/send";
        if let Some(page) = second_step::ask(&house, &headers, &officer, &typed, action).await? {
            return Ok(page);
        }
    }
    let values = Values::read(&typed);
    let draft = values.draft(&house, &zone_of(&house));
    let body = serde_json::to_vec(&draft).unwrap_or_default();
    let key = key("console write", &values.key, &body);
    match house
        .desk
        .write_update(draft, Some(&key), officer.actor())
        .await
    {
        Ok(done) if releases => {
            preview::release(&house, officer, done.value.id, &values.key, false).await
        }
        // It waits as a draft for somebody who may put it out.
        Ok(done) => {
            let page = format!("/console/updates/{}", done.value.reference);
            Ok(Redirect::to(&page).into_response())
        }
        Err(DeskError::Refused(faults)) => form(&house, values, faults).await,
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_in_a_line_belongs_to_its_field() {
        assert_eq!(base_of("what_to_do[3]"), "what_to_do");
        assert_eq!(base_of("audience.channels"), "channel");
        assert_eq!(base_of("next_update_by"), "next");
    }
}
