//! One update: fitted to its channels while it is a draft, and watched, held and stopped once it is out.

use super::preview;
use super::retry::{self, Failure};
use super::row::Row;
use super::session::Officer;
use super::words::{Many, about, many};
use crate::body::Form;
use crate::events;
use crate::page;
use crate::problem::Problem;
use crate::state::House;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use hyper::HeaderMap;
use oyez_dispatch::progress::{BroadcastProgress, Progress, ReasonCount};
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::ledger::UnknownFilter;
use oyez_domain::text::spoken_time;
use oyez_domain::update::{Update, UpdateState};
use oyez_domain::user::Permission;

/// Events listed.
const LISTED: usize = 20;

/// What happened, and when.
struct Happening {
    when: String,
    line: String,
}

/// How it goes, which the script replaces while the page is open.
#[derive(Template)]
#[template(path = "console/live_table.html")]
struct LiveTable {
    reference: String,
    rows: Vec<Row>,
    /// Channel, reason and how many recipients it concerns.
    faults: Vec<(String, String, Many)>,
    happenings: Vec<Happening>,
    /// The sentence for the status line.
    status: String,
    finished: bool,
}

#[derive(Template)]
#[template(path = "console/live.html")]
struct LivePage<'a> {
    organisation: &'a str,
    reference: String,
    headline: String,
    released: String,
    held: bool,
    unknown: Many,
    /// What failed and can be tried again.
    failures: Vec<Failure>,
    /// Makes a second press of a button harmless.
    key: String,
    table: LiveTable,
}

#[derive(Template)]
#[template(path = "console/stop.html")]
struct StopPage<'a> {
    organisation: &'a str,
    reference: String,
    headline: String,
    stopped: bool,
    finished: bool,
    accepted: Many,
    failed: Many,
    unknown: Many,
    unsent: Many,
    pending: Many,
    in_flight: Many,
    rows: Vec<Row>,
    /// The reason was missing.
    wrong: bool,
}

/// One sentence on how it goes.
fn status(progress: &Progress) -> String {
    let of = |state: BroadcastState| {
        progress
            .broadcasts
            .iter()
            .filter(|b| b.state == state)
            .count()
    };
    let counts = &progress.counts;
    let gone = format!(
        "{} of {} accepted.",
        many(counts.accepted),
        many(counts.asked)
    );
    if progress.finished {
        return format!("Finished. {gone} {} failed.", many(counts.failed));
    }
    let eta = progress
        .broadcasts
        .iter()
        .map(|b| b.eta_seconds)
        .try_fold(0.0_f64, |most, eta| Some(most.max(eta?)));
    let rest = match eta {
        Some(seconds) => format!("Time left: {}.", about(seconds)),
        None => String::new(),
    };
    let held = match of(BroadcastState::Held) {
        0 => String::new(),
        held => format!("{held} held. "),
    };
    format!(
        "{} sending, {} finished. {held}{gone} {rest}",
        of(BroadcastState::Sending),
        of(BroadcastState::Done)
    )
}

impl LiveTable {
    fn new(house: &House, progress: Progress) -> Self {
        let channels: Vec<_> = progress
            .broadcasts
            .iter()
            .map(|b| b.channel.clone())
            .collect();
        let zone = &house.desk.organisation.time_zone;
        let recent = house.journal.recent(&channels, LISTED).into_iter();
        let happening = |event: oyez_dispatch::event::Event| Happening {
            when: clock_time(event.at, zone),
            line: event.line,
        };
        Self {
            reference: progress.reference.to_string(),
            status: status(&progress),
            faults: progress.broadcasts.iter().flat_map(faults).collect(),
            finished: progress.finished,
            happenings: recent.map(happening).collect(),
            rows: progress.broadcasts.into_iter().map(Row::new).collect(),
        }
    }
}

fn faults(broadcast: &BroadcastProgress) -> impl Iterator<Item = (String, String, Many)> {
    let fault = |reason: &ReasonCount| {
        (
            broadcast.channel.to_string(),
            reason.label.clone(),
            Many(reason.count),
        )
    };
    broadcast.reasons.iter().map(fault)
}

/// `14:12:07` where the organisation is.
fn clock_time(at: oyez_domain::time::Wall, zone: &str) -> String {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    at.timestamp()
        .to_zoned(zone)
        .strftime("%H:%M:%S")
        .to_string()
}

fn address(update: &Update) -> String {
    format!("/console/updates/{}", update.reference)
}

