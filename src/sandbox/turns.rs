//! How many messages a room has had of late, where its network allows so many within a time and no more.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock;

/// The rooms by channel.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<String, Room>>);

#[derive(Default)]
struct Room {
    lately_us: VecDeque<u64>,
    number: u64,
}

/// What became of a message's turn.
pub(crate) struct Turn {
    pub(crate) taken: bool,
    /// Messages that may follow at once.
    pub(crate) left: usize,
    /// Until there is room for one more than now.
    pub(crate) reset: Duration,
    /// The message's number in its room, from 1; of the last one where it was not taken.
    pub(crate) number: u64,
}

impl Turns {
    /// Takes a turn if fewer than `most` were taken within the last `window`.
    pub(crate) fn take(&self, channel: &str, most: usize, window: Duration) -> Turn {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = rooms.entry(channel.to_owned()).or_default();
        room.take(most, window, clock::boottime_us())
    }
}

impl Room {
    fn take(&mut self, most: usize, window: Duration, now_us: u64) -> Turn {
        let window_us = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
        let ends = |at: &u64| at.saturating_add(window_us);
        while self.lately_us.front().is_some_and(|at| ends(at) <= now_us) {
            self.lately_us.pop_front();
        }
        let taken = self.lately_us.len() < most;
        if taken {
            self.lately_us.push_back(now_us);
            self.number += 1;
        }
        let end = self.lately_us.front().map_or(now_us, ends);
        Turn {
            taken,
            left: most.saturating_sub(self.lately_us.len()),
            reset: Duration::from_micros(end.saturating_sub(now_us)),
            number: self.number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_window_has_more_turns_than_are_allowed() {
        let mut room = Room::default();
        let mut at = |ms: u64| {
            let turn = room.take(2, Duration::from_secs(1), ms * 1_000);
            (turn.taken, turn.left, turn.reset.as_millis(), turn.number)
        };
        assert_eq!(at(0), (true, 1, 1_000, 1));
        assert_eq!(at(600), (true, 0, 400, 2));
        assert_eq!(at(999), (false, 0, 1, 2));
        assert_eq!(at(1_000), (true, 0, 600, 3));
        assert_eq!(at(1_599), (false, 0, 1, 3));
        assert_eq!(at(5_000), (true, 1, 1_000, 4));
    }
}
