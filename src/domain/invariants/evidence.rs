//! What is judged: the ledger's side, a provider's log, and the rules that were in force.

use crate::channel::ChannelName;
use crate::id::{BroadcastId, Ordinal};
use crate::ledger::{BroadcastEvidence, SystemEvidence};
use crate::retry::RetryPolicy;
use crate::time::{Boot, Wall};
use std::collections::BTreeMap;

/// Everything there is to judge. What is left out is said to be missing, never taken for granted.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Each broadcast.
    pub broadcasts: Vec<BroadcastEvidence>,
    /// What the ledger holds beside them.
    pub system: SystemEvidence,
    /// What reached the providers, in the order of time; absent without a log.
    pub requests: Option<Vec<Request>>,
    /// Broadcasts on channels that the log does not cover, e.g. letters into a folder.
    pub not_logged: Vec<BroadcastId>,
    /// Requests that reached somebody and carry no reference at all, as through a gateway that has no place for one. They are
    /// not among the others.
    pub without_reference: u64,
    /// Starts of the program that did not end on purpose.
    pub unclean_ends: u64,
    /// What each channel was allowed.
    pub rules: BTreeMap<ChannelName, ChannelRules>,
    /// Whether whoever gathered this has waited until everything must have ended.
    pub ended: bool,
}

/// One request to send something, from a provider's log. Look-ups are not among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The delivery its key names; nothing when there is no key, or one that is not ours.
    pub place: Option<(BroadcastId, Ordinal)>,
    /// Which provider it reached, as its log names it.
    pub provider: String,
    /// Whom it was for, as the provider wrote it.
    pub to: String,
    /// When, on the calendar: the ledger counts so too.
    pub at: Wall,
    /// The same moment on a clock that never steps.
    pub since_boot: Boot,
    /// Whether it reached somebody: a second one would be a second message.
    pub effect: bool,
    /// Whether the provider refused us (password, credit, permission) and not this message.
    pub refused_us: bool,
    /// When the provider asked to be left alone, until then. A plain log does not say it.
    pub not_before: Option<Boot>,
}

/// What one channel was allowed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChannelRules {
    /// Whether the provider recognises our key, so that nobody sees a second copy.
    pub keyed: bool,
    /// Whether each destination answers for itself alone, as partners' endpoints do.
    pub by_destination: bool,
    /// Whether it has several providers: the limit is that of each.
    pub by_provider: bool,
    /// How fast; nothing where no configuration was given.
    pub pace: Option<PaceRules>,
    /// How often; nothing where no configuration was given.
    pub retry: Option<RetryPolicy>,
    /// Messages one recipient may get within an hour, whatever the ledger says; `u32::MAX` where any number is
    /// fine, nothing where no configuration was given.
    pub hourly_cap: Option<u32>,
}

/// How fast a channel may send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaceRules {
    /// Requests a second; nothing where there is no limit.
    pub rate_per_second: Option<f64>,
    /// How many late ones may be made up for at once.
    pub burst: u32,
    /// Requests in flight at most: C.
    pub concurrency: u32,
}
