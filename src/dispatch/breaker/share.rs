//! How much of its limit a channel uses: little at first after an outage, less after "too fast", and growing.

use oyez_domain::time::Boot;
use std::time::Duration;

/// What the pace begins with after an outage, as a share of the limit.
const SLOW_START_SHARE: f64 = 0.1;
/// How long the pace takes from there to the whole limit.
const SLOW_START: Duration = Duration::from_secs(30);
/// "Too fast" makes the pace so much of what it was.
const CUT: f64 = 0.8;
/// The least share that is left however often that happens.
pub(super) const LEAST: f64 = 0.01;
/// How long the pace takes to grow by the whole limit: slow enough to meet a limit that nobody told us a few times
/// an hour instead of all the time.
pub(super) const GROWTH: Duration = Duration::from_secs(1800);

/// The share in use, above 0 and at most 1.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// What was left after the last "too fast", and from when on it grows.
    cut: Option<(f64, Boot)>,
    slow_since: Option<Boot>,
}

impl Share {
    /// The share at `now`.
    pub(super) fn at(&self, now: Boot) -> f64 {
        self.after_cuts(now).min(self.after_slow_start(now))
    }

    /// An outage is over.
    pub(super) fn start_slowly(&mut self, now: Boot) {
        self.slow_since = Some(now);
    }

    /// The provider called it too fast and wants to be left alone until `until`. A slow start begins anew then.
    pub(super) fn cut(&mut self, now: Boot, until: Boot) {
        self.cut = Some(((self.after_cuts(now) * CUT).max(LEAST), until));
        if self.after_slow_start(now) < 1.0 {
            self.slow_since = Some(until);
        }
    }

    fn after_cuts(&self, now: Boot) -> f64 {
        self.cut.map_or(1.0, |(share, at)| {
            (share + now.since(at).div_duration_f64(GROWTH)).min(1.0)
        })
    }

    fn after_slow_start(&self, now: Boot) -> f64 {
        self.slow_since.map_or(1.0, |since| {
            let grown = now.since(since).div_duration_f64(SLOW_START);
            (SLOW_START_SHARE + (1.0 - SLOW_START_SHARE) * grown).min(1.0)
        })
    }
}
