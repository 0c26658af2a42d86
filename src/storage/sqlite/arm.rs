//! Arming: choosing a broadcast's next deliveries, leaving out who must not get them, announcing the rest.

use super::attempt::{Ending, settle_unsent};
use super::broadcast::{Broadcast, Standing};
use super::exception::{Care, Exception};
use super::fault::Step;
use super::order::Order;
use super::sealed::{Sealed, SealedWindow};
use super::seeded_bug::{Seeded, SeededBug};
use super::supersede::Replaced;
use super::take::settle_ordinals;
use super::window::{announce, runs};
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::Ordinal;
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::subscriber::SuppressionCause;
use oyez_domain::time::Wall;
use rusqlite::Connection;
use std::time::Duration;

/// Who arms, when, and what is out of reach.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) boot: i64,
    pub(super) now: Wall,
    /// The kind of the provider that it is armed for.
    pub(super) provider: &'a str,
    /// Only what may have been sent through that one already.
    pub(super) only_its_own: bool,
    /// Destinations that may not be called before a moment.
    pub(super) shut: &'a [(String, Wall)],
    pub(super) seeded: Seeded,
}

impl Moment<'_> {
    fn shut_until(&self, destination: &str) -> Option<Wall> {
        let mut shut = self.shut.iter();
        let known = shut.find(|(name, until)| name == destination && *until > self.now);
        known.map(|(_, until)| *until)
    }
}

/// How many ordinals are looked at in vain before the worker is asked to come back.
const LOOKED_AT: u32 = 2_000;

/// When somebody is looked at again of whom no newer audience says yet whether it has them.
const ASKED_AGAIN: Duration = Duration::from_millis(200);

/// What came of looking for work in one broadcast.
#[derive(Debug)]
pub(super) enum Found {
    Window(Box<SealedWindow>),
    /// Nobody among those looked at, but there are more.
    More,
    Nothing,
}

/// What becomes of somebody whose turn it is.
enum Turn {
    Arm,
    Suppressed(Reason),
    Superseded,
    Behind,
    Later(Wall),
}

fn turn(
    connection: &Connection,
    sealed: &Sealed,
    replaced: Replaced,
    order: &Order,
    moment: &Moment<'_>,
) -> Step<Turn> {
    if let Some(cause) = &sealed.suppressed {
        return Ok(Turn::Suppressed(reason_of(cause)));
    }
    match replaced {
        Replaced::Yes => return Ok(Turn::Superseded),
        Replaced::NotKnown => return Ok(Turn::Later(moment.now.plus(ASKED_AGAIN))),
        Replaced::No => {}
    }
    if order.is_behind(connection, sealed.address_id)? {
        return Ok(Turn::Behind);
    }
    Ok(match moment.shut_until(&sealed.destination) {
        Some(until) => Turn::Later(until),
        None => Turn::Arm,
    })
}

/// Arms the next fresh ordinals.
pub(super) fn fresh(
    connection: &Connection,
    broadcast: &mut Broadcast,
    rows: u32,
    order: &Order,
    moment: Moment<'_>,
) -> Step<Found> {
    let rows = rows.min(broadcast.window_rows).max(1);
    let started_at = broadcast.next;
    while broadcast.next < broadcast.asked() {
        if broadcast.next - started_at > LOOKED_AT {
            broadcast.save(connection)?;
            return Ok(Found::More);
        }
        let armed = next_fresh(connection, broadcast, rows, order, &moment)?;
        let Some(armed) = armed else { break };
        if !armed.is_empty() {
            let pending = Standing::new(DeliveryState::Pending, None);
            for _ in &armed {
                broadcast.shift(pending, Standing::new(DeliveryState::Sending, None));
            }
            return window(connection, broadcast, armed, moment);
        }
    }
    broadcast.save(connection)?;
    Ok(Found::Nothing)
}

