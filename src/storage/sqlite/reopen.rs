//! Opening a settled delivery again because a person says so, as far as order and time allow it.

use super::attempt::{Ending, standing};
use super::broadcast::{Broadcast, Standing};
use super::exception::{Care, Exception};
use super::fault::Step;
use super::incidents::read_update;
use super::supersede::place_of;
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::Ordinal;
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::time::Wall;
use oyez_domain::update::UpdateState;
use rusqlite::{Connection, params};

/// Why nothing of a broadcast may be opened again, if so.
pub(super) fn refusal(
    connection: &Connection,
    broadcast: &Broadcast,
    now: Wall,
) -> Step<Option<String>> {
    let channel = &broadcast.channel;
    let update = read_update(connection, broadcast.update)?;
    Ok(
        if broadcast.state == BroadcastState::Stopped || update.state == UpdateState::Stopped {
            Some(format!(
                "{} was stopped; nothing more of it is sent on {channel}",
                update.reference
            ))
        } else if now >= broadcast.expires_at {
            Some(format!(
                "it is too late for {} on {channel}; write a new update instead",
                update.reference
            ))
        } else {
            None
        },
    )
}

/// Later updates of the incident on the channel, for nobody may get an older one after them.
pub(super) struct Later(Vec<Broadcast>);

impl Later {
    pub(super) fn than(connection: &Connection, broadcast: &Broadcast) -> Step<Self> {
        let later = Broadcast::all(
            connection,
            "incident_id = ?1 AND channel = ?2 AND id > ?3",
            params![broadcast.incident, broadcast.channel, broadcast.id.0],
        )?;
        Ok(Self(later))
    }

    /// Whether one of them takes the older one's place for this address, or may have reached it already.
    pub(super) fn reached(&self, connection: &Connection, address_id: i64) -> Step<bool> {
        for later in &self.0 {
            let Some(ordinal) = place_of(connection, later, address_id)? else {
                continue;
            };
            if later.supersedes || has_left(connection, later, Ordinal(ordinal))? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn has_left(connection: &Connection, broadcast: &Broadcast, ordinal: Ordinal) -> Step<bool> {
    let exception = Exception::find(connection, broadcast.id, ordinal)?;
    let standing = standing(connection, broadcast, ordinal, exception.as_ref())?;
    Ok(match standing.state {
        DeliveryState::Sending
        | DeliveryState::Accepted
        | DeliveryState::Delivered
        | DeliveryState::Undelivered
        | DeliveryState::Unknown => true,
        DeliveryState::Waiting => exception.is_some_and(|waiting| waiting.unsure),
        DeliveryState::Pending
        | DeliveryState::Rejected
        | DeliveryState::Suppressed
        | DeliveryState::Expired
        | DeliveryState::Superseded
        | DeliveryState::Stopped => false,
    })
}

/// Lets a delivery be sent again: due at once, with nothing charged.
pub(super) fn reopen(
    connection: &Connection,
    broadcast: &mut Broadcast,
    before: Standing,
    past: &Exception,
    now: Wall,
) -> Step<()> {
    let (attempt, reason) = (past.attempt + 1, Some(Reason::Decided));
    Ending {
        again: true,
        ..Ending::decided(past.ordinal, attempt, now, OutcomeCode::Reopened, reason)
    }
    .append(connection, broadcast)?;
    let waiting = Exception {
        care: Care::Waiting,
        attempt,
        charged: 0,
        unknowns: 0,
        not_before: now,
        reason,
        provider: None,
        ..past.clone()
    };
    waiting.put(connection, broadcast.id)?;
    broadcast.shift(before, waiting.standing());
    broadcast.reopen_for(waiting.standing().state);
    Ok(())
}
