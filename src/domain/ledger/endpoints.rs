//! Partners' webhooks: where they are, what they are signed with, and whether they are still there.

use super::{Answer, By};
use crate::address::Address;
use crate::parcel::Secret;
use crate::time::Wall;

/// A partner's webhook as handed to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEndpoint {
    /// The partner's short name, unique.
    pub name: String,
    /// Where its webhook is.
    pub url: Address,
    /// What messages to it are signed with, `whsec_…` or `whsk_…`.
    pub secret: Secret,
}

/// A change of what messages to a partner are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// Whose.
    pub name: String,
    /// What signs from now on.
    pub secret: Secret,
    /// Until then those before sign beside it, so that the partner can change over at leisure.
    pub both_until: Wall,
}

/// A partner's webhook as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointView {
    /// The partner's short name.
    pub name: String,
    /// Where its webhook is; nothing when what is stored of it cannot be opened.
    pub url: Option<Address>,
    /// Since when nothing is sent there, because it answered that it is gone or somebody decided so.
    pub shut_at: Option<Wall>,
    /// Until when an older secret signs beside the present one, if it still does at the moment asked about.
    pub both_until: Option<Wall>,
}

/// Secrets of one partner that sign beside the newest, at most.
pub const OLDER_SECRETS: usize = 3;

/// Partners' webhooks.
pub trait Endpoints {
    /// Registers or replaces endpoints in one transaction. One that was gone is there again.
    fn put_endpoints<'a>(&'a self, endpoints: &'a [NewEndpoint], by: &'a By) -> Answer<'a, ()>;
    /// Signs with another secret from now on; `NotFound` when there is no such partner. What signs at the moment goes on doing
    /// so beside it, so that a change whose answer was lost can be made again and shuts out nobody.
    fn change_key<'a>(&'a self, change: &'a KeyChange, by: &'a By) -> Answer<'a, ()>;
    /// Sends a partner nothing more from the next release on; `NotFound` when there is none of this name.
    fn remove_endpoint<'a>(&'a self, name: &'a str, by: &'a By) -> Answer<'a, ()>;
    /// Every partner by name, as it stands at `now`.
    fn endpoints(&self, now: Wall) -> Answer<'_, Vec<EndpointView>>;
}
