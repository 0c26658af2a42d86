//! A clock whose wall time never jumps: the real one is followed while it drifts, and doubted when it steps.

use oyez_domain::time::{Boot, Wall};
use oyez_domain::trouble::{Trouble, TroubleCode};
use oyez_domain::{BoxFuture, Clock};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const SECOND: i64 = 1_000_000;
/// A wall clock that is further away than this from where it ought to be has jumped, in microseconds.
const JUMP: i64 = 60 * SECOND;
/// A wall clock nearer than this to where it ought to be agrees again, in microseconds.
const AGREES: i64 = 5 * SECOND;
/// How long it has to agree before it is believed.
const AGREES_FOR: Duration = Duration::from_secs(30);
/// A clock that is set right little by little may move by one second in so many; a faster one is being set.
const CREEP: i64 = 60;
/// Reading both clocks takes no longer than this unless the process was paused in between.
const BOTH_READ: Duration = Duration::from_millis(100);
/// Readings tried before the last one is taken as it is.
const READINGS: u32 = 5;

/// The wall clock jumped, and nobody has said yet which time is right. Nothing expires meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freeze {
    /// When it was noticed, in the time that was steady before the jump.
    pub since: Wall,
    /// How far the machine's wall clock is from the steady time, in microseconds; negative when it is behind.
    pub off_by: i64,
}

impl Freeze {
    /// What is told about it.
    pub fn trouble(&self) -> Trouble {
        // To the nearest: the two clocks are not read in the same microsecond.
        let seconds = self.off_by.abs().saturating_add(SECOND / 2) / SECOND;
        let at = self.since.rfc3339();
        let now = if self.off_by.abs() < AGREES {
            "is right again".to_owned()
        } else if self.off_by < 0 {
            format!("is {seconds} s behind")
        } else {
            format!("is {seconds} s ahead")
        };
        let line = format!(
            "The clock of this machine jumped at {at} and {now}. Sending goes on, but nothing expires until it has been \
             right for 30 s. If it should stay as it is now: oyez system trust-clock"
        );
        Trouble::new(TroubleCode::ClockStepped, line)
    }
}

/// What is known of the difference between the two clocks: wall time is time since the machine started plus this.
#[derive(Debug)]
struct State {
    /// In force, in microseconds.
    offset: i64,
    /// Follows `offset` slowly, so that many small steps are noticed like a big one.
    anchor: i64,
    anchored_at: Boot,
    freeze: Option<Freeze>,
    agrees_since: Option<Boot>,
}

/// The guard of a clock.
pub struct ClockGuard {
    inner: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl std::fmt::Debug for ClockGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClockGuard")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl ClockGuard {
    /// Guards `inner`, whose wall time is taken to be right now.
    pub fn new(inner: Arc<dyn Clock>) -> Self {
        let (now, offset) = read(&*inner);
        Self {
            inner,
            state: Mutex::new(State {
                offset,
                anchor: offset,
                anchored_at: now,
                freeze: None,
                agrees_since: None,
            }),
        }
    }

    /// Why nothing may expire at the moment, and later no schedule fire and nothing be deleted for its age.
    pub fn expiry_frozen(&self) -> Option<Freeze> {
        self.look().1.freeze
    }

    /// A person says that the machine's wall clock is right. Returns the jump that is accepted with this, if any.
    pub fn trust(&self) -> Option<Freeze> {
        let (now, offset) = read(&*self.inner);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let freeze = state.freeze.take();
        state.follow_anew(now, offset);
        freeze
    }

    /// Reads both clocks and draws the conclusion.
    fn look(&self) -> (Boot, std::sync::MutexGuard<'_, State>) {
        let (now, offset) = read(&*self.inner);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.see(now, offset);
        (now, state)
    }
}

impl State {
    fn see(&mut self, now: Boot, offset: i64) {
        match self.freeze {
            None => self.follow(now, offset),
            Some(freeze) => self.doubt(now, offset, freeze),
        }
    }

    fn follow(&mut self, now: Boot, offset: i64) {
        let elapsed = now.since(self.anchored_at);
        let may_move = micros(elapsed) / CREEP;
        self.anchor += (self.offset - self.anchor).clamp(-may_move, may_move);
        if may_move > 0 {
            self.anchored_at = now;
        }
        let off_by = offset - self.offset;
        if off_by.abs() <= JUMP && (offset - self.anchor).abs() <= JUMP {
            self.offset = offset;
        } else {
            let since = self.wall(now);
            self.freeze = Some(Freeze { since, off_by });
            self.agrees_since = None;
        }
    }

    fn doubt(&mut self, now: Boot, offset: i64, freeze: Freeze) {
        let off_by = offset - self.offset;
        self.freeze = Some(Freeze { off_by, ..freeze });
        if off_by.abs() >= AGREES {
            self.agrees_since = None;
        } else if now.since(*self.agrees_since.get_or_insert(now)) >= AGREES_FOR {
            self.freeze = None;
            self.follow_anew(now, offset);
        }
    }

    fn follow_anew(&mut self, now: Boot, offset: i64) {
        (self.offset, self.anchor, self.anchored_at) = (offset, offset, now);
        self.agrees_since = None;
    }

    fn wall(&self, now: Boot) -> Wall {
        Wall(micros(now.0).saturating_add(self.offset))
    }
}

/// Time since the machine started, and how far the wall clock is ahead of it. A process that was paused between
/// the two readings reads again, for that would look like a jump.
fn read(clock: &dyn Clock) -> (Boot, i64) {
    let mut reading = (clock.now(), 0);
    for _ in 0..READINGS {
        let before = reading.0;
        let wall = clock.wall();
        let now = clock.now();
        reading = (now, wall.0.saturating_sub(micros(now.0)));
        if now.since(before) <= BOTH_READ {
            break;
        }
    }
    reading
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl Clock for ClockGuard {
    fn now(&self) -> Boot {
        self.inner.now()
    }

    fn wall(&self) -> Wall {
        let (now, state) = self.look();
        state.wall(now)
    }

    fn sleep_until(&self, when: Boot) -> BoxFuture<'_, ()> {
        self.inner.sleep_until(when)
    }
}

#[cfg(test)]
mod tests;
