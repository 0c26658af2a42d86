//! One breaker: what a provider (or one partner) did lately, and what may be sent to it because of that.
//!
//! It is pure: moments and news go in, decisions come out. A failure of the channel is its own and never a
//! recipient's: while it lasts one due delivery is tried now and then, everything else waits untouched.

mod share;
mod words;

use oyez_domain::outcome::Reason;
use oyez_domain::time::Boot;
use share::Share;
use std::collections::VecDeque;
use std::time::Duration;
pub use words::{Arming, BreakerState, Change, Leave, News, Next};

/// So many failures in a row open it.
const IN_A_ROW: u32 = 5;
/// Half of so many outcomes open it as well, when they came within [`LATELY`].
const RECENT: usize = 20;
/// How long ago an outcome may be that says something about now.
const LATELY: Duration = Duration::from_secs(10);
/// So many refusals that may be about one message are about us: in a row, or within [`LATELY`].
const REFUSALS: u32 = 3;
/// The wait before the first try of an outage; it doubles.
const FIRST_TRY: Duration = Duration::from_secs(1);
/// The wait before the first try after a refusal.
const REFUSED: Duration = Duration::from_secs(60);
/// Why it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cause {
    reason: Reason,
    /// The provider works, but refuses us.
    refused: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Closed,
    Open {
        cause: Cause,
        tries: u32,
        next: Boot,
    },
    Probing {
        cause: Cause,
        tries: u32,
    },
}

/// The breaker of one channel, or of one partner.
#[derive(Debug)]
pub struct Breaker {
    /// The longest wait between two tries of an outage.
    longest_wait: Duration,
    standing: Standing,
    /// When that last changed: what left before says nothing about the time since.
    since: Boot,
    /// The provider asked to be left alone until then; nothing once the end of it was told.
    quiet_until: Option<Boot>,
    /// The last outcomes: when, and whether they were failures.
    recent: VecDeque<(Boot, bool)>,
    failed_in_a_row: u32,
    refused_in_a_row: u32,
    refusals: VecDeque<Boot>,
    share: Share,
}

impl Breaker {
    /// A closed one. An outage is tried at least every `longest_wait`.
    pub fn new(longest_wait: Duration) -> Self {
        Self {
            longest_wait,
            standing: Standing::Closed,
            since: Boot::default(),
            quiet_until: None,
            recent: VecDeque::with_capacity(RECENT),
            failed_in_a_row: 0,
            refused_in_a_row: 0,
            refusals: VecDeque::new(),
            share: Share::default(),
        }
    }

    /// Where it stands.
    pub fn state(&self) -> BreakerState {
        match self.standing {
            Standing::Closed => BreakerState::Closed,
            Standing::Open { .. } => BreakerState::Open,
            Standing::Probing { .. } => BreakerState::Probing,
        }
    }

    /// Whether there is nothing to remember: a new one would do as well.
    pub fn is_blank(&self) -> bool {
        self.standing == Standing::Closed
            && self.quiet_until.is_none()
            && self.refused_in_a_row == 0
            && self.recent.iter().all(|(_, failed)| !failed)
    }

    /// Why nothing is sent at `now`, and what happens next.
    pub fn pause(&self, now: Boot) -> Option<(Reason, Next)> {
        match self.standing {
            Standing::Closed => {
                let until = self.quiet(now)?;
                Some((Reason::RateLimited, Next::GoesOn(until)))
            }
            Standing::Open { cause, next, .. } => {
                let next = self.quiet(now).map_or(next, |until| next.max(until));
                let next = if cause.refused {
                    Next::Checks(next)
                } else {
                    Next::Tries(next)
                };
                Some((cause.reason, next))
            }
            Standing::Probing { cause, .. } => Some((cause.reason, Next::Trying)),
        }
    }

