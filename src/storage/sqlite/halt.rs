//! Halting: stop for good, hold for a while.

use super::broadcast::Broadcast;
use super::common::audit;
use super::fault::Step;
use super::incidents::{read_update, write_update};
use super::take::settle_rest;
use super::views::view;
use oyez_domain::LedgerError;
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::channel::ChannelName;
use oyez_domain::id::UpdateId;
use oyez_domain::ledger::{BroadcastView, By};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::update::UpdateState;
use rusqlite::{Connection, params};

/// Halts what is unsent. Doing it twice changes nothing.
pub(super) fn stop(
    connection: &Connection,
    update: UpdateId,
    channel: Option<&ChannelName>,
    reason: &str,
    by: &By,
) -> Step<Vec<BroadcastView>> {
    let mut broadcasts = concerned(connection, update, channel)?;
    for broadcast in broadcasts.iter_mut().filter(|b| b.is_open()) {
        broadcast.state = BroadcastState::Stopped;
        let (code, why) = (OutcomeCode::Stopped, Reason::Stopped);
        settle_rest(connection, broadcast, code, why, by.at)?;
        broadcast.save(connection)?;
    }
    let mut stopped = read_update(connection, update)?;
    if channel.is_none() && stopped.state == UpdateState::Released {
        stopped.state = UpdateState::Stopped;
        stopped.stopped_at = Some(by.at);
        write_update(connection, &stopped)?;
    }
    audit(connection, by, "stop", &object(update, channel), reason)?;
    broadcasts.iter().map(|b| view(connection, b)).collect()
}

/// Holds or resumes what is not settled.
pub(super) fn hold_update(
    connection: &Connection,
    update: UpdateId,
    channel: Option<&ChannelName>,
    held: bool,
    by: &By,
) -> Step<Vec<BroadcastView>> {
    let mut broadcasts = concerned(connection, update, channel)?;
    for broadcast in broadcasts.iter_mut().filter(|b| b.is_open()) {
        broadcast.state = if held {
            BroadcastState::Held
        } else {
            BroadcastState::Sending
        };
        broadcast.save(connection)?;
    }
    let action = if held { "hold" } else { "resume" };
    audit(connection, by, action, &object(update, channel), "")?;
    broadcasts.iter().map(|b| view(connection, b)).collect()
}

pub(super) fn concerned(
    connection: &Connection,
    update: UpdateId,
    channel: Option<&ChannelName>,
) -> Step<Vec<Broadcast>> {
    let known = read_update(connection, update)?;
    let mut broadcasts = Broadcast::all(
        connection,
        "update_id = ?1 ORDER BY id",
        [update.as_bytes()],
    )?;
    if broadcasts.is_empty() {
        let why = format!("{} was not released yet", known.reference);
        return Err(LedgerError::State(why).into());
    }
    if let Some(channel) = channel {
        broadcasts.retain(|broadcast| broadcast.channel == channel.as_str());
        if broadcasts.is_empty() {
            let what = format!("a broadcast of {} on {channel}", known.reference);
            return Err(LedgerError::NotFound(what).into());
        }
    }
    Ok(broadcasts)
}

pub(super) fn object(update: UpdateId, channel: Option<&ChannelName>) -> String {
    match channel {
        Some(channel) => format!("{update} {channel}"),
        None => update.to_string(),
    }
}

/// Holds or resumes one channel, or the whole system under the empty name.
pub(super) fn hold_channel(
    connection: &Connection,
    channel: Option<&ChannelName>,
    hold: Option<&str>,
    by: &By,
) -> Step<()> {
    let name = channel.map_or("", ChannelName::as_str);
    match hold {
        Some(reason) => connection.execute(
            "INSERT OR REPLACE INTO hold (channel, reason, actor, at) VALUES (?1, ?2, ?3, ?4)",
            params![name, reason, by.actor, by.at.0],
        )?,
        None => connection.execute("DELETE FROM hold WHERE channel = ?1", [name])?,
    };
    let action = if hold.is_some() { "hold" } else { "resume" };
    let object = channel.map_or("system", ChannelName::as_str);
    audit(connection, by, action, object, hold.unwrap_or(""))
}

/// What is held, and why.
pub(super) fn holds(connection: &Connection) -> Step<Vec<(Option<ChannelName>, String)>> {
    let mut statement =
        connection.prepare_cached("SELECT channel, reason FROM hold ORDER BY channel")?;
    let rows = statement.query([])?;
    super::words::collect(rows, |row| {
        let name: String = row.get(0)?;
        let channel = (!name.is_empty())
            .then(|| super::words::channel_name("hold", name))
            .transpose()?;
        Ok((channel, row.get(1)?))
    })
}
