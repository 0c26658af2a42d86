//! One channel's rate limit as an absolute schedule: `governor` decides, and a late wake-up loses no slot.
//!
//! Waiting on a limiter measures each wait from "now", so every late timer pushes all later slots back. Here
//! the limiter's clock is the schedule itself: it is moved to the moment a slot was due, not to the moment
//! somebody woke up. What lateness is made up for is bounded by the declared burst. While only a share of the
//! limit is in use the schedule's time passes that much slower.

use governor::clock::{Clock as _, FakeRelativeClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use oyez_domain::time::Boot;
use std::num::NonZeroU32;
use std::time::Duration;

/// Whether the next message may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Now.
    Now,
    /// At this moment.
    At(Boot),
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<Nanos>>;

/// The schedule of one channel.
#[derive(Debug)]
pub struct Pace {
    limiter: Option<Limiter>,
    schedule: FakeRelativeClock,
    /// The schedule's moment at which `schedule` stands.
    due: Boot,
    /// The schedule's time, and when it was read.
    time: Boot,
    read_at: Boot,
    slack: Duration,
}

impl Pace {
    /// `rate_per_second` messages a second, beginning at `now`; lateness is made up for by at most `burst`
    /// messages at once. Without a rate every message may leave at once.
    pub fn new(rate_per_second: Option<f64>, burst: u32, now: Boot) -> Self {
        let schedule = FakeRelativeClock::default();
        let period = rate_per_second.map(|rate| Duration::from_secs_f64(1.0 / rate));
        let quota = period
            .and_then(Quota::with_period)
            .map(|quota| quota.allow_burst(NonZeroU32::MIN));
        let limiter = quota.map(|quota| RateLimiter::direct_with_clock(quota, schedule.clone()));
        Self {
            limiter,
            schedule,
            due: now,
            time: now,
            read_at: now,
            slack: period.unwrap_or_default().saturating_mul(burst),
        }
    }

    /// Begins anew at `now`: what was not sent while there was nothing to send is not made up for.
    pub fn restart(&mut self, now: Boot) {
        self.pass(now, 1.0);
        self.advance_to(self.time);
    }

    /// Takes the next slot if it is due at `now`, while `share` of the limit is in use (above 0, at most 1).
    pub fn take(&mut self, now: Boot, share: f64) -> Slot {
        if self.limiter.is_none() {
            return Slot::Now;
        }
        self.pass(now, share);
        self.advance_to(Boot(self.time.0.saturating_sub(self.slack)));
        loop {
            let Some(wait) = self.wait() else {
                return Slot::Now;
            };
            let when = self.due.plus(wait);
            if when > self.time {
                return Slot::At(now.plus(stretched(when.since(self.time), share)));
            }
            self.advance_to(when);
        }
    }

    fn pass(&mut self, now: Boot, share: f64) {
        let elapsed = now.since(self.read_at);
        // At the whole limit nothing is rounded.
        let passed = if share < 1.0 {
            elapsed.mul_f64(share)
        } else {
            elapsed
        };
        self.time = self.time.plus(passed);
        self.read_at = self.read_at.max(now);
    }

    /// Nothing when the slot was taken, else how long after `due` it comes.
    fn wait(&self) -> Option<Duration> {
        let verdict = self.limiter.as_ref().map(|limiter| limiter.check());
        match verdict {
            Some(Err(not_until)) => Some(
                not_until
                    .wait_time_from(self.schedule.now())
                    .max(Duration::from_nanos(1)),
            ),
            Some(Ok(())) | None => None,
        }
    }

    fn advance_to(&mut self, when: Boot) {
        let step = when.since(self.due);
        if !step.is_zero() {
            self.schedule.advance(step);
            self.due = when;
        }
    }
}

/// How long the schedule takes to pass `duration`, a little more rather than less.
fn stretched(duration: Duration, share: f64) -> Duration {
    if share < 1.0 {
        duration.div_f64(share) + Duration::from_nanos(1)
    } else {
        duration
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes every slot for `seconds`, waking up `late` after each announced moment; returns when each left.
    fn run(rate: f64, burst: u32, seconds: f64, late: impl Fn(u64) -> Duration) -> Vec<f64> {
        let mut now = Boot(Duration::from_secs(100));
        let end = now.plus(Duration::from_secs_f64(seconds));
        let mut pace = Pace::new(Some(rate), burst, now);
        let mut left = Vec::new();
        while now < end {
            match pace.take(now, 1.0) {
                Slot::Now => left.push(now.0.as_secs_f64()),
                Slot::At(when) => now = when.plus(late(left.len() as u64)),
            }
        }
        left
    }

    fn most_in_a_second(left: &[f64]) -> usize {
        (0..left.len())
            .map(|i| left[i..].iter().take_while(|t| **t < left[i] + 1.0).count())
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn a_late_timer_loses_no_slot_and_breaks_no_limit() {
        for (rate, burst) in [(10.0, 1), (100.0, 5), (1000.0, 50), (5000.0, 250)] {
            let left = run(rate, burst, 10.0, |n| {
                Duration::from_micros(300 + (n * 7919) % 1700)
            });
            let observed = (left.len() - 1) as f64 / (left[left.len() - 1] - left[0]);
            let share = observed / rate;
            assert!((0.99..=1.005).contains(&share), "{rate}/s gave {observed}");
            let most = most_in_a_second(&left);
            assert!(
                most as f64 <= rate + f64::from(burst),
                "{most} in a second at {rate}/s, burst {burst}"
            );
        }
    }

    #[test]
    fn a_long_stall_is_not_made_up_for_beyond_the_burst() {
        let mut pace = Pace::new(Some(100.0), 5, Boot::default());
        let now = Boot(Duration::from_secs(60));
        let at_once = (0..100)
            .take_while(|_| pace.take(now, 1.0) == Slot::Now)
            .count();
        assert_eq!(at_once, 6, "the burst and the slot that is due now");
    }

    #[test]
    fn after_a_restart_only_one_slot_is_due() {
        let mut pace = Pace::new(Some(10.0), 5, Boot::default());
        let now = Boot(Duration::from_secs(60));
        pace.restart(now);
        assert_eq!(pace.take(now, 1.0), Slot::Now);
        assert_eq!(
            pace.take(now, 1.0),
            Slot::At(now.plus(Duration::from_millis(100)))
        );
    }

    #[test]
    fn a_share_of_the_limit_is_kept_as_exactly_as_the_whole() {
        for share in [0.1, 0.333, 0.8] {
            let begin = Boot(Duration::from_secs(100));
            let (mut now, mut left) = (begin, 0);
            let mut pace = Pace::new(Some(1000.0), 50, now);
            while now < begin.plus(Duration::from_secs(10)) {
                match pace.take(now, share) {
                    Slot::Now => left += 1,
                    Slot::At(when) => now = when,
                }
            }
            let expected = 10_000.0 * share;
            let off = (f64::from(left) - expected).abs();
            assert!(off <= 2.0, "{left} left, not {expected}");
        }
    }

    #[test]
    fn a_growing_share_never_makes_up_for_what_it_did_not_allow() {
        let begin = Boot(Duration::from_secs(100));
        let mut pace = Pace::new(Some(100.0), 5, begin);
        assert_eq!(pace.take(begin, 0.1), Slot::Now);
        let later = begin.plus(Duration::from_secs(10));
        let at_once = (0..100).take_while(|_| pace.take(later, 1.0) == Slot::Now);
        assert_eq!(at_once.count(), 6, "the burst and the slot that is due now");
    }

    #[test]
    fn without_a_rate_every_slot_is_now() {
        let mut pace = Pace::new(None, 1, Boot::default());
        assert!((0..10_000).all(|_| pace.take(Boot::default(), 1.0) == Slot::Now));
    }
}
