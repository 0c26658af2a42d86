//! The guard of last resort: it counts what leaves by itself, so that no fault of the ledger can make a channel repeat
//! messages without end.
//!
//! Memory is bounded: a byte for each recipient of the 16 broadcasts counted last, and 25 bytes for each of at most
//! 917,504 addresses a day (26 MiB). Addresses beyond that are not counted one by one; the other limits still hold.

use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::time::Boot;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Times one delivery may leave: a first attempt, one more where nobody can tell, and one that a person asked for.
const SAME_DELIVERY: u8 = 3;
/// Broadcasts counted at a time.
const BROADCASTS: usize = 16;
/// What a table of 2^20 places holds before it grows.
const ADDRESSES: usize = 917_504;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

/// What one recipient may get on one bulk channel; 0 means any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// In an hour, counted from a recipient's first message.
    pub an_hour: u8,
    /// In a day, counted likewise.
    pub a_day: u8,
}

/// Something that left, as the sender saw it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Departure {
    pub(crate) broadcast: BroadcastId,
    pub(crate) ordinal: Ordinal,
    /// The row of the address.
    pub(crate) address_id: i64,
    /// The broadcast's audience as far as it is known.
    pub(crate) asked: u64,
    /// D of the broadcast.
    pub(crate) duplicate_bound: u32,
    /// Whether the provider took it; otherwise it may have.
    pub(crate) taken: bool,
    /// Whether the channel carries one message for each person.
    pub(crate) bulk: bool,
    pub(crate) at: Boot,
}

/// Which limit was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// One delivery left too often.
    SameDelivery,
    /// More left than there are recipients.
    Broadcast,
    /// Somebody got too many in an hour.
    AnHour(u8),
    /// Somebody got too many in a day.
    ADay(u8),
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameDelivery => write!(f, "one message left more than {SAME_DELIVERY} times"),
            Self::Broadcast => f.write_str("more messages left than there are recipients"),
            Self::AnHour(limit) => {
                write!(f, "somebody got more than {limit} messages within an hour")
            }
            Self::ADay(limit) => write!(f, "somebody got more than {limit} messages within a day"),
        }
    }
}

/// The counts of one channel since the program started or a person resumed the channel.
#[derive(Debug, Default)]
pub(crate) struct Runaway(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    broadcasts: HashMap<BroadcastId, Tally>,
    addresses: HashMap<i64, Recent>,
    /// Departures counted so far, to know which broadcast was counted last.
    counted: u64,
    /// When old addresses are looked for again, in seconds since the machine started.
    look_again: u64,
    halted: bool,
}

/// What left of one broadcast.
#[derive(Debug, Default)]
struct Tally {
    /// The largest audience known; it grows while it is written out.
    asked: u64,
    taken: u64,
    left: u64,
    /// How often each delivery left, by ordinal.
    each: Vec<u8>,
    last: u64,
}

/// What one address got lately. Seconds since the machine started.
#[derive(Debug, Clone, Copy, Default)]
struct Recent {
    hour_began: u32,
    day_began: u32,
    in_hour: u8,
    in_day: u8,
}

impl Runaway {
    /// Counts a departure. Says once which limit it passes; then it is quiet until [`Runaway::clear`].
    pub(crate) fn count(&self, departure: &Departure, limits: Limits) -> Option<Excess> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let excess = state
            .of_broadcast(departure)
            .or_else(|| state.of_address(departure, limits))?;
        (!std::mem::replace(&mut state.halted, true)).then_some(excess)
    }

    /// A person looked at it and lets the channel go on: counting begins anew.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }
}

impl State {
    fn of_broadcast(&mut self, departure: &Departure) -> Option<Excess> {
        self.counted += 1;
        if !self.broadcasts.contains_key(&departure.broadcast) {
            self.make_room();
        }
        let tally = self.broadcasts.entry(departure.broadcast).or_default();
        tally.last = self.counted;
        tally.asked = tally.asked.max(departure.asked);
        tally.left += 1;
        tally.taken += u64::from(departure.taken);
        let times = tally.times(departure.ordinal);
        *times = times.saturating_add(1);
        if *times > SAME_DELIVERY {
            return Some(Excess::SameDelivery);
        }
        // Whoever took a message needs no other: only what nobody can tell about may leave a little more often.
        let enough = tally.asked + tally.asked.div_ceil(100);
        let too_many =
            tally.taken > enough || tally.left > enough + u64::from(departure.duplicate_bound);
        (departure.bulk && too_many).then_some(Excess::Broadcast)
    }

    /// Forgets the broadcast that nothing left of for longest.
    fn make_room(&mut self) {
        if self.broadcasts.len() < BROADCASTS {
            return;
        }
        let oldest = self.broadcasts.iter().min_by_key(|(_, tally)| tally.last);
        if let Some(oldest) = oldest.map(|(id, _)| *id) {
            self.broadcasts.remove(&oldest);
        }
    }

    /// Forgets yesterday's addresses where there is no room left; at most once an hour, because it looks at all.
    fn has_room(&mut self, now: u64) -> bool {
        let full = |state: &Self| state.addresses.len() >= ADDRESSES;
        if full(self) && now >= self.look_again {
            self.look_again = now + HOUR;
            self.addresses
                .retain(|_, recent| now.saturating_sub(recent.day_began.into()) < DAY);
        }
        !full(self)
    }

