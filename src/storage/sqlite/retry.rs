//! Letting failed deliveries be tried again, because what was wrong has been put right.

use super::broadcast::{Broadcast, Standing};
use super::common::{answered, audit, remember};
use super::exception::{Care, Exception};
use super::fault::Step;
use super::halt::{concerned, object};
use super::left_over::FAILED;
use super::reopen::{Later, refusal, reopen};
use super::words::{reason_from, to_json};
use oyez_domain::LedgerError;
use oyez_domain::channel::ChannelName;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::{Ordinal, UpdateId};
use oyez_domain::ledger::{By, Done, Idempotency};
use oyez_domain::outcome::Reason;
use oyez_domain::time::Wall;
use rusqlite::{Connection, params};

/// Opens failed deliveries again whose last reason is one of these. Whose address is not to be used, or whom a newer
/// update has reached, is left alone; if a whole broadcast is over and nothing else is left, it says why.
pub(super) fn retry_failed(
    connection: &Connection,
    update: UpdateId,
    channel: Option<&ChannelName>,
    reasons: &[Reason],
    key: Option<&Idempotency>,
    by: &By,
) -> Step<Done<u64>> {
    if let Some(value) = answered(connection, key)? {
        let replayed = true;
        return Ok(Done { value, replayed });
    }
    let (mut opened, mut refused) = (0, None);
    for mut broadcast in concerned(connection, update, channel)? {
        let over = refusal(connection, &broadcast, by.at)?;
        match over.or_else(|| superseded(&broadcast)) {
            Some(why) => refused = Some(why),
            None => opened += retry_in(connection, &mut broadcast, reasons, by.at)?,
        }
    }
    if let Some(why) = refused.filter(|_| opened == 0) {
        return Err(LedgerError::State(why).into());
    }
    remember(connection, key, &opened, by.at)?;
    let reasons: Vec<_> = reasons.iter().map(|reason| reason.code()).collect();
    let detail = format!("{}: {opened}", reasons.join(" "));
    audit(connection, by, "retry", &object(update, channel), &detail)?;
    Ok(Done {
        value: opened,
        replayed: false,
    })
}

fn superseded(broadcast: &Broadcast) -> Option<String> {
    broadcast.superseded_by.map(|_| {
        let channel = &broadcast.channel;
        format!("a newer update took the place of this one on {channel}")
    })
}

fn retry_in(
    connection: &Connection,
    broadcast: &mut Broadcast,
    reasons: &[Reason],
    now: Wall,
) -> Step<u64> {
    let later = Later::than(connection, broadcast)?;
    let mut opened = 0;
    for past in failed(connection, broadcast, reasons, now)? {
        if !later.reached(connection, past.address_id)? {
            let before = Standing::new(DeliveryState::Rejected, past.reason);
            reopen(connection, broadcast, before, &past, now)?;
            opened += 1;
        }
    }
    broadcast.save(connection)?;
    Ok(opened)
}

/// Failed deliveries to addresses that may still be used, as the exceptions they would be.
fn failed(
    connection: &Connection,
    broadcast: &Broadcast,
    reasons: &[Reason],
    now: Wall,
) -> Step<Vec<Exception>> {
    let numbers: Vec<u8> = reasons.iter().map(|reason| reason.number()).collect();
    let mut statement = connection.prepare_cached(&format!(
        "SELECT t.ordinal, t.attempt, t.reason, u.address_id,
             (SELECT count(*) FROM attempt o WHERE o.broadcast_id = t.broadcast_id
                 AND o.ordinal = t.ordinal AND o.code = 8),
             EXISTS (SELECT 1 FROM attempt o WHERE o.broadcast_id = t.broadcast_id
                 AND o.ordinal = t.ordinal AND o.code IN (8, 13))
         FROM attempt t
         JOIN audience u ON u.broadcast_id = t.broadcast_id AND u.ordinal = t.ordinal
         JOIN address a ON a.id = u.address_id
         WHERE t.broadcast_id = ?1 AND {FAILED}
         AND t.reason IN (SELECT value FROM json_each(?2))
         AND NOT EXISTS (SELECT 1 FROM suppression s WHERE s.keyed_hash = a.keyed_hash)
         ORDER BY t.ordinal"
    ))?;
    let rows = statement.query(params![broadcast.id.0, to_json("attempt", &numbers)?])?;
    super::words::collect(rows, |row| {
        let ordinal = Ordinal(row.get(0)?);
        Ok(Exception {
            attempt: row.get(1)?,
            reason: reason_from(row.get(2)?)?,
            unknowns: row.get(4)?,
            unsure: row.get(5)?,
            ..Exception::untouched(ordinal, row.get(3)?, Care::Waiting, now)
        })
    })
}
