//! Writing out a frozen audience page by page, each page one statement.

use super::broadcast::Broadcast;
use super::fault::Step;
use super::sweep::sweep_next;
use super::take::{expire, settle_fresh};
use super::words::kind_number;
use oyez_domain::address::AddressKind;
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::id::BroadcastId;
use oyez_domain::outcome::OutcomeCode;
use oyez_domain::time::Wall;
use rusqlite::{Connection, params};

/// Plans a page, and sweeps one of what newer audiences took the place of. Until both are done there is more to do.
pub(super) fn plan_next(connection: &Connection, now: Wall) -> Step<Option<BroadcastId>> {
    let planned = plan_most_urgent(connection, now)?;
    let swept = sweep_next(connection, now)?;
    Ok(planned.or(swept))
}

/// Plans the next page of the most urgent broadcast that has one; older ones wait for what takes their place.
fn plan_most_urgent(connection: &Connection, now: Wall) -> Step<Option<BroadcastId>> {
    let unplanned = Broadcast::all(
        connection,
        "planned = 0 ORDER BY urgent DESC, supersedes DESC, id LIMIT 1",
        [],
    )?;
    let Some(mut broadcast) = unplanned.into_iter().next() else {
        return Ok(None);
    };
    plan_page(connection, &mut broadcast)?;
    if broadcast.state == BroadcastState::Stopped {
        settle_fresh(connection, &mut broadcast, OutcomeCode::Stopped, now)?;
    } else if now >= broadcast.expires_at {
        expire(connection, &mut broadcast, now)?;
    }
    broadcast.save(connection)?;
    Ok(Some(broadcast.id))
}

/// Looks at one page of subscriptions and writes out those the update concerns. The page is measured in
/// subscriptions, not in matches, so that a rare topic does not make a page long.
pub(super) fn plan_page(connection: &Connection, broadcast: &mut Broadcast) -> Step<()> {
    let (looked_at, to): (u32, Option<i64>) = connection
        .prepare_cached(
            "SELECT count(*), max(address_id) FROM (SELECT address_id FROM subscription
                 WHERE kind = ?1 AND address_id > ?2 ORDER BY address_id LIMIT ?3)",
        )?
        .query_row(
            params![
                kind_number(broadcast.carries),
                broadcast.scanned_to,
                broadcast.page_rows
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
    if let Some(to) = to {
        let rows = write_page(connection, broadcast, to)?;
        broadcast.grow(u32::try_from(rows).unwrap_or(u32::MAX));
        broadcast.scanned_to = to;
    }
    broadcast.planned = looked_at < broadcast.page_rows;
    Ok(())
}

fn write_page(connection: &Connection, broadcast: &Broadcast, to: i64) -> Step<usize> {
    // Topics and languages are people's wishes; partners have none.
    let (topics, languages) = match broadcast.carries {
        AddressKind::Email | AddressKind::Mobile | AddressKind::Landline => {
            (broadcast.topics.as_ref(), broadcast.languages.as_ref())
        }
        AddressKind::Account | AddressKind::Endpoint => (None, None),
    };
    Ok(connection
        .prepare_cached(
            "INSERT INTO audience (broadcast_id, ordinal, address_id, language)
             SELECT ?1, ?2 - 1 + row_number() OVER (ORDER BY address_id), address_id, language
             FROM subscription s
             WHERE kind = ?3 AND address_id > ?4 AND address_id <= ?5
             AND from_seq <= ?6 AND (to_seq IS NULL OR to_seq > ?6)
             AND (?7 IS NULL OR s.topics IS NULL OR EXISTS (SELECT 1 FROM json_each(s.topics) t
                 WHERE t.value IN (SELECT value FROM json_each(?7))))
             AND (?8 IS NULL OR language IN (SELECT id FROM language
                 WHERE tag IN (SELECT value FROM json_each(?8))))",
        )?
        .execute(params![
            broadcast.id.0,
            broadcast.asked(),
            kind_number(broadcast.carries),
            broadcast.scanned_to,
            to,
            broadcast.released_seq,
            topics,
            languages
        ])?)
}

/// The audience of a channel that posts to the organisation's own account: that account.
pub(super) fn plan_account(
    connection: &Connection,
    broadcast: &mut Broadcast,
    address_id: i64,
) -> Step<()> {
    connection
        .prepare_cached(
            "INSERT INTO audience (broadcast_id, ordinal, address_id, language)
             VALUES (?1, 0, ?2, 1)",
        )?
        .execute(params![broadcast.id.0, address_id])?;
    broadcast.grow(1);
    broadcast.planned = true;
    Ok(())
}
