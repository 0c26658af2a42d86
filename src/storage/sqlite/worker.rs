//! The threads that own connections: one that writes, in groups that share an fsync, and a few that read.

use super::checkpoint::LogKeeper;
use super::fault::{Fault, Gravity, Step};
use super::lineage;
use super::vitals::Vitals;
use oyez_domain::{LedgerError, LedgerResult};
use rusqlite::Connection;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Most verbs that share one transaction and its fsync. None waits for another: what has come in while the
/// last fsync ran goes together.
const GROUP: usize = 32;
/// The longest a read may last, in ticks of the keeper; the first may be a short one.
const READ_TICKS: u64 = 4;
/// Steps of SQLite's machine between two looks at the time.
const READ_STEPS: i32 = 10_000;

/// One verb on its way through a thread.
trait Job: Send {
    /// Whether it must run outside a transaction.
    fn is_alone(&self) -> bool;
    /// Runs it; what went wrong is told before it is translated.
    fn run(&mut self, connection: &Connection, note: &dyn Fn(&Fault));
    /// What went wrong with it, if it ran.
    fn error(&self) -> Option<LedgerError>;
    /// Answers the caller once it is known whether the group is durable.
    fn answer(self: Box<Self>, durable: &LedgerResult<()>);
}

struct Verb<F, T> {
    alone: bool,
    work: Option<F>,
    result: Option<LedgerResult<T>>,
    reply: oneshot::Sender<LedgerResult<T>>,
}

impl<F, T> Job for Verb<F, T>
where
    F: FnOnce(&Connection) -> Step<T> + Send,
    T: Send,
{
    fn is_alone(&self) -> bool {
        self.alone
    }

    fn run(&mut self, connection: &Connection, note: &dyn Fn(&Fault)) {
        if let Some(work) = self.work.take() {
            let result = work(connection).inspect_err(|fault| note(fault));
            self.result = Some(result.map_err(LedgerError::from));
        }
    }

    fn error(&self) -> Option<LedgerError> {
        self.result.as_ref()?.as_ref().err().cloned()
    }

    fn answer(self: Box<Self>, durable: &LedgerResult<()>) {
        let answer = match (durable, self.result) {
            (Err(error), _) => Err(error.clone()),
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(closed()),
        };
        // A caller that no longer listens has cancelled its wait, not the verb.
        drop(self.reply.send(answer));
    }
}

/// Where jobs are handed in.
#[derive(Clone)]
pub(super) struct Desk(Sender<Box<dyn Job>>);

impl Desk {
    /// Hands in one verb; what comes back is durable.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Step<T> + Send + 'static,
    ) -> LedgerResult<T> {
        self.hand_in(work, false).await
    }

    /// Hands in one verb that no transaction may be open for.
    pub(super) async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Step<T> + Send + 'static,
    ) -> LedgerResult<T> {
        self.hand_in(work, true).await
    }

    /// Has a transaction made for the sake of what goes into each. Nobody waits for it.
    pub(super) fn nudge(&self) {
        let verb = Verb {
            alone: false,
            work: Some(|_: &Connection| Ok(())),
            result: None,
            reply: oneshot::channel().0,
        };
        // A writer that has ended keeps nothing any more.
        drop(self.0.send(Box::new(verb)));
    }

    async fn hand_in<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Step<T> + Send + 'static,
        alone: bool,
    ) -> LedgerResult<T> {
        let (reply, answer) = oneshot::channel();
        let verb = Verb {
            alone,
            work: Some(work),
            result: None,
            reply,
        };
        self.0.send(Box::new(verb)).map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }
}

fn closed() -> LedgerError {
    LedgerError::Down("it is closed".to_owned())
}

/// Starts the thread that writes.
pub(super) fn start_writer(
    connection: Connection,
    log: LogKeeper,
    vitals: Arc<Vitals>,
) -> std::io::Result<(Desk, JoinHandle<()>)> {
    let (sender, jobs) = channel();
    let writer = Writer {
        connection,
        jobs,
        log,
        vitals,
    };
    let thread = std::thread::Builder::new()
        .name("ledger-writer".to_owned())
        .spawn(move || writer.run())?;
    Ok((Desk(sender), thread))
}

/// The thread that writes.
struct Writer {
    connection: Connection,
    jobs: Receiver<Box<dyn Job>>,
    log: LogKeeper,
    vitals: Arc<Vitals>,
}

impl Writer {
    fn run(self) {
        let mut next = self.jobs.recv().ok();
        while let Some(first) = next.take() {
            if let Some(why) = self.vitals.failure() {
                first.answer(&Err(LedgerError::Down(why)));
            } else if first.is_alone() {
                let mut job = first;
                job.run(&self.connection, &|fault| self.vitals.note_writing(fault));
                job.answer(&Ok(()));
            } else {
                next = self.group(first);
                self.log.after_commit(&self.connection);
            }
            next = next.or_else(|| self.jobs.recv().ok());
        }
        super::connection::close(self.connection, &self.vitals);
    }

