//! The queue: what is waiting on each channel, in which order, and why.

use super::row::Row;
use super::session::Officer;
use super::words::{Many, about, left, speed};
use crate::body::Form;
use crate::channels::{self, ChannelBody};
use crate::page;
use crate::problem::Problem;
use crate::releases::named;
use crate::state::House;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use oyez_dispatch::queue::{ProviderRow, ShutPartner};
use oyez_domain::channel::ChannelName;
use oyez_domain::trouble::Trouble;
use oyez_domain::user::Permission;

/// One channel of the page.
struct Lane {
    channel: ChannelBody,
    pending: Many,
    in_flight: Many,
    waiting: Many,
    /// Now and limit, in messages a second.
    speed: String,
    /// The pace in force where it is less than the limit, else empty.
    slowed: String,
    left: String,
    oldest: String,
    /// Its providers, where it has several.
    providers: Vec<ProviderRow>,
    /// Partners that get nothing at the moment, the first by name.
    shut: Vec<ShutPartner>,
    shut_more: u64,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "console/queue.html")]
struct QueuePage<'a> {
    organisation: &'a str,
    lanes: Vec<Lane>,
    everything_held: Option<String>,
    troubles: Vec<Trouble>,
}

/// The page.
pub(super) async fn show(State(house): State<House>, _: Officer) -> Result<Response, Problem> {
    let mut rows = house.desk.queue().await?;
    let lane = |channel: ChannelBody| {
        let at = rows
            .iter()
            .position(|row| row.channel.as_str() == channel.name);
        let row = at.map(|at| rows.swap_remove(at));
        Lane {
            pending: Many(channel.pending),
            in_flight: Many(row.as_ref().map_or(0, |row| row.in_flight)),
            waiting: Many(row.as_ref().map_or(0, |row| row.waiting)),
            speed: match (
                row.as_ref().and_then(|row| row.per_second),
                channel.limit_per_second,
            ) {
                (Some(now), Some(limit)) => format!("{} of {} a second", speed(now), speed(limit)),
                (Some(now), None) => speed(now),
                (None, Some(limit)) => format!("at most {} a second", speed(limit)),
                (None, None) => "no limit".to_owned(),
            },
            left: left(
                row.as_ref().and_then(|row| row.eta_seconds),
                channel.pending,
            ),
            oldest: row
                .as_ref()
                .and_then(|row| row.oldest_seconds)
                .map_or_else(String::new, about),
            slowed: slowed(&channel),
            providers: row
                .as_ref()
                .map_or_else(Vec::new, |row| row.providers.clone()),
            shut_more: row.as_ref().map_or(0, |row| {
                row.shut_partners.saturating_sub(row.shut.len() as u64)
            }),
            shut: row.as_ref().map_or_else(Vec::new, |row| row.shut.clone()),
            channel,
            rows: row.map_or_else(Vec::new, |row| {
                row.broadcasts.into_iter().map(Row::new).collect()
            }),
        }
    };
    let lanes = channels::all(&house).await?.into_iter().map(lane).collect();
    let holds = house.desk.ledger.holds().await?;
    page::html(&QueuePage {
        organisation: &house.desk.organisation.name,
        lanes,
        everything_held: holds
            .into_iter()
            .find(|(name, _)| name.is_none())
            .map(|(_, why)| why),
        troubles: crate::system::notices(&house).await?,
    })
}

/// `15 of 50 a second`, while the pace in force is less than the limit.
fn slowed(channel: &ChannelBody) -> String {
    match (channel.pace_per_second, channel.limit_per_second) {
        (Some(pace), Some(limit)) if pace < limit * 0.999 => {
            format!("{} of {} a second", speed(pace), speed(limit))
        }
        _ => String::new(),
    }
}

async fn set_held(
    house: &House,
    officer: Officer,
    channel: Option<&ChannelName>,
    reason: Option<&str>,
) -> Result<Response, Problem> {
    house
        .desk
        .hold_channel(channel, reason, officer.actor())
        .await?;
    Ok(Redirect::to("/console/queue").into_response())
}

fn reason(form: &Form) -> String {
    let said: String = form
        .get("reason")
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect();
    if said.trim().is_empty() {
        "held in the console".to_owned()
    } else {
        said.trim().to_owned()
    }
}

/// Holds a channel.
pub(super) async fn hold(
    State(house): State<House>,
    officer: Officer,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    officer.may(Permission::Stop)?;
    set_held(
        &house,
        officer,
        named(Some(&name))?.as_ref(),
        Some(&reason(&form)),
    )
    .await
}

/// Lets a channel go on.
pub(super) async fn resume(
    State(house): State<House>,
    officer: Officer,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    officer.may(Permission::Settings)?;
    set_held(&house, officer, named(Some(&name))?.as_ref(), None).await
}

/// Holds everything.
pub(super) async fn hold_system(
    State(house): State<House>,
    officer: Officer,
    form: Form,
) -> Result<Response, Problem> {
    officer.may(Permission::Stop)?;
    set_held(&house, officer, None, Some(&reason(&form))).await
}

/// Lets everything go on.
pub(super) async fn resume_system(
    State(house): State<House>,
    officer: Officer,
) -> Result<Response, Problem> {
    officer.may(Permission::Settings)?;
    set_held(&house, officer, None, None).await
}

/// Says that the machine's clock is right after it jumped.
pub(super) async fn trust_clock(
    State(house): State<House>,
    officer: Officer,
) -> Result<Response, Problem> {
    officer.may(Permission::Settings)?;
    house.desk.trust_clock(officer.actor());
    Ok(Redirect::to("/console/queue").into_response())
}
