//! The ledger on SQLite: one thread writes, three read, and a lock keeps other programs out.

mod accounts;
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
mod endpoints;
mod evidence;
mod exception;
mod fault;
mod fence;
mod follow;
mod halt;
mod import;
mod incidents;
mod keeper;
mod left_over;
mod lineage;
mod log_tail;
mod migration;
mod miss;
mod opening;
mod order;
mod parked;
mod plan;
mod ports;
mod receive;
mod record;
mod release;
mod reopen;
mod replies;
mod retry;
mod sealed;
mod seeded_bug;
mod soundness;
mod subscribers;
mod supersede;
mod sweep;
mod take;
mod test_message;
mod upkeep;
mod views;
mod vitals;
mod window;
mod words;
mod worker;

use crate::directory::{DirectoryLock, OpenError, StorageSettings};
use crate::key::Keys;
use crate::notes::Notes;
use fault::Step;
use keeper::Keeping;
use opening::{no_thread, refused};
use oyez_domain::ledger::Window;
use oyez_domain::time::Wall;
use oyez_domain::{LedgerError, LedgerResult, Random};
use rusqlite::Connection;
use sealed::SealedWindow;
use seeded_bug::{Seeded, SeededBug};
use soundness::Check;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use vitals::{Purpose, Vitals};
use worker::Desk;

const READERS: usize = 3;

/// The ledger of one data directory. Dropping it ends its threads and gives the directory free.
pub struct SqliteLedger {
    settings: StorageSettings,
    keys: Arc<Keys>,
    vitals: Arc<Vitals>,
    writer: Option<Desk>,
    readers: Option<Desk>,
    keeping: Option<Keeping>,
    checking: Option<Check>,
    reading: Vec<JoinHandle<()>>,
    writing: Vec<JoinHandle<()>>,
    lock: Option<Arc<DirectoryLock>>,
    boot: Option<i64>,
    seeded: Seeded,
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
        let lock = Arc::new(DirectoryLock::take(settings)?);
        let opened = opening::open(settings, &lock, now, random)?;
        let (path, vitals) = (settings.database(), opened.vitals);
        let (readers, reading) = start_readers(&path, &vitals)?;
        let copier =
            connection::copier(&path, vitals.limits.log).map_err(|e| refused(&path, &e))?;
        let (log, copying) =
            checkpoint::start(copier, Arc::clone(&vitals)).map_err(|e| no_thread(&e))?;
        let (writer, writing) =
            worker::start_writer(opened.connection, log.clone(), Arc::clone(&vitals))
                .map_err(|e| no_thread(&e))?;
        let keeper = keeper::start(
            settings.clone(),
            Arc::clone(&lock),
            Arc::clone(&vitals),
            log,
        );
        let (keeping, keeper) = keeper.map_err(|e| no_thread(&e))?;
        Ok(Self {
            settings: settings.clone(),
            keys: Arc::new(opened.keys),
            vitals,
            writer: Some(writer),
            readers: Some(readers),
            keeping: Some(keeping),
            checking: opened.checking,
            reading,
            writing: vec![keeper, writing, copying],
            lock: Some(lock),
            boot: Some(opened.boot),
            seeded: Seeded::default(),
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
        opening::check_key(&connection, &keys, settings, false)?;
        drop(connection);
        // Nobody ticks, so that a long look for the judge is not cut short.
        let vitals = Arc::new(opening::vitals(settings, Wall(0)));
        let (readers, reading) = start_readers(&path, &vitals)?;
        Ok(Self {
            settings: settings.clone(),
            keys: Arc::new(keys),
            vitals,
            writer: None,
            readers: Some(readers),
            keeping: None,
            checking: None,
            reading,
            writing: Vec::new(),
            lock: None,
            boot: None,
            seeded: Seeded::default(),
        })
    }

    /// The secret that delivery references and stop tokens are made with; the same for the life of the key file.
    pub fn reference_secret(&self) -> [u8; 32] {
        self.keys.reference_secret()
    }

    /// One verb that keeps what has happened, or halts; durable when it returns.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Step<T> + Send + 'static,
    ) -> LedgerResult<T> {
        self.write_for(Purpose::Keep, work).await
    }

