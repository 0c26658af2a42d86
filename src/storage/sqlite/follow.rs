//! What an outcome leads to, between what the engine wants to follow and what is still allowed.

use super::attempt::History;
use super::broadcast::{Broadcast, Standing};
use super::exception::{Care, Exception};
use super::fault::Step;
use super::record::address_of;
use super::supersede::{Newer, Replaced};
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::delivery::{DeliveryState, Record, settled_by};
use oyez_domain::id::Ordinal;
use oyez_domain::ledger::{Follow, Recorded};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::time::Wall;
use rusqlite::Connection;

/// What an outcome leads to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Next {
    Wait {
        not_before: Wall,
        charged: u32,
        unknowns: u32,
    },
    Unknown,
    /// Settled by the outcome itself.
    Settled(DeliveryState),
    /// Settled by a decision that is noted after it.
    Decided(OutcomeCode, Option<Reason>),
}

impl Next {
    /// `unsure` says whether an earlier attempt may have been sent, `over` why nothing more may be sent, if so.
    pub(super) fn of(
        recorded: &Recorded,
        unsure: bool,
        over: Option<(OutcomeCode, Reason)>,
    ) -> Self {
        if recorded.code == OutcomeCode::Accepted {
            return Self::Settled(DeliveryState::Accepted);
        }
        let settled = |state, code, reason| {
            if settled_by(recorded.code) == state {
                Self::Settled(state)
            } else {
                Self::Decided(code, reason)
            }
        };
        match recorded.follow {
            Follow::Wait {
                not_before,
                charged,
                unknowns,
            } => match over {
                None => Self::Wait {
                    not_before,
                    charged,
                    unknowns,
                },
                Some(_) if recorded.code == OutcomeCode::Unknown => Self::Unknown,
                Some(_) if unsure => Self::Decided(OutcomeCode::Unknown, Some(Reason::Uncertain)),
                Some((code, reason)) => Self::Decided(code, Some(reason)),
            },
            Follow::Unknown if settled_by(recorded.code) == DeliveryState::Unknown => Self::Unknown,
            Follow::Unknown => Self::Decided(OutcomeCode::Unknown, Some(Reason::Uncertain)),
            Follow::Accepted => settled(DeliveryState::Accepted, OutcomeCode::Accepted, None),
            Follow::Failed => settled(
                DeliveryState::Rejected,
                OutcomeCode::Rejected,
                recorded.reason,
            ),
            Follow::Suppressed => settled(
                DeliveryState::Suppressed,
                OutcomeCode::Suppressed,
                recorded.reason,
            ),
            Follow::Expired => settled(
                DeliveryState::Expired,
                OutcomeCode::Expired,
                Some(Reason::Expired),
            ),
        }
    }

    /// Whether the outcome is not the last word on its delivery.
    pub(super) fn goes_on(self) -> bool {
        match self {
            Self::Wait { .. } | Self::Decided(..) => true,
            Self::Unknown | Self::Settled(_) => false,
        }
    }
}

/// Why nothing more of this delivery may be sent, if so.
pub(super) fn over(
    connection: &Connection,
    broadcast: &Broadcast,
    ordinal: Ordinal,
    at: Wall,
) -> Step<Option<(OutcomeCode, Reason)>> {
    if at >= broadcast.expires_at {
        return Ok(Some((OutcomeCode::Expired, Reason::Expired)));
    }
    halted(connection, broadcast, ordinal)
}

/// The same whatever the time: a person stopped it, or a newer update takes its place.
pub(super) fn halted(
    connection: &Connection,
    broadcast: &Broadcast,
    ordinal: Ordinal,
) -> Step<Option<(OutcomeCode, Reason)>> {
    if broadcast.state == BroadcastState::Stopped {
        return Ok(Some((OutcomeCode::Stopped, Reason::Stopped)));
    }
    if broadcast.superseded_by.is_none() {
        return Ok(None);
    }
    let address_id = address_of(connection, broadcast.id, ordinal)?;
    let replaced = gives_way(connection, broadcast, address_id)?;
    Ok(replaced.then_some((OutcomeCode::Superseded, Reason::Superseded)))
}

/// Whether this address gets a newer update instead, as far as is known yet.
pub(super) fn gives_way(
    connection: &Connection,
    broadcast: &Broadcast,
    address_id: i64,
) -> Step<bool> {
    let newer = Newer::of(connection, broadcast)?;
    Ok(newer.has(connection, address_id)? == Replaced::Yes)
}

/// Whether an outcome says something new of where its delivery stands. A receipt says more than any outcome,
/// a later attempt more than an earlier one, and an acceptance more than any refusal.
pub(super) fn changes_state(
    recorded: &Recorded,
    before: Standing,
    exception: Option<&Exception>,
) -> bool {
    let accepted = recorded.code == OutcomeCode::Accepted;
    match before.state {
        DeliveryState::Accepted | DeliveryState::Delivered | DeliveryState::Undelivered => false,
        DeliveryState::Pending
        | DeliveryState::Sending
        | DeliveryState::Waiting
        | DeliveryState::Unknown => {
            accepted
                || exception.is_none_or(|known| {
                    known.attempt < recorded.attempt || is_late_word(recorded, known)
                })
        }
        DeliveryState::Rejected
        | DeliveryState::Suppressed
        | DeliveryState::Expired
        | DeliveryState::Superseded
        | DeliveryState::Stopped => accepted,
    }
}

/// Whether this is the outcome of the very attempt after which the delivery was put aside: an orphan's, from a
/// start that lived on.
fn is_late_word(recorded: &Recorded, known: &Exception) -> bool {
    let aside = match known.care {
        Care::Waiting | Care::Unknown | Care::Behind => true,
        Care::Armed | Care::GivenUp => false,
    };
    aside && known.attempt == recorded.attempt
}

/// The exception without the doubt that this outcome removes.
pub(super) fn without_doubt_about(
    connection: &Connection,
    broadcast: &Broadcast,
    recorded: &Recorded,
    known: Exception,
) -> Step<Exception> {
    if !known.unsure || !is_late_word(recorded, &known) {
        return Ok(known);
    }
    let history = History::read(connection, broadcast, recorded.ordinal)?;
    let unsure = history.is_unsure_without(recorded.attempt);
    let provider = known.provider.clone().filter(|_| unsure);
    Ok(Exception {
        unsure,
        provider,
        ..known
    })
}

impl History {
    /// Whether an attempt other than this one may have been sent.
    pub(super) fn is_unsure_without(&self, attempt: u32) -> bool {
        self.endings.iter().any(|record| match record {
            Record::Outcome {
                attempt: other,
                code: OutcomeCode::Unknown | OutcomeCode::Orphaned,
                ..
            } => *other != attempt,
            Record::Outcome { .. }
            | Record::Armed { .. }
            | Record::Disarmed { .. }
            | Record::Receipt(_) => false,
        })
    }
}
