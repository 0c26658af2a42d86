//! What the pages show of services and updates, in the words and forms in which they show it.

use oyez_domain::notice::Notice;
use oyez_domain::opening::Opening;
use oyez_domain::organisation::Organisation;
use oyez_domain::service::{Service, ServiceState};
use oyez_domain::text::telephone::{has_right_to_left, is_right_to_left, isolated};
use oyez_domain::text::{Line, spoken_time};
use oyez_domain::time::Wall;
use oyez_domain::update::{NextUpdate, Update, UpdateState};

/// One service as the table shows it.
pub(super) struct ServiceRow {
    pub(super) service: Service,
    pub(super) hours: Vec<String>,
    /// The digits of the telephone, for `tel:`.
    pub(super) digits: String,
    /// Whether it is open at the moment, where the page says how things are and not how they were.
    pub(super) opening: Option<String>,
}

impl From<Service> for ServiceRow {
    fn from(service: Service) -> Self {
        let telephone = service.telephone.as_ref().map_or("", |line| line.as_str());
        Self {
            opening: None,
            digits: digits(telephone),
            hours: service.hours_lines(),
            service,
        }
    }
}

impl ServiceRow {
    /// The row with whether the telephone is answered at `now`.
    pub(super) fn at(service: Service, organisation: &Organisation, now: Wall) -> Self {
        let opening = Opening::of(&service, organisation, now);
        let opening = opening.filter(|_| service.telephone.is_some());
        Self {
            opening: opening.map(|opening| opening.spoken(&organisation.time_zone)),
            ..Self::from(service)
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

/// The language of what an update says, where it is not that of the pages.
pub(super) struct Foreign {
    pub(super) language: String,
    pub(super) direction: &'static str,
}

impl Foreign {
    fn of(update: &Update) -> Option<Self> {
        let language = update.language.clone();
        let primary = language.split('-').next().unwrap_or_default();
        (primary != "en").then(|| Self {
            direction: if is_right_to_left(&language) {
                "rtl"
            } else {
                "ltr"
            },
            language,
        })
    }
}

/// A text in which telephone numbers keep the order of their digits whichever way it is read.
fn readable(text: &str) -> String {
    if has_right_to_left(text) {
        isolated(text)
    } else {
        text.to_owned()
    }
}

/// An update in a list.
pub(super) struct Earlier {
    pub(super) reference: String,
    pub(super) headline: String,
    pub(super) foreign: Option<Foreign>,
    pub(super) released: String,
}

/// What an update says, as both pages show it.
pub(super) struct Saying {
    pub(super) headline: String,
    pub(super) what_to_do: Vec<String>,
    pub(super) what_not_to_do: Vec<String>,
    pub(super) detail: Option<String>,
    pub(super) foreign: Option<Foreign>,
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
        let update = &notice.update;
        let lines = |lines: &[Line]| lines.iter().map(|line| readable(line.as_str())).collect();
        Self {
            headline: readable(&notice.headline()),
            what_to_do: lines(&update.what_to_do),
            what_not_to_do: lines(&update.what_not_to_do),
            detail: update.detail.as_ref().map(|text| readable(text.as_str())),
            foreign: Foreign::of(update),
            reference: notice.update.reference.to_string(),
            released: spoken_time(released_at, zone),
            promise: notice.promise(),
            late,
            stopped: notice.update.state == UpdateState::Stopped,
            sms: notice
                .update
                .sms
                .as_ref()
                .map(|text| readable(&notice.fill(text.as_str()))),
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
            headline: readable(&update.introduced_headline()),
            foreign: Foreign::of(update),
            released: spoken_time(update.released_at.unwrap_or(update.created_at), zone),
        }
    }
}
