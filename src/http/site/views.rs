//! What the pages show of services and updates, in the words and forms in which they show it.

use oyez_domain::notice::Notice;
use oyez_domain::service::{Service, ServiceState};
use oyez_domain::text::spoken_time;
use oyez_domain::time::Wall;
use oyez_domain::update::{NextUpdate, Update, UpdateState};

/// One service as the table shows it.
pub(super) struct ServiceRow {
    pub(super) service: Service,
    pub(super) hours: Vec<String>,
    /// The digits of the telephone, for `tel:`.
    pub(super) digits: String,
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

/// The digits of a telephone number, for `tel:`.
pub(crate) fn digits(telephone: &str) -> String {
    telephone
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == '+')
        .collect()
}

/// An update in a list.
pub(super) struct Earlier {
    pub(super) reference: String,
    pub(super) headline: String,
    pub(super) released: String,
}

/// What an update says, as both pages show it.
pub(super) struct Saying {
    pub(super) headline: String,
    pub(super) reference: String,
    pub(super) released: String,
    pub(super) promise: String,
    /// The promised time has passed.
    pub(super) late: bool,
    pub(super) stopped: bool,
    pub(super) sms: Option<String>,
    pub(super) update: Update,
}

impl Saying {
    pub(super) fn new(notice: Notice, now: Wall) -> Self {
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

/// How well everything works, in one line: the beginning of the title.
pub(super) fn summary(services: &[ServiceRow]) -> String {
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

impl Earlier {
    pub(super) fn new(update: &Update, zone: &str) -> Self {
        Self {
            reference: update.reference.to_string(),
            headline: format!("{}{}", update.kind.prefix(), update.headline),
            released: spoken_time(update.released_at.unwrap_or(update.created_at), zone),
        }
    }
}
