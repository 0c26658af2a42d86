//! The `Ledger` port: the durable record behind the engine, split by who asks.
//!
//! Every verb that changes something is one transaction, durable when it returns. Words: design of the
//! chunk, window and exception in `ARCHITECTURE.md`.

use crate::address::{Address, AddressKind};
use crate::broadcast::{BroadcastState, Counts};
use crate::channel::ChannelName;
use crate::delivery::DeliveryState;
use crate::error::LedgerResult;
use crate::id::{BroadcastId, IncidentId, Ordinal, UpdateId};
use crate::incident::Incident;
use crate::outcome::{OutcomeCode, Reason};
use crate::parcel::Secret;
use crate::ports::BoxFuture;
use crate::receipt::ReceiptStatus;
use crate::reference::UpdateReference;
use crate::service::Service;
use crate::subscriber::{Imported, NewSubscriber, SuppressionCause};
use crate::time::Wall;
use crate::update::Update;
use serde::{Deserialize, Serialize};

/// What a verb returns.
pub type Answer<'a, T> = BoxFuture<'a, LedgerResult<T>>;

/// The whole port.
pub trait Ledger: Incidents + Releases + Queue + Subscribers + Reports + Send + Sync {}
impl<T: Incidents + Releases + Queue + Subscribers + Reports + Send + Sync> Ledger for T {}

/// Who did something, for the audit trail, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Who, e.g. `cli`, `token:comms`.
    pub actor: String,
    /// When.
    pub at: Wall,
}

/// Makes a repeated request harmless: same key and same request give the first answer again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Credential and route.
    pub scope: String,
    /// The caller's key.
    pub key: String,
    /// Hash of the request.
    pub request_hash: [u8; 32],
}

/// Whether this call did it, or an earlier one with the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done<T> {
    /// What was made.
    pub value: T,
    /// An earlier call had made it.
    pub replayed: bool,
}

/// Incidents, services and updates as people write them.
pub trait Incidents {
    /// Stores a new incident.
    fn open_incident<'a>(
        &'a self,
        incident: &'a Incident,
        key: Option<&'a Idempotency>,
        by: &'a By,
    ) -> Answer<'a, Done<IncidentId>>;
    /// One incident.
    fn incident(&self, id: IncidentId) -> Answer<'_, Incident>;
    /// All incidents, newest first.
    fn incidents(&self) -> Answer<'_, Vec<Incident>>;
    /// Replaces the list of services.
    fn put_services<'a>(&'a self, services: &'a [Service], by: &'a By) -> Answer<'a, ()>;
    /// The services in order.
    fn services(&self) -> Answer<'_, Vec<Service>>;
    /// Stores a draft; a released update is refused with `State`.
    fn save_update<'a>(
        &'a self,
        update: &'a Update,
        key: Option<&'a Idempotency>,
        by: &'a By,
    ) -> Answer<'a, Done<UpdateId>>;
    /// One update by its identifier.
    fn update(&self, id: UpdateId) -> Answer<'_, Update>;
    /// One update by its reference.
    fn update_by_reference<'a>(&'a self, reference: &'a UpdateReference) -> Answer<'a, Update>;
    /// The newest updates first.
    fn updates(&self, limit: u32) -> Answer<'_, Vec<Update>>;
    /// An update with its incident and services as they stood at its release (now, for a draft).
    fn statement(&self, id: UpdateId) -> Answer<'_, Statement>;
}

/// An update with its surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The update.
    pub update: Update,
    /// The incident.
    pub incident: Incident,
    /// Services, with the states the update gives them.
    pub services: Vec<Service>,
}

/// One channel of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBroadcast {
    /// The channel.
    pub channel: ChannelName,
    /// Its adapter's kind.
    pub kind: String,
    /// Which addresses it takes.
    pub carries: AddressKind,
    /// The duplicate bound D, fixed now.
    pub duplicate_bound: u32,
    /// Ordinals armed at a time.
    pub window_rows: u32,
    /// Whether an orphan is held for a person (`true`) or sent again with the same reference.
    pub holds_unknown: bool,
    /// The last moment at which a delivery is still useful.
    pub expires_at: Wall,
}

/// A release: everything that happens in its one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseOrder {
    /// The draft.
    pub update: UpdateId,
    /// Its channels. An `Account` channel's own address is made when it is missing.
    pub broadcasts: Vec<NewBroadcast>,
    /// Audience rows planned in this transaction and in each later page.
    pub page_rows: u32,
    /// Ordinals in a chunk.
    pub chunk_rows: u32,
    /// Makes a repeat harmless.
    pub key: Option<Idempotency>,
    /// Who and when.
    pub by: By,
}

/// What a release did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The update, with `released_at`.
    pub update: Update,
    /// Each broadcast, with its first window armed where nothing older was waiting on the channel.
    pub broadcasts: Vec<(BroadcastId, ChannelName, Option<Window>)>,
    /// An earlier call with the same key had done it; then no windows are handed out.
    pub replayed: bool,
}

