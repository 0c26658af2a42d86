//! Whether the database is still what was written: against the digest of its last close, and page by page.

use super::fault::Fault;
use super::vitals::Vitals;
use crate::directory::OpenError;
use crate::notes::Notes;
use aws_lc_rs::digest::{Context, SHA256};
use rusqlite::{ErrorCode, InterruptHandle};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Files above this size are not read whole when they are opened and closed.
const DIGESTED_BYTES: u64 = 1024 * 1024 * 1024;
/// How long a start waits for the check of the pages; after that it goes on beside the work.
const PATIENCE: Duration = Duration::from_secs(1);
const BLOCK: usize = 1024 * 1024;

/// SHA-256 of a file that nobody writes, in hexadecimal digits; nothing for one that is too large or not there.
pub(super) fn digest(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    if file.metadata().ok()?.len() > DIGESTED_BYTES {
        return None;
    }
    let mut context = Context::new(&SHA256);
    let mut block = vec![0; BLOCK];
    loop {
        let read = file.read(&mut block).ok()?;
        if read == 0 {
            break;
        }
        context.update(block.get(..read)?);
    }
    let digits = context.finish();
    Some(
        digits
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    )
}

/// The file as the last close left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// It is the same.
    Unchanged,
    /// It is another.
    Altered,
    /// Nobody knows: it was not closed, or is too large.
    Unknown,
}

impl Since {
    /// Compares the file with the notes.
    pub(super) fn closed(path: &Path, notes: &Notes) -> Self {
        match (&notes.closed_as, digest(path)) {
            (Some(known), Some(found)) if *known == found => Self::Unchanged,
            (Some(_), Some(_)) => Self::Altered,
            (Some(_), None) | (None, _) => Self::Unknown,
        }
    }
}

/// A check that goes on beside the work. Dropping it ends it.
pub(super) struct Check {
    interrupt: InterruptHandle,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Check {
    fn drop(&mut self) {
        self.interrupt.interrupt();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Checks every page. The start waits for it, but not long, unless damage is suspected; what is found later ends the
/// program, and the next start waits to the end.
pub(super) fn check(
    path: &Path,
    since: Since,
    suspect: bool,
    vitals: &Arc<Vitals>,
) -> Result<Option<Check>, OpenError> {
    let unreadable = |error: rusqlite::Error| super::opening::refused(path, &error);
    let connection = super::connection::reader(path).map_err(unreadable)?;
    let interrupt = connection.get_interrupt_handle();
    let (done, result) = channel();
    let vitals = Arc::clone(vitals);
    let thread = std::thread::Builder::new()
        .name("ledger-check".to_owned())
        .spawn(move || {
            let found = look(&connection);
            if let Err(why) = &found {
                vitals.fail_damaged(why);
            }
            // Nobody waits any more when it has taken long.
            drop(done.send(found));
        })
        .map_err(|error| super::opening::no_thread(&error))?;
    let check = Check {
        interrupt,
        thread: Some(thread),
    };
    let patience = match (suspect, since) {
        (true, _) => Duration::MAX,
        (false, Since::Unchanged) => Duration::ZERO,
        (false, Since::Altered | Since::Unknown) => PATIENCE,
    };
    match result.recv_timeout(patience) {
        Ok(Ok(())) | Err(RecvTimeoutError::Disconnected) => Ok(None),
        Ok(Err(why)) => Err(OpenError::Corrupt {
            path: path.to_owned(),
            why,
        }),
        Err(RecvTimeoutError::Timeout) => Ok(Some(check)),
    }
}

fn look(connection: &rusqlite::Connection) -> Result<(), String> {
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match found {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(found),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(()),
        Err(error) => Err(Fault::from(error).to_string()),
    }
}
