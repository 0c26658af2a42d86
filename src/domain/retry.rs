//! When a delivery is tried again: full jitter, and an end.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How often and how long a channel tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub max_attempts: u32,
    /// The ceiling of the first wait, in milliseconds; it doubles with each attempt.
    pub base_milliseconds: u64,
    /// The ceiling no wait goes beyond, in milliseconds.
    pub cap_milliseconds: u64,
}

impl RetryPolicy {
    /// The wait after `attempts` charged attempts, or nothing when there is to be none.
    ///
    /// Full jitter: `draw` in `0.0..1.0` picks a moment between a tenth of the ceiling and the ceiling, so
    /// that deliveries which failed together do not come back together.
    pub fn wait(&self, attempts: u32, draw: f64) -> Option<Duration> {
        (attempts < self.max_attempts).then(|| self.pause(attempts, draw))
    }

    /// The wait after `failures` in a row, without an end: for a channel that is down.
    pub fn pause(&self, failures: u32, draw: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(32);
        let ceiling = self
            .base_milliseconds
            .saturating_mul(1u64 << doublings)
            .min(self.cap_milliseconds);
        let ceiling = Duration::from_millis(ceiling.max(1));
        ceiling.mul_f64(0.1 + 0.9 * draw.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        max_attempts: 4,
        base_milliseconds: 1000,
        cap_milliseconds: 3000,
    };

    #[test]
    fn waits_double_up_to_the_cap_and_end() {
        let at_most: Vec<_> = (1..=4)
            .map(|n| POLICY.wait(n, 1.0).map(|d| d.as_millis()))
            .collect();
        assert_eq!(at_most, [Some(1000), Some(2000), Some(3000), None]);
    }

    #[test]
    fn jitter_covers_the_whole_range_and_never_reaches_zero() {
        assert_eq!(POLICY.wait(1, 0.0), Some(Duration::from_millis(100)));
        assert!(POLICY.wait(1, 0.5) < POLICY.wait(1, 0.9));
        assert!(POLICY.pause(1_000_000, 1.0) <= Duration::from_millis(3000));
    }
}
