//! The suite on SQLite, and what only SQLite promises.

use super::seeded_bug::Seeded;
use crate::conformance::Store;
use crate::conformance::stage::{MAIL, Plan, Stage, at, by, first_window};
use crate::{OpenError, SqliteLedger, StorageSettings};
use oyez_domain::ledger::{Ledger, Reports, Subscribers, Taken};
use oyez_domain::time::Wall;
use oyez_domain::{BoxFuture, LedgerError, Random};
use std::path::Path;
use tempfile::TempDir;

/// Random games, each on a store of its own.
const GAMES: u64 = 12;

/// Chance that is none.
struct Counting;

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(at % 251).unwrap();
        }
    }
}

/// A database in a directory that goes away with the test, with a mistake if one is switched on.
struct Scratch(TempDir, Seeded);

impl Scratch {
    fn new() -> Self {
        Self::seeded(Seeded::default())
    }

    fn seeded(seeded: Seeded) -> Self {
        Self(TempDir::new().unwrap(), seeded)
    }

    fn settings(&self) -> StorageSettings {
        StorageSettings::in_directory(self.0.path().join("data"))
    }

    fn open(&self) -> Result<SqliteLedger, OpenError> {
        SqliteLedger::open(&self.settings(), Wall(1), &Counting)
    }

    /// The database as an outsider sees it.
    fn tamper(&self, sql: &str) {
        let database = rusqlite::Connection::open(self.settings().database()).unwrap();
        database.execute_batch(sql).unwrap();
    }
}

impl Store for Scratch {
    fn open(&self, now: Wall) -> BoxFuture<'_, Box<dyn Ledger>> {
        let ledger = open_seeded(&self.settings(), now, self.1);
        Box::pin(async move { Box::new(ledger) as Box<dyn Ledger> })
    }

    fn open_beside(&self, now: Wall) -> BoxFuture<'_, Box<dyn Ledger>> {
        let (settings, seeded) = (self.settings(), self.1);
        Box::pin(async move {
            // Who deletes the lock's file has lost the lock, and does not know.
            let opening = tokio::task::spawn_blocking(move || {
                std::fs::remove_file(settings.lock()).unwrap();
                open_seeded(&settings, now, seeded)
            });
            Box::new(opening.await.unwrap()) as Box<dyn Ledger>
        })
    }
}

fn open_seeded(settings: &StorageSettings, now: Wall, seeded: Seeded) -> SqliteLedger {
    let mut ledger = SqliteLedger::open(settings, now, &Counting).unwrap();
    ledger.seeded = seeded;
    ledger
}

mod accounts;
mod identifiers;
mod interrupted;
mod lineage;
mod seeded;
mod trouble;
mod unreadable;
mod upgrade;

mod promises {
    use super::{GAMES, Scratch};

    crate::ledger_promises!(Scratch::new());

    #[tokio::test]
    async fn counters_stay_true_whatever_happens() {
        for seed in 0..GAMES {
            crate::conformance::counters_stay_true_in_game(&Scratch::new(), seed).await;
        }
    }
}

#[test]
fn a_directory_belongs_to_one_program() {
    let scratch = Scratch::new();
    let first = scratch.open().unwrap();
    let second = scratch.open();
    assert!(matches!(second, Err(OpenError::Held(_))), "{second:?}");
    drop(first);
    scratch.open().unwrap();
}

