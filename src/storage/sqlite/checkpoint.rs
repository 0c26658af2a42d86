//! Copying the write-ahead log back into the database without making the writer wait.

use super::fault::{Fault, Gravity, Step};
use super::vitals::Vitals;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// Bytes of one page in the log: the page and its header.
const FRAME: i64 = 4096 + 24;
/// Pages that may wait from one tick to the next before it is tried out whether a reader is in the way.
const TRIED_PAGES: i64 = 256;

/// What the copying thread is asked for.
#[derive(Debug, Clone, Copy)]
enum Ask {
    /// Much has come together.
    Copy,
    /// A second has passed.
    Tidy,
}

/// Asks for help. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct LogKeeper {
    asks: SyncSender<Ask>,
    vitals: Arc<Vitals>,
}

impl LogKeeper {
    /// To be called after each commit, outside a transaction. What fails here is tried again after the next.
    pub(super) fn after_commit(&self, connection: &Connection) {
        let Ok(log) = Log::look(connection, "PRAGMA wal_checkpoint(NOOP)") else {
            return;
        };
        self.vitals.note_log(log.bytes());
        self.vitals.note_commit();
        // While the writer writes on, the log never comes to its end; only when everything is copied back does it
        // begin anew. So at some length the writer lends a hand.
        let limit = self.limit_pages();
        if log.pages > limit {
            drop(Log::look(connection, "PRAGMA wal_checkpoint(PASSIVE)"));
        } else if log.waiting() > limit / 8 {
            self.ask(Ask::Copy);
        }
    }

    /// To be called every second.
    pub(super) fn tidy(&self) {
        self.ask(Ask::Tidy);
    }

    fn ask(&self, ask: Ask) {
        match self.asks.try_send(ask) {
            // Full means that it was asked already; closed, that all ends here.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }

    fn limit_pages(&self) -> i64 {
        i64::try_from(self.vitals.limits.log).unwrap_or(i64::MAX) / FRAME
    }
}

/// Starts the thread that copies back. It ends when nobody is left to ask it.
pub(super) fn start(
    connection: Connection,
    vitals: Arc<Vitals>,
) -> std::io::Result<(LogKeeper, JoinHandle<()>)> {
    let (asks, asked): (_, Receiver<Ask>) = sync_channel(1);
    let keeper = LogKeeper {
        asks,
        vitals: Arc::clone(&vitals),
    };
    let thread = std::thread::Builder::new()
        .name("ledger-checkpoint".to_owned())
        .spawn(move || {
            let mut last = Log::default();
            while let Ok(ask) = asked.recv() {
                if vitals.failure().is_some() {
                    continue;
                }
                let done = match ask {
                    Ask::Copy => Log::look(&connection, "PRAGMA wal_checkpoint(PASSIVE)").map(drop),
                    Ask::Tidy => tidy(&connection, &vitals, &mut last),
                };
                if let Err(fault) = done {
                    complain(&fault, &vitals);
                }
            }
            super::connection::close(connection, &vitals);
        })?;
    Ok((keeper, thread))
}

fn complain(fault: &Fault, vitals: &Vitals) {
    vitals.note_reading(fault);
    match fault.gravity() {
        // Somebody else copies, or holds what we need; the next tick tries again.
        Gravity::Busy => {}
        Gravity::None | Gravity::Full | Gravity::Io | Gravity::Damage => {
            tracing::warn!(%fault, "the write-ahead log could not be copied back");
        }
    }
}

/// Finds out whether a reader is in the way, and empties the log when nothing is written, or when it was let grow.
fn tidy(connection: &Connection, vitals: &Vitals, last: &mut Log) -> Step<()> {
    let idle = !vitals.take_commits();
    let mut log = Log::look(connection, "PRAGMA wal_checkpoint(NOOP)")?;
    let no_progress = log.copied == last.copied && log.waiting() > TRIED_PAGES;
    if (idle && log.waiting() > 0) || no_progress {
        log = Log::look(connection, "PRAGMA wal_checkpoint(PASSIVE)")?;
    }
    vitals.note_log_stuck(log.waiting() > 0 && log.copied == last.copied);
    let large = i64::try_from(vitals.limits.log).is_ok_and(|limit| log.pages * FRAME > limit);
    if log.pages > 0 && log.waiting() == 0 && (idle || large) {
        log = Log::look(connection, "PRAGMA wal_checkpoint(TRUNCATE)")?;
    }
    vitals.note_log(log.bytes());
    *last = log;
    Ok(())
}

/// The log in pages.
#[derive(Debug, Clone, Copy, Default)]
struct Log {
    pages: i64,
    copied: i64,
}

impl Log {
    fn look(connection: &Connection, pragma: &str) -> Step<Self> {
        Ok(connection.prepare_cached(pragma)?.query_row([], |row| {
            Ok(Self {
                pages: row.get(1)?,
                copied: row.get(2)?,
            })
        })?)
    }

    fn waiting(self) -> i64 {
        self.pages - self.copied
    }

    fn bytes(self) -> u64 {
        u64::try_from(self.pages * FRAME).unwrap_or(0)
    }
}
