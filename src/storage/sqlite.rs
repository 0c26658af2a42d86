//! The ledger on SQLite: one thread writes, three read, and a lock keeps other programs out.

mod arm;
mod attempt;
mod boot;
mod broadcast;
mod checkpoint;
mod common;
mod connection;
mod decide;
mod deliveries;
mod disarm;
mod evidence;
mod exception;
mod fault;
mod follow;
mod halt;
mod import;
mod incidents;
mod left_over;
mod migration;
mod order;
mod parked;
mod plan;
mod ports;
mod receive;
mod record;
mod release;
mod reopen;
mod retry;
mod sealed;
mod subscribers;
mod supersede;
mod sweep;
mod take;
mod views;
mod window;
mod words;
mod worker;

use crate::directory::{DirectoryLock, OpenError, StorageSettings};
use crate::key::Keys;
use fault::{Fault, Step};
use oyez_domain::time::Wall;
use oyez_domain::{LedgerError, LedgerResult, Random};
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use worker::Desk;

const READERS: usize = 3;

/// Above this size the start does not read the whole database: a start after a crash has to be quick.
const CHECKED_BYTES: u64 = 32 * 1024 * 1024;

/// The ledger of one data directory. Dropping it ends its threads and gives the directory free.
pub struct SqliteLedger {
    settings: StorageSettings,
    keys: Arc<Keys>,
    writer: Option<Desk>,
    readers: Option<Desk>,
    reading: Vec<JoinHandle<()>>,
    writing: Vec<JoinHandle<()>>,
    lock: Option<DirectoryLock>,
    boot: Option<i64>,
}

impl std::fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteLedger")
            .field("data_dir", &self.settings.data_dir)
            .field("boot", &self.boot)
            .finish_non_exhaustive()
    }
}

impl SqliteLedger {
    pub(crate) fn open(
        settings: &StorageSettings,
        now: Wall,
        random: &dyn Random,
    ) -> Result<Self, OpenError> {
        connection::refuse_old_engine()?;
        let lock = DirectoryLock::take(settings)?;
        let keys = Keys::load_or_create(settings, random)?;
        let path = settings.database();
        let mut connection = connection::writer(&path).map_err(|e| refused(&path, &e))?;
        migration::migrate(&mut connection, &path)?;
        check_key(&connection, &keys, settings, true)?;
        check_pages(&connection, &path)?;
        let boot = in_transaction(&mut connection, |connection| {
            import::discard_all(connection)?;
            boot::start(connection, now)
        })
        .map_err(|fault| OpenError::Database(LedgerError::from(fault).to_string()))?;
        let (readers, reading) = start_readers(&path)?;
        let copier = connection::writer(&path).map_err(|e| refused(&path, &e))?;
        let (log, copying) = checkpoint::start(copier).map_err(|e| no_thread(&e))?;
        let (writer, writing) = worker::start_writer(connection, log).map_err(|e| no_thread(&e))?;
        Ok(Self {
            settings: settings.clone(),
            keys: Arc::new(keys),
            writer: Some(writer),
            readers: Some(readers),
            reading,
            writing: vec![writing, copying],
            lock: Some(lock),
            boot: Some(boot),
        })
    }

    pub(crate) fn open_read_only(settings: &StorageSettings) -> Result<Self, OpenError> {
        connection::refuse_old_engine()?;
        let path = settings.database();
        if !path.exists() {
            return Err(OpenError::Missing(path));
        }
        let keys = Keys::load(settings)?;
        let connection = connection::reader(&path).map_err(|e| refused(&path, &e))?;
        migration::check(&connection, &path)?;
        check_key(&connection, &keys, settings, false)?;
        drop(connection);
        let (readers, reading) = start_readers(&path)?;
        Ok(Self {
            settings: settings.clone(),
            keys: Arc::new(keys),
            writer: None,
            readers: Some(readers),
            reading,
            writing: Vec::new(),
            lock: None,
            boot: None,
        })
    }