    /// Whether deliveries may be armed at `now`.
    pub fn arming(&self, now: Boot) -> Arming {
        match (self.standing, self.quiet(now)) {
            (_, Some(until)) => Arming::NotBefore(until),
            (Standing::Closed, None) => Arming::Freely,
            (Standing::Open { next, .. }, None) if now < next => Arming::NotBefore(next),
            (Standing::Open { cause, .. }, None) if cause.refused => Arming::OneAfterCheck,
            (Standing::Open { .. }, None) => Arming::One,
            (Standing::Probing { .. }, None) => Arming::NotBefore(now.plus(self.longest_wait)),
        }
    }

    /// Whether an armed delivery, other than the one that is tried, may leave at `now`.
    pub fn leave(&self, now: Boot) -> Leave {
        match self.standing {
            Standing::Closed => self.quiet(now).map_or(Leave::Now, Leave::At),
            Standing::Open { .. } | Standing::Probing { .. } => Leave::No,
        }
    }

    /// The share of the limit that is used at `now`, above 0 and at most 1.
    pub fn share(&self, now: Boot) -> f64 {
        self.share.at(now)
    }

    fn quiet(&self, now: Boot) -> Option<Boot> {
        self.quiet_until.filter(|until| *until > now)
    }

    /// One delivery is tried.
    pub fn probe(&mut self, now: Boot) {
        if let Standing::Open { cause, tries, .. } = self.standing {
            let tries = tries.saturating_add(1);
            self.turn(Standing::Probing { cause, tries }, now);
        }
    }

    /// The tried delivery came to an end that says nothing; the next one is tried at once.
    pub fn probe_ended(&mut self, now: Boot) {
        if let Standing::Probing { cause, tries } = self.standing {
            let next = now;
            self.turn(Standing::Open { cause, tries, next }, now);
        }
    }

    /// The provider was asked, and does not accept us yet.
    pub fn check_failed(&mut self, now: Boot) {
        if let Standing::Open { next, .. } = &mut self.standing {
            *next = now.plus(REFUSED);
        }
    }

    /// A person says: go on at once.
    pub fn clear(&mut self, now: Boot) {
        self.forget();
        self.quiet_until = None;
        self.share = Share::default();
        self.turn(Standing::Closed, now);
    }

    /// Takes in what a request showed that was begun at `started`. Returns what people should hear of.
    pub fn observe(&mut self, started: Boot, now: Boot, news: News) -> Option<Change> {
        let says_something = started >= self.since;
        match (self.standing, news) {
            (Standing::Probing { cause, tries }, news) if says_something => {
                self.tried(cause, tries, now, news)
            }
            (_, News::Throttled(until)) => self.throttle(until, now, says_something),
            (Standing::Closed, News::Well) if says_something => self.note_success(now),
            (Standing::Closed, News::Failed(reason)) if says_something => {
                self.note_failure(reason, now)
            }
            (Standing::Closed, News::Refused(reason)) if says_something => {
                self.note_refusal(reason, now)
            }
            // Whoever was found out of order a moment ago and refuses us as well is asked first before anything is tried.
            (Standing::Open { cause, .. }, News::Refused(reason))
                if !cause.refused && is_about_us(reason) =>
            {
                self.open_again(cause, reason, true, 0, now)
            }
            (Standing::Closed | Standing::Open { .. } | Standing::Probing { .. }, _) => None,
        }
    }

    /// What the one delivery showed. A provider that asks for patience works again.
    fn tried(&mut self, cause: Cause, tries: u32, now: Boot, news: News) -> Option<Change> {
        match news {
            News::Well => Some(self.close(cause, now)),
            News::Throttled(until) => {
                self.throttle(until, now, true);
                Some(self.close(cause, now))
            }
            News::Failed(reason) => self.open_again(cause, reason, false, tries, now),
            News::Refused(reason) => self.open_again(cause, reason, true, tries, now),
        }
    }

    fn close(&mut self, cause: Cause, now: Boot) -> Change {
        self.forget();
        self.turn(Standing::Closed, now);
        self.quiet_until = self.quiet(now);
        self.share.start_slowly(self.quiet_until.unwrap_or(now));
        match self.quiet_until {
            Some(until) => Change::Paused(Reason::RateLimited, Next::GoesOn(until)),
            None => Change::Resumed(cause.reason),
        }
    }

