//! Release: one transaction from a draft to the first windows.

use super::arm::{Found, Moment, fresh};
use super::broadcast::Broadcast;
use super::common::{answered, audit, next_sequence, remember};
use super::fault::Step;
use super::incidents::{freeze, read_update};
use super::order::Order;
use super::plan::{plan_account, plan_page};
use super::sealed::SealedWindow;
use super::seeded_bug::Seeded;
use super::subscribers::address_row;
use super::take::held;
use super::words::{kind_number, to_json};
use crate::key::Keys;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::channel::ChannelName;
use oyez_domain::id::BroadcastId;
use oyez_domain::ledger::{NewBroadcast, ReleaseOrder};
use oyez_domain::time::Wall;
use oyez_domain::update::{Update, UpdateState};
use oyez_domain::{LedgerError, Refusal};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

/// What a release did, addresses still encrypted.
#[derive(Debug)]
pub(super) struct SealedRelease {
    pub(super) update: Update,
    pub(super) broadcasts: Vec<(BroadcastId, ChannelName, Option<SealedWindow>)>,
    pub(super) replayed: bool,
}

/// What a repeat of the request is answered with.
#[derive(Serialize, Deserialize)]
struct Answered {
    broadcasts: Vec<(BroadcastId, ChannelName)>,
}

pub(super) fn release(
    connection: &Connection,
    keys: &Keys,
    boot: i64,
    order: &ReleaseOrder,
) -> Step<SealedRelease> {
    if let Some(answer) = answered::<Answered>(connection, order.key.as_ref())? {
        let broadcasts = answer.broadcasts.into_iter();
        return Ok(SealedRelease {
            update: read_update(connection, order.update)?,
            broadcasts: broadcasts.map(|(id, name)| (id, name, None)).collect(),
            replayed: true,
        });
    }
    let mut update = read_update(connection, order.update)?;
    if update.state != UpdateState::Draft {
        let why = format!("{} was released already", update.reference);
        return Err(LedgerError::State(why).into());
    }
    let sequence = next_sequence(connection)?;
    update.state = UpdateState::Released;
    update.released_at = Some(order.by.at);
    freeze(connection, &update)?;
    let mut broadcasts = Vec::with_capacity(order.broadcasts.len());
    for new in &order.broadcasts {
        let mut broadcast = insert(connection, &update, new, order, sequence)?;
        if order.supersedes {
            take_the_place(connection, &broadcast)?;
        }
        if new.carries == AddressKind::Account {
            let account = Address::account(new.channel.as_str());
            let (account, _) = address_row(connection, keys, &account)?;
            plan_account(connection, &mut broadcast, account)?;
        } else {
            plan_page(connection, &mut broadcast)?;
        }
        broadcasts.push(broadcast);
    }
    refuse_nobody(connection, &mut broadcasts)?;
    let mut released = Vec::with_capacity(broadcasts.len());
    for (mut broadcast, new) in broadcasts.into_iter().zip(&order.broadcasts) {
        let moment = first_moment(new, boot, order.by.at);
        let window = first_window(connection, &mut broadcast, new.first_rows, moment)?;
        released.push((broadcast.id, new.channel.clone(), window));
    }
    let answer = Answered {
        broadcasts: released
            .iter()
            .map(|(id, name, _)| (*id, name.clone()))
            .collect(),
    };
    remember(connection, order.key.as_ref(), &answer, order.by.at)?;
    let object = update.id.to_string();
    audit(
        connection,
        &order.by,
        "release",
        &object,
        update.reference.as_str(),
    )?;
    Ok(SealedRelease {
        update,
        broadcasts: released,
        replayed: false,
    })
}

