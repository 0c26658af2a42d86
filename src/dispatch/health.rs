//! One channel's pauses: a provider's limit, an outage, a refusal. They cost no recipient an attempt.

use oyez_domain::outcome::Reason;
use oyez_domain::retry::RetryPolicy;
use oyez_domain::time::Wall;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Outages are probed at least this often.
const OUTAGE: RetryPolicy = RetryPolicy {
    max_attempts: u32::MAX,
    base_milliseconds: 500,
    cap_milliseconds: 15_000,
};
/// A refused credential is tried again this often; a person can resume sooner.
const REFUSED: Duration = Duration::from_secs(60);

/// Why and until when a channel sends nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Why.
    pub reason: Reason,
    /// Until when.
    pub until: Wall,
}

#[derive(Debug, Default)]
struct State {
    pause: Option<Pause>,
    failures: u32,
}

/// The pauses of one channel.
#[derive(Debug, Default)]
pub struct Health(Mutex<State>);

impl Health {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pause in force at `now`.
    pub fn pause(&self, now: Wall) -> Option<Pause> {
        self.state().pause.filter(|pause| pause.until > now)
    }

    /// The provider asked us to wait. Returns whether this begins a pause.
    pub fn throttled(&self, until: Wall, now: Wall) -> bool {
        self.begin(
            Pause {
                reason: Reason::RateLimited,
                until,
            },
            now,
        )
    }

    /// The provider does not work. The pause grows with each failure in a row.
    pub fn down(&self, reason: Reason, now: Wall, draw: f64) -> bool {
        let failures = {
            let mut state = self.state();
            // Requests that were in flight when the pause began say nothing new.
            if state.pause.is_none_or(|pause| pause.until <= now) {
                state.failures = state.failures.saturating_add(1);
            }
            state.failures
        };
        self.begin(
            Pause {
                reason,
                until: now.plus(OUTAGE.pause(failures, draw)),
            },
            now,
        )
    }

    /// The provider refuses us.
    pub fn refused(&self, reason: Reason, now: Wall) -> bool {
        self.begin(
            Pause {
                reason,
                until: now.plus(REFUSED),
            },
            now,
        )
    }

    fn begin(&self, pause: Pause, now: Wall) -> bool {
        let mut state = self.state();
        let fresh = state.pause.is_none_or(|known| known.until <= now);
        if fresh || state.pause.is_some_and(|known| known.until < pause.until) {
            state.pause = Some(pause);
        }
        fresh
    }

    /// The provider took something. Returns the pause that is over with this, if one was.
    pub fn took(&self, now: Wall) -> Option<Pause> {
        let mut state = self.state();
        state.failures = 0;
        match state.pause {
            Some(pause) if pause.until <= now => state.pause.take(),
            Some(_) | None => None,
        }
    }

    /// A person says: go on at once.
    pub fn clear(&self) {
        *self.state() = State::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_lasts_as_long_as_the_provider_said() {
        let health = Health::default();
        assert!(
            health.throttled(Wall(2_000_000), Wall(0)),
            "the first refusal begins a pause"
        );
        assert!(
            !health.throttled(Wall(1_000_000), Wall(10)),
            "a second one in flight does not"
        );
        assert_eq!(
            health.pause(Wall(1_999_999)).map(|p| p.until),
            Some(Wall(2_000_000))
        );
        assert_eq!(health.pause(Wall(2_000_000)), None);
        assert!(
            health.took(Wall(2_000_001)).is_some(),
            "the end of a pause is told once"
        );
        assert!(health.took(Wall(2_000_002)).is_none());
    }

    #[test]
    fn an_outage_is_probed_less_and_less_often_but_never_given_up() {
        let health = Health::default();
        let mut now = Wall(0);
        let mut waits = Vec::new();
        for _ in 0..10 {
            health.down(Reason::Connect, now, 1.0);
            let until = health.pause(now).unwrap().until;
            waits.push(until.since(now).as_millis());
            now = until;
        }
        assert_eq!(waits[..3], [500, 1000, 2000]);
        assert_eq!(waits[9], 15_000);
    }
}