    /// Runs what is there in one transaction and answers once it is durable. A job that has to run alone ends the
    /// group and is handed back.
    fn group(&self, first: Box<dyn Job>) -> Option<Box<dyn Job>> {
        let mut group = vec![first];
        let mut next = None;
        let done = self.run_group(&mut group, &mut next);
        if let Err(fault) = &done {
            self.vitals.note_writing(fault);
            if !self.connection.is_autocommit() {
                // Nothing can be done about a rollback that fails, too; the next BEGIN will say so.
                drop(self.connection.execute_batch("ROLLBACK"));
            }
            if fault.gravity() == Gravity::Busy {
                // Who came meanwhile has waited as long; nobody waits once for each who came before.
                group.extend(self.jobs.try_iter());
            }
        }
        let durable = done.map_err(LedgerError::from);
        for job in group {
            job.answer(&durable);
        }
        next
    }

    fn run_group(
        &self,
        group: &mut Vec<Box<dyn Job>>,
        next: &mut Option<Box<dyn Job>>,
    ) -> Step<()> {
        let connection = &self.connection;
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut at = 0;
        while let Some(job) = group.get_mut(at) {
            job.run(connection, &|fault| self.vitals.note_writing(fault));
            if connection.is_autocommit() {
                let gave_up =
                    || LedgerError::Down("the database gave up the transaction".to_owned());
                return Err(job.error().unwrap_or_else(gave_up).into());
            }
            at += 1;
            if at == group.len() && at < GROUP {
                match self.jobs.try_recv() {
                    Ok(job) if job.is_alone() => *next = Some(job),
                    Ok(job) => group.push(job),
                    Err(_) => {}
                }
            }
        }
        let alive = self.vitals.to_keep(lineage::KEPT_EVERY_MICROS);
        if let Some(at) = alive {
            lineage::keep_alive(connection, at)?;
        }
        connection.prepare_cached("COMMIT")?.execute([])?;
        if let Some(at) = alive {
            self.vitals.set_kept(at);
        }
        self.vitals.note_written();
        Ok(())
    }
}

/// A verb that changes something: it happens whole or not at all, whatever else is in its group.
pub(super) fn whole<T>(
    work: impl FnOnce(&Connection) -> Step<T>,
) -> impl FnOnce(&Connection) -> Step<T> {
    move |connection| {
        connection.prepare_cached("SAVEPOINT verb")?.execute([])?;
        let result = work(connection);
        // A full disk or an I/O error has ended the transaction by itself; then there is no savepoint left.
        if !connection.is_autocommit() {
            if result.is_err() {
                connection.prepare_cached("ROLLBACK TO verb")?.execute([])?;
            }
            connection.prepare_cached("RELEASE verb")?.execute([])?;
        }
        result
    }
}

/// Starts the threads that read, all fed by one desk. No read lasts longer than [`READ_TICKS`], for while it does
/// the write-ahead log cannot be copied back.
pub(super) fn start_readers(
    connections: Vec<Connection>,
    vitals: &Arc<Vitals>,
) -> std::io::Result<(Desk, Vec<JoinHandle<()>>)> {
    let (sender, jobs) = channel::<Box<dyn Job>>();
    let jobs = Arc::new(Mutex::new(jobs));
    let threads = connections
        .into_iter()
        .map(|connection| {
            let (jobs, vitals) = (Arc::clone(&jobs), Arc::clone(vitals));
            std::thread::Builder::new()
                .name("ledger-reader".to_owned())
                .spawn(move || read_all(connection, &jobs, &vitals))
        })
        .collect::<std::io::Result<_>>()?;
    Ok((Desk(sender), threads))
}

fn read_all(
    mut connection: Connection,
    jobs: &Mutex<Receiver<Box<dyn Job>>>,
    vitals: &Arc<Vitals>,
) {
    let began = Arc::new(AtomicU64::new(u64::MAX));
    let (since, clock) = (Arc::clone(&began), Arc::clone(vitals));
    let too_long = move || clock.ticks().saturating_sub(since.load(Ordering::Relaxed)) > READ_TICKS;
    // Without the limit everything still works; only the log may grow.
    drop(connection.progress_handler(READ_STEPS, Some(too_long)));
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = next else { return };
        began.store(vitals.ticks(), Ordering::Relaxed);
        job.run(&connection, &|fault| vitals.note_reading(fault));
        job.answer(&Ok(()));
    }
}

/// A read that sees one moment of the ledger from beginning to end.
pub(super) fn one_moment<T>(
    work: impl FnOnce(&Connection) -> Step<T>,
) -> impl FnOnce(&Connection) -> Step<T> {
    move |connection| {
        connection.prepare_cached("BEGIN")?.execute([])?;
        let result = work(connection);
        if !connection.is_autocommit() {
            connection.prepare_cached("COMMIT")?.execute([])?;
        }
        result
    }
}
