//! The guard under a hand-driven clock, and under thousands of random sequences of steps.

use super::*;
use std::sync::atomic::{AtomicI64, Ordering};

/// A machine whose two clocks are set by hand, in microseconds.
#[derive(Default)]
struct Machine {
    boot: AtomicI64,
    wall: AtomicI64,
}

impl Machine {
    /// Both clocks go on.
    fn pass(&self, micros: i64) {
        self.boot.fetch_add(micros, Ordering::Relaxed);
        self.wall.fetch_add(micros, Ordering::Relaxed);
    }

    /// Somebody sets the wall clock.
    fn step(&self, micros: i64) {
        self.wall.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Clock for Machine {
    fn now(&self) -> Boot {
        let micros = u64::try_from(self.boot.load(Ordering::Relaxed)).unwrap();
        Boot(Duration::from_micros(micros))
    }

    fn wall(&self) -> Wall {
        Wall(self.wall.load(Ordering::Relaxed))
    }

    fn sleep_until(&self, _: Boot) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn guarded() -> (Arc<Machine>, ClockGuard) {
    let machine = Arc::new(Machine::default());
    machine.step(1_700_000_000 * SECOND);
    let guard = ClockGuard::new(Arc::clone(&machine) as Arc<dyn Clock>);
    (machine, guard)
}

/// A sequence of numbers that looks random and is the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        i64::try_from((mixed ^ (mixed >> 31)) >> 1).unwrap() % bound
    }
}

#[test]
fn a_clock_that_is_set_right_is_followed() {
    let (machine, guard) = guarded();
    for step in [30, -45, 59, -2] {
        machine.step(step * SECOND);
        assert_eq!(guard.wall(), machine.wall());
        assert_eq!(guard.expiry_frozen(), None);
        machine.pass(3600 * SECOND);
    }
}

#[test]
fn after_a_jump_time_goes_on_as_if_nothing_had_happened_and_nothing_expires() {
    for jump in [61, 3600, 86_400, 315_360_000, -61, -86_400, -315_360_000] {
        let (machine, guard) = guarded();
        let before = guard.wall();
        machine.step(jump * SECOND);
        assert_eq!(guard.wall(), before);
        machine.pass(10 * SECOND);
        assert_eq!(guard.wall(), before.plus(Duration::from_secs(10)));
        let frozen = guard.expiry_frozen().unwrap();
        assert_eq!((frozen.since, frozen.off_by), (before, jump * SECOND));
    }
}

#[test]
fn a_suspended_machine_has_not_jumped() {
    let (machine, guard) = guarded();
    machine.pass(7 * 86_400 * SECOND);
    assert_eq!(guard.expiry_frozen(), None);
    assert_eq!(guard.wall(), machine.wall());
}

#[test]
fn a_clock_that_comes_back_is_believed_after_half_a_minute() {
    let (machine, guard) = guarded();
    machine.step(3600 * SECOND);
    assert!(guard.expiry_frozen().is_some());
    machine.step(-3598 * SECOND);
    assert!(
        guard.expiry_frozen().is_some(),
        "it has only just come back"
    );
    machine.pass(29 * SECOND);
    assert!(guard.expiry_frozen().is_some());
    machine.pass(SECOND);
    assert_eq!(guard.expiry_frozen(), None);
    assert_eq!(guard.wall(), machine.wall());
}

#[test]
fn a_clock_that_only_passes_by_the_right_time_is_not_believed() {
    let (machine, guard) = guarded();
    machine.step(3600 * SECOND);
    assert!(guard.expiry_frozen().is_some());
    machine.step(-3600 * SECOND);
    machine.pass(20 * SECOND);
    assert!(guard.expiry_frozen().is_some());
    machine.step(100 * SECOND);
    assert!(guard.expiry_frozen().is_some());
    machine.step(-100 * SECOND);
    machine.pass(20 * SECOND);
    assert!(
        guard.expiry_frozen().is_some(),
        "the half minute begins anew"
    );
}

#[test]
fn a_person_can_say_that_the_new_time_is_right() {
    let (machine, guard) = guarded();
    machine.step(-86_400 * SECOND);
    assert!(guard.expiry_frozen().is_some());
    assert_eq!(guard.trust().unwrap().off_by, -86_400 * SECOND);
    assert_eq!(guard.expiry_frozen(), None);
    assert_eq!(guard.wall(), machine.wall());
    assert_eq!(guard.trust(), None, "there is nothing left to accept");
}

#[test]
fn many_small_steps_are_a_jump() {
    let (machine, guard) = guarded();
    machine.step(40 * SECOND);
    assert_eq!(guard.expiry_frozen(), None);
    machine.pass(SECOND);
    machine.step(40 * SECOND);
    assert!(guard.expiry_frozen().is_some());
}

/// Whatever the wall clock does, the guard's time moves with the time since the machine started, give or take a
/// sixtieth and a minute each time that the clock is believed; so nothing expires by a jump. A frozen guard moves
/// with it exactly.
#[test]
fn no_sequence_of_steps_makes_time_jump() {
    for seed in 0..5_000 {
        let (machine, guard) = guarded();
        let mut dice = Dice(seed);
        let (began, released) = (guard.now(), guard.wall());
        let mut before = (guard.now(), guard.wall(), guard.expiry_frozen().is_some());
        let mut believed = 1;
        for _ in 0..60 {
            machine.pass(dice.below(90 * SECOND));
            match dice.below(6) {
                0 => machine.step(dice.below(118 * SECOND) - 59 * SECOND),
                1 => machine.step(dice.below(2 * 86_400 * SECOND) - 86_400 * SECOND),
                2 => {
                    let back = guard.expiry_frozen().map_or(0, |frozen| frozen.off_by);
                    machine.step(-back);
                }
                _ => {}
            }
            let now = (guard.now(), guard.wall(), guard.expiry_frozen().is_some());
            let (passed, moved) = (micros(now.0.since(before.0)), now.1.0 - before.1.0);
            if before.2 && now.2 {
                assert_eq!(moved, passed, "seed {seed}: a frozen clock is steady");
            }
            assert!(
                (moved - passed).abs() <= JUMP,
                "seed {seed}: one look to the next"
            );
            let (passed, moved) = (micros(now.0.since(began)), now.1.0 - released.0);
            believed += i64::from(before.2 && !now.2);
            let slack = believed * (JUMP + AGREES) + passed / CREEP;
            assert!(
                (moved - passed).abs() <= slack,
                "seed {seed}: since the release"
            );
            before = now;
        }
    }
}
