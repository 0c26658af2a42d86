//! The thread that looks after the store once a second: room on the disk, the log, the notes for the next start.

use super::checkpoint::LogKeeper;
use super::vitals::Vitals;
use crate::directory::{DirectoryLock, StorageSettings};
use crate::disk::Space;
use crate::notes::Notes;
use oyez_domain::time::Wall;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

const TICK: Duration = Duration::from_secs(1);

/// Keeps the thread going; dropping it ends the thread at once.
#[derive(Debug)]
pub(super) struct Keeping(#[expect(dead_code, reason = "its end is its use")] Sender<()>);

/// Starts the thread.
pub(super) fn start(
    settings: StorageSettings,
    lock: Arc<DirectoryLock>,
    vitals: Arc<Vitals>,
    log: LogKeeper,
) -> std::io::Result<(Keeping, JoinHandle<()>)> {
    let (end, ended) = channel();
    let thread = std::thread::Builder::new()
        .name("ledger-keeper".to_owned())
        .spawn(move || keep(&settings, &lock, &vitals, &log, &ended))?;
    Ok((Keeping(end), thread))
}

fn keep(
    settings: &StorageSettings,
    lock: &DirectoryLock,
    vitals: &Vitals,
    log: &LogKeeper,
    ended: &Receiver<()>,
) {
    let mut noted = Notes::default();
    loop {
        vitals.look_at(Space::of(&settings.data_dir));
        let notes = Notes {
            alive_at: Some(Wall(vitals.kept())),
            closed_as: None,
            suspect: vitals.is_damaged(),
        };
        if notes != noted {
            // They only help the next start to find out more; without them it still starts.
            match notes.write(lock) {
                Ok(()) => noted = notes,
                Err(error) => {
                    tracing::debug!(%error, "the notes for the next start were not written");
                }
            }
        }
        match ended.recv_timeout(TICK) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
        vitals.tick();
        log.tidy();
    }
}
