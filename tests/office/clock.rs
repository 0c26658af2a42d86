//! The machine's clock and dice; times can be compared with those in a sandbox's log.

use oyez_domain::time::{Boot, Wall};
use oyez_domain::{BoxFuture, Clock, Random};
use std::time::Duration;

/// The clock that a sandbox's log is written with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfficeClock;

impl Clock for OfficeClock {
    fn now(&self) -> Boot {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let nanos = u32::try_from(now.tv_nsec).unwrap();
        Boot(Duration::new(now.tv_sec.unsigned_abs(), nanos))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn wall(&self) -> Wall {
        jiff::Timestamp::now().into()
    }

    fn sleep_until(&self, when: Boot) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(when.since(self.now())))
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
