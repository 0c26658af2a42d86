//! The real clock and the real dice: the only place that asks the operating system for either.

use oyez_domain::time::{Boot, Wall};
use oyez_domain::{BoxFuture, Clock, Random};
use std::time::{Duration, SystemTime};

/// The operating system's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Boot {
        // CLOCK_BOOTTIME counts through a suspended machine, so a lease cannot survive one unnoticed.
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
        Boot(Duration::new(seconds, nanos))
    }

    // Asked through the C library, not straight of the kernel, so that a test can shift it for the whole program.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that may ask the operating system"
    )]
    fn wall(&self) -> Wall {
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Wall(
            match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
                Ok(after) => micros(after),
                Err(before) => -micros(before.duration()),
            },
        )
    }

    fn sleep_until(&self, when: Boot) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // Timers of the runtime stand still while the machine is suspended, hence the second look.
            loop {
                let left = when.since(self.now());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left).await;
            }
        })
    }
}

/// The operating system's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemRandom;

impl Random for SystemRandom {
    #[expect(
        clippy::expect_used,
        reason = "without random numbers nothing here is safe to go on"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the operating system gives random numbers");
    }
}