fn insert(
    connection: &Connection,
    update: &Update,
    new: &NewBroadcast,
    order: &ReleaseOrder,
    sequence: i64,
) -> Step<Broadcast> {
    let rule = |wanted: &Vec<String>| {
        (!wanted.is_empty())
            .then(|| to_json("broadcast", wanted))
            .transpose()
    };
    connection
        .prepare_cached(
            "INSERT INTO broadcast (update_id, incident_id, channel, kind, carries, urgent,
                 released_at, released_seq, expires_at, duplicate_bound, window_rows, page_rows,
                 holds_unknown, topics, languages, state, receipts_by_provider_id, supersedes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        )?
        .execute(params![
            update.id.as_bytes(),
            update.incident.as_bytes(),
            new.channel.as_str(),
            new.kind,
            kind_number(new.carries),
            update.urgent,
            order.by.at.0,
            sequence,
            new.expires_at.0,
            new.duplicate_bound,
            new.window_rows.max(1),
            order.page_rows.max(1),
            new.holds_unknown,
            rule(&update.audience.topics)?,
            rule(&update.audience.languages)?,
            BroadcastState::Sending.number(),
            new.receipts_by_provider_id,
            order.supersedes,
        ])?;
    let id = u32::try_from(connection.last_insert_rowid())
        .map_err(|_| LedgerError::State("no broadcast number is left".to_owned()))?;
    Broadcast::get(connection, BroadcastId(id))
}

/// Puts a broadcast in the place of the older ones of its incident on its channel: it has their turn in the queue,
/// and what is unsent of them will be swept.
fn take_the_place(connection: &Connection, broadcast: &Broadcast) -> Step<()> {
    let incident = params![broadcast.id.0, broadcast.incident, broadcast.channel];
    connection
        .prepare_cached(
            "UPDATE broadcast SET place = (SELECT min(coalesce(place, id)) FROM broadcast
                 WHERE incident_id = ?2 AND channel = ?3 AND id <= ?1 AND state IN (1, 2))
             WHERE id = ?1",
        )?
        .execute(incident)?;
    connection
        .prepare_cached(
            "UPDATE broadcast SET superseded_by = ?1, sweep_from = iif(state IN (1, 2), 0, NULL)
             WHERE incident_id = ?2 AND channel = ?3 AND id < ?1",
        )?
        .execute(incident)?;
    Ok(())
}

/// Plans on until somebody is found; with nobody at all the release is refused.
fn refuse_nobody(connection: &Connection, broadcasts: &mut [Broadcast]) -> Step<()> {
    for broadcast in broadcasts.iter_mut() {
        while broadcast.asked() == 0 && !broadcast.planned {
            plan_page(connection, broadcast)?;
        }
    }
    if broadcasts.iter().all(|broadcast| broadcast.asked() == 0) {
        return Err(Refusal::new(
            "audience",
            "empty",
            "nobody would get this update; check its channels, topics and languages",
        )
        .into());
    }
    Ok(())
}

/// A release arms for the first provider.
fn first_moment(new: &NewBroadcast, boot: i64, now: Wall) -> Moment<'_> {
    Moment {
        boot,
        now,
        provider: &new.kind,
        only_its_own: false,
        shut: &new.shut_destinations,
        seeded: Seeded::default(),
    }
}

/// Arms the first window unless the channel is held or has something else to do first, or nothing may leave on it.
fn first_window(
    connection: &Connection,
    broadcast: &mut Broadcast,
    rows: u32,
    moment: Moment<'_>,
) -> Step<Option<SealedWindow>> {
    let busy = connection
        .prepare_cached(
            "SELECT 1 FROM broadcast WHERE channel = ?1 AND state IN (1, 2, 3) AND id < ?2
             AND (state <> 3 OR in_flight > 0) LIMIT 1",
        )?
        .query_row(params![broadcast.channel, broadcast.id.0], |_| Ok(()))
        .optional()?
        .is_some();
    if rows > 0
        && !busy
        && held(connection, &broadcast.channel)?.is_none()
        && let Found::Window(window) =
            fresh(connection, broadcast, rows, &Order::default(), moment)?
    {
        return Ok(Some(*window));
    }
    broadcast.save(connection)?;
    Ok(None)
}
