//! When a message itself is refused: three different recipients in a row, and the broadcast is held for a person.

use oyez_domain::id::{BroadcastId, Ordinal};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// One recipient's refusal may be about that recipient; so many in a row are about the message.
const STRIKES: usize = 3;

/// Refusals of the message since the last acceptance, by broadcast.
#[derive(Debug, Default)]
pub(crate) struct Strikes(Mutex<HashMap<BroadcastId, HashSet<Ordinal>>>);

impl Strikes {
    /// Somebody's provider took the message after all.
    pub(crate) fn accepted(&self, broadcast: BroadcastId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&broadcast);
    }

    /// The message was refused for this recipient. Whether this makes it three different ones in a row.
    pub(crate) fn refused(&self, broadcast: BroadcastId, ordinal: Ordinal) -> bool {
        let mut strikes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = strikes.entry(broadcast).or_default();
        refused.insert(ordinal) && refused.len() == STRIKES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_different_recipients_in_a_row_are_about_the_message() {
        let (strikes, b) = (Strikes::default(), BroadcastId(1));
        assert!(!strikes.refused(b, Ordinal(1)));
        assert!(
            !strikes.refused(b, Ordinal(1)),
            "the same one again says nothing new"
        );
        assert!(!strikes.refused(b, Ordinal(2)));
        strikes.accepted(b);
        assert!(!strikes.refused(b, Ordinal(3)) && !strikes.refused(b, Ordinal(4)));
        assert!(strikes.refused(b, Ordinal(5)));
        assert!(!strikes.refused(b, Ordinal(6)), "said once");
    }
}
