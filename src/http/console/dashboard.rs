//! The dashboard: what is happening now, the channels, and what was written lately.

use super::row::Row;
use super::session::Officer;
use super::words::Many;
use crate::channels::{self, ChannelBody};
use crate::page;
use crate::problem::Problem;
use crate::state::House;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use oyez_domain::incident::{Incident, Phase};
use oyez_domain::text::spoken_time;
use oyez_domain::trouble::Trouble;
use oyez_domain::update::{NextUpdate, UpdateState};

/// Updates listed.
const LISTED: u32 = 10;
/// Releases looked through for the latest of each incident.
const LOOKED_THROUGH: u32 = 200;

/// An incident that is not over.
struct Open {
    incident: Incident,
    opened: String,
    promise: String,
}

/// An update that is on its way.
struct Underway {
    reference: String,
    headline: String,
    rows: Vec<Row>,
}

/// An update in the list.
struct Written {
    reference: String,
    headline: String,
    state: &'static str,
    when: String,
}

#[derive(Template)]
#[template(path = "console/dashboard.html")]
struct DashboardPage<'a> {
    organisation: &'a str,
    open: Vec<Open>,
    underway: Vec<Underway>,
    /// Each channel, and how many deliveries wait on it.
    channels: Vec<(ChannelBody, Many)>,
    written: Vec<Written>,
    everything_held: Option<String>,
    troubles: Vec<Trouble>,
}

/// The page.
pub(super) async fn show(State(house): State<House>, _: Officer) -> Result<Response, Problem> {
    let desk = &house.desk;
    let zone = &desk.organisation.time_zone;
    let updates = desk.ledger.updates(LISTED).await?;
    let released = desk.ledger.released_updates(LOOKED_THROUGH).await?;
    let mut open = Vec::new();
    for incident in desk
        .ledger
        .incidents()
        .await?
        .into_iter()
        .filter(|incident| incident.phase != Phase::Resolved)
    {
        let last = released
            .iter()
            .find(|update| update.incident == incident.id);
        let promise = match last.map(|update| update.next_update_by) {
            Some(NextUpdate::By(by)) if by < desk.clock.wall() => {
                format!(
                    "Late: the next update was promised for {}",
                    spoken_time(by, zone)
                )
            }
            Some(NextUpdate::By(by)) => {
                format!("Next update promised by {}", spoken_time(by, zone))
            }
            Some(NextUpdate::None) => "No further update promised".to_owned(),
            None => "Nothing has been put out yet".to_owned(),
        };
        open.push(Open {
            opened: spoken_time(incident.opened_at, zone),
            incident,
            promise,
        });
    }
    let page = DashboardPage {
        organisation: &desk.organisation.name,
        open,
        underway: underway(&house).await?,
        channels: channels::all(&house)
            .await?
            .into_iter()
            .map(with_waiting)
            .collect(),
        written: updates.iter().map(|update| written(update, zone)).collect(),
        everything_held: desk
            .ledger
            .holds()
            .await?
            .into_iter()
            .find(|(name, _)| name.is_none())
            .map(|(_, why)| why),
        troubles: crate::system::notices(&house).await?,
    };
    page::html(&page)
}

fn with_waiting(channel: ChannelBody) -> (ChannelBody, Many) {
    let waiting = Many(channel.pending);
    (channel, waiting)
}

/// Every update with something pending, in the order of release.
async fn underway(house: &House) -> Result<Vec<Underway>, Problem> {
    let mut underway: Vec<Underway> = Vec::new();
    let broadcasts = house
        .desk
        .queue()
        .await?
        .into_iter()
        .flat_map(|row| row.broadcasts);
    for broadcast in broadcasts.filter(|broadcast| broadcast.counts.pending > 0) {
        let reference = broadcast.reference.to_string();
        let row = Row::new(broadcast);
        match underway
            .iter_mut()
            .find(|known| known.reference == reference)
        {
            Some(known) => known.rows.push(row),
            None => {
                let headline = house
                    .desk
                    .find_update(&reference)
                    .await?
                    .headline
                    .to_string();
                underway.push(Underway {
                    reference,
                    headline,
                    rows: vec![row],
                });
            }
        }
    }
    Ok(underway)
}

fn written(update: &oyez_domain::update::Update, zone: &str) -> Written {
    Written {
        reference: update.reference.to_string(),
        headline: update.introduced_headline(),
        state: match update.state {
            UpdateState::Draft => "Draft",
            UpdateState::Released => "Sent",
            UpdateState::Stopped => "Stopped",
        },
        when: spoken_time(update.released_at.unwrap_or(update.created_at), zone),
    }
}
