//! The machine's clock, which a test can turn forward, and its dice.

use oyez_domain::time::{Boot, Wall};
use oyez_domain::{BoxFuture, Clock, Random};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// The clock that a sandbox's log is written with, until it is turned forward. Both of its hands move together, unless it jumps.
#[derive(Debug, Clone, Default)]
pub(crate) struct OfficeClock(Arc<Turned>);

#[derive(Debug, Default)]
struct Turned {
    /// When it was turned, by the machine's clock, and how far ahead it was from then on.
    turns: Mutex<Vec<(Boot, Duration)>>,
    heard: Notify,
    /// How far the wall clock alone was set forward, in microseconds.
    jumped: AtomicI64,
}

impl OfficeClock {
    /// Turns it forward: whoever sleeps until a moment that is over by then wakes up.
    pub(crate) fn turn(&self, by: Duration) {
        let ahead = self.ahead() + by;
        self.turns().push((machine(), ahead));
        self.0.heard.notify_waiters();
    }

    /// Sets the wall clock alone forward, as a wrong time server does.
    pub(crate) fn jump(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap();
        self.0.jumped.fetch_add(by, Ordering::Relaxed);
    }

    /// How far ahead it was at a moment of the machine's clock.
    pub(crate) fn ahead_at(&self, machine: Boot) -> Duration {
        let turns = self.turns();
        let before = turns.iter().rev().find(|(at, _)| *at <= machine);
        before.map(|(_, ahead)| *ahead).unwrap_or_default()
    }

    fn ahead(&self) -> Duration {
        let turns = self.turns();
        turns.last().map(|(_, ahead)| *ahead).unwrap_or_default()
    }

    fn turns(&self) -> MutexGuard<'_, Vec<(Boot, Duration)>> {
        self.0.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Time since the machine started.
fn machine() -> Boot {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let nanos = u32::try_from(now.tv_nsec).unwrap();
    Boot(Duration::new(now.tv_sec.unsigned_abs(), nanos))
}

impl Clock for OfficeClock {
    fn now(&self) -> Boot {
        machine().plus(self.ahead())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn wall(&self) -> Wall {
        let Wall(set) = Wall::from(jiff::Timestamp::now()).plus(self.ahead());
        Wall(set + self.0.jumped.load(Ordering::Relaxed))
    }

    fn sleep_until(&self, when: Boot) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                let heard = self.0.heard.notified();
                tokio::pin!(heard);
                heard.as_mut().enable();
                let left = when.since(self.now());
                if left.is_zero() {
                    return;
                }
                tokio::select! {
                    biased;
                    () = heard => {}
                    () = tokio::time::sleep(left) => {}
                }
            }
        })
    }
}

/// The operating system's dice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfficeRandom;

impl Random for OfficeRandom {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).unwrap();
    }
}
