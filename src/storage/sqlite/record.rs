//! Recording outcomes: each appended once, with the counters and exceptions that follow from it.

use super::attempt::{Ending, standing};
use super::broadcast::{Broadcast, Standing};
use super::exception::{Care, Exception, wake_behind_address};
use super::fault::Step;
use super::fence::is_taken_over;
use super::follow::{Next, changes_state, over, without_doubt_about};
use super::miss;
use super::parked;
use super::reopen::Later;
use super::window::{Announced, close};
use oyez_domain::LedgerError;
use oyez_domain::delivery::{DeliveryState, settled_by};
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::ledger::{Follow, Recorded, WindowId};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::subscriber::SuppressionCause;
use oyez_domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::sync::Arc;

/// Appends a batch. One that was recorded already changes nothing: each outcome is known by its attempt.
pub(super) fn record(
    connection: &Connection,
    boot: i64,
    batch: u64,
    outcomes: &[Recorded],
) -> Step<()> {
    let batch = super::words::integer(batch);
    let last: i64 = connection
        .prepare_cached("SELECT last_batch FROM boot WHERE id = ?1")?
        .query_row([boot], |row| row.get(0))?;
    if batch == last {
        return Ok(());
    }
    append(connection, boot, outcomes)?;
    connection
        .prepare_cached("UPDATE boot SET last_batch = max(last_batch, ?2) WHERE id = ?1")?
        .execute([boot, batch])?;
    Ok(())
}

/// Appends outcomes that belong to no batch.
pub(super) fn append(connection: &Connection, boot: i64, outcomes: &[Recorded]) -> Step<()> {
    let is_late = is_taken_over(connection, boot)?;
    let mut sorted: Vec<&Recorded> = outcomes.iter().collect();
    sorted.sort_unstable_by_key(|r| (r.broadcast, r.ordinal, r.attempt));
    for of_one in sorted.chunk_by(|a, b| a.broadcast == b.broadcast) {
        if let Some(first) = of_one.first() {
            let mut recording = Recording::of(connection, first.broadcast, is_late)?;
            for recorded in of_one {
                recording.append(recorded)?;
            }
            recording.finish()?;
        }
    }
    Ok(())
}

/// The outcomes of one broadcast in one batch.
struct Recording<'c> {
    connection: &'c Connection,
    broadcast: Broadcast,
    has_receipts: bool,
    /// Told by a start that was taken over: what it announced was orphaned, and may have been sent again since.
    is_late: bool,
    has_newer: bool,
    windows: HashMap<WindowId, Option<(Announced, usize)>>,
}

/// When an attempt was announced, and for which provider, if that is known.
struct ArmedBy {
    at: Wall,
    provider: Option<Arc<str>>,
}

impl<'c> Recording<'c> {
    fn of(connection: &'c Connection, id: BroadcastId, is_late: bool) -> Step<Self> {
        let broadcast = Broadcast::get(connection, id)?;
        let has_receipts = connection
            .prepare_cached("SELECT 1 FROM receipt WHERE broadcast_id = ?1 LIMIT 1")?
            .query_row([id.0], |_| Ok(()))
            .optional()?
            .is_some();
        Ok(Self {
            connection,
            has_newer: broadcast.has_newer(connection)?,
            broadcast,
            has_receipts,
            is_late,
            windows: HashMap::new(),
        })
    }

