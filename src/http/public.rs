//! The public site: what works, whom to call, what to do. One request, no script, no cookie.

use crate::page;
use crate::problem::Problem;
use crate::state::House;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::{HeaderMap, StatusCode};
use oyez_domain::incident::Incident;
use oyez_domain::notice::Notice;
use oyez_domain::organisation::Organisation;
use oyez_domain::reference::UpdateReference;
use oyez_domain::service::{Service, ServiceState};
use oyez_domain::text::spoken_time;
use oyez_domain::time::Wall;
use oyez_domain::update::{NextUpdate, Update, UpdateState};

/// Updates looked through for the public pages.
const LOOKED_THROUGH: u32 = 200;
/// Earlier updates listed.
const EARLIER: usize = 20;

/// One service as the table shows it.
pub(crate) struct ServiceRow {
    service: Service,
    hours: Vec<String>,
    /// The digits of the telephone, for `tel:`.
    digits: String,
}

impl From<Service> for ServiceRow {
    fn from(service: Service) -> Self {
        let telephone = service.telephone.as_ref().map_or("", |line| line.as_str());
        Self {
            digits: digits(telephone),
            hours: service.hours_lines(),
            service,
        }
    }
}

fn digits(telephone: &str) -> String {
    telephone
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == '+')
        .collect()
}

/// An update in a list.
pub(crate) struct Earlier {
    reference: String,
    headline: String,
    released: String,
}

/// What an update says, as both pages show it.
pub(crate) struct Saying {
    headline: String,
    reference: String,
    released: String,
    promise: String,
    /// The promised time has passed.
    late: bool,
    stopped: bool,
    sms: Option<String>,
    update: Update,
}

impl Saying {
    fn new(notice: Notice, now: Wall) -> Self {
        let zone = &notice.organisation.time_zone;
        let late = match notice.update.next_update_by {
            NextUpdate::By(by) => by < now,
            NextUpdate::None => false,
        };
        let released_at = notice
            .update
            .released_at
            .unwrap_or(notice.update.created_at);
        Self {
            headline: notice.headline(),
            reference: notice.update.reference.to_string(),
            released: spoken_time(released_at, zone),
            promise: notice.promise(),
            late,
            stopped: notice.update.state == UpdateState::Stopped,
            sms: notice
                .update
                .sms
                .as_ref()
                .map(|text| notice.fill(text.as_str())),
            update: notice.update,
        }
    }
}

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage<'a> {
    organisation: &'a Organisation,
    telephone_digits: String,
    summary: String,
    latest: Option<Saying>,
    incident: Option<Incident>,
    services: Vec<ServiceRow>,
    earlier: Vec<Earlier>,
}

#[derive(Template)]
#[template(path = "update.html")]
struct UpdatePage<'a> {
    organisation: &'a Organisation,
    telephone_digits: String,
    saying: Saying,
    incident: Incident,
    /// Services whose state this update changed.
    changed: Vec<ServiceRow>,
    /// A later update on the same incident.
    newer: Option<Earlier>,
}

/// A page with a heading and a few lines.
#[derive(Template)]
#[template(path = "plain.html")]
pub(crate) struct PlainPage<'a> {
    /// Who speaks.
    pub(crate) organisation: &'a Organisation,
    /// The telephone's digits.
    pub(crate) telephone_digits: String,
    /// Title and heading.
    pub(crate) heading: String,
    /// The lines under it.
    pub(crate) lines: Vec<String>,
    /// A button that posts to this very address, with these words.
    pub(crate) button: Option<String>,
}

