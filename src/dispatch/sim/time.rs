//! Two clocks that stand still until they are moved: the boot clock forwards only, the wall clock by steps, too.

use oyez_domain::time::{Boot, Wall};
use oyez_domain::{BoxFuture, Clock};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// What the wall clock shows when a simulation begins.
pub(crate) const BEGINNING: Wall = Wall(1_764_239_400_000_000);

/// Both clocks, and who sleeps.
pub(crate) struct SimClock(Mutex<Time>);

struct Time {
    now: Duration,
    /// How far the wall clock is from where it would be had nobody touched it, in microseconds.
    step: i64,
    sleepers: BTreeMap<(Duration, u64), Waker>,
    next: u64,
}

impl SimClock {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Time {
            now: Duration::from_secs(1),
            step: 0,
            sleepers: BTreeMap::new(),
            next: 0,
        }))
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        self.0.lock().unwrap()
    }

    /// When the first sleeper wants to be woken.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.time().sleepers.keys().next().map(|(when, _)| *when)
    }

    /// Moves on and wakes whoever is due. Never moves back.
    pub(crate) fn advance(&self, to: Duration) {
        let due = {
            let mut time = self.time();
            time.now = time.now.max(to);
            let now = time.now;
            let later = time.sleepers.split_off(&(now, u64::MAX));
            std::mem::replace(&mut time.sleepers, later)
        };
        // Woken without the lock: waking may drop a task, and with it other sleepers.
        due.into_values().for_each(Waker::wake);
    }

    /// Sets the wall clock off by `microseconds` from where it would be had nobody touched it.
    pub(crate) fn set_step(&self, microseconds: i64) {
        self.time().step = microseconds;
    }

    /// Whether the wall clock shows something else than it would had nobody touched it.
    pub(crate) fn is_off(&self) -> bool {
        self.time().step != 0
    }

    /// A moment of the boot clock as the wall clock would show it had nobody touched it.
    pub(crate) fn untouched(&self, when: Duration) -> Wall {
        BEGINNING.plus(when)
    }
}

impl Clock for SimClock {
    fn now(&self) -> Boot {
        Boot(self.time().now)
    }

    fn wall(&self) -> Wall {
        let time = self.time();
        let Wall(untouched) = BEGINNING.plus(time.now);
        Wall(untouched.saturating_add(time.step))
    }

    fn sleep_until(&self, when: Boot) -> BoxFuture<'_, ()> {
        Box::pin(Sleep {
            clock: self,
            when: when.0,
            place: None,
        })
    }
}

struct Sleep<'a> {
    clock: &'a SimClock,
    when: Duration,
    place: Option<u64>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut time = self.clock.time();
        if time.now >= self.when {
            return Poll::Ready(());
        }
        let place = self.place.unwrap_or(time.next);
        time.next = time.next.max(place + 1);
        let before = time
            .sleepers
            .insert((self.when, place), context.waker().clone());
        drop(time);
        drop(before);
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let waker = self.clock.time().sleepers.remove(&(self.when, place));
            drop(waker);
        }
    }
}
