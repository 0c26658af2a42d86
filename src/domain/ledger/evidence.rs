//! What the ledger hands to the judge: everything it holds of a broadcast, and of the program beside it.

use super::{BroadcastView, WindowId};
use crate::address::Address;
use crate::channel::ChannelName;
use crate::id::{IncidentId, Ordinal};
use crate::outcome::{OutcomeCode, Reason};
use crate::receipt::ReceiptStatus;
use crate::time::Wall;
use std::collections::BTreeMap;

/// What a judge needs to know of one broadcast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroadcastEvidence {
    /// As people see it.
    pub view: BroadcastView,
    /// The incident it belongs to.
    pub incident: IncidentId,
    /// When its deliveries stop being useful.
    pub expires_at: Wall,
    /// Whether what may have been sent waits for a person instead of being sent again.
    pub holds_unknown: bool,
    /// The audience, by rising ordinal.
    pub audience: Vec<Recipient>,
    /// Announcements.
    pub armed: Vec<ArmedRun>,
    /// The provider's kind of each window.
    pub providers: BTreeMap<WindowId, String>,
    /// Withdrawn announcements.
    pub disarmed: Vec<DisarmedRun>,
    /// How attempts ended, and what was decided instead of an attempt.
    pub ends: Vec<AttemptEnd>,
    /// Ranges settled without an attempt.
    pub spans: Vec<SettledRun>,
    /// Receipts.
    pub receipts: Vec<ReceiptSeen>,
}

/// One place in a frozen audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The place.
    pub ordinal: Ordinal,
    /// Row of the address: the same person on the same channel has the same in every broadcast.
    pub address_id: i64,
    /// The address.
    pub address: Address,
    /// When it must not be used.
    pub stops: Vec<Stop>,
}

/// A time in which an address must not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// From then on.
    pub from: Wall,
    /// When the person lifted it, if they did.
    pub until: Option<Wall>,
    /// It was concluded from what a provider said of one message: dated then, and durable with the outcome, which may have had
    /// to wait for the store.
    pub concluded: bool,
}

/// A run of ordinals announced at one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArmedRun {
    /// The window; a higher number was announced later.
    pub window: WindowId,
    /// The start of the program that announced it.
    pub boot: i64,
    /// First ordinal.
    pub lo: Ordinal,
    /// Last ordinal (inclusive).
    pub hi: Ordinal,
    /// Which attempt.
    pub attempt: u32,
    /// When.
    pub at: Wall,
}

/// A run of ordinals whose announcement was withdrawn: nothing was sent under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisarmedRun {
    /// The window.
    pub window: WindowId,
    /// First ordinal.
    pub lo: Ordinal,
    /// Last ordinal (inclusive).
    pub hi: Ordinal,
    /// Which attempt.
    pub attempt: u32,
}

/// How one attempt ended, or what was decided instead of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptEnd {
    /// The delivery.
    pub ordinal: Ordinal,
    /// Which attempt.
    pub attempt: u32,
    /// When it was known.
    pub at: Wall,
    /// How it ended.
    pub code: OutcomeCode,
    /// Why.
    pub reason: Option<Reason>,
    /// Whether another attempt follows.
    pub again: bool,
    /// Not before this moment, where another follows and the ledger keeps it.
    pub not_before: Option<Wall>,
    /// Whether it was written after a newer start of the program had noted that nobody knew how the attempt ended,
    /// where the ledger keeps that.
    pub late: bool,
}

/// A range settled without an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettledRun {
    /// First ordinal.
    pub lo: Ordinal,
    /// Last ordinal (inclusive).
    pub hi: Ordinal,
    /// How.
    pub code: OutcomeCode,
    /// When.
    pub at: Wall,
}

/// One receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptSeen {
    /// The delivery.
    pub ordinal: Ordinal,
    /// What it says.
    pub status: ReceiptStatus,
    /// When it came.
    pub at: Wall,
}

/// What a judge needs to know beside the broadcasts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemEvidence {
    /// Every start of the program, in order.
    pub starts: Vec<Start>,
    /// When a person let something go on: one channel, or all of them.
    pub resumes: Vec<(Option<ChannelName>, Wall)>,
    /// Requests that were answered and may be repeated with their key.
    pub answered: Vec<Answered>,
}

/// One start of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Its number.
    pub boot: i64,
    /// When it began.
    pub at: Wall,
    /// Whether it ended on purpose.
    pub ended: bool,
}

/// A request whose answer is remembered under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// What it made, e.g. `upd_…`.
    pub made: String,
    /// Whether that stands in the ledger.
    pub stands: bool,
}