    /// The number of this start; a ledger that only reads has none.
    fn own_boot(&self) -> LedgerResult<i64> {
        self.boot
            .ok_or_else(|| LedgerError::State("this ledger was opened for reading only".to_owned()))
    }

    /// One verb that only the newest start may do, with its number.
    async fn announce<T: Send + 'static>(
        &self,
        purpose: Purpose,
        work: impl FnOnce(&Connection, i64) -> Step<T> + Send + 'static,
    ) -> LedgerResult<T> {
        let (boot, seeded) = (self.own_boot()?, self.seeded);
        if seeded.has(SeededBug::UnlockedFence) {
            self.read(move |c| fence::pass(c, boot)).await?;
        }
        let is_fenced =
            !seeded.has(SeededBug::UnlockedFence) && !seeded.has(SeededBug::UnfencedArm);
        self.write_for(purpose, move |c| {
            if is_fenced {
                fence::pass(c, boot)?;
            }
            work(c, boot)
        })
        .await
    }

    /// Opens the addresses of a window. One that cannot be opened is set aside, and everybody else served; nothing when
    /// nobody is left.
    async fn opened(&self, sealed: SealedWindow, now: Wall) -> LedgerResult<Option<Window>> {
        let (window, unreadable) = sealed.open(&self.keys, now);
        if !unreadable.is_empty() {
            let (boot, many) = (self.own_boot()?, unreadable.len());
            tracing::error!(
                deliveries = many,
                broadcast.id = window.broadcast.0,
                "stored addresses cannot be opened: set aside as unreadable; everybody else is served"
            );
            let set_aside = self.write(move |c| record::append(c, boot, &unreadable));
            if let Err(error) = set_aside.await {
                tracing::error!(%error, "that could not be recorded; the next start tries again");
            }
        }
        Ok((!window.armed.is_empty()).then_some(window))
    }

    /// One verb that changes something, durable when it returns. In trouble it may have to wait, depending on what
    /// it is for.
    async fn write_for<T: Send + 'static>(
        &self,
        purpose: Purpose,
        work: impl FnOnce(&Connection) -> Step<T> + Send + 'static,
    ) -> LedgerResult<T> {
        let Some(desk) = &self.writer else {
            return Err(LedgerError::State(
                "this ledger was opened for reading only".to_owned(),
            ));
        };
        match self.vitals.refusal(purpose) {
            Some(refusal) => Err(refusal),
            None => desk.ask(worker::whole(work)).await,
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
        self.checking = None;
        self.readers = None;
        self.keeping = None;
        let failed = self.vitals.failure().is_some();
        if failed {
            // The process ends now. A thread may hang in the disk that failed; nobody waits for it.
            self.writer = None;
        }
        for thread in self.reading.drain(..).filter(|_| !failed) {
            drop(thread.join());
        }
        self.writer = None;
        for thread in self.writing.drain(..).filter(|_| !failed) {
            drop(thread.join());
        }
        if let Some(lock) = self.lock.take() {
            self.leave_word(&lock);
        }
    }
}

impl SqliteLedger {
    /// Notes for the next start how everything was left. Without them it only finds out less.
    fn leave_word(&self, lock: &DirectoryLock) {
        let failed = self.vitals.failure().is_some();
        let notes = Notes {
            alive_at: Some(Wall(self.vitals.kept())),
            closed_as: (!failed)
                .then(|| soundness::digest(&self.settings.database()))
                .flatten(),
            suspect: self.vitals.is_damaged(),
        };
        if let Err(error) = notes.write(lock) {
            tracing::debug!(%error, "the notes for the next start were not written");
        }
    }
}

fn start_readers(
    path: &Path,
    vitals: &Arc<Vitals>,
) -> Result<(Desk, Vec<JoinHandle<()>>), OpenError> {
    let connections = (0..READERS)
        .map(|_| connection::reader(path))
        .collect::<Result<_, _>>()
        .map_err(|e| refused(path, &e))?;
    worker::start_readers(connections, vitals).map_err(|e| no_thread(&e))
}

#[cfg(test)]
mod tests;
