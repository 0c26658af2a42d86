//! How fast a broadcast goes at the moment: counts per second over the last seconds.

use oyez_domain::time::Boot;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const KEPT: Duration = Duration::from_secs(10);

/// Outcomes a second, over the last ten seconds at most.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    /// Start of each tenth of a second and how many fell into it.
    buckets: VecDeque<(Boot, u64)>,
    first: Option<Boot>,
    last: Option<Boot>,
    total: u64,
}

impl Meter {
    /// Counts `many` outcomes at `now`.
    pub fn count(&self, now: Boot, many: u64) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.first.get_or_insert(now);
        counted.last = Some(now);
        counted.total += many;
        match counted.buckets.back_mut() {
            Some((begin, count)) if now.since(*begin) < Duration::from_millis(100) => {
                *count += many;
            }
            Some(_) | None => counted.buckets.push_back((now, many)),
        }
        while counted
            .buckets
            .front()
            .is_some_and(|(begin, _)| now.since(*begin) > KEPT)
        {
            counted.buckets.pop_front();
        }
    }

    /// Outcomes a second at `now`; nothing before half a second's worth of news, zero when it has gone quiet.
    pub fn per_second(&self, now: Boot) -> Option<f64> {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = counted.first?.max(Boot(now.0.saturating_sub(KEPT)));
        let span = now.since(since).as_secs_f64();
        let count: u64 = counted
            .buckets
            .iter()
            .filter(|(begin, _)| *begin >= since)
            .map(|(_, n)| n)
            .sum();
        // From the very first outcome on, there is one gap fewer than there are outcomes.
        let gaps = count.saturating_sub(u64::from(counted.first == Some(since)));
        (span >= 0.5).then(|| gaps as f64 / span)
    }

    /// Outcomes a second from the first to the last; nothing with fewer than two.
    pub fn overall(&self) -> Option<f64> {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let span = counted.last?.since(counted.first?).as_secs_f64();
        (counted.total > 1 && span > 0.0).then(|| (counted.total - 1) as f64 / span)
    }
}