/// Putting an update out and halting it.
pub trait Releases {
    /// One transaction: update, broadcasts, idempotency record, audit entry, first page of each audience,
    /// and the first window of each channel that was idle. The audience is frozen as of now: pages planned
    /// later see the same people. Refuses (`Refused`, field `audience`) when nobody at all would get it.
    fn release<'a>(&'a self, order: &'a ReleaseOrder) -> Answer<'a, Released>;
    /// Plans the next page of one broadcast that has not been planned to its end; `None` when all are.
    fn plan_page(&self, now: Wall) -> Answer<'_, Option<BroadcastId>>;
    /// Halts what is unsent, on one channel or on all. What is in flight ends and is recorded.
    fn stop<'a>(
        &'a self,
        update: UpdateId,
        channel: Option<&'a ChannelName>,
        reason: &'a str,
        by: &'a By,
    ) -> Answer<'a, Vec<BroadcastView>>;
    /// Holds or resumes broadcasts of an update, on one channel or on all.
    fn hold_update<'a>(
        &'a self,
        update: UpdateId,
        channel: Option<&'a ChannelName>,
        held: bool,
        by: &'a By,
    ) -> Answer<'a, Vec<BroadcastView>>;
    /// Holds or resumes one channel, or (without a name) the whole system.
    fn hold_channel<'a>(
        &'a self,
        channel: Option<&'a ChannelName>,
        hold: Option<&'a str>,
        by: &'a By,
    ) -> Answer<'a, ()>;
    /// What is held: channels by name with the reason, and the whole system under `None`.
    fn holds(&self) -> Answer<'_, Vec<(Option<ChannelName>, String)>>;
}

/// Names one armed window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WindowId(pub i64);

/// A run of deliveries whose sending has been announced durably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its name.
    pub id: WindowId,
    /// The broadcast.
    pub broadcast: BroadcastId,
    /// The update, for rendering.
    pub update: UpdateId,
    /// D of the broadcast.
    pub duplicate_bound: u32,
    /// When its deliveries stop being useful.
    pub expires_at: Wall,
    /// Its deliveries, by ordinal.
    pub armed: Vec<Armed>,
}

/// One delivery that may be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed {
    /// Its place in the audience.
    pub ordinal: Ordinal,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// How many attempts were charged to the recipient before this one.
    pub charged: u32,
    /// How many unknown outcomes there were before this one.
    pub unknowns: u32,
    /// Row of the address, for the stop token.
    pub address_id: i64,
    /// Where it goes.
    pub address: Address,
    /// For endpoints, the partner's name; otherwise empty.
    pub destination: String,
    /// Signing secret of an endpoint, otherwise empty.
    pub secret: Secret,
    /// BCP 47 tag of the recipient's language.
    pub language: String,
}

/// What becomes of a delivery after an attempt. Decided by the engine, stored by the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Settled as accepted.
    Accepted,
    /// Settled as failed.
    Failed,
    /// Settled as suppressed.
    Suppressed,
    /// May have been sent; waits for a receipt or a person.
    Unknown,
    /// Settled as expired.
    Expired,
    /// Tried again.
    Wait {
        /// Not before this moment.
        not_before: Wall,
        /// Attempts charged to the recipient so far.
        charged: u32,
        /// Unknown outcomes so far.
        unknowns: u32,
    },
}

/// One outcome on its way into the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The broadcast.
    pub broadcast: BroadcastId,
    /// The delivery.
    pub ordinal: Ordinal,
    /// The window it was armed in.
    pub window: WindowId,
    /// Which attempt.
    pub attempt: u32,
    /// When the outcome was known.
    pub at: Wall,
    /// The outcome.
    pub code: OutcomeCode,
    /// Why.
    pub reason: Option<Reason>,
    /// The provider's words.
    pub reply: String,
    /// The provider's identifier of an accepted message.
    pub provider_id: Option<String>,
    /// Whether the address must not be used again.
    pub suppress: bool,
    /// What follows.
    pub follow: Follow,
}

/// What a channel may take next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// A window to send.
    Window(Window),
    /// Nothing now; the earliest retry is due at this moment, if there is any.
    Idle(Option<Wall>),
    /// Held by a person, for this reason.
    Held(String),
}

