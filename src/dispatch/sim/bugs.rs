//! Known bugs that can be switched on, to see whether the simulation finds them.

/// One switch a bug; all are off in a sound system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bugs {
    /// Progress is noted when work is fetched: a start forgets what was announced and has no outcome.
    pub(crate) checkpoint_at_fetch: bool,
    /// A start that was taken over may go on arming.
    pub(crate) unfenced_arm: bool,
    /// The fence is looked at before the transaction, not in it.
    pub(crate) unlocked_fence: bool,
    /// After an unknown outcome the provider is given another key.
    pub(crate) key_changed: bool,
    /// The provider's word on when to come back is not heard.
    pub(crate) retry_after_ignored: bool,
    /// Of several receipts the last one counts.
    pub(crate) last_receipt_wins: bool,
    /// What is announced may leave before the announcement is durable.
    pub(crate) outcome_before_intent: bool,
    /// The wall clock is believed whatever it does, and lets deliveries expire when it jumps ahead.
    pub(crate) expiry_on_jump: bool,
    /// What may have been sent through one provider goes through another.
    pub(crate) provider_changed: bool,
    /// The store forgets every outcome. A guard has to bear it, too.
    pub(crate) outcomes_forgotten: bool,
    /// Whoever carries a second attempt to the provider carries it there twice.
    pub(crate) carried_twice: bool,
}