    /// People hear of it only when the kind of trouble has changed.
    fn open_again(
        &mut self,
        before: Cause,
        reason: Reason,
        refused: bool,
        tries: u32,
        now: Boot,
    ) -> Option<Change> {
        let same = before.refused == refused;
        let change = self.open(Cause { reason, refused }, if same { tries } else { 0 }, now);
        change.filter(|_| !same)
    }

    fn note_success(&mut self, now: Boot) -> Option<Change> {
        (self.failed_in_a_row, self.refused_in_a_row) = (0, 0);
        self.remember(now, false);
        let over = self.quiet_until.take_if(|until| *until <= now);
        over.map(|_| Change::Resumed(Reason::RateLimited))
    }

    fn note_failure(&mut self, reason: Reason, now: Boot) -> Option<Change> {
        self.failed_in_a_row += 1;
        self.remember(now, true);
        let opens = self.failed_in_a_row >= IN_A_ROW || self.half_failed(now);
        let refused = false;
        opens
            .then(|| self.open(Cause { reason, refused }, 0, now))
            .flatten()
    }

    fn note_refusal(&mut self, reason: Reason, now: Boot) -> Option<Change> {
        let opens = is_about_us(reason) || self.refused_often(now);
        let refused = true;
        opens
            .then(|| self.open(Cause { reason, refused }, 0, now))
            .flatten()
    }

    fn remember(&mut self, now: Boot, failed: bool) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((now, failed));
    }

    fn half_failed(&self, now: Boot) -> bool {
        let lately = self
            .recent
            .front()
            .is_some_and(|(first, _)| now.since(*first) <= LATELY);
        let failed = self.recent.iter().filter(|(_, failed)| *failed).count();
        self.recent.len() == RECENT && lately && failed * 2 >= RECENT
    }

    fn refused_often(&mut self, now: Boot) -> bool {
        self.refused_in_a_row += 1;
        self.refusals.push_back(now);
        while self
            .refusals
            .front()
            .is_some_and(|first| now.since(*first) > LATELY)
        {
            self.refusals.pop_front();
        }
        self.refused_in_a_row >= REFUSALS || self.refusals.len() >= REFUSALS as usize
    }

    fn open(&mut self, cause: Cause, tries: u32, now: Boot) -> Option<Change> {
        let next = now.plus(self.wait(cause, tries));
        self.turn(Standing::Open { cause, tries, next }, now);
        self.pause(now)
            .map(|(reason, next)| Change::Paused(reason, next))
    }

    fn wait(&self, cause: Cause, tries: u32) -> Duration {
        let doubled = |first: Duration| first.saturating_mul(1 << tries.min(16));
        if cause.refused {
            doubled(REFUSED).min(self.longest_wait).max(REFUSED)
        } else {
            doubled(FIRST_TRY).min(self.longest_wait)
        }
    }

    /// Honours what was asked for, whatever else is the matter. The pace is cut once for all that were on their way
    /// together, and of what was on its way nothing else counts.
    fn throttle(&mut self, until: Boot, now: Boot, cuts: bool) -> Option<Change> {
        if until <= now {
            return None;
        }
        let quiet = self.quiet(now);
        self.quiet_until = Some(quiet.map_or(until, |known| known.max(until)));
        if cuts && quiet.is_none() {
            self.share.cut(now, until);
        }
        if self.standing == Standing::Closed && quiet.is_none() {
            self.forget();
            self.since = now;
            return Some(Change::Paused(Reason::RateLimited, Next::GoesOn(until)));
        }
        None
    }

    fn forget(&mut self) {
        self.recent.clear();
        self.refusals.clear();
        (self.failed_in_a_row, self.refused_in_a_row) = (0, 0);
    }

    fn turn(&mut self, standing: Standing, now: Boot) {
        self.standing = standing;
        self.since = now;
    }
}

/// A password or an account concerns every message; other refusals may be about one.
fn is_about_us(reason: Reason) -> bool {
    matches!(reason, Reason::AuthFailed | Reason::NoCredit)
}

#[cfg(test)]
mod tests;