    /// The secret that delivery references and stop tokens are made with; the same for the life of the key file.
    pub fn reference_secret(&self) -> [u8; 32] {
        self.keys.reference_secret()
    }

    /// One verb that changes something, durable when it returns.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Step<T> + Send + 'static,
    ) -> LedgerResult<T> {
        match &self.writer {
            Some(desk) => desk.ask(worker::whole(work)).await,
            None => Err(LedgerError::State(
                "this ledger was opened for reading only".to_owned(),
            )),
        }
    }

    /// One read that sees a single moment.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Step<T> + Send + 'static,
    ) -> LedgerResult<T> {
        match &self.readers {
            Some(desk) => desk.ask(worker::one_moment(work)).await,
            None => Err(LedgerError::Down("it is closed".to_owned())),
        }
    }

    /// The start that runs now: our own, or the newest while another program holds the directory.
    fn running_boot(&self, newest: Option<i64>) -> Option<i64> {
        match self.boot {
            Some(boot) => Some(boot),
            None if DirectoryLock::is_held(&self.settings) => newest,
            None => None,
        }
    }

    /// Copies the write-ahead log back into the database, as far as readers allow.
    async fn checkpoint(&self) -> LedgerResult<()> {
        match &self.writer {
            Some(desk) => {
                desk.alone(|connection| {
                    Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
                })
                .await
            }
            None => Ok(()),
        }
    }
}

impl Drop for SqliteLedger {
    fn drop(&mut self) {
        // The writer goes last: who closes last copies the log back, and readers cannot.
        self.readers = None;
        for thread in self.reading.drain(..) {
            drop(thread.join());
        }
        self.writer = None;
        for thread in self.writing.drain(..) {
            drop(thread.join());
        }
        self.lock = None;
    }
}

fn start_readers(path: &Path) -> Result<(Desk, Vec<JoinHandle<()>>), OpenError> {
    let connections = (0..READERS)
        .map(|_| connection::reader(path))
        .collect::<Result<_, _>>()
        .map_err(|e| refused(path, &e))?;
    worker::start_readers(connections).map_err(|e| no_thread(&e))
}

fn no_thread(error: &std::io::Error) -> OpenError {
    OpenError::Database(error.to_string())
}

fn refused(path: &Path, error: &rusqlite::Error) -> OpenError {
    use rusqlite::ErrorCode as Code;
    let (path, why) = (path.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(Code::NotADatabase | Code::DatabaseCorrupt) => OpenError::Corrupt { path, why },
        Some(Code::ReadOnly | Code::CannotOpen | Code::PermissionDenied) => {
            OpenError::NotWritable { path, why }
        }
        Some(_) | None => OpenError::Database(why),
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> Step<T>,
) -> Step<T> {
    let transaction = connection.transaction()?;
    let value = work(&transaction)?;
    transaction.commit().map_err(Fault::from)?;
    Ok(value)
}

/// Refuses a key that is not the database's own, before anything is encrypted with it.
fn check_key(
    connection: &Connection,
    keys: &Keys,
    settings: &StorageSettings,
    may_write: bool,
) -> Result<(), OpenError> {
    let database = |error: rusqlite::Error| OpenError::Database(error.to_string());
    let known: Option<Vec<u8>> = connection
        .query_row(
            "SELECT value FROM meta WHERE name = 'key_check'",
            [],
            |row| row.get(0),
        )
        .optional()
        .map_err(database)?;
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
            .map_err(database),
        None => Ok(()),
    }
}

fn check_pages(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let corrupt = |why: String| OpenError::Corrupt {
        path: path.to_owned(),
        why,
    };
    let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
    if bytes > CHECKED_BYTES {
        return Ok(());
    }
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| corrupt(error.to_string()))?;
    if found == "ok" {
        Ok(())
    } else {
        Err(corrupt(found))
    }
}

#[cfg(test)]
mod tests;
