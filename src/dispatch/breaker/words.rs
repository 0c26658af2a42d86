//! What a breaker hears and what it says.

use oyez_domain::outcome::Reason;
use oyez_domain::time::Boot;
use serde::{Deserialize, Serialize};

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Everything may be sent.
    Closed,
    /// Nothing is sent until a try succeeds.
    Open,
    /// One delivery is being tried.
    Probing,
}

impl BreakerState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::Probing];

    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Probing => "probing",
        }
    }
}

/// What one request showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// The provider works: it took the message, or said no to this one.
    Well,
    /// It does not work.
    Failed(Reason),
    /// It wants to be left alone until this moment.
    Throttled(Boot),
    /// It refuses us.
    Refused(Reason),
}

/// What is known to happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Sending goes on by itself at this moment.
    GoesOn(Boot),
    /// One delivery is tried at this moment.
    Tries(Boot),
    /// At this moment the provider is asked whether it accepts us again.
    Checks(Boot),
    /// One delivery is being tried now.
    Trying,
}

/// A change that people should hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing is sent from now on.
    Paused(Reason, Next),
    /// It is over.
    Resumed(Reason),
}

/// Whether deliveries may be armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arming {
    /// As many as usual.
    Freely,
    /// One, to try.
    One,
    /// One, to try, once the provider is known to accept our credentials.
    OneAfterCheck,
    /// None until this moment, or until there is news.
    NotBefore(Boot),
}

/// Whether an armed delivery may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// Now.
    Now,
    /// At this moment.
    At(Boot),
    /// Not in this window: nobody knows when.
    No,
}