impl<'a> PlainPage<'a> {
    /// A page without a button.
    pub(crate) fn new(organisation: &'a Organisation, heading: &str, lines: &[&str]) -> Self {
        Self {
            organisation,
            telephone_digits: digits(&organisation.contact_telephone),
            heading: heading.to_owned(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            button: None,
        }
    }
}

/// How well everything works, in one line: the beginning of the title.
fn summary(services: &[ServiceRow]) -> String {
    let count = |state| {
        services
            .iter()
            .filter(|row| row.service.state == state)
            .count()
    };
    let noun = |many: usize| {
        if many == 1 {
            "1 service".to_owned()
        } else {
            format!("{many} services")
        }
    };
    let parts: Vec<String> = [
        (count(ServiceState::Down), "not available"),
        (count(ServiceState::Limited), "working with problems"),
        (count(ServiceState::Unknown), "being checked"),
        (count(ServiceState::Planned), "with planned work"),
    ]
    .into_iter()
    .filter(|(many, _)| *many > 0)
    .enumerate()
    .map(|(at, (many, what))| match at {
        0 => format!("{} {what}", noun(many)),
        _ => format!("{many} {what}"),
    })
    .collect();
    match (services.is_empty(), parts.is_empty()) {
        (true, _) => "Service updates".to_owned(),
        (false, true) => "All services are working".to_owned(),
        (false, false) => parts.join(", "),
    }
}

fn is_public(update: &Update) -> bool {
    match update.state {
        UpdateState::Draft => false,
        UpdateState::Released | UpdateState::Stopped => true,
    }
}

fn earlier(update: &Update, zone: &str) -> Earlier {
    Earlier {
        reference: update.reference.to_string(),
        headline: format!("{}{}", update.kind.prefix(), update.headline),
        released: spoken_time(update.released_at.unwrap_or(update.created_at), zone),
    }
}

/// Everything that was ever put out, newest first.
async fn released(house: &House) -> Result<Vec<Update>, Problem> {
    Ok(house.desk.ledger.released_updates(LOOKED_THROUGH).await?)
}

/// `/`: services, telephones, hours, the latest update.
pub(crate) async fn status(
    State(house): State<House>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let organisation = &house.desk.organisation;
    let now = house.desk.clock.wall();
    let updates = released(&house).await?;
    let (mut latest, mut incident) = (None, None);
    if let Some(update) = updates.first() {
        let statement = house.desk.ledger.statement(update.id).await?;
        incident = Some(statement.incident.clone());
        latest = Some(Saying::new(house.desk.notice(statement), now));
    }
    let services: Vec<ServiceRow> = house
        .desk
        .ledger
        .services()
        .await?
        .into_iter()
        .map(Into::into)
        .collect();
    let page = StatusPage {
        telephone_digits: digits(&organisation.contact_telephone),
        summary: summary(&services),
        latest,
        incident,
        services,
        earlier: updates
            .iter()
            .skip(1)
            .take(EARLIER)
            .map(|update| earlier(update, &organisation.time_zone))
            .collect(),
        organisation,
    };
    page::shared(&headers, &page)
}

/// `/u/{ref}`: one update in full, under any spelling of its reference.
pub(crate) async fn update(
    State(house): State<House>,
    Path(text): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let organisation = &house.desk.organisation;
    let Some(update) = find(&house, &text).await? else {
        let heading = "We did not send a message with this reference";
        let lines = [
            "Check the reference: it has six letters and digits, such as 7QX-4HM.",
            "If the message asks for bank details, passwords or codes, it is not from us. Forward suspicious texts to 7726 and suspicious emails to report@phishing.gov.uk.",
        ];
        return page::html_with(
            StatusCode::NOT_FOUND,
            &PlainPage::new(organisation, heading, &lines),
        );
    };
    let now = house.desk.clock.wall();
    let statement = house.desk.ledger.statement(update.id).await?;
    let later = released(&house)
        .await?
        .into_iter()
        .find(|other| other.incident == update.incident);
    let newer =
        later.filter(|other| other.id != update.id && other.released_at > update.released_at);
    let changed = statement
        .services
        .iter()
        .filter(|service| update.services.contains_key(&service.id));
    let page = UpdatePage {
        telephone_digits: digits(&organisation.contact_telephone),
        changed: changed.cloned().map(Into::into).collect(),
        newer: newer.map(|other| earlier(&other, &organisation.time_zone)),
        incident: statement.incident.clone(),
        saying: Saying::new(house.desk.notice(statement), now),
        organisation,
    };
    page::shared(&headers, &page)
}

async fn find(house: &House, text: &str) -> Result<Option<Update>, Problem> {
    let Ok(reference) = text.parse::<UpdateReference>() else {
        return Ok(None);
    };
    match house.desk.ledger.update_by_reference(&reference).await {
        Ok(update) => Ok(is_public(&update).then_some(update)),
        Err(oyez_domain::LedgerError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
