//! People: who gets what, and who must not.

use super::{Answer, By};
use crate::address::{Address, AddressKind};
use crate::channel::ChannelName;
use crate::inbound::Wish;
use crate::subscriber::{Heard, Imported, NewSubscriber, SuppressionCause};

/// A text that a person sent us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenBack {
    /// The channel that it came in by.
    pub channel: ChannelName,
    /// The provider's identifier of it.
    pub provider_id: String,
    /// Whose it is.
    pub from: Address,
    /// What it asks for.
    pub wish: Wish,
}

/// For how long an identifier of a text that came in is remembered, in seconds: longer than any provider repeats one.
pub const HEARD_SECONDS: u64 = 7 * 24 * 3600;

/// People.
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
    /// Never use this address again. Works for addresses not known yet, too.
    fn suppress<'a>(
        &'a self,
        address: &'a Address,
        cause: SuppressionCause,
        by: &'a By,
    ) -> Answer<'a, ()>;
    /// Stops messages to the address with this row; `NotFound` when there is none.
    fn opt_out<'a>(&'a self, address_id: i64, by: &'a By) -> Answer<'a, ()>;
    /// Does what a text asks for: STOP stops messages to its sender, known or not; START lifts such a stop and no other.
    /// The same text again (channel and identifier) changes nothing.
    fn hear<'a>(&'a self, text: &'a WrittenBack, by: &'a By) -> Answer<'a, Heard>;
    /// Whether the address with this row is stopped; `NotFound` when there is none.
    fn is_stopped(&self, address_id: i64) -> Answer<'_, bool>;
    /// How many subscriptions there are by address kind, and how many of them are suppressed.
    fn subscriber_counts(&self) -> Answer<'_, Vec<(AddressKind, u64, u64)>>;
}
