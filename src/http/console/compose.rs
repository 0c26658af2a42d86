//! Writing an update: one form, every fault at once, and nothing typed is lost.

use super::preview;
use super::session::Officer;
use crate::body::Form;
use crate::idempotency::request_hash;
use crate::page;
use crate::problem::Problem;
use crate::state::House;
use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use hyper::StatusCode;
use jiff::civil;
use jiff::tz::TimeZone;
use oyez_dispatch::DeskError;
use oyez_domain::Refusal;
use oyez_domain::audience::AudienceRule;
use oyez_domain::incident::{Incident, IncidentDraft, Phase};
use oyez_domain::ledger::Idempotency;
use oyez_domain::service::{Service, ServiceState};
use oyez_domain::time::Wall;
use oyez_domain::update::{NextUpdate, Update, UpdateDraft};
use std::collections::BTreeMap;
use std::time::Duration;

/// How a time is written in a form.
const MINUTE: &str = "%Y-%m-%dT%H:%M";

/// What stands in the form.
#[derive(Debug, Clone, Default)]
pub(super) struct Values {
    /// Makes a second press of the button harmless.
    pub(super) key: String,
    incident: String,
    new_incident: String,
    kind: String,
    phase: String,
    urgent: bool,
    /// The headline as typed.
    pub(super) headline: String,
    what_to_do: String,
    what_not_to_do: String,
    detail: String,
    sms: String,
    next: String,
    next_time: String,
    channels: Vec<String>,
    services: BTreeMap<String, String>,
}

impl Values {
    fn read(form: &Form) -> Self {
        let text = |name| form.get(name).to_owned();
        let services = form
            .under("service.")
            .filter(|(_, state)| !state.is_empty());
        Self {
            key: text("key"),
            incident: text("incident"),
            new_incident: text("new_incident"),
            kind: text("kind"),
            phase: text("phase"),
            urgent: form.get("urgent") == "yes",
            headline: text("headline"),
            what_to_do: text("what_to_do"),
            what_not_to_do: text("what_not_to_do"),
            detail: text("detail"),
            sms: text("sms"),
            next: text("next"),
            next_time: text("next_time"),
            channels: form.all("channel").map(str::to_owned).collect(),
            services: services
                .map(|(id, state)| (id.to_owned(), state.to_owned()))
                .collect(),
        }
    }

    /// The form of a draft that is stored.
    fn of(update: &Update, zone: &TimeZone, channels: &[String]) -> Self {
        let join = |lines: &[oyez_domain::text::Line]| {
            lines
                .iter()
                .map(|line| line.as_str())
                .collect::<Vec<_>>()
                .join("\n")
        };
        let named: Vec<String> = update
            .audience
            .channels
            .iter()
            .map(ToString::to_string)
            .collect();
        let (next, next_time) = match update.next_update_by {
            NextUpdate::By(by) => ("other", local(by, zone)),
            NextUpdate::None => ("none", String::new()),
        };
        Self {
            incident: update.incident.to_string(),
            kind: update.kind.code().to_owned(),
            phase: update.phase.code().to_owned(),
            urgent: update.urgent,
            headline: update.headline.to_string(),
            what_to_do: join(&update.what_to_do),
            what_not_to_do: join(&update.what_not_to_do),
            detail: update
                .detail
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            sms: update
                .sms
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            next: next.to_owned(),
            next_time,
            channels: if named.is_empty() {
                channels.to_vec()
            } else {
                named
            },
            services: update
                .services
                .iter()
                .map(|(id, state)| (id.clone(), state.code().to_owned()))
                .collect(),
            ..Self::default()
        }
    }

    /// The fields again, for the page after this one.
    pub(super) fn fields(&self) -> Vec<(String, String)> {
        let urgent = if self.urgent { "yes" } else { "" };
        let single = [
            ("key", self.key.as_str()),
            ("incident", &self.incident),
            ("new_incident", &self.new_incident),
            ("kind", &self.kind),
            ("phase", &self.phase),
            ("urgent", urgent),
            ("headline", &self.headline),
            ("what_to_do", &self.what_to_do),
            ("what_not_to_do", &self.what_not_to_do),
            ("detail", &self.detail),
            ("sms", &self.sms),
            ("next", &self.next),
            ("next_time", &self.next_time),
        ];
        let single = single
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let channels = self
            .channels
            .iter()
            .map(|name| ("channel".to_owned(), name.clone()));
        let services = self
            .services
            .iter()
            .map(|(id, state)| (format!("service.{id}"), state.clone()));
        single.chain(channels).chain(services).collect()
    }

    /// Whom it concerns: every channel ticked means every channel there is.
    pub(super) fn audience(&self, house: &House) -> AudienceRule {
        let all = house
            .desk
            .lives
            .names()
            .all(|name| self.channels.iter().any(|ticked| ticked == name.as_str()));
        let named = self.channels.iter().filter_map(|name| name.parse().ok());
        AudienceRule {
            channels: if all { Vec::new() } else { named.collect() },
            ..AudienceRule::default()
        }
    }

