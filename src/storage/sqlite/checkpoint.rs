//! Copying the write-ahead log back into the database without making the writer wait.

use super::fault::Step;
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// Pages not yet copied back after which the background thread is asked to: 8 MiB.
const NUDGE_PAGES: i64 = 2_000;

/// Pages in the log after which the writer lends a hand. While it writes on, the log never comes to its end; only
/// when everything is copied back does it begin anew. 64 MiB.
const LIMIT_PAGES: i64 = 16_000;

/// The writer's side: knows how long the log is and asks for help.
pub(super) struct LogKeeper(SyncSender<()>);

impl LogKeeper {
    /// To be called after each commit, outside a transaction. What fails here is tried again after the next.
    pub(super) fn after_commit(&self, connection: &Connection) {
        let Ok((pages, copied)) = checkpoint(connection, "PRAGMA wal_checkpoint(NOOP)") else {
            return;
        };
        if pages > LIMIT_PAGES {
            drop(checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)"));
        } else if pages - copied > NUDGE_PAGES {
            match self.0.try_send(()) {
                // Full means that it was asked already; closed, that all ends here.
                Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
            }
        }
    }
}

/// Starts the thread that copies back. It ends when the writer does.
pub(super) fn start(connection: Connection) -> std::io::Result<(LogKeeper, JoinHandle<()>)> {
    let (nudge, nudges): (_, Receiver<()>) = sync_channel(1);
    let thread = std::thread::Builder::new()
        .name("ledger-checkpoint".to_owned())
        .spawn(move || {
            while nudges.recv().is_ok() {
                if let Err(error) = checkpoint(&connection, "PRAGMA wal_checkpoint(PASSIVE)") {
                    tracing::warn!(?error, "the write-ahead log could not be copied back");
                }
            }
        })?;
    Ok((LogKeeper(nudge), thread))
}

/// Pages in the log, and how many of them are copied back.
fn checkpoint(connection: &Connection, pragma: &str) -> Step<(i64, i64)> {
    Ok(connection
        .prepare_cached(pragma)?
        .query_row([], |row| Ok((row.get(1)?, row.get(2)?)))?)
}
