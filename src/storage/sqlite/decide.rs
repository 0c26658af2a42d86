//! What a person decides about deliveries that may have been sent.

use super::attempt::Ending;
use super::broadcast::{Broadcast, Standing};
use super::common::{answered, audit, remember};
use super::exception::{COLUMNS, Care, Exception};
use super::fault::Step;
use super::reopen::{Later, refusal, reopen};
use super::words::reason_number;
use oyez_domain::LedgerError;
use oyez_domain::channel::ChannelName;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::ledger::{By, Decision, Done, Idempotency, UnknownFilter};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::time::Wall;
use rusqlite::{Connection, params};

/// Decides what is listed. What may not be sent again is left listed; if that is all there is, it says why.
pub(super) fn decide_unknown(
    connection: &Connection,
    which: &UnknownFilter,
    decision: Decision,
    key: Option<&Idempotency>,
    by: &By,
) -> Step<Done<u64>> {
    if let Some(value) = answered(connection, key)? {
        let replayed = true;
        return Ok(Done { value, replayed });
    }
    let (mut decided, mut refused) = (0, None);
    for mut broadcast in concerned(connection, which)? {
        let listed = listed(connection, &broadcast, which)?;
        let again = decision == Decision::SendAgain && !listed.is_empty();
        if again && let Some(why) = refusal(connection, &broadcast, by.at)? {
            refused = Some(why);
            continue;
        }
        let later = Later::than(connection, &broadcast)?;
        for exception in listed {
            if again && later.reached(connection, exception.address_id)? {
                refused = Some("a newer update has reached them by now".to_owned());
            } else {
                decide(connection, &mut broadcast, &exception, decision, by.at)?;
                decided += 1;
            }
        }
        broadcast.save(connection)?;
    }
    if let Some(why) = refused.filter(|_| decided == 0) {
        return Err(LedgerError::State(why).into());
    }
    remember(connection, key, &decided, by.at)?;
    let detail = format!("{}: {decided}", name(decision));
    audit(connection, by, "decide_unknown", &object(which), &detail)?;
    Ok(Done {
        value: decided,
        replayed: false,
    })
}

fn concerned(connection: &Connection, which: &UnknownFilter) -> Step<Vec<Broadcast>> {
    let mut broadcasts = Broadcast::all(
        connection,
        "(?1 IS NULL OR update_id = ?1) AND (?2 IS NULL OR channel = ?2) AND unknown > 0 ORDER BY id",
        params![
            which.update.map(|update| update.as_bytes().to_vec()),
            which.channel.as_ref().map(ChannelName::as_str),
        ],
    )?;
    broadcasts.retain(|broadcast| {
        let mut named = which.deliveries.iter();
        which.deliveries.is_empty() || named.any(|(id, _)| *id == broadcast.id)
    });
    Ok(broadcasts)
}

fn listed(
    connection: &Connection,
    broadcast: &Broadcast,
    which: &UnknownFilter,
) -> Step<Vec<Exception>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM exception WHERE broadcast_id = ?1 AND state = ?2
         AND (?3 IS NULL OR reason = ?3) ORDER BY ordinal"
    ))?;
    let rows = statement.query(params![
        broadcast.id.0,
        Care::Unknown.number(),
        reason_number(which.reason),
    ])?;
    let mut listed = super::words::collect(rows, Exception::read)?;
    if !which.deliveries.is_empty() {
        let named: std::collections::HashSet<_> = which.deliveries.iter().copied().collect();
        listed.retain(|exception| named.contains(&(broadcast.id, exception.ordinal)));
    }
    Ok(listed)
}

fn decide(
    connection: &Connection,
    broadcast: &mut Broadcast,
    unknown: &Exception,
    decision: Decision,
    now: Wall,
) -> Step<()> {
    let before = unknown.standing();
    let attempt = unknown.attempt + 1;
    let decided =
        |code| Ending::decided(unknown.ordinal, attempt, now, code, Some(Reason::Decided));
    match decision {
        Decision::SendAgain => reopen(connection, broadcast, before, unknown, now)?,
        Decision::WasSent => {
            decided(OutcomeCode::Confirmed).append(connection, broadcast)?;
            Exception::remove(connection, broadcast.id, unknown.ordinal)?;
            broadcast.shift(before, Standing::new(DeliveryState::Accepted, None));
        }
        Decision::GiveUp => {
            decided(OutcomeCode::GivenUp).append(connection, broadcast)?;
            let care = Care::GivenUp;
            Exception {
                care,
                attempt,
                ..unknown.clone()
            }
            .put(connection, broadcast.id)?;
        }
    }
    Ok(())
}

fn name(decision: Decision) -> &'static str {
    match decision {
        Decision::WasSent => "was sent",
        Decision::SendAgain => "send again",
        Decision::GiveUp => "give up",
    }
}

fn object(which: &UnknownFilter) -> String {
    let update = which.update.map(|update| update.to_string());
    let channel = which.channel.as_ref().map(ToString::to_string);
    let named: Vec<_> = update.into_iter().chain(channel).collect();
    if named.is_empty() {
        "system".to_owned()
    } else {
        named.join(" ")
    }
}