    fn append(&mut self, recorded: &Recorded) -> Step<()> {
        let (connection, ordinal) = (self.connection, recorded.ordinal);
        if ordinal.0 >= self.broadcast.next {
            let (Ordinal(ordinal), BroadcastId(id)) = (ordinal, self.broadcast.id);
            let why = format!("delivery {ordinal} of broadcast {id} was never announced");
            return Err(LedgerError::State(why).into());
        }
        let exception = Exception::find(connection, self.broadcast.id, ordinal)?
            .map(|known| without_doubt_about(connection, &self.broadcast, recorded, known))
            .transpose()?;
        let before = self.standing_before(recorded, exception.as_ref())?;
        let next = self.next(recorded, exception.as_ref())?;
        let ending = Ending {
            ordinal,
            attempt: recorded.attempt,
            at: recorded.at,
            code: recorded.code,
            again: next.goes_on(),
            reason: recorded.reason,
            reply: &recorded.reply,
            provider_id: recorded.provider_id.as_deref(),
        };
        if !ending.append(connection, &self.broadcast)? {
            return Ok(());
        }
        self.broadcast.note_outcome(recorded.at);
        let armed = self.answer_window(recorded)?;
        if recorded.suppress {
            let cause = SuppressionCause::of_refusal(recorded.reason);
            suppress(connection, &self.broadcast, ordinal, cause, recorded.at)?;
        }
        if recorded.follow == Follow::Failed {
            let (reason, at) = (recorded.reason, recorded.at);
            miss::note(connection, &self.broadcast, ordinal, reason, at)?;
        }
        if changes_state(recorded, before, exception.as_ref()) {
            self.follow(&ending, before, exception, next, &armed)?;
        }
        self.join_receipts(recorded, &armed)
    }

    /// Lets receipts that name a message by the provider's identifier find the one accepted here.
    fn join_receipts(&mut self, recorded: &Recorded, armed: &ArmedBy) -> Step<()> {
        let (OutcomeCode::Accepted, Some(provider_id)) = (recorded.code, &recorded.provider_id)
        else {
            return Ok(());
        };
        if self.broadcast.receipts_by_provider_id {
            let provider = armed.provider.as_deref().unwrap_or(&self.broadcast.kind);
            let id = parked::named(provider, provider_id);
            let place = (recorded.ordinal, id.as_str());
            self.has_receipts |=
                parked::join(self.connection, &mut self.broadcast, place, recorded.at)?;
        }
        Ok(())
    }

    /// The common case, a first attempt of a delivery nothing else is known of, needs no look.
    fn standing_before(
        &self,
        recorded: &Recorded,
        exception: Option<&Exception>,
    ) -> Step<Standing> {
        let is_common = recorded.attempt == 1 && exception.is_none();
        if is_common && !self.has_receipts && !self.is_late {
            return Ok(Standing::new(DeliveryState::Sending, None));
        }
        standing(
            self.connection,
            &self.broadcast,
            recorded.ordinal,
            exception,
        )
    }

    fn next(&self, recorded: &Recorded, exception: Option<&Exception>) -> Step<Next> {
        let unsure =
            recorded.code == OutcomeCode::Unknown || exception.is_some_and(|known| known.unsure);
        let over = match recorded.follow {
            Follow::Wait { .. } => self.over(recorded, exception)?,
            Follow::Accepted
            | Follow::Failed
            | Follow::Suppressed
            | Follow::Unknown
            | Follow::Expired => None,
        };
        Ok(Next::of(recorded, unsure, over))
    }

    /// Why nothing more of a delivery may be sent, if so. One that was given up as unknown may be overtaken by now.
    fn over(
        &self,
        recorded: &Recorded,
        exception: Option<&Exception>,
    ) -> Step<Option<(OutcomeCode, Reason)>> {
        let (connection, broadcast) = (self.connection, &self.broadcast);
        if let Some(unknown) = exception.filter(|known| known.care == Care::Unknown)
            && Later::than(connection, broadcast)?.reached(connection, unknown.address_id)?
        {
            return Ok(Some((OutcomeCode::Superseded, Reason::Superseded)));
        }
        over(connection, broadcast, recorded.ordinal, recorded.at)
    }

