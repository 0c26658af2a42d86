//! Putting an update out, and halting it.

use super::{Answer, BroadcastView, By, Done, Idempotency, Window};
use crate::address::AddressKind;
use crate::channel::ChannelName;
use crate::id::{BroadcastId, Ordinal, UpdateId};
use crate::outcome::Reason;
use crate::test_message::{TestAnnounced, TestOrder, TestResult};
use crate::time::Wall;
use crate::update::Update;
use serde::{Deserialize, Serialize};

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
    /// Whether receipts name messages by the provider's identifier, which then has to be indexed.
    pub receipts_by_provider_id: bool,
    /// The last moment at which a delivery is still useful.
    pub expires_at: Wall,
    /// Ordinals of the window that is armed with the release, at most; 0 while nothing may leave on the channel.
    pub first_rows: u32,
    /// Destinations that may not be called before a moment; what goes there waits until then, uncharged.
    pub shut_destinations: Vec<(String, Wall)>,
}

/// A release: everything that happens in its one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseOrder {
    /// The draft.
    pub update: UpdateId,
    /// Its channels. An `Account` channel's own address is made when it is missing.
    pub broadcasts: Vec<NewBroadcast>,
    /// Whether it takes the place of what is unsent of older updates of its incident. What is armed of those ends
    /// first; recipients who are not in its audience still get the older one.
    pub supersedes: bool,
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

/// Which deliveries that may have been sent a decision is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnknownFilter {
    /// Only of this update.
    pub update: Option<UpdateId>,
    /// Only on this channel.
    pub channel: Option<ChannelName>,
    /// Only with this reason.
    pub reason: Option<Reason>,
    /// Only these; empty means all that the other fields leave.
    pub deliveries: Vec<(BroadcastId, Ordinal)>,
}

/// Deliveries of one broadcast that may have been sent, for one reason. Those that were given up are not among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownGroup {
    /// The update.
    pub update: UpdateId,
    /// The channel.
    pub channel: ChannelName,
    /// Why nobody can tell.
    pub reason: Option<Reason>,
    /// How many.
    pub deliveries: u64,
    /// Since when, for the one that has waited longest.
    pub since: Wall,
}

/// What a person decides about a delivery that may have been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It was sent: counts as accepted.
    WasSent,
    /// It was not, or a second copy does no harm: send it (again), if it is still useful.
    SendAgain,
    /// Nobody will find out: stays unknown and is listed no more.
    GiveUp,
}

/// Putting an update out and halting it.
pub trait Releases {
    /// One transaction: update, broadcasts, idempotency record, audit entry, first page of each audience,
    /// and the first window of each channel that was idle. The audience is frozen as of now: pages planned
    /// later see the same people. Refuses (`Refused`, field `audience`) when nobody at all would get it.
    fn release<'a>(&'a self, order: &'a ReleaseOrder) -> Answer<'a, Released>;
    /// Plans the next page of one broadcast that has not been planned to its end, and settles a page of what newer
    /// updates took the place of; `None` when neither is left. Refused with `Fenced` once a newer start has taken over.
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
    /// Lets failed deliveries be tried again, on one channel or on all: those whose last reason is among `reasons`,
    /// as new attempts with nothing charged. Suppressed addresses, and people whom a newer update of the incident has
    /// reached, are left out. Returns how many; where everything concerned is stopped, too late or superseded, `State`
    /// says so.
    fn retry_failed<'a>(
        &'a self,
        update: UpdateId,
        channel: Option<&'a ChannelName>,
        reasons: &'a [Reason],
        key: Option<&'a Idempotency>,
        by: &'a By,
    ) -> Answer<'a, Done<u64>>;
    /// How many deliveries of an update failed, by channel and last reason: what `retry_failed` chooses from.
    fn failures(&self, update: UpdateId) -> Answer<'_, Vec<(ChannelName, Reason, u64)>>;
    /// Settles deliveries that may have been sent as a person decides. Returns how many. What may not be sent again
    /// (stopped, too late, overtaken by a newer update) stays listed; where that is all there is, `State` says so. A
    /// later receipt outranks any decision.
    fn decide_unknown<'a>(
        &'a self,
        which: &'a UnknownFilter,
        decision: Decision,
        key: Option<&'a Idempotency>,
        by: &'a By,
    ) -> Answer<'a, Done<u64>>;
    /// What `decide_unknown` would settle, oldest update first.
    fn unknowns<'a>(&'a self, which: &'a UnknownFilter) -> Answer<'a, Vec<UnknownGroup>>;
    /// Notes durably that a test message is about to leave, before it does: audit entry and idempotency record. `NotFound`
    /// for a partner that is none; `State` while everything is held, for an address that must not be used, and beyond
    /// [`TESTS_PER_HOUR`](crate::test_message::TESTS_PER_HOUR).
    fn announce_test<'a>(
        &'a self,
        test: &'a TestOrder,
        key: &'a Idempotency,
        by: &'a By,
    ) -> Answer<'a, TestAnnounced>;
    /// Keeps what came of an announced test message, for the record and for a repeat of the request.
    fn record_test<'a>(
        &'a self,
        test: &'a TestOrder,
        result: &'a TestResult,
        key: &'a Idempotency,
        by: &'a By,
    ) -> Answer<'a, ()>;
    /// What is held: channels by name with the reason, and the whole system under `None`.
    fn holds(&self) -> Answer<'_, Vec<(Option<ChannelName>, String)>>;
}
