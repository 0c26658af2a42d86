//! Why a channel or a partner gets nothing at the moment, and what happens next, in words.

use crate::breaker::Next;
use oyez_domain::outcome::Reason;
use oyez_domain::time::{Boot, Wall};
use std::time::Duration;

/// One moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// For measuring.
    pub boot: Boot,
    /// For people and the ledger.
    pub wall: Wall,
}

impl Moment {
    /// What people read for another moment of the machine's clock; now, when it has passed.
    pub fn wall_at(self, when: Boot) -> Wall {
        self.wall.plus(when.since(self.boot))
    }

    /// The machine's clock at a moment that somebody else named; now, when it has passed.
    pub fn boot_at(self, when: Wall) -> Boot {
        self.boot.plus(when.since(self.wall))
    }
}

/// A pause as people and programs see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// Why.
    pub reason: Reason,
    next: Next,
    now: Boot,
    /// When the next thing happens, if that is known.
    pub until: Option<Wall>,
}

impl Pause {
    /// A pause as it stands at `now`.
    pub(crate) fn new((reason, next): (Reason, Next), now: Moment) -> Self {
        let until = when(next).map(|when| now.wall_at(when));
        let now = now.boot;
        Self {
            reason,
            next,
            now,
            until,
        }
    }

    /// How long until the next thing happens.
    pub fn wait(&self) -> Duration {
        when(self.next).map_or(Duration::ZERO, |when| when.since(self.now))
    }

    /// The line on a screen that shows it among others.
    pub fn line(&self) -> String {
        let (why, wait) = (self.reason.label(), self.wait().as_secs() + 1);
        match self.next {
            Next::GoesOn(_) => format!("{why}; goes on by itself in {wait} s"),
            Next::Tries(_) => {
                format!("{why}; tries one delivery in {wait} s and goes on once one gets through")
            }
            Next::Trying => format!("{why}; one delivery is being tried"),
            Next::Checks(_) => {
                format!("{why}; checks again in {wait} s. Put it right, or resume the channel")
            }
        }
    }

    /// What oyez does now, said once when it begins.
    pub(crate) fn what_now(&self) -> String {
        let wait = self.wait().as_secs_f64();
        match self.next {
            Next::GoesOn(_) => format!("Pauses {wait:.1} s, then goes on; nothing is lost."),
            Next::Tries(_) | Next::Trying => format!(
                "Sends nothing for now and tries one delivery, first in {wait:.0} s; goes on by itself once one gets through. Nobody is charged an attempt."
            ),
            Next::Checks(_) => format!(
                "Sends nothing and checks again in {wait:.0} s; goes on by itself once the provider accepts us. Put it right, or resume the channel to go on at once. Nobody is charged an attempt."
            ),
        }
    }
}

fn when(next: Next) -> Option<Boot> {
    match next {
        Next::GoesOn(when) | Next::Tries(when) | Next::Checks(when) => Some(when),
        Next::Trying => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_says_why_what_happens_and_what_a_person_can_do() {
        let now = Moment {
            boot: Boot(Duration::from_secs(100)),
            wall: Wall(1_000_000),
        };
        let in_8_s = Boot(Duration::from_secs(108));
        let line = |reason, next| Pause::new((reason, next), now).line();
        assert_eq!(
            line(Reason::RateLimited, Next::GoesOn(in_8_s)),
            "Provider limit reached; goes on by itself in 9 s"
        );
        assert_eq!(
            line(Reason::Connect, Next::Tries(in_8_s)),
            "Could not connect; tries one delivery in 9 s and goes on once one gets through"
        );
        assert_eq!(
            line(Reason::AuthFailed, Next::Checks(in_8_s)),
            "Our password or token was refused; checks again in 9 s. Put it right, or resume the channel"
        );
        let until = Pause::new((Reason::Connect, Next::Tries(in_8_s)), now).until;
        assert_eq!(until, Some(Wall(9_000_000)));
    }
}