/// Moves past the next few fresh ordinals and returns who of them may be armed; nothing when it may not move.
fn next_fresh(
    connection: &Connection,
    broadcast: &mut Broadcast,
    rows: u32,
    order: &Order,
    moment: &Moment<'_>,
) -> Step<Option<Vec<Sealed>>> {
    let mut looked_at = Sealed::fresh(connection, broadcast, rows, moment.now)?;
    looked_at.retain(|sealed| sealed.address_id <= order.newer.known_to());
    let (Some(first), Some(last)) = (looked_at.first(), looked_at.last()) else {
        return Ok(None);
    };
    broadcast.next = last.ordinal.0 + 1;
    let replaced = order
        .newer
        .between(connection, first.address_id, last.address_id)?;
    let (mut armed, mut superseded) = (Vec::with_capacity(looked_at.len()), Vec::new());
    for sealed in looked_at {
        let is_replaced = if replaced.contains(&sealed.address_id) {
            Replaced::Yes
        } else {
            Replaced::No
        };
        let (ordinal, address_id) = (sealed.ordinal, sealed.address_id);
        match turn(connection, &sealed, is_replaced, order, moment)? {
            Turn::Arm => armed.push(sealed),
            Turn::Superseded => superseded.push(ordinal),
            Turn::Suppressed(reason) => {
                suppressed(&sealed, reason, moment.now).append(connection, broadcast)?;
                broadcast.settle_fresh(DeliveryState::Suppressed, 1);
            }
            Turn::Behind => {
                Exception::untouched(ordinal, address_id, Care::Behind, moment.now)
                    .put(connection, broadcast.id)?;
            }
            Turn::Later(until) => {
                Exception::untouched(ordinal, address_id, Care::Waiting, until)
                    .put(connection, broadcast.id)?;
            }
        }
    }
    let code = OutcomeCode::Superseded;
    settle_ordinals(connection, broadcast, &superseded, code, moment.now)?;
    Ok(Some(armed))
}

/// Arms what is due again.
pub(super) fn due(
    connection: &Connection,
    broadcast: &mut Broadcast,
    rows: u32,
    order: &Order,
    moment: Moment<'_>,
) -> Step<Found> {
    let rows = rows.min(broadcast.window_rows).max(1);
    let due = Sealed::due(connection, broadcast, rows, &moment)?;
    if due.is_empty() {
        return Ok(Found::Nothing);
    }
    let mut armed = Vec::with_capacity(due.len());
    for (sealed, exception) in due {
        let replaced = order.newer.has(connection, sealed.address_id)?;
        match turn(connection, &sealed, replaced, order, &moment)? {
            Turn::Arm => {
                let again = sealed.armed_again(&exception);
                again.put(connection, broadcast.id)?;
                broadcast.shift(exception.standing(), again.standing());
                armed.push(sealed);
            }
            Turn::Suppressed(reason) => {
                let ending = suppressed(&sealed, reason, moment.now);
                settle_unsent(connection, broadcast, &exception, ending)?;
            }
            Turn::Superseded => {
                let ending = superseded(sealed.ordinal, sealed.attempt, moment.now);
                settle_unsent(connection, broadcast, &exception, ending)?;
            }
            Turn::Behind => {
                let care = Care::Behind;
                Exception { care, ..exception }.put(connection, broadcast.id)?;
            }
            Turn::Later(not_before) => {
                let later = Exception {
                    not_before,
                    ..exception
                };
                later.put(connection, broadcast.id)?;
            }
        }
    }
    if armed.is_empty() {
        broadcast.save(connection)?;
        return Ok(Found::More);
    }
    window(connection, broadcast, armed, moment)
}

fn window(
    connection: &Connection,
    broadcast: &mut Broadcast,
    armed: Vec<Sealed>,
    moment: Moment<'_>,
) -> Step<Found> {
    let mut runs = runs(armed.iter().map(|sealed| (sealed.ordinal, sealed.attempt)));
    if moment.seeded.has(SeededBug::CheckpointAtFetch) {
        runs.clear();
    }
    let id = announce(connection, broadcast, &moment, &runs)?;
    broadcast.save(connection)?;
    Ok(Found::Window(Box::new(SealedWindow {
        id,
        provider: moment.provider.to_owned(),
        broadcast: broadcast.clone(),
        armed,
    })))
}

fn suppressed(sealed: &Sealed, reason: Reason, now: Wall) -> Ending<'static> {
    let code = OutcomeCode::Suppressed;
    Ending::decided(sealed.ordinal, sealed.attempt, now, code, Some(reason))
}

/// The end of a delivery whose place a newer update takes.
pub(super) fn superseded(ordinal: Ordinal, attempt: u32, now: Wall) -> Ending<'static> {
    let (code, reason) = (OutcomeCode::Superseded, Some(Reason::Superseded));
    Ending::decided(ordinal, attempt, now, code, reason)
}

fn reason_of(cause: &str) -> Reason {
    SuppressionCause::from_code(cause).map_or(Reason::Suppressed, SuppressionCause::reason)
}
