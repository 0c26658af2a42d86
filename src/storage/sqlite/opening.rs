//! Opening the database for the one program that may write it: checked, brought up to date, and begun.

use super::fault::{Fault, Gravity, Step};
use super::lineage::{self, Found, Place};
use super::soundness::{self, Check, Since};
use super::vitals::Vitals;
use super::{boot, connection, import, log_tail, migration};
use crate::directory::{DirectoryLock, OpenError, StorageSettings};
use crate::disk::{Ballast, Limits, Space};
use crate::key::Keys;
use crate::notes::Notes;
use oyez_domain::time::Wall;
use oyez_domain::{LedgerError, Random};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use std::path::Path;
use std::sync::Arc;

/// With less than this free, the ballast of the last start makes the room to begin.
const ROOM_TO_BEGIN: u64 = 4 * 1024 * 1024;

/// A database that is ready for work.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) keys: Keys,
    pub(super) vitals: Arc<Vitals>,
    /// The check of the pages, where it is not done yet.
    pub(super) checking: Option<Check>,
    /// The number of this start.
    pub(super) boot: i64,
}

/// Opens the database of a directory that we hold, and notes that we are here.
pub(super) fn open(
    settings: &StorageSettings,
    lock: &DirectoryLock,
    now: Wall,
    random: &dyn Random,
) -> Result<Opened, OpenError> {
    let path = settings.database();
    let notes = Notes::read(settings);
    let since = Since::closed(&path, &notes);
    let running = Notes {
        closed_as: None,
        ..notes.clone()
    };
    running.write_first(lock, settings)?;
    let vitals = Arc::new(vitals(settings, now));
    make_room(settings);
    let keys = Keys::load_or_create(settings, random)?;
    let log_bytes = vitals.limits.log;
    let mut connection = connection::writer(&path, log_bytes).map_err(|e| refused(&path, &e))?;
    let cut_off = log_tail::commits_cut_off(&connection, &settings.log());
    let cut_off = cut_off.map_err(|fault| not_begun(fault, settings))?;
    migration::migrate(&mut connection, &path)?;
    check_key(&connection, &keys, settings, true)?;
    let checking = soundness::check(&path, since, notes.suspect, &vitals)?;
    let here = Place::here(settings);
    let boot = begin(&mut connection, |connection| {
        let found = Found::read(connection, &notes, since == Since::Altered, cut_off, now)?;
        import::discard_all(connection)?;
        let boot = boot::start(connection, now)?;
        let doubt = found.doubt(&here, now);
        lineage::begin(connection, &here, doubt.as_deref(), now)?;
        Ok(boot)
    });
    let boot = boot.map_err(|fault| not_begun(fault, settings))?;
    Ok(Opened {
        connection,
        keys,
        vitals,
        checking,
        boot,
    })
}

/// The condition to begin with.
pub(super) fn vitals(settings: &StorageSettings, now: Wall) -> Vitals {
    // A file system that does not say how large it is gets what suits a large one.
    let total = Space::of(&settings.data_dir).map_or(u64::MAX, |space| space.total);
    let limits = Limits::of(total, settings.low_disk_bytes);
    let ballast = Ballast::new(settings.ballast(), limits.ballast);
    Vitals::new(limits, ballast, now)
}

fn make_room(settings: &StorageSettings) {
    let Some(space) = Space::of(&settings.data_dir) else {
        return;
    };
    if space.free < ROOM_TO_BEGIN && Ballast::new(settings.ballast(), 0).release() {
        tracing::warn!("the disk is full; the ballast is thrown off to start at all");
    }
}

fn begin<T>(connection: &mut Connection, work: impl FnOnce(&Connection) -> Step<T>) -> Step<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = work(&transaction)?;
    transaction.commit().map_err(Fault::from)?;
    Ok(value)
}

fn not_begun(fault: Fault, settings: &StorageSettings) -> OpenError {
    match fault.gravity() {
        Gravity::Full => OpenError::Full(settings.data_dir.clone()),
        Gravity::Busy => OpenError::Locked(settings.database()),
        Gravity::Damage => OpenError::Corrupt {
            path: settings.database(),
            why: fault.to_string(),
        },
        Gravity::None | Gravity::Io => OpenError::Database(LedgerError::from(fault).to_string()),
    }
}

pub(super) fn no_thread(error: &std::io::Error) -> OpenError {
    OpenError::Database(error.to_string())
}

pub(super) fn refused(path: &Path, error: &rusqlite::Error) -> OpenError {
    use rusqlite::ErrorCode as Code;
    let (path, why) = (path.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(Code::NotADatabase | Code::DatabaseCorrupt) => OpenError::Corrupt { path, why },
        Some(Code::ReadOnly | Code::CannotOpen | Code::PermissionDenied) => {
            OpenError::NotWritable { path, why }
        }
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => OpenError::Locked(path),
        Some(Code::DiskFull) => OpenError::Full(path),
        Some(_) | None => OpenError::Database(why),
    }
}

/// Refuses a key that is not the database's own, before anything is encrypted with it.
pub(super) fn check_key(
    connection: &Connection,
    keys: &Keys,
    settings: &StorageSettings,
    may_write: bool,
) -> Result<(), OpenError> {
    let path = settings.database();
    let known: Option<Vec<u8>> = connection
        .query_row(
            "SELECT value FROM meta WHERE name = 'key_check'",
            [],
            |row| row.get(0),
        )
        .optional()
        .map_err(|error| refused(&path, &error))?;
    match known {
        Some(known) if known != keys.check() => Err(OpenError::KeyUnusable {
            path: settings.key(),
            why: "it is not the key this database was made with".to_owned(),
        }),
        Some(_) => Ok(()),
        None if may_write => connection
            .execute(
                "INSERT INTO meta (name, value) VALUES ('key_check', ?1)",
                [keys.check()],
            )
            .map(|_| ())
            .map_err(|error| refused(&path, &error)),
        None => Ok(()),
    }
}
