//! Mistakes that stores are known for, to be made on purpose: the conformance suite has to notice each of them.

/// A mistake that can be switched on in tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeededBug {
    /// The place in the audience moves on, and nothing is announced: what was on its way at a crash is forgotten.
    CheckpointAtFetch,
    /// A start that was taken over goes on announcing.
    UnfencedArm,
    /// The fence is asked before the transaction, not in it.
    UnlockedFence,
    /// The receipt that came last counts, whatever it says.
    ReceiptsLastWriteWins,
    /// Deliveries expire although the clock is not to be trusted.
    ExpiryOnJump,
}

/// The mistake that is switched on, if one is; never outside tests.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seeded(#[cfg(test)] Option<SeededBug>);

impl Seeded {
    /// Switches a mistake on.
    #[cfg(test)]
    pub(super) fn with(bug: SeededBug) -> Self {
        Self(Some(bug))
    }

    #[cfg(test)]
    pub(super) fn has(self, bug: SeededBug) -> bool {
        self.0 == Some(bug)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "the same call with and without tests")]
    pub(super) fn has(self, _bug: SeededBug) -> bool {
        false
    }
}
