//! Reads for people and for the judge.

use super::{Answer, BroadcastEvidence, SystemEvidence, UnknownFilter};
use crate::address::Address;
use crate::broadcast::{BroadcastState, Counts};
use crate::channel::ChannelName;
use crate::delivery::DeliveryState;
use crate::id::{BroadcastId, Ordinal, UpdateId};
use crate::outcome::{OutcomeCode, Reason};
use crate::receipt::ReceiptStatus;
use crate::reference::UpdateReference;
use crate::time::Wall;
use serde::{Deserialize, Serialize};

/// One broadcast as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroadcastView {
    /// Its number.
    pub id: BroadcastId,
    /// The update.
    pub update: UpdateId,
    /// The update's reference.
    pub reference: UpdateReference,
    /// The channel.
    pub channel: ChannelName,
    /// The adapter's kind.
    pub kind: String,
    /// Where it stands.
    pub state: BroadcastState,
    /// How many recipients stand where.
    pub counts: Counts,
    /// Of the pending: announced, without an outcome.
    pub in_flight: u64,
    /// Of the pending: waiting for another attempt.
    pub waiting: u64,
    /// Whether the audience is written out to its end.
    pub planned: bool,
    /// Whether it goes before everything else.
    pub urgent: bool,
    /// D.
    pub duplicate_bound: u32,
    /// When it was released.
    pub released_at: Wall,
    /// First and last outcome.
    pub first_outcome_at: Option<Wall>,
    /// See `first_outcome_at`.
    pub last_outcome_at: Option<Wall>,
    /// The earliest moment at which something waiting is due.
    pub next_due_at: Option<Wall>,
    /// Failed, unknown and waiting by reason.
    pub reasons: Vec<(Reason, u64)>,
}

/// One attempt as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptView {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// When its outcome was known.
    pub at: Wall,
    /// The outcome.
    pub outcome: OutcomeCode,
    /// Why.
    pub reason: Option<Reason>,
    /// The provider's words.
    pub reply: String,
    /// The provider's identifier.
    pub provider_id: Option<String>,
}

/// One delivery as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryView {
    /// The broadcast.
    pub broadcast: BroadcastId,
    /// The channel.
    pub channel: ChannelName,
    /// Its place in the audience.
    pub ordinal: Ordinal,
    /// The address; mask it before showing it.
    pub address: Address,
    /// Where it stands.
    pub state: DeliveryState,
    /// When it is tried again.
    pub not_before: Option<Wall>,
    /// Its attempts.
    pub attempts: Vec<AttemptView>,
    /// Its receipts: when, what, why.
    pub receipts: Vec<(Wall, ReceiptStatus, Option<Reason>)>,
}

/// One delivery that may have been sent and waits for a receipt or a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownDelivery {
    /// The update.
    pub update: UpdateId,
    /// The broadcast.
    pub broadcast: BroadcastId,
    /// The channel.
    pub channel: ChannelName,
    /// Its place in the audience.
    pub ordinal: Ordinal,
    /// The address; mask it before showing it.
    pub address: Address,
    /// Why nobody can tell.
    pub reason: Option<Reason>,
    /// Since when.
    pub since: Wall,
}

/// Which deliveries are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only this address.
    pub address: Option<Address>,
    /// Only this channel.
    pub channel: Option<ChannelName>,
    /// Only this state.
    pub state: Option<DeliveryState>,
    /// Only after this place (broadcast, ordinal), for paging.
    pub after: Option<(BroadcastId, Ordinal)>,
    /// At most so many.
    pub limit: u32,
}

/// Reads for people and for the judge.
pub trait Reports {
    /// Broadcasts of one update, or of all that are not done, oldest first.
    fn broadcasts(&self, update: Option<UpdateId>) -> Answer<'_, Vec<BroadcastView>>;
    /// Deliveries of one update.
    fn deliveries<'a>(
        &'a self,
        update: UpdateId,
        filter: &'a DeliveryFilter,
    ) -> Answer<'a, Vec<DeliveryView>>;
    /// Deliveries that may have been sent, one by one, oldest update first: what `unknowns` counts. Only after this
    /// place (broadcast, ordinal), and at most `limit`.
    fn unknown_deliveries<'a>(
        &'a self,
        which: &'a UnknownFilter,
        after: Option<(BroadcastId, Ordinal)>,
        limit: u32,
    ) -> Answer<'a, Vec<UnknownDelivery>>;
    /// One broadcast with all that is held of it, for the judge.
    fn evidence(&self, broadcast: BroadcastId) -> Answer<'_, BroadcastEvidence>;
    /// What the judge needs beside the broadcasts.
    fn system_evidence(&self) -> Answer<'_, SystemEvidence>;
    /// Numbers of all broadcasts.
    fn broadcast_ids(&self) -> Answer<'_, Vec<BroadcastId>>;
    /// How many starts of the program did not end on purpose, this one left out.
    fn unclean_ends(&self) -> Answer<'_, u64>;
    /// Bytes of the database after a checkpoint.
    fn size_bytes(&self) -> Answer<'_, u64>;
}
