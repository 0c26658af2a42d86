//! The two clocks the sandbox reads: one that counts through a pause of the machine, and the calendar.

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// Linux counts suspended time on its own clock only; elsewhere the monotonic clock already does.
#[cfg(target_os = "linux")]
const COUNTS_THROUGH_A_PAUSE: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const COUNTS_THROUGH_A_PAUSE: ClockId = ClockId::Monotonic;

/// Microseconds since the machine started, comparable between processes of one machine.
pub(crate) fn boottime_us() -> u64 {
    let now = clock_gettime(COUNTS_THROUGH_A_PAUSE);
    now.tv_sec.unsigned_abs() * 1_000_000 + now.tv_nsec.unsigned_abs() / 1_000
}

/// The calendar time, cut to microseconds.
#[expect(
    clippy::disallowed_methods,
    reason = "a provider's clock is its own, never the sender's"
)]
pub(crate) fn wall() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