    fn follow(
        &mut self,
        ending: &Ending<'_>,
        before: Standing,
        exception: Option<Exception>,
        next: Next,
        armed: &ArmedBy,
    ) -> Step<()> {
        let (id, ordinal) = (self.broadcast.id, ending.ordinal);
        let was_exception = exception.is_some();
        let (after, keep) = match next {
            Next::Wait {
                not_before,
                charged,
                unknowns,
            } => {
                let waiting = Exception {
                    care: Care::Waiting,
                    charged,
                    unknowns,
                    not_before,
                    ..self.kept(ending, exception, armed)?
                };
                (waiting.standing(), Some(waiting))
            }
            Next::Unknown => {
                let unknown = self.kept(ending, exception, armed)?;
                (unknown.standing(), Some(unknown))
            }
            Next::Settled(state) => (Standing::new(state, ending.reason), None),
            Next::Decided(code, reason) => {
                let decided = Ending::decided(ordinal, ending.attempt + 1, ending.at, code, reason);
                decided.append(self.connection, &self.broadcast)?;
                if settled_by(code) == DeliveryState::Unknown {
                    let unknown = self.kept(&decided, exception, armed)?;
                    (unknown.standing(), Some(unknown))
                } else {
                    (Standing::new(settled_by(code), reason), None)
                }
            }
        };
        match keep {
            Some(kept) => kept.put(self.connection, id)?,
            None if was_exception => Exception::remove(self.connection, id, ordinal)?,
            None => {}
        }
        self.broadcast.shift(before, after);
        self.broadcast.reopen_for(after.state);
        if self.has_newer && after.state != DeliveryState::Waiting {
            let address_id = address_of(self.connection, id, ordinal)?;
            wake_behind_address(self.connection, address_id, ending.at)?;
        }
        Ok(())
    }

    /// The delivery as an exception after this attempt: unknown, unless the caller says otherwise.
    fn kept(
        &self,
        ending: &Ending<'_>,
        exception: Option<Exception>,
        armed: &ArmedBy,
    ) -> Step<Exception> {
        let known = match exception {
            Some(known) => known,
            None => {
                let address_id = address_of(self.connection, self.broadcast.id, ending.ordinal)?;
                Exception {
                    first_armed_at: Some(armed.at),
                    ..Exception::untouched(ending.ordinal, address_id, Care::Unknown, ending.at)
                }
            }
        };
        let unsure = ending.code == OutcomeCode::Unknown;
        let provider = armed.provider.clone().filter(|_| unsure);
        Ok(Exception {
            care: Care::Unknown,
            attempt: ending.attempt,
            unknowns: known.unknowns + 1,
            unsure: known.unsure || unsure,
            provider: provider.or(known.provider),
            not_before: ending.at,
            reason: ending.reason,
            ..known
        })
    }

    /// Counts the announcement as answered, if it stands; when and for whom it was made, as far as that is known.
    fn answer_window(&mut self, recorded: &Recorded) -> Step<ArmedBy> {
        let window = match self.windows.entry(recorded.window) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(unknown) => unknown
                .insert(Announced::find(self.connection, recorded.window)?.map(|found| (found, 0))),
        };
        Ok(match window {
            Some((announced, answered)) if announced.broadcast == self.broadcast.id => {
                if announced.covers(recorded.ordinal, recorded.attempt) {
                    *answered += 1;
                }
                ArmedBy {
                    at: announced.at,
                    provider: Some(Arc::clone(&announced.provider)),
                }
            }
            Some(_) | None => ArmedBy {
                at: recorded.at,
                provider: None,
            },
        })
    }

    fn finish(mut self) -> Step<()> {
        for (window, known) in self.windows {
            if let Some((_, answered)) = known {
                close(self.connection, window, answered)?;
            }
        }
        self.broadcast.save(self.connection)
    }
}

pub(super) fn address_of(
    connection: &Connection,
    broadcast: BroadcastId,
    ordinal: Ordinal,
) -> Step<i64> {
    Ok(connection
        .prepare_cached("SELECT address_id FROM audience WHERE broadcast_id = ?1 AND ordinal = ?2")?
        .query_row([broadcast.0, ordinal.0], |row| row.get(0))?)
}

/// Notes that the address of a delivery must not be used again.
pub(super) fn suppress(
    connection: &Connection,
    broadcast: &Broadcast,
    ordinal: Ordinal,
    cause: SuppressionCause,
    at: Wall,
) -> Step<()> {
    connection
        .prepare_cached(
            "INSERT INTO suppression (keyed_hash, cause, at)
             SELECT a.keyed_hash, ?3, ?4 FROM audience u JOIN address a ON a.id = u.address_id
             WHERE u.broadcast_id = ?1 AND u.ordinal = ?2
             ON CONFLICT DO UPDATE SET cause = excluded.cause WHERE cause = 'stop_word'",
        )?
        .execute(params![broadcast.id.0, ordinal.0, cause.code(), at.0])?;
    Ok(())
}
