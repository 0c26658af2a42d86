//! The threads that own connections: one that writes, in groups that share an fsync, and a few that read.

use super::checkpoint::LogKeeper;
use super::fault::{Fault, Step};
use oyez_domain::{LedgerError, LedgerResult};
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Most verbs that share one transaction and its fsync. None waits for another: what has come in while the
/// last fsync ran goes together.
const GROUP: usize = 32;

/// One verb on its way through a thread.
trait Job: Send {
    /// Whether it must run outside a transaction.
    fn is_alone(&self) -> bool;
    fn run(&mut self, connection: &Connection);
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

    fn run(&mut self, connection: &Connection) {
        if let Some(work) = self.work.take() {
            self.result = Some(work(connection).map_err(LedgerError::from));
        }
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
) -> std::io::Result<(Desk, JoinHandle<()>)> {
    let (sender, jobs) = channel();
    let thread = std::thread::Builder::new()
        .name("ledger-writer".to_owned())
        .spawn(move || write_groups(&connection, &jobs, &log))?;
    Ok((Desk(sender), thread))
}

fn write_groups(connection: &Connection, jobs: &Receiver<Box<dyn Job>>, log: &LogKeeper) {
    let mut next = jobs.recv().ok();
    while let Some(first) = next.take() {
        if first.is_alone() {
            let mut job = first;
            job.run(connection);
            job.answer(&Ok(()));
        } else {
            next = write_group(connection, jobs, first);
            log.after_commit(connection);
        }
        next = next.or_else(|| jobs.recv().ok());
    }
}

/// Runs what is there in one transaction and answers once it is durable. A job that has to run alone ends the
/// group and is handed back.
fn write_group(
    connection: &Connection,
    jobs: &Receiver<Box<dyn Job>>,
    first: Box<dyn Job>,
) -> Option<Box<dyn Job>> {
    let mut group = vec![first];
    let mut next = None;
    let durable = run_group(connection, jobs, &mut group, &mut next).map_err(LedgerError::from);
    if durable.is_err() && !connection.is_autocommit() {
        // Nothing can be done about a rollback that fails, too; the next BEGIN will say so.
        drop(connection.execute_batch("ROLLBACK"));
    }
    for job in group {
        job.answer(&durable);
    }
    next
}

fn run_group(
    connection: &Connection,
    jobs: &Receiver<Box<dyn Job>>,
    group: &mut Vec<Box<dyn Job>>,
    next: &mut Option<Box<dyn Job>>,
) -> Step<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let mut at = 0;
    while let Some(job) = group.get_mut(at) {
        job.run(connection);
        if connection.is_autocommit() {
            return Err(Fault::Ledger(LedgerError::Down(
                "the database gave up the transaction".to_owned(),
            )));
        }
        at += 1;
        if at == group.len() && at < GROUP {
            match jobs.try_recv() {
                Ok(job) if job.is_alone() => *next = Some(job),
                Ok(job) => group.push(job),
                Err(_) => {}
            }
        }
    }
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
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

/// Starts the threads that read, all fed by one desk.
pub(super) fn start_readers(
    connections: Vec<Connection>,
) -> std::io::Result<(Desk, Vec<JoinHandle<()>>)> {
    let (sender, jobs) = channel::<Box<dyn Job>>();
    let jobs = Arc::new(Mutex::new(jobs));
    let threads = connections
        .into_iter()
        .map(|connection| {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new()
                .name("ledger-reader".to_owned())
                .spawn(move || read_all(&connection, &jobs))
        })
        .collect::<std::io::Result<_>>()?;
    Ok((Desk(sender), threads))
}

fn read_all(connection: &Connection, jobs: &Mutex<Receiver<Box<dyn Job>>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = next else { return };
        job.run(connection);
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
        connection.prepare_cached("COMMIT")?.execute([])?;
        result
    }
}
