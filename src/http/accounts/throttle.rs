//! The brake on guessing: who has just failed waits, longer each time, and nobody is locked out for good.

use oyez_domain::time::Boot;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Failures that cost nothing yet.
const FREE: u32 = 5;
/// The first wait; it doubles with each further failure.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// A failure is forgotten after this time without another.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);
/// Names kept at a time; the one that failed longest ago makes room.
const NAMES: usize = 10_000;
/// Tries of everybody together in a minute.
const TRIES_A_MINUTE: u32 = 200;
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Boot,
}

impl Failures {
    fn wait(self) -> Duration {
        match self.count.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(more) => FIRST_WAIT
                .saturating_mul(1 << more.min(10))
                .min(LONGEST_WAIT),
        }
    }
}

#[derive(Debug, Default)]
struct Book {
    failures: HashMap<String, Failures>,
    minute: Boot,
    tries: u32,
}

/// Who failed, how often, and since when.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<Book>);

impl Throttle {
    /// Lets `name` try now, or says how long to wait. `name` is whatever is guessed at: an account, an invitation.
    pub(crate) fn admit(&self, name: &str, now: Boot) -> Result<(), Duration> {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(book.minute) >= MINUTE {
            (book.minute, book.tries) = (now, 0);
        }
        if book.tries >= TRIES_A_MINUTE {
            return Err(MINUTE.saturating_sub(now.since(book.minute)));
        }
        if let Some(failures) = book.failures.get(name) {
            let (rested, wait) = (now.since(failures.last), failures.wait());
            if rested < wait {
                return Err(wait - rested);
            }
        }
        book.tries += 1;
        Ok(())
    }

    /// `name` failed.
    pub(crate) fn failed(&self, name: &str, now: Boot) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.failures
            .retain(|_, failures| now.since(failures.last) < FORGOTTEN);
        if book.failures.len() >= NAMES && !book.failures.contains_key(name) {
            let oldest = book
                .failures
                .iter()
                .min_by_key(|(_, failures)| failures.last);
            let oldest = oldest.map(|(name, _)| name.clone());
            oldest.map(|name| book.failures.remove(&name));
        }
        let failures = book.failures.entry(name.to_owned()).or_insert(Failures {
            count: 0,
            last: now,
        });
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
    }

    /// `name` got in.
    pub(crate) fn succeeded(&self, name: &str) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.failures.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Boot {
        Boot(Duration::from_secs(seconds))
    }

    #[test]
    fn at_most_sixty_of_ten_thousand_guesses_in_an_hour_are_looked_at() {
        let throttle = Throttle::default();
        let mut looked_at = 0;
        for guess in 0..10_000_u64 {
            let now = at(guess * 3600 / 10_000);
            if throttle.admit("amina", now).is_ok() {
                looked_at += 1;
                throttle.failed("amina", now);
            }
        }
        assert!(looked_at <= 60, "{looked_at}");
        assert_eq!(
            throttle.admit("joseph", at(3600)),
            Ok(()),
            "others are not held up"
        );
        assert_eq!(
            throttle.admit("amina", at(3600 + 901)),
            Ok(()),
            "nobody is locked out for good"
        );
    }

    #[test]
    fn getting_in_forgets_what_failed_before() {
        let throttle = Throttle::default();
        for _ in 0..5 {
            throttle.failed("amina", at(0));
        }
        assert_eq!(throttle.admit("amina", at(1)), Err(Duration::from_secs(29)));
        throttle.succeeded("amina");
        assert_eq!(throttle.admit("amina", at(1)), Ok(()));
    }

    #[test]
    fn everybody_together_tries_at_most_200_times_a_minute() {
        let throttle = Throttle::default();
        let admitted = (0..1000)
            .filter(|n| throttle.admit(&n.to_string(), at(100)).is_ok())
            .count();
        assert_eq!(admitted, 200);
        assert_eq!(throttle.admit("amina", at(161)), Ok(()));
    }
}