/// What workers ask for and report.
pub trait Queue {
    /// Leases and arms the next window of a channel: first what is due again, then fresh ordinals in order
    /// (urgent first, then oldest). At most `rows` ordinals. Suppressed recipients are skipped and counted here.
    /// A recipient with an unsettled delivery of an older update of the same incident waits behind it.
    fn take<'a>(&'a self, channel: &'a ChannelName, rows: u32, now: Wall) -> Answer<'a, Taken>;
    /// Gives back what was armed and not sent: the window's ordinals from `from` on.
    fn disarm(&self, window: WindowId, from: Ordinal, now: Wall) -> Answer<'_, ()>;
    /// Appends outcomes, counters and exceptions in one transaction. `batch` counts up within this start of
    /// the program: repeating a batch whose result was lost is harmless.
    fn record<'a>(&'a self, batch: u64, outcomes: &'a [Recorded]) -> Answer<'a, ()>;
    /// Appends receipts. A receipt for something never armed changes nothing and is counted as forged.
    fn receive<'a>(&'a self, receipts: &'a [ReceiptRecord]) -> Answer<'a, Received>;
    /// The delivery a provider's identifier names, on one channel.
    fn by_provider_id<'a>(
        &'a self,
        channel: &'a ChannelName,
        provider_id: &'a str,
    ) -> Answer<'a, Option<(BroadcastId, Ordinal)>>;
    /// Marks this start of the program as ended on purpose.
    fn end_cleanly(&self, now: Wall) -> Answer<'_, ()>;
}

/// One receipt on its way into the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptRecord {
    /// The broadcast.
    pub broadcast: BroadcastId,
    /// The delivery.
    pub ordinal: Ordinal,
    /// When it came.
    pub at: Wall,
    /// What it says.
    pub status: ReceiptStatus,
    /// Why not, where it was not delivered.
    pub reason: Option<Reason>,
}

/// What became of a batch of receipts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// Changed a state.
    pub applied: u64,
    /// Were known already, or outranked.
    pub repeated: u64,
    /// Name something that was never armed.
    pub never_armed: u64,
}

/// A partner's webhook as handed to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEndpoint {
    /// The partner's short name, unique.
    pub name: String,
    /// Where its webhook is.
    pub url: Address,
    /// What messages to it are signed with, `whsec_…`.
    pub secret: Secret,
}

/// People and partners.
pub trait Subscribers {
    /// Adds people in one transaction: all or none. Addresses known already gain a subscription only if they
    /// have none; suppressed addresses stay suppressed.
    fn add_subscribers<'a>(
        &'a self,
        people: &'a [NewSubscriber],
        by: &'a By,
    ) -> Answer<'a, Imported>;
    /// Puts one slice of an import aside; nothing is visible before `commit_import`.
    fn stage_import<'a>(&'a self, import: u64, people: &'a [NewSubscriber]) -> Answer<'a, ()>;
    /// Makes a staged import visible at once, or (`keep` false) throws it away.
    fn commit_import<'a>(&'a self, import: u64, keep: bool, by: &'a By) -> Answer<'a, Imported>;
    /// Registers or replaces partners' endpoints in one transaction.
    fn put_endpoints<'a>(&'a self, endpoints: &'a [NewEndpoint], by: &'a By) -> Answer<'a, ()>;
    /// Never use this address again. Works for addresses not known yet, too.
    fn suppress<'a>(
        &'a self,
        address: &'a Address,
        cause: SuppressionCause,
        by: &'a By,
    ) -> Answer<'a, ()>;
    /// Stops messages to the address with this row; `NotFound` when there is none.
    fn opt_out<'a>(&'a self, address_id: i64, by: &'a By) -> Answer<'a, ()>;
    /// Whether the address with this row is stopped; `NotFound` when there is none.
    fn is_stopped(&self, address_id: i64) -> Answer<'_, bool>;
    /// How many subscriptions there are by address kind, and how many of them are suppressed.
    fn subscriber_counts(&self) -> Answer<'_, Vec<(AddressKind, u64, u64)>>;
}

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

/// What a judge needs to know of one broadcast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroadcastEvidence {
    /// As people see it.
    pub view: BroadcastView,
    /// The audience: ordinal and address.
    pub audience: Vec<(Ordinal, Address)>,
    /// Announcements: first and last ordinal (inclusive), attempt, when.
    pub armed: Vec<(Ordinal, Ordinal, u32, Wall)>,
    /// Outcomes: ordinal, attempt, outcome, whether another attempt follows.
    pub outcomes: Vec<(Ordinal, u32, OutcomeCode, bool)>,
    /// Withdrawn announcements: first and last ordinal (inclusive), attempt.
    pub disarmed: Vec<(Ordinal, Ordinal, u32)>,
    /// Ranges settled without an attempt: first and last ordinal (inclusive), how.
    pub spans: Vec<(Ordinal, Ordinal, OutcomeCode)>,
    /// Receipts.
    pub receipts: Vec<(Ordinal, ReceiptStatus)>,
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
    /// Every broadcast with all its evidence, for `oyez verify`.
    fn evidence(&self, broadcast: BroadcastId) -> Answer<'_, BroadcastEvidence>;
    /// Numbers of all broadcasts.
    fn broadcast_ids(&self) -> Answer<'_, Vec<BroadcastId>>;
    /// How many starts of the program did not end on purpose, this one left out.
    fn unclean_ends(&self) -> Answer<'_, u64>;
    /// Bytes of the database after a checkpoint.
    fn size_bytes(&self) -> Answer<'_, u64>;
}