    fn of_address(&mut self, departure: &Departure, limits: Limits) -> Option<Excess> {
        if !departure.bulk
            || limits
                == (Limits {
                    an_hour: 0,
                    a_day: 0,
                })
        {
            return None;
        }
        let now = departure.at.0.as_secs();
        if !self.addresses.contains_key(&departure.address_id) && !self.has_room(now) {
            return None;
        }
        let recent = self.addresses.entry(departure.address_id).or_default();
        recent.count(now);
        if limits.an_hour > 0 && recent.in_hour > limits.an_hour {
            return Some(Excess::AnHour(limits.an_hour));
        }
        (limits.a_day > 0 && recent.in_day > limits.a_day).then_some(Excess::ADay(limits.a_day))
    }
}

impl Tally {
    fn times(&mut self, Ordinal(ordinal): Ordinal) -> &mut u8 {
        let at = ordinal as usize;
        if self.each.len() <= at {
            self.each.resize(at + 1, 0);
        }
        &mut self.each[at]
    }
}

impl Recent {
    fn count(&mut self, now: u64) {
        let began = u32::try_from(now).unwrap_or(u32::MAX);
        if self.in_hour == 0 || now.saturating_sub(self.hour_began.into()) >= HOUR {
            (self.hour_began, self.in_hour) = (began, 0);
        }
        if self.in_day == 0 || now.saturating_sub(self.day_began.into()) >= DAY {
            (self.day_began, self.in_day) = (began, 0);
        }
        self.in_hour = self.in_hour.saturating_add(1);
        self.in_day = self.in_day.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LIMITS: Limits = Limits {
        an_hour: 3,
        a_day: 10,
    };

    fn departure(broadcast: u32, ordinal: u32, seconds: u64) -> Departure {
        Departure {
            broadcast: BroadcastId(broadcast),
            ordinal: Ordinal(ordinal),
            address_id: i64::from(ordinal),
            asked: 1_000,
            duplicate_bound: 24,
            taken: true,
            bulk: true,
            at: Boot(Duration::from_secs(seconds)),
        }
    }

    fn counted(
        runaway: &Runaway,
        departures: impl IntoIterator<Item = Departure>,
    ) -> (u64, Option<Excess>) {
        let mut many = 0;
        for departure in departures {
            many += 1;
            if let Some(excess) = runaway.count(&departure, LIMITS) {
                return (many, Some(excess));
            }
        }
        (many, None)
    }

    #[test]
    fn a_fourth_copy_of_one_delivery_is_one_too_many_on_every_channel() {
        for bulk in [true, false] {
            let runaway = Runaway::default();
            let copies = (0..10).map(|n| Departure {
                bulk,
                taken: false,
                address_id: n,
                ..departure(1, 7, 0)
            });
            assert_eq!(counted(&runaway, copies), (4, Some(Excess::SameDelivery)));
        }
    }

    #[test]
    fn no_more_messages_are_taken_than_there_are_recipients_and_a_hundredth() {
        let runaway = Runaway::default();
        let again = (0..3_000).map(|n| departure(1, n % 1_000, 0));
        assert_eq!(counted(&runaway, again), (1_011, Some(Excess::Broadcast)));
        assert_eq!(
            runaway.count(&departure(1, 5, 0), LIMITS),
            None,
            "said once"
        );
        runaway.clear();
        assert_eq!(
            runaway.count(&departure(1, 5, 0), LIMITS),
            None,
            "counted anew"
        );
    }

    #[test]
    fn what_nobody_can_tell_about_may_leave_once_more_up_to_the_bound_on_copies() {
        let runaway = Runaway::default();
        let unsure = (0..2_000).map(|n| Departure {
            taken: false,
            ..departure(1, n % 1_000, 0)
        });
        assert_eq!(counted(&runaway, unsure), (1_035, Some(Excess::Broadcast)));
    }

    #[test]
    fn nobody_gets_more_than_three_an_hour_or_ten_a_day_and_posts_are_not_people() {
        let every = |seconds: u64| (1..=100).map(move |n| departure(n, 1, u64::from(n) * seconds));
        let runaway = Runaway::default();
        assert_eq!(counted(&runaway, every(600)), (4, Some(Excess::AnHour(3))));
        let runaway = Runaway::default();
        assert_eq!(
            counted(&runaway, every(1_800)),
            (11, Some(Excess::ADay(10)))
        );
        let runaway = Runaway::default();
        assert_eq!(counted(&runaway, every(9_000)), (100, None));
        let runaway = Runaway::default();
        let posts = every(1).map(|post| Departure {
            bulk: false,
            ..post
        });
        assert_eq!(counted(&runaway, posts), (100, None));
    }

    #[test]
    fn memory_is_bounded() {
        let runaway = Runaway::default();
        for n in 0..1_000_000 {
            let one = Departure {
                address_id: n,
                ..departure(u32::try_from(n % 100).unwrap(), 0, 0)
            };
            // Each broadcast has been forgotten before it comes again.
            assert_eq!(runaway.count(&one, LIMITS), None);
        }
        let state = runaway.0.lock().unwrap();
        assert_eq!(
            (state.broadcasts.len(), state.addresses.len()),
            (BROADCASTS, ADDRESSES)
        );
        assert_eq!(size_of::<(i64, Recent)>(), 24);
    }
}
