//! A start that does not continue the last one holds everything until a person has said otherwise.

use super::{Counting, Scratch};
use crate::conformance::stage::{MAIL, Plan, Stage, at, by};
use crate::{OpenError, SqliteLedger, StorageSettings};
use oyez_domain::ledger::{Ledger, Queue, Releases, Taken, Upkeep};
use oyez_domain::time::Wall;

/// How often a bit is turned.
const FLIPS: u64 = 200;

/// A directory in which something is released and not yet sent, last used at `at(20)`.
async fn lived() -> Scratch {
    let scratch = Scratch::new();
    let mut stage = Stage::with_people(&scratch, 8).await;
    stage.release(&Plan::default()).await;
    drop(stage.crash(at(20)).await);
    scratch
}

fn open(settings: &StorageSettings, now: Wall) -> Result<SqliteLedger, OpenError> {
    SqliteLedger::open(settings, now, &Counting)
}

/// Why everything is held, if it is.
async fn held(ledger: &dyn Ledger) -> Option<String> {
    let holds = ledger.holds().await.unwrap();
    let system = holds.into_iter().find(|(channel, _)| channel.is_none());
    system.map(|(_, why)| why)
}

async fn take(ledger: &SqliteLedger, now: Wall) -> Taken {
    let channel = MAIL.parse().unwrap();
    let ask = crate::conformance::stage::ask(&channel, now);
    ledger.take(&ask).await.unwrap()
}

/// Everything is held for a reason with these words, and nothing is sent until a person says so.
async fn asks(settings: &StorageSettings, now: Wall, words: &str) {
    let ledger = open(settings, now).unwrap();
    let why = held(&ledger).await.unwrap();
    assert!(why.contains(words), "{words:?} is not in: {why}");
    let taken = take(&ledger, now).await;
    assert!(matches!(taken, Taken::Held(_)), "{taken:?}");
    drop(ledger);
    let ledger = open(settings, now).unwrap();
    assert_eq!(
        held(&ledger).await,
        Some(why),
        "another start does not answer for the person"
    );
    ledger.hold_channel(None, None, &by(now)).await.unwrap();
    let taken = take(&ledger, now).await;
    assert!(matches!(taken, Taken::Window(_)), "{taken:?}");
    drop(ledger);
    let ledger = open(settings, now).unwrap();
    assert_eq!(held(&ledger).await, None, "it is asked once");
}

#[tokio::test]
async fn a_start_that_continues_the_last_one_goes_on_by_itself() {
    let scratch = lived().await;
    for later in [21, 620] {
        let ledger = open(&scratch.settings(), at(later)).unwrap();
        assert_eq!(held(&ledger).await, None);
        let taken = take(&ledger, at(later)).await;
        assert!(matches!(taken, Taken::Window(_)), "{taken:?}");
        ledger.beat(at(20));
    }
}

#[tokio::test]
async fn a_copy_sends_nothing_before_a_person_says_so() {
    let (scratch, copy) = (lived().await, Scratch::new());
    let (from, to) = (scratch.settings(), copy.settings());
    std::fs::create_dir_all(&to.data_dir).unwrap();
    for entry in std::fs::read_dir(&from.data_dir).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.data_dir.join(path.file_name().unwrap())).unwrap();
    }
    asks(&to, at(21), "is a copy").await;
    let original = open(&from, at(21)).unwrap();
    assert_eq!(held(&original).await, None, "the original goes on");
}

#[tokio::test]
async fn another_machine_sends_nothing_before_a_person_says_so() {
    let scratch = lived().await;
    let on = |machine: &str| StorageSettings {
        machine: machine.to_owned(),
        ..scratch.settings()
    };
    let first = open(&on("one"), at(21)).unwrap();
    assert_eq!(held(&first).await, None, "the machine was not known before");
    drop(first);
    asks(&on("another"), at(22), "another machine").await;
}

#[tokio::test]
async fn an_older_database_put_back_sends_nothing_before_a_person_says_so() {
    let scratch = lived().await;
    let path = scratch.settings().database();
    let backup = std::fs::read(&path).unwrap();
    drop(open(&scratch.settings(), at(30)).unwrap());
    // Written over, so that it is still the same file.
    std::fs::write(&path, backup).unwrap();
    asks(&scratch.settings(), at(31), "is older than").await;
}

#[tokio::test]
async fn a_database_changed_meanwhile_sends_nothing_before_a_person_says_so() {
    let scratch = lived().await;
    scratch.tamper("UPDATE broadcast SET next = next + 1");
    asks(&scratch.settings(), at(21), "was changed while").await;
}

#[tokio::test]
async fn after_a_long_time_what_is_due_waits_for_a_person() {
    let scratch = lived().await;
    asks(
        &scratch.settings(),
        at(621),
        "nobody was here for 10 minutes",
    )
    .await;
}

#[tokio::test]
async fn a_clock_that_was_set_back_is_asked_about() {
    let scratch = lived().await;
    let now = Wall(at(20).0 - 61_000_000);
    let ledger = open(&scratch.settings(), now).unwrap();
    let why = held(&ledger).await.unwrap();
    assert!(why.contains("later than now"), "{why}");
}

#[tokio::test]
async fn a_persons_own_hold_keeps_its_reason() {
    let scratch = lived().await;
    let ledger = open(&scratch.settings(), at(21)).unwrap();
    let by = by(at(21));
    ledger.hold_channel(None, Some("lunch"), &by).await.unwrap();
    drop(ledger);
    let ledger = open(&scratch.settings(), at(2_000)).unwrap();
    assert_eq!(held(&ledger).await.as_deref(), Some("lunch"));
}

#[tokio::test]
async fn no_turned_bit_goes_unnoticed_in_a_database_at_rest() {
    let scratch = lived().await;
    let path = scratch.settings().database();
    let whole = std::fs::read(&path).unwrap();
    let mut refused = 0;
    for flip in 0..FLIPS {
        let notes = std::fs::read(scratch.settings().lock()).unwrap();
        let mut bytes = whole.clone();
        let place = flip * 2_654_435_761 % (whole.len() as u64 * 8);
        bytes[usize::try_from(place / 8).unwrap()] ^= 1 << (place % 8);
        std::fs::write(&path, bytes).unwrap();
        match open(&scratch.settings(), at(21)) {
            Ok(ledger) => {
                let held = ledger.holds().await;
                assert!(
                    held.is_err() || held.is_ok_and(|holds| !holds.is_empty()),
                    "bit {place} went unnoticed"
                );
            }
            Err(_) => refused += 1,
        }
        for wal in ["oyez.db-wal", "oyez.db-shm"] {
            drop(std::fs::remove_file(scratch.settings().data_dir.join(wal)));
        }
        std::fs::write(&path, &whole).unwrap();
        std::fs::write(scratch.settings().lock(), notes).unwrap();
    }
    assert!(refused > 0, "some of them are damage that the pages show");
    let ledger = open(&scratch.settings(), at(21)).unwrap();
    assert_eq!(held(&ledger).await, None, "whole again");
}

#[tokio::test]
async fn after_a_crash_damaged_pages_are_found_before_anything_is_sent() {
    let scratch = lived().await;
    // A crash leaves no digest.
    std::fs::write(scratch.settings().lock(), "").unwrap();
    let path = scratch.settings().database();
    let mut bytes = std::fs::read(&path).unwrap();
    let page = bytes.len() / 4096 / 2 * 4096;
    bytes[page..page + 4096].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    let refused = open(&scratch.settings(), at(21));
    assert!(
        matches!(refused, Err(OpenError::Corrupt { .. })),
        "{refused:?}"
    );
}
