//! A broadcast as people see it.

use super::broadcast::Broadcast;
use super::fault::{Step, corrupt};
use super::words::{channel_name, natural, reason_from};
use oyez_domain::id::UpdateId;
use oyez_domain::ledger::BroadcastView;
use oyez_domain::outcome::Reason;
use oyez_domain::reference::UpdateReference;
use oyez_domain::time::Wall;
use rusqlite::Connection;

/// Broadcasts of one update, or all with something still to be settled, oldest first.
pub(super) fn broadcasts(
    connection: &Connection,
    update: Option<UpdateId>,
) -> Step<Vec<BroadcastView>> {
    let broadcasts = match update {
        Some(update) => Broadcast::all(
            connection,
            "update_id = ?1 ORDER BY id",
            [update.as_bytes()],
        )?,
        None => {
            let mut open = Broadcast::all(connection, "state <> 4 ORDER BY id", [])?;
            open.retain(|broadcast| !broadcast.planned || broadcast.counts().pending > 0);
            open
        }
    };
    broadcasts.iter().map(|b| view(connection, b)).collect()
}

/// One broadcast with its reasons and its next due moment.
pub(super) fn view(connection: &Connection, broadcast: &Broadcast) -> Step<BroadcastView> {
    let next_due_at: Option<i64> = connection
        .prepare_cached(
            "SELECT min(not_before) FROM exception WHERE broadcast_id = ?1 AND state = 1",
        )?
        .query_row([broadcast.id.0], |row| row.get(0))?;
    Ok(BroadcastView {
        id: broadcast.id,
        update: broadcast.update,
        reference: reference(connection, broadcast.update)?,
        channel: channel_name("broadcast", broadcast.channel.clone())?,
        kind: broadcast.kind.clone(),
        state: broadcast.state,
        counts: broadcast.counts(),
        in_flight: broadcast.in_flight,
        waiting: broadcast.waiting,
        planned: broadcast.planned,
        urgent: broadcast.urgent,
        duplicate_bound: broadcast.duplicate_bound,
        released_at: broadcast.released_at,
        first_outcome_at: broadcast.first_outcome_at,
        last_outcome_at: broadcast.last_outcome_at,
        next_due_at: next_due_at.map(Wall),
        reasons: reasons(connection, broadcast)?,
    })
}

fn reference(connection: &Connection, update: UpdateId) -> Step<UpdateReference> {
    let text: String = connection
        .prepare_cached("SELECT reference FROM update_ WHERE id = ?1")?
        .query_row([update.as_bytes()], |row| row.get(0))?;
    UpdateReference::try_from(text).map_err(|refusal| corrupt("update_", "reference", &refusal))
}

fn reasons(connection: &Connection, broadcast: &Broadcast) -> Step<Vec<(Reason, u64)>> {
    let mut statement = connection.prepare_cached(
        "SELECT reason, deliveries FROM reason_count WHERE broadcast_id = ?1 AND deliveries > 0
         ORDER BY deliveries DESC, reason",
    )?;
    let rows = statement.query([broadcast.id.0])?;
    let counted = super::words::collect(rows, |row| {
        Ok(reason_from(row.get(0)?)?.zip(Some(natural(row.get(1)?))))
    })?;
    Ok(counted.into_iter().flatten().collect())
}
