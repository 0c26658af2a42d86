//! One update on one channel: the thing with progress, an ETA and a stop button.

use serde::{Deserialize, Serialize};

/// Where a broadcast stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BroadcastState {
    /// Waiting or being sent.
    Sending = 1,
    /// Held by a person; nothing new leaves.
    Held = 2,
    /// Its unsent rest was halted.
    Stopped = 3,
    /// Nothing is pending.
    Done = 4,
}

impl BroadcastState {
    /// The number the ledger keeps.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The state with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Sending, Self::Held, Self::Stopped, Self::Done]
            .into_iter()
            .find(|state| state.number() == number)
    }

    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Held => "held",
            Self::Stopped => "stopped",
            Self::Done => "done",
        }
    }
}

/// How many recipients stand where. The equation of [`Counts::adds_up`] holds in every view.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// The audience.
    pub asked: u64,
    /// A provider took it; those later reported delivered or undelivered are among them.
    pub accepted: u64,
    /// Of the accepted: delivered, by receipt.
    pub delivered: u64,
    /// Of the accepted: not delivered, by receipt.
    pub undelivered: u64,
    /// Rejected, or tried as often as allowed.
    pub failed: u64,
    /// May have been sent.
    pub unknown: u64,
    /// The address must not be used.
    pub suppressed: u64,
    /// Halted before it was sent.
    pub stopped: u64,
    /// Too late to be useful.
    pub expired: u64,
    /// A newer update took its place.
    pub superseded: u64,
    /// Not settled: pending, sending and waiting.
    pub pending: u64,
}

impl Counts {
    /// `asked = accepted + failed + unknown + suppressed + stopped + expired + superseded + pending`.
    pub fn adds_up(&self) -> bool {
        self.asked == self.settled() + self.pending
            && self.delivered + self.undelivered <= self.accepted
    }

    /// Recipients about whom nothing more is to be done unless a person decides so.
    pub fn settled(&self) -> u64 {
        self.accepted
            + self.failed
            + self.unknown
            + self.suppressed
            + self.stopped
            + self.expired
            + self.superseded
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            asked: self.asked + other.asked,
            accepted: self.accepted + other.accepted,
            delivered: self.delivered + other.delivered,
            undelivered: self.undelivered + other.undelivered,
            failed: self.failed + other.failed,
            unknown: self.unknown + other.unknown,
            suppressed: self.suppressed + other.suppressed,
            stopped: self.stopped + other.stopped,
            expired: self.expired + other.expired,
            superseded: self.superseded + other.superseded,
            pending: self.pending + other.pending,
        }
    }
}
