//! What is refused in which trouble.

use super::*;
use rusqlite::ffi;
use tempfile::TempDir;

const EVERY: [Purpose; 4] = [Purpose::Keep, Purpose::Take, Purpose::Send, Purpose::Add];

/// Vitals of a directory on a file system of 1 GiB, as far as they know.
fn vitals(folder: &TempDir) -> Vitals {
    let limits = Limits {
        ballast: MIB,
        ..Limits::of(1024 * MIB, None)
    };
    let ballast = Ballast::new(folder.path().join("ballast"), limits.ballast);
    Vitals::new(limits, ballast, Wall(0))
}

fn space(free_mib: u64) -> Option<Space> {
    Some(Space {
        total: 1024 * MIB,
        free: free_mib * MIB,
        few_inodes: false,
    })
}

fn refused(vitals: &Vitals) -> Vec<Purpose> {
    let refused = |purpose: &Purpose| vitals.refusal(*purpose).is_some();
    EVERY.into_iter().filter(refused).collect()
}

fn sqlite(code: i32) -> Fault {
    Fault::Sqlite(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
}

#[test]
fn the_fuller_the_disk_the_less_is_done_and_what_happened_is_always_kept() {
    let folder = TempDir::new().unwrap();
    let vitals = vitals(&folder);
    vitals.look_at(space(500));
    assert_eq!(refused(&vitals), []);
    vitals.look_at(space(200));
    assert_eq!(refused(&vitals), [Purpose::Add]);
    assert_eq!(vitals.condition().troubles[0].code, TroubleCode::DiskLow);
    vitals.look_at(space(30));
    assert_eq!(refused(&vitals), EVERY[1..]);
    assert_eq!(vitals.condition().troubles[0].code, TroubleCode::DiskFull);
    let refusal = vitals.refusal(Purpose::Add);
    assert!(matches!(refusal, Some(LedgerError::Full(_))), "{refusal:?}");
    vitals.look_at(space(500));
    assert_eq!(refused(&vitals), []);
    assert_eq!(vitals.condition().troubles, []);
}

#[test]
fn a_disk_with_few_inodes_left_takes_nothing_new() {
    let folder = TempDir::new().unwrap();
    let vitals = vitals(&folder);
    let few = space(500).map(|space| Space {
        few_inodes: true,
        ..space
    });
    vitals.look_at(few);
    assert_eq!(refused(&vitals), [Purpose::Add]);
    let line = vitals.condition().troubles.remove(0).line;
    assert!(line.starts_with("Hardly any more files"), "{line}");
}

#[test]
fn a_disk_that_refuses_costs_the_ballast_and_gets_it_back() {
    let folder = TempDir::new().unwrap();
    let vitals = vitals(&folder);
    vitals.look_at(space(500));
    assert!(vitals.ballast.is_there(), "made as soon as there is room");
    vitals.note_writing(&sqlite(ffi::SQLITE_FULL));
    assert!(!vitals.ballast.is_there());
    assert_eq!(
        refused(&vitals),
        EVERY[1..],
        "at once, whatever the last look said"
    );
    vitals.look_at(space(0));
    assert_eq!(refused(&vitals), EVERY[1..]);
    assert!(!vitals.ballast.is_there());
    vitals.look_at(space(500));
    assert_eq!(refused(&vitals), []);
    assert!(vitals.ballast.is_there());
}

#[test]
fn a_reader_may_be_in_the_way_for_a_while_but_the_log_does_not_grow_for_ever() {
    let folder = TempDir::new().unwrap();
    let vitals = vitals(&folder);
    let full = vitals.limits.log_full;
    vitals.note_log(full);
    for _ in 1..PINNED_TICKS {
        vitals.note_log_stuck(true);
    }
    assert_eq!(vitals.condition().troubles, []);
    vitals.note_log_stuck(true);
    assert_eq!(vitals.condition().troubles[0].code, TroubleCode::LogPinned);
    assert_eq!(refused(&vitals), []);
    vitals.note_log(full + 1);
    assert_eq!(vitals.condition().troubles[0].code, TroubleCode::LogFull);
    assert_eq!(refused(&vitals), EVERY[2..]);
    let refusal = vitals.refusal(Purpose::Send);
    assert!(matches!(refusal, Some(LedgerError::Busy(_))), "{refusal:?}");
    vitals.note_log(full / 2 * 3 + 1);
    assert_eq!(refused(&vitals), EVERY[1..]);
    vitals.note_log(0);
    vitals.note_log_stuck(false);
    assert_eq!(vitals.condition().troubles, []);
}

#[test]
fn a_lock_is_told_until_something_could_be_written() {
    let folder = TempDir::new().unwrap();
    let vitals = vitals(&folder);
    vitals.note_writing(&sqlite(ffi::SQLITE_BUSY));
    assert_eq!(
        vitals.condition().troubles[0].code,
        TroubleCode::StoreLocked
    );
    vitals.note_written();
    assert_eq!(vitals.condition().troubles, []);
}

#[tokio::test]
async fn an_io_error_is_the_end_whoever_met_it() {
    let folder = TempDir::new().unwrap();
    for note in [Vitals::note_writing, Vitals::note_reading] {
        let vitals = vitals(&folder);
        note(&vitals, &sqlite(ffi::SQLITE_IOERR_FSYNC));
        assert_eq!(
            refused(&vitals),
            EVERY,
            "nothing at all is written any more"
        );
        let why = vitals.failed().await;
        assert!(why.contains("SQLite 1034"), "{why}");
        assert!(!vitals.is_damaged());
        note(&vitals, &sqlite(ffi::SQLITE_CORRUPT));
        assert_eq!(vitals.failed().await, why, "the first reason stays");
        assert!(vitals.is_damaged());
    }
}

#[test]
fn the_sign_of_life_is_kept_once_it_is_new_enough() {
    let folder = TempDir::new().unwrap();
    let vitals = vitals(&folder);
    assert_eq!(vitals.to_keep(0), None);
    vitals.tell(Wall(5));
    assert_eq!(vitals.to_keep(6), None);
    assert_eq!(vitals.to_keep(5), Some(Wall(5)));
    vitals.set_kept(Wall(5));
    assert_eq!(vitals.to_keep(0), None);
    vitals.tell(Wall(-7));
    assert_eq!(
        vitals.to_keep(12),
        Some(Wall(-7)),
        "a clock that was set back"
    );
}
