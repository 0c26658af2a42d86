//! One broadcast in a table: numbers, bar and speed as people read them.

use super::chart::Bar;
use super::words::{Many, left, speed};
use oyez_dispatch::progress::BroadcastProgress;
use oyez_domain::broadcast::BroadcastState;

/// One broadcast as the tables show it.
pub(super) struct Row {
    /// How it goes.
    pub(super) broadcast: BroadcastProgress,
    /// The same as a picture.
    pub(super) bar: Bar,
    /// Where it stands, in one word.
    pub(super) state: &'static str,
}

impl Row {
    /// The row of `broadcast`.
    pub(super) fn new(broadcast: BroadcastProgress) -> Self {
        let state = match broadcast.state {
            BroadcastState::Held => "Held",
            BroadcastState::Stopped => "Stopped",
            BroadcastState::Done => "Finished",
            BroadcastState::Sending if broadcast.paused.is_some() => "Paused",
            BroadcastState::Sending => "Sending",
        };
        Self {
            bar: Bar::new(&broadcast.counts),
            state,
            broadcast,
        }
    }

    pub(super) fn asked(&self) -> Many {
        Many(self.broadcast.counts.asked)
    }

    pub(super) fn accepted(&self) -> Many {
        Many(self.broadcast.counts.accepted)
    }

    /// Delivered by receipt; nothing where the channel gives none.
    pub(super) fn delivered(&self) -> Option<Many> {
        self.broadcast.counts.delivered.map(Many)
    }

    /// Whether there are no receipts at all.
    pub(super) fn tells_nothing(&self) -> bool {
        let counts = &self.broadcast.counts;
        counts.delivered.is_none() && counts.undelivered.is_none()
    }

    /// Taken, and reported as not delivered; nothing where that is not the case.
    pub(super) fn undelivered(&self) -> Option<Many> {
        self.broadcast
            .counts
            .undelivered
            .filter(|many| *many > 0)
            .map(Many)
    }

    /// Refused for good, or tried as often as allowed.
    pub(super) fn failed(&self) -> Many {
        Many(self.broadcast.counts.failed)
    }

    pub(super) fn unknown(&self) -> Many {
        Many(self.broadcast.counts.unknown)
    }

    pub(super) fn pending(&self) -> Many {
        Many(self.broadcast.counts.pending)
    }

    pub(super) fn unsent(&self) -> Many {
        let counts = &self.broadcast.counts;
        Many(counts.suppressed + counts.stopped + counts.expired + counts.superseded)
    }

    pub(super) fn stopped(&self) -> Many {
        Many(self.broadcast.counts.stopped)
    }

    pub(super) fn in_flight(&self) -> Many {
        Many(self.broadcast.in_flight)
    }

    pub(super) fn left(&self) -> String {
        left(self.broadcast.eta_seconds, self.broadcast.counts.pending)
    }

    /// `12.5 of 14 a second`, or what of it is known; empty when there is nothing left to send.
    pub(super) fn speed(&self) -> String {
        if !self.is_unfinished() {
            return String::new();
        }
        match (self.broadcast.per_second, self.broadcast.limit_per_second) {
            (Some(now), Some(limit)) => format!("{} of {} a second", speed(now), speed(limit)),
            (Some(now), None) => format!("{} a second", speed(now)),
            (None, Some(limit)) => format!("at most {} a second", speed(limit)),
            (None, None) => String::new(),
        }
    }

    pub(super) fn is_held(&self) -> bool {
        self.broadcast.state == BroadcastState::Held
    }

    pub(super) fn is_unfinished(&self) -> bool {
        self.broadcast.counts.pending > 0
    }
}