/// The page of an update.
pub(super) async fn show(
    State(house): State<House>,
    _: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let update = house.desk.find_update(&id).await?;
    if update.state == UpdateState::Draft {
        return preview::of_draft(&house, &update).await;
    }
    let progress = house.desk.progress(update.id).await?;
    let zone = &house.desk.organisation.time_zone;
    let failures = if progress.counts.failed > 0 {
        retry::failures(&house, update.id).await?
    } else {
        Vec::new()
    };
    page::html(&LivePage {
        unknown: unsettled(&house, &progress).await?,
        failures,
        key: house.random_text::<16>(),
        organisation: &house.desk.organisation.name,
        reference: update.reference.to_string(),
        headline: update.introduced_headline(),
        released: spoken_time(update.released_at.unwrap_or(update.created_at), zone),
        held: progress
            .broadcasts
            .iter()
            .any(|b| b.state == BroadcastState::Held),
        table: LiveTable::new(&house, progress),
    })
}

/// What may have been sent and was not given up.
async fn unsettled(house: &House, progress: &Progress) -> Result<Many, Problem> {
    if progress.counts.unknown == 0 {
        return Ok(Many(0));
    }
    let of_this = UnknownFilter {
        update: Some(progress.update),
        ..UnknownFilter::default()
    };
    let rows = house.desk.unknowns(&of_this).await?;
    Ok(Many(rows.iter().map(|row| row.count).sum()))
}

/// The part of the page that changes.
pub(super) async fn fragment(
    State(house): State<House>,
    _: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let update = house.desk.find_update(&id).await?;
    let progress = house.desk.progress(update.id).await?;
    page::html(&LiveTable::new(&house, progress))
}

/// What the page's script listens to.
pub(super) async fn stream(
    State(house): State<House>,
    _: Officer,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let update = house.desk.find_update(&id).await?.id;
    events::about(house, update, &headers).await
}

/// The red button: nothing more leaves from now on. What becomes of the rest is asked afterwards.
pub(super) async fn stop(
    State(house): State<House>,
    officer: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    officer.may(Permission::Stop)?;
    let update = house.desk.find_update(&id).await?;
    house
        .desk
        .hold(update.id, None, true, officer.actor())
        .await?;
    Ok(Redirect::to(&format!("{}/stop", address(&update))).into_response())
}

/// What went out and what did not, and the question what is to become of the rest.
pub(super) async fn stopping(
    State(house): State<House>,
    officer: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    officer.may(Permission::Stop)?;
    let update = house.desk.find_update(&id).await?;
    page::html(&stop_page(&house, &update, false).await?)
}

async fn stop_page<'a>(
    house: &'a House,
    update: &Update,
    wrong: bool,
) -> Result<StopPage<'a>, Problem> {
    let progress = house.desk.progress(update.id).await?;
    let held = progress
        .broadcasts
        .iter()
        .any(|b| b.state == BroadcastState::Held);
    let counts = &progress.counts;
    let in_flight = progress.broadcasts.iter().map(|b| b.in_flight).sum();
    Ok(StopPage {
        organisation: &house.desk.organisation.name,
        reference: update.reference.to_string(),
        headline: update.introduced_headline(),
        stopped: !held
            && progress
                .broadcasts
                .iter()
                .any(|b| b.state == BroadcastState::Stopped),
        finished: progress.finished,
        accepted: Many(counts.accepted),
        failed: Many(counts.failed),
        unknown: Many(counts.unknown),
        unsent: Many(counts.stopped),
        // What is on its way is said apart.
        pending: Many(counts.pending.saturating_sub(in_flight)),
        in_flight: Many(in_flight),
        rows: progress.broadcasts.into_iter().map(Row::new).collect(),
        wrong,
    })
}

/// Halts the rest for good.
pub(super) async fn halt(
    State(house): State<House>,
    officer: Officer,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    officer.may(Permission::Stop)?;
    let update = house.desk.find_update(&id).await?;
    let reason = form.get("reason").trim();
    let fits = (1..=500).contains(&reason.chars().count()) && !reason.chars().any(char::is_control);
    if !fits {
        let page = stop_page(&house, &update, true).await?;
        return page::html_with(hyper::StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    house
        .desk
        .stop(update.id, None, reason, officer.actor())
        .await?;
    Ok(Redirect::to(&format!("{}/stop", address(&update))).into_response())
}

/// Holds everything of this update, or one channel of it.
pub(super) async fn hold(
    State(house): State<House>,
    officer: Officer,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    officer.may(Permission::Stop)?;
    set_held(&house, officer, &id, &form, true).await
}

/// Lets everything of this update go on, or one channel of it.
pub(super) async fn resume(
    State(house): State<House>,
    officer: Officer,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    officer.may(Permission::Stop)?;
    set_held(&house, officer, &id, &form, false).await
}

async fn set_held(
    house: &House,
    officer: Officer,
    id: &str,
    form: &Form,
    held: bool,
) -> Result<Response, Problem> {
    let update = house.desk.find_update(id).await?;
    let channel =
        crate::releases::named(Some(form.get("channel")).filter(|name| !name.is_empty()))?;
    house
        .desk
        .hold(update.id, channel.as_ref(), held, officer.actor())
        .await?;
    Ok(Redirect::to(&address(&update)).into_response())
}
