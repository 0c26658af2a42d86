//! What workers ask for and report.

use super::Answer;
use crate::address::Address;
use crate::channel::ChannelName;
use crate::id::{BroadcastId, Ordinal, UpdateId};
use crate::outcome::{OutcomeCode, Reason};
use crate::parcel::Secret;
use crate::receipt::ReceiptStatus;
use crate::time::Wall;
use serde::{Deserialize, Serialize};

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
    /// The kind of the provider that it goes through.
    pub provider: String,
    /// D of the broadcast.
    pub duplicate_bound: u32,
    /// The broadcast's audience, for the guard that counts sends independently of the ledger.
    pub asked: u64,
    /// Whether the update is urgent: then waiting for certainty is worth less.
    pub urgent: bool,
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
    /// How often nobody could tell what had become of an attempt: unknown outcomes and orphans, since a person last
    /// let it go again.
    pub unknowns: u32,
    /// Whether an earlier attempt may have reached the recipient: an unknown outcome, or an orphan of a crash.
    pub unsure: bool,
    /// Why the attempt before this one ended as it did.
    pub last_reason: Option<Reason>,
    /// When the delivery was armed for the first time, announcements that were taken back left out: a provider
    /// forgets our key some time after this.
    pub first_armed_at: Wall,
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

/// What a worker asks the queue for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The channel.
    pub channel: &'a ChannelName,
    /// The kind of that provider of the channel which is to send it.
    pub provider: &'a str,
    /// Another provider leads: only what may have been sent through this one already is asked for.
    pub only_its_own: bool,
    /// Ordinals at most.
    pub rows: u32,
    /// Now.
    pub now: Wall,
    /// Whether what is too late may be settled as expired: not after the wall clock jumped.
    pub may_expire: bool,
    /// Destinations that may not be called before a moment; what goes there waits until then, uncharged.
    pub shut_destinations: &'a [(String, Wall)],
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
    /// A recipient with an unsettled delivery of an older update of the same incident waits behind it, unless the
    /// newer supersedes it. What may have been sent through one provider is never armed for another, unless a person
    /// let it go. Refused with `Fenced` once a newer start has taken over.
    fn take<'a>(&'a self, ask: &'a Ask<'a>) -> Answer<'a, Taken>;
    /// Gives back what was armed and not sent: the window's ordinals from `from` on.
    fn disarm(&self, window: WindowId, from: Ordinal, now: Wall) -> Answer<'_, ()>;
    /// Appends outcomes, counters and exceptions in one transaction. `batch` counts up within this start of
    /// the program: repeating a batch whose result was lost is harmless. Outcomes are taken from anybody; a start
    /// that was taken over is told so with `Fenced` after they are durable.
    fn record<'a>(&'a self, batch: u64, outcomes: &'a [Recorded]) -> Answer<'a, ()>;
    /// Appends receipts. A receipt for something never armed changes nothing and is counted as forged; one with a
    /// provider's identifier that is not known (yet) is parked for 72 hours and joined when the acceptance comes.
    fn receive<'a>(&'a self, receipts: &'a [ReceiptRecord]) -> Answer<'a, Received>;
    /// Marks this start of the program as ended on purpose, unless something announced has neither an outcome nor been
    /// given back: the next start may send that again, as after a crash.
    fn end_cleanly(&self, now: Wall) -> Answer<'_, ()>;
}

/// How long a receipt waits for the acceptance that names its message.
pub const PARKED_SECONDS: u64 = 72 * 3600;
/// So many receipts wait at most; the oldest give way.
pub const PARKED_RECEIPTS: u32 = 10_000;

/// Which message a receipt means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiptAbout {
    /// By our own reference.
    Delivery(BroadcastId, Ordinal),
    /// By the identifier that a channel's provider gave an accepted message.
    ProviderId {
        /// The channel.
        channel: ChannelName,
        /// The provider's kind.
        provider: String,
        /// Its identifier; two providers may have the same for two messages.
        id: String,
    },
}

/// One receipt on its way into the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptRecord {
    /// Which message it means.
    pub about: ReceiptAbout,
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
    /// Name an identifier that is not known yet; kept for [`PARKED_SECONDS`].
    pub parked: u64,
}
