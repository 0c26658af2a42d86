//! What partners read: the JSON of one update, the same for every endpoint.

use crate::letter::{Letter, html};
use jiff::Unit;
use oyez_domain::notice::Notice;
use oyez_domain::service::{Service, ServiceState};
use oyez_domain::time::Wall;
use oyez_domain::update::{NextUpdate, UpdateKind};
use serde::Serialize;

const LICENCE: &str = "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/";

#[derive(Serialize)]
struct Event<'a> {
    r#type: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    id: String,
    reference: &'a str,
    kind: &'static str,
    status: &'static str,
    supersedes: Option<&'a str>,
    issuer: Issuer<'a>,
    incident: Incident<'a>,
    language: &'a str,
    headline: String,
    body: Body,
    translations: [(); 0],
    services: Vec<ServiceRow<'a>>,
    published_at: String,
    next_update_by: Option<String>,
    expires_at: Option<String>,
    links: Links,
    licence: &'static str,
}

#[derive(Serialize)]
struct Issuer<'a> {
    id: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Incident<'a> {
    id: String,
    slug: String,
    title: &'a str,
    phase: &'static str,
    opened_at: String,
}

#[derive(Serialize)]
struct Body {
    text: String,
    html: String,
    markdown: String,
}

#[derive(Serialize)]
struct ServiceRow<'a> {
    id: &'a str,
    name: &'a str,
    state: &'static str,
    previous: Option<&'static str>,
    note: Option<&'a str>,
    telephone: Option<&'a str>,
}

#[derive(Serialize)]
struct Links {
    web: String,
}

/// The body of the event.
///
/// # Errors
/// When the serialiser fails, which it does for no value of these types.
pub(crate) fn body(notice: &Notice) -> serde_json::Result<Vec<u8>> {
    let update = &notice.update;
    let published = seconds(update.released_at.unwrap_or(update.created_at));
    serde_json::to_vec(&Event {
        r#type: event_type(update.kind),
        timestamp: published.clone(),
        data: Data {
            id: update.id.to_string(),
            reference: update.reference.as_str(),
            kind: update.kind.code(),
            status: status(update.kind),
            supersedes: None,
            issuer: issuer(notice),
            incident: incident(notice),
            language: &notice.language,
            headline: notice.headline(),
            body: texts(notice),
            translations: [],
            services: notice.services.iter().map(service).collect(),
            published_at: published,
            next_update_by: match update.next_update_by {
                NextUpdate::By(by) => Some(seconds(by)),
                NextUpdate::None => None,
            },
            expires_at: None,
            links: Links { web: notice.url() },
            licence: LICENCE,
        },
    })
}

#[derive(Serialize)]
struct Test<'a> {
    r#type: &'static str,
    timestamp: String,
    data: TestData<'a>,
}

#[derive(Serialize)]
struct TestData<'a> {
    issuer: Issuer<'a>,
    headline: String,
    text: String,
}

/// The body of a test: `channel.tested`, with nothing in it that could be taken for an update.
///
/// # Errors
/// When the serialiser fails, which it does for no value of these types.
pub(crate) fn test(notice: &Notice) -> serde_json::Result<Vec<u8>> {
    let sentences = notice.update.what_to_do.iter();
    let sentences: Vec<_> = sentences.map(|line| line.as_str()).collect();
    serde_json::to_vec(&Test {
        r#type: "channel.tested",
        timestamp: seconds(notice.update.created_at),
        data: TestData {
            issuer: issuer(notice),
            headline: notice.headline(),
            text: sentences.join(" "),
        },
    })
}

fn event_type(kind: UpdateKind) -> &'static str {
    match kind {
        UpdateKind::Correction => "update.corrected",
        UpdateKind::Update | UpdateKind::AllClear | UpdateKind::Exercise => "update.published",
    }
}

fn status(kind: UpdateKind) -> &'static str {
    match kind {
        UpdateKind::Exercise => "exercise",
        UpdateKind::Update | UpdateKind::AllClear | UpdateKind::Correction => "actual",
    }
}

fn issuer(notice: &Notice) -> Issuer<'_> {
    Issuer {
        id: &notice.organisation.public_host,
        name: &notice.organisation.name,
    }
}

fn incident(notice: &Notice) -> Incident<'_> {
    let incident = &notice.incident;
    Incident {
        id: incident.id.to_string(),
        slug: slug(incident.title.as_str()),
        title: incident.title.as_str(),
        phase: notice.update.phase.code(),
        opened_at: seconds(incident.opened_at),
    }
}

/// What changes with this update: services stand in their own list, so they are not repeated here.
fn texts(notice: &Notice) -> Body {
    let letter = Letter {
        notice,
        detail: notice.update.detail.as_ref(),
        stop: None,
    };
    let detail = letter.detail.map(|detail| notice.fill(detail.as_str()));
    let mut body = Body {
        text: String::new(),
        html: String::new(),
        markdown: String::new(),
    };
    for (heading, lines) in letter.actions() {
        let items = |before: &str| -> String {
            lines
                .iter()
                .map(|line| format!("{before}{line}\n"))
                .collect()
        };
        body.text.push_str(&format!("{heading}\n{}\n", items("- ")));
        body.markdown
            .push_str(&format!("## {heading}\n\n{}\n", items("* ")));
        let items: String = lines
            .iter()
            .map(|line| format!("<li>{}</li>", html::escape(line)))
            .collect();
        body.html
            .push_str(&format!("<h2>{heading}</h2><ul>{items}</ul>"));
    }
    for paragraph in detail.iter().flat_map(|detail| detail.split("\n\n")) {
        body.text.push_str(&format!("{paragraph}\n\n"));
        body.markdown.push_str(&format!("{paragraph}\n\n"));
        body.html.push_str(&format!(
            "<p>{}</p>",
            html::escape(paragraph).replace('\n', "<br>")
        ));
    }
    let promise = notice.promise();
    body.text.push_str(&promise);
    body.markdown.push_str(&promise);
    body.html
        .push_str(&format!("<p>{}</p>", html::escape(&promise)));
    body
}

fn service(service: &Service) -> ServiceRow<'_> {
    ServiceRow {
        id: &service.id,
        name: service.name.as_str(),
        state: ServiceState::code(service.state),
        previous: None,
        note: service.note.as_ref().map(AsRef::as_ref),
        telephone: service.telephone.as_ref().map(AsRef::as_ref),
    }
}

/// RFC 3339 to the second.
fn seconds(time: Wall) -> String {
    let time = time.timestamp();
    time.round(Unit::Second).unwrap_or(time).to_string()
}

/// A title as part of an address: `cyber-security-incident`.
fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("-").to_ascii_lowercase()
}
