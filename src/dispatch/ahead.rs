//! How far ahead to arm: about half a second's worth at the speed at which deliveries really leave.
//!
//! Nothing overtakes what is armed, so a slow provider gets small windows, and an urgent update never waits long.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What a window should take.
const WORTH: Duration = Duration::from_millis(500);

/// The size of a channel's next window.
#[derive(Debug)]
pub(crate) struct Ahead {
    rows: AtomicU32,
    most: u32,
}

impl Ahead {
    /// Begins with the largest window, which suits a provider that keeps up with the limit.
    pub(crate) fn new(most: u32) -> Self {
        Self {
            rows: AtomicU32::new(most),
            most,
        }
    }

    /// Deliveries in the next window while this share of the limit is in use.
    pub(crate) fn rows(&self, share: f64) -> u32 {
        let most = (f64::from(self.most) * share).ceil().max(1.0) as u32;
        self.rows.load(Ordering::Relaxed).min(most)
    }

    /// So many of a window left in this time.
    pub(crate) fn worked(&self, sent: usize, took: Duration) {
        if sent == 0 {
            return;
        }
        let rows = self.rows.load(Ordering::Relaxed);
        let fitting = sent as f64 * WORTH.div_duration_f64(took.max(Duration::from_millis(1)));
        // Small windows say little, so it doubles at most.
        let fitting = fitting.ceil().min(f64::from(rows) * 2.0) as u32;
        let rows = fitting.clamp(1, self.most);
        self.rows.store(rows, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_provider_gets_small_windows_and_grows_out_of_them() {
        let ahead = Ahead::new(500);
        assert_eq!((ahead.rows(1.0), ahead.rows(0.1)), (500, 50));
        ahead.worked(16, Duration::from_secs(1));
        assert_eq!(ahead.rows(1.0), 8);
        ahead.worked(1, Duration::from_secs(60));
        assert_eq!((ahead.rows(1.0), ahead.rows(0.01)), (1, 1));
        for _ in 0..20 {
            ahead.worked(1, Duration::ZERO);
        }
        assert_eq!(ahead.rows(1.0), 500);
    }
}