#[test]
fn a_newer_schema_is_refused_untouched() {
    let scratch = Scratch::new();
    drop(scratch.open().unwrap());
    scratch.tamper("INSERT INTO migration VALUES (999, x'00')");
    let refused = scratch.open();
    assert!(
        matches!(refused, Err(OpenError::Newer { found: 999, .. })),
        "{refused:?}"
    );
    let refused = SqliteLedger::open_read_only(&scratch.settings());
    assert!(
        matches!(refused, Err(OpenError::Newer { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_migration_that_was_changed_is_refused() {
    let scratch = Scratch::new();
    drop(scratch.open().unwrap());
    scratch.tamper("UPDATE migration SET checksum = x'00' WHERE id = 1");
    let refused = scratch.open();
    assert!(
        matches!(refused, Err(OpenError::Foreign { id: 1, .. })),
        "{refused:?}"
    );
}

#[test]
fn a_missing_key_is_not_replaced() {
    let scratch = Scratch::new();
    drop(scratch.open().unwrap());
    let key = scratch.settings().key();
    std::fs::remove_file(&key).unwrap();
    let refused = scratch.open();
    assert!(
        matches!(refused, Err(OpenError::KeyMissing(_))),
        "{refused:?}"
    );
    assert!(!key.exists());
}

#[test]
fn another_databases_key_is_refused() {
    let scratch = Scratch::new();
    drop(scratch.open().unwrap());
    std::fs::write(scratch.settings().key(), "ab".repeat(32)).unwrap();
    let refused = scratch.open();
    assert!(
        matches!(refused, Err(OpenError::KeyUnusable { .. })),
        "{refused:?}"
    );
    std::fs::write(scratch.settings().key(), "not a key").unwrap();
    let refused = scratch.open();
    assert!(
        matches!(refused, Err(OpenError::KeyUnusable { .. })),
        "{refused:?}"
    );
}

#[test]
fn the_reference_secret_lives_as_long_as_the_key() {
    let (one, other) = (Scratch::new(), Scratch::new());
    let secret = one.open().unwrap().reference_secret();
    assert_eq!(one.open().unwrap().reference_secret(), secret);
    std::fs::create_dir_all(other.settings().data_dir).unwrap();
    std::fs::write(other.settings().key(), "ab".repeat(32)).unwrap();
    assert_ne!(other.open().unwrap().reference_secret(), secret);
}

#[test]
fn a_damaged_database_is_refused() {
    let scratch = Scratch::new();
    drop(scratch.open().unwrap());
    let database = scratch.settings().database();
    let mut bytes = std::fs::read(&database).unwrap();
    bytes[..100].fill(0x55);
    std::fs::write(&database, bytes).unwrap();
    let refused = scratch.open();
    assert!(
        matches!(refused, Err(OpenError::Corrupt { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let settings = StorageSettings::in_directory(file.path().join("data"));
    let refused = SqliteLedger::open(&settings, Wall(1), &Counting);
    assert!(
        matches!(refused, Err(OpenError::NotWritable { .. })),
        "{refused:?}"
    );
}

#[cfg(unix)]
#[test]
fn only_its_owner_reads_the_key() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    drop(scratch.open().unwrap());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&scratch.settings().key()), 0o600);
    assert_eq!(mode(&scratch.settings().data_dir), 0o700);
}

#[tokio::test]
async fn no_address_stands_in_any_file() {
    let scratch = Scratch::new();
    let mut stage = Stage::with_people(&scratch, 20).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    stage.accept(&window, at(11)).await;
    for entry in std::fs::read_dir(scratch.settings().data_dir).unwrap() {
        let path = entry.unwrap().path();
        if path == scratch.settings().ballast() {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for secret in ["resident0", "example.org", "7700000"] {
            let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
            assert!(!found, "{secret} stands in {}", path.display());
        }
    }
}

#[tokio::test]
async fn a_reader_sees_what_the_writer_committed_and_writes_nothing() {
    let scratch = Scratch::new();
    let mut stage = Stage::with_people(&scratch, 3).await;
    let update = stage.release(&Plan::default()).await.update.id;
    let reader = SqliteLedger::open_read_only(&scratch.settings()).unwrap();
    let seen = reader.broadcasts(Some(update)).await.unwrap();
    assert_eq!(seen, [stage.view(update, MAIL).await]);
    assert_eq!(
        reader.unclean_ends().await.unwrap(),
        0,
        "the writer is still there"
    );
    let refused = reader.opt_out(1, &by(at(12))).await;
    assert!(matches!(refused, Err(LedgerError::State(_))));
    drop(stage);
    assert_eq!(
        reader.unclean_ends().await.unwrap(),
        1,
        "now it is gone without a word"
    );
}

#[test]
fn a_reader_makes_nothing_where_nothing_is() {
    let scratch = Scratch::new();
    let missing = SqliteLedger::open_read_only(&scratch.settings());
    assert!(matches!(missing, Err(OpenError::Missing(_))), "{missing:?}");
    assert!(!scratch.settings().data_dir.exists());
}

#[tokio::test]
async fn a_closed_ledger_is_whole_in_one_file() {
    let scratch = Scratch::new();
    let mut stage = Stage::with_people(&scratch, 3).await;
    let update = stage.release(&Plan::default()).await.update.id;
    drop(stage);
    let copy = Scratch::new();
    let (from, to) = (scratch.settings(), copy.settings());
    std::fs::create_dir_all(&to.data_dir).unwrap();
    std::fs::copy(from.database(), to.database()).unwrap();
    std::fs::copy(from.key(), to.key()).unwrap();
    let restored = copy.open().unwrap();
    let seen = restored.broadcasts(Some(update)).await.unwrap();
    assert_eq!(seen[0].counts.asked, 3);
}

#[tokio::test]
async fn verbs_that_come_together_do_not_spoil_each_other() {
    let scratch = Scratch::new();
    let mut stage = Stage::with_people(&scratch, 40).await;
    stage.release(&Plan::default()).await;
    let by = by(at(11));
    let missing = stage.ledger.opt_out(9_999, &by);
    let (a, b, missing, c) = tokio::join!(
        stage.take(MAIL, at(11)),
        stage.take(MAIL, at(11)),
        missing,
        stage.take(MAIL, at(11)),
    );
    assert!(matches!(missing, Err(LedgerError::NotFound(_))));
    let mut seen = Vec::new();
    for taken in [a, b, c] {
        let Taken::Window(window) = taken else {
            panic!("{taken:?}")
        };
        seen.extend(window.armed.into_iter().map(|armed| armed.ordinal.0));
    }
    seen.sort_unstable();
    assert_eq!(seen, (4..16).collect::<Vec<_>>());
}
