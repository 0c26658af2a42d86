//! When an address is given up that mail does not get through to, although nobody says that it does not exist.

use crate::address::AddressKind;
use crate::outcome::Reason;
use std::time::Duration;

/// So many messages that missed an address within [`MISSED_WITHIN`] suppress it.
pub const MISSES: u32 = 3;

/// See [`MISSES`]: 14 days.
pub const MISSED_WITHIN: Duration = Duration::from_secs(14 * 24 * 3600);

/// Whether a message that ended for this reason, refused or come back, missed an address of this kind: an inbox that is
/// full, or a network that found no way there. One message misses once, however often it is told.
///
/// Only mail is counted: a telephone that is off for a week is switched on again.
pub fn is_a_miss(kind: AddressKind, reason: Reason) -> bool {
    kind == AddressKind::Email && matches!(reason, Reason::InboxFull | Reason::Undeliverable)
}
