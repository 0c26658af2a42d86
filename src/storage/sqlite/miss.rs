//! Messages that missed their address: counted, forgotten in time, and enough of them suppress it.

use super::broadcast::Broadcast;
use super::fault::Step;
use super::record::suppress;
use oyez_domain::id::Ordinal;
use oyez_domain::miss::{MISSED_WITHIN, MISSES, is_a_miss};
use oyez_domain::outcome::Reason;
use oyez_domain::subscriber::SuppressionCause;
use oyez_domain::time::Wall;
use rusqlite::{Connection, params};

/// Counts a delivery that ended for this reason, if it is one that counts.
pub(super) fn note(
    connection: &Connection,
    broadcast: &Broadcast,
    ordinal: Ordinal,
    reason: Option<Reason>,
    at: Wall,
) -> Step<()> {
    if !reason.is_some_and(|reason| is_a_miss(broadcast.carries, reason)) {
        return Ok(());
    }
    let within = i64::try_from(MISSED_WITHIN.as_micros()).unwrap_or(i64::MAX);
    connection
        .prepare_cached("DELETE FROM miss WHERE at <= ?1")?
        .execute([at.0.saturating_sub(within)])?;
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO miss (address_id, broadcast_id, at)
             SELECT address_id, broadcast_id, ?3 FROM audience WHERE broadcast_id = ?1 AND ordinal = ?2",
        )?
        .execute(params![broadcast.id.0, ordinal.0, at.0])?;
    let misses: u32 = connection
        .prepare_cached(
            "SELECT count(*) FROM miss m JOIN audience u ON u.address_id = m.address_id
             WHERE u.broadcast_id = ?1 AND u.ordinal = ?2",
        )?
        .query_row([broadcast.id.0, ordinal.0], |row| row.get(0))?;
    if misses >= MISSES {
        let cause = SuppressionCause::Unreachable;
        suppress(connection, broadcast, ordinal, cause, at)?;
    }
    Ok(())
}