    /// Fixes a time that was chosen in words, so that it does not move while somebody reads the preview.
    fn settle_time(&mut self, now: Wall, zone: &TimeZone) {
        let today = |hour, days: i64| {
            let date = now.timestamp().to_zoned(zone.clone()).date();
            let date = date
                .checked_add(jiff::Span::new().days(days))
                .unwrap_or(date);
            date.at(hour, 0, 0, 0).strftime(MINUTE).to_string()
        };
        // A minute more, because seconds are cut off.
        let hours = |many: u64| local(now.plus(Duration::from_secs(many * 3600 + 59)), zone);
        let time = match self.next.as_str() {
            "1h" => hours(1),
            "2h" => hours(2),
            "4pm" => today(16, 0),
            "10am" => today(10, 1),
            _ => return,
        };
        (self.next, self.next_time) = ("other".to_owned(), time);
    }

    fn next_update_by(&self, zone: &TimeZone) -> Option<String> {
        match self.next.as_str() {
            "none" => Some("none".to_owned()),
            "other" => {
                let typed = self.next_time.trim();
                let moment = typed
                    .parse::<civil::DateTime>()
                    .ok()
                    .and_then(|time| time.to_zoned(zone.clone()).ok());
                Some(
                    moment
                        .map_or_else(|| typed.to_owned(), |moment| moment.timestamp().to_string()),
                )
            }
            _ => None,
        }
    }

    fn draft(&self, house: &House, zone: &TimeZone) -> UpdateDraft {
        let lines = |text: &str| {
            text.lines()
                .map(|line| {
                    line.trim()
                        .trim_start_matches(['-', '•', '*', ' '])
                        .to_owned()
                })
                .collect()
        };
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.trim().is_empty());
        UpdateDraft {
            incident: self.incident.clone(),
            kind: text(&self.kind),
            phase: text(&self.phase),
            urgent: self.urgent,
            headline: self.headline.clone(),
            what_to_do: lines(&self.what_to_do),
            what_not_to_do: lines(&self.what_not_to_do),
            detail: text(&self.detail),
            // A text message is one line; a line break typed by habit is a space.
            sms: text(&self.sms.lines().collect::<Vec<_>>().join(" ")),
            versions: BTreeMap::new(),
            services: self.services.clone(),
            next_update_by: self.next_update_by(zone),
            audience: self.audience(house),
        }
    }
}

fn local(wall: Wall, zone: &TimeZone) -> String {
    wall.timestamp()
        .to_zoned(zone.clone())
        .strftime(MINUTE)
        .to_string()
}

fn zone_of(house: &House) -> TimeZone {
    TimeZone::get(&house.desk.organisation.time_zone).unwrap_or(TimeZone::UTC)
}

/// One channel's tick box.
struct Tick {
    name: String,
    kind: String,
    ticked: bool,
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
    _: Officer,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
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
    _: Officer,
    typed: Form,
) -> Result<Response, Problem> {
    form(&house, Values::read(&typed), Vec::new()).await
}

/// Shows how it will look, or what is wrong with it. Sends nothing.
pub(super) async fn preview(
    State(house): State<House>,
    officer: Officer,
    typed: Form,
) -> Result<Response, Problem> {
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
            return Err(
                Refusal::new("incident", "empty", "choose an incident, or name a new one").into(),
            );
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

fn key(scope: &str, key: &str, body: &[u8]) -> Idempotency {
    Idempotency {
        scope: scope.to_owned(),
        key: key.to_owned(),
        request_hash: request_hash(scope, body),
    }
}

/// Writes what was previewed and puts it out.
pub(super) async fn send(
    State(house): State<House>,
    officer: Officer,
    typed: Form,
) -> Result<Response, Problem> {
    let values = Values::read(&typed);
    let draft = values.draft(&house, &zone_of(&house));
    let body = serde_json::to_vec(&draft).unwrap_or_default();
    let key = key("console write", &values.key, &body);
    match house
        .desk
        .write_update(draft, Some(&key), officer.actor())
        .await
    {
        Ok(done) => preview::release(&house, officer, done.value.id, &values.key).await,
        Err(DeskError::Refused(faults)) => form(&house, values, faults).await,
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_chosen_in_words_is_one_moment_where_the_organisation_is() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let now = Wall::parse("2025-07-03T12:00:30Z").unwrap();
        for (choice, moment) in [
            ("1h", "2025-07-03T13:01:00Z"),
            ("4pm", "2025-07-03T15:00:00Z"),
            ("10am", "2025-07-04T09:00:00Z"),
        ] {
            let mut values = Values {
                next: choice.to_owned(),
                ..Values::default()
            };
            values.settle_time(now, &zone);
            assert_eq!(
                values.next_update_by(&zone).as_deref(),
                Some(moment),
                "{choice}"
            );
        }
        let none = Values {
            next: "none".to_owned(),
            ..Values::default()
        };
        assert_eq!(none.next_update_by(&zone).as_deref(), Some("none"));
        assert_eq!(
            Values::default().next_update_by(&zone),
            None,
            "saying nothing is not saying none"
        );
    }

    #[test]
    fn a_fault_in_a_line_belongs_to_its_field() {
        assert_eq!(base_of("what_to_do[3]"), "what_to_do");
        assert_eq!(base_of("audience.channels"), "channel");
        assert_eq!(base_of("next_update_by"), "next");
    }
}
