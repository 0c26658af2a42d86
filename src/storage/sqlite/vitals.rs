//! What the threads know of the store's condition, shared among them without asking the database.

use super::fault::{Fault, Gravity};
use crate::disk::{Ballast, Limits, Space};
use oyez_domain::LedgerError;
use oyez_domain::ledger::Condition;
use oyez_domain::time::Wall;
use oyez_domain::trouble::{Trouble, TroubleCode};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

const MIB: u64 = 1024 * 1024;
/// Ticks without any progress after which a reader is said to hold the write-ahead log fast. Ours end sooner.
const PINNED_TICKS: u32 = 5;
/// Bytes that a reader may hold fast without a word.
const PINNED_BYTES: u64 = MIB;

/// What a write is for. In trouble some have to wait, so that others still can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Keeps what has happened, gives back, or halts: always tried.
    Keep,
    /// Takes what somebody else will repeat: receipts.
    Take,
    /// Announces more sending: only while its outcomes can surely be recorded.
    Send,
    /// Adds something new: only while there is ample room.
    Add,
}

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Ample,
    /// Nothing new is accepted.
    Low,
    /// Nothing is armed either.
    Tight,
}

/// The condition of one open ledger. Times are counted in ticks of the keeper, about a second each.
#[derive(Debug)]
pub(super) struct Vitals {
    pub(super) limits: Limits,
    ballast: Ballast,
    failed: watch::Sender<Option<String>>,
    damaged: AtomicBool,
    ticks: AtomicU64,
    space: Mutex<(Room, Option<Space>)>,
    /// The disk refused a write since the keeper last looked.
    refused: AtomicBool,
    locked: AtomicBool,
    committed: AtomicBool,
    log_bytes: AtomicU64,
    /// Ticks for which nothing more of the log could be copied back.
    log_stuck: AtomicU32,
    /// The newest time we were told.
    told: AtomicI64,
    /// The newest time that is durable in the database.
    kept: AtomicI64,
}

impl Vitals {
    pub(super) fn new(limits: Limits, ballast: Ballast, now: Wall) -> Self {
        Self {
            limits,
            ballast,
            failed: watch::Sender::new(None),
            damaged: AtomicBool::new(false),
            ticks: AtomicU64::new(0),
            space: Mutex::new((Room::Ample, None)),
            refused: AtomicBool::new(false),
            locked: AtomicBool::new(false),
            committed: AtomicBool::new(false),
            log_bytes: AtomicU64::new(0),
            log_stuck: AtomicU32::new(0),
            told: AtomicI64::new(now.0),
            kept: AtomicI64::new(now.0),
        }
    }

    // ----- the end

    /// Whether this start can never write again, and why.
    pub(super) fn failure(&self) -> Option<String> {
        self.failed.borrow().clone()
    }

    /// Returns when it never can.
    pub(super) async fn failed(&self) -> String {
        let mut failed = self.failed.subscribe();
        loop {
            if let Some(why) = self.failure() {
                return why;
            }
            if failed.changed().await.is_err() {
                // Cannot be: the sender is our own.
                return String::new();
            }
        }
    }

    /// Nothing may be written any more: a second try could seem to work and lose what the first one lost.
    pub(super) fn fail(&self, why: &str) {
        self.failed.send_if_modified(|failed| {
            let first = failed.is_none();
            if first {
                tracing::error!(
                    why,
                    "the store failed; this program ends so that a new start can recover"
                );
                *failed = Some(why.to_owned());
            }
            first
        });
    }

    /// The same, and the next start has to look at everything first.
    pub(super) fn fail_damaged(&self, why: &str) {
        self.damaged.store(true, Ordering::Relaxed);
        self.fail(why);
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    // ----- what went wrong

    /// To be told of everything that goes wrong while writing. A full disk costs the ballast, so that whoever has
    /// something to keep can try again.
    pub(super) fn note_writing(&self, fault: &Fault) {
        match fault.gravity() {
            Gravity::None => {}
            Gravity::Busy => self.note_locked(),
            Gravity::Full => {
                if self.ballast.release() {
                    tracing::error!(
                        "the disk is full; the ballast is thrown off to record what is on its way"
                    );
                }
                self.note_full();
            }
            Gravity::Io => self.fail(&fault.to_string()),
            Gravity::Damage => self.fail_damaged(&fault.to_string()),
        }
    }

    /// To be told of everything that goes wrong while reading or copying back.
    pub(super) fn note_reading(&self, fault: &Fault) {
        match fault.gravity() {
            Gravity::None | Gravity::Busy => {}
            Gravity::Full => self.note_full(),
            Gravity::Io => self.fail(&fault.to_string()),
            Gravity::Damage => self.fail_damaged(&fault.to_string()),
        }
    }

    fn note_full(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    fn note_locked(&self) {
        if !self.locked.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "another program holds the database's write lock; outcomes wait in memory and nothing is armed"
            );
        }
    }

    /// A transaction has ended well.
    pub(super) fn note_written(&self) {
        if self.locked.swap(false, Ordering::Relaxed) {
            tracing::info!("the database can be written again");
        }
    }

    // ----- whether something may be done

    /// Why a write for this purpose has to wait.
    pub(super) fn refusal(&self, purpose: Purpose) -> Option<LedgerError> {
        if let Some(why) = self.failure() {
            return Some(LedgerError::Down(why));
        }
        let room = self.room().0;
        let log = self.log_bytes.load(Ordering::Relaxed);
        let full = match purpose {
            Purpose::Keep => false,
            Purpose::Take | Purpose::Send => room == Room::Tight,
            Purpose::Add => room != Room::Ample,
        };
        if full {
            return Some(LedgerError::Full(self.disk_line()));
        }
        let log_full = match purpose {
            Purpose::Keep => false,
            Purpose::Take => log > self.limits.log_full + self.limits.log_full / 2,
            Purpose::Send | Purpose::Add => log > self.limits.log_full,
        };
        log_full.then(|| LedgerError::Busy(self.log_line()))
    }

    fn room(&self) -> (Room, Option<Space>) {
        let known = *self.space.lock().unwrap_or_else(PoisonError::into_inner);
        // A disk that refuses is full, whatever it said a moment ago.
        if self.refused.load(Ordering::Relaxed) {
            return (Room::Tight, known.1);
        }
        known
    }

    // ----- the keeper's part

    pub(super) fn tick(&self) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ticks(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// Draws the conclusion from what the file system says, and makes the ballast anew when there is room for it.
    pub(super) fn look_at(&self, space: Option<Space>) {
        let refused = self.refused.swap(false, Ordering::Relaxed);
        let Some(space) = space else {
            self.set_room(if refused { Room::Tight } else { Room::Ample }, None);
            return;
        };
        let room = if refused || space.free < self.limits.tight {
            Room::Tight
        } else if space.free < self.limits.low || space.few_inodes {
            Room::Low
        } else {
            Room::Ample
        };
        self.set_room(room, Some(space));
        if !refused && space.free >= self.limits.ballast + self.limits.tight {
            self.make_ballast();
        }
    }

    fn make_ballast(&self) {
        if self.ballast.is_there() {
            return;
        }
        if let Err(error) = self.ballast.make() {
            tracing::warn!(%error, "the ballast cannot be made; if the disk fills up, outcomes wait in memory");
        }
    }

    fn set_room(&self, room: Room, space: Option<Space>) {
        let mut known = self.space.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *known, (room, space)).0;
        drop(known);
        match (before == room, room) {
            (true, _) => {}
            (false, Room::Ample) => tracing::info!("there is room on the disk again"),
            (false, Room::Low | Room::Tight) => tracing::warn!("{}", self.disk_line()),
        }
    }

    /// Something was committed; [`Vitals::take_commits`] asks whether anything was since it was asked last.
    pub(super) fn note_commit(&self) {
        self.committed.store(true, Ordering::Relaxed);
    }

    pub(super) fn take_commits(&self) -> bool {
        self.committed.swap(false, Ordering::Relaxed)
    }

    /// To be told after each look at the log how many bytes are in use.
    pub(super) fn note_log(&self, bytes: u64) {
        self.log_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Once a tick: whether part of the log could not be copied back, nor any more of it than before.
    pub(super) fn note_log_stuck(&self, stuck: bool) {
        let was = self.is_pinned();
        if stuck {
            self.log_stuck.fetch_add(1, Ordering::Relaxed);
        } else {
            self.log_stuck.store(0, Ordering::Relaxed);
        }
        match (was, self.is_pinned()) {
            (false, true) => tracing::warn!("{}", self.log_line()),
            (true, false) => tracing::info!("the write-ahead log can be copied back again"),
            (true, true) | (false, false) => {}
        }
    }

    fn is_pinned(&self) -> bool {
        self.log_stuck.load(Ordering::Relaxed) >= PINNED_TICKS
            && self.log_bytes.load(Ordering::Relaxed) > PINNED_BYTES
    }

    // ----- the sign of life

    pub(super) fn tell(&self, now: Wall) {
        self.told.store(now.0, Ordering::Relaxed);
    }

    /// The newest time we were told, when it is newer than what is durable by at least so many microseconds.
    pub(super) fn to_keep(&self, micros: i64) -> Option<Wall> {
        let told = self.told.load(Ordering::Relaxed);
        // A clock that was set back is kept as well.
        let apart = told.saturating_sub(self.kept()).saturating_abs();
        (apart >= micros.max(1)).then_some(Wall(told))
    }

    pub(super) fn set_kept(&self, at: Wall) {
        self.kept.store(at.0, Ordering::Relaxed);
    }

    pub(super) fn kept(&self) -> i64 {
        self.kept.load(Ordering::Relaxed)
    }

    // ----- in words

    /// How the store is.
    pub(super) fn condition(&self) -> Condition {
        let (room, space) = self.room();
        let log_bytes = self.log_bytes.load(Ordering::Relaxed);
        let mut troubles = Vec::new();
        match room {
            Room::Ample => {}
            Room::Low => troubles.push(Trouble::new(TroubleCode::DiskLow, self.disk_line())),
            Room::Tight => troubles.push(Trouble::new(TroubleCode::DiskFull, self.disk_line())),
        }
        if self.locked.load(Ordering::Relaxed) {
            let line = "Another program holds the database's write lock. Nothing is armed or accepted, outcomes wait in \
                        memory, and everything goes on by itself when it lets go. Look for an open sqlite3 or a backup";
            troubles.push(Trouble::new(TroubleCode::StoreLocked, line));
        }
        if log_bytes > self.limits.log_full {
            troubles.push(Trouble::new(TroubleCode::LogFull, self.log_line()));
        } else if self.is_pinned() {
            troubles.push(Trouble::new(TroubleCode::LogPinned, self.log_line()));
        }
        Condition {
            free_bytes: space.map(|space| space.free),
            log_bytes,
            troubles,
        }
    }

    fn disk_line(&self) -> String {
        let (room, space) = self.room();
        let enough = format!("{} MiB are free", self.limits.low.div_ceil(MIB));
        let (left, enough) = match space {
            Some(space) if space.few_inodes && space.free >= self.limits.low => (
                "Hardly any more files can be made on the disk".to_owned(),
                "there can be more".to_owned(),
            ),
            Some(space) => (
                format!("The disk has {} MiB left", space.free / MIB),
                enough,
            ),
            None => ("The disk refused a write".to_owned(), enough),
        };
        let now = match room {
            Room::Ample | Room::Low => "Nothing new is accepted; what is released goes on",
            Room::Tight => "Nothing is armed and nothing new is accepted",
        };
        format!(
            "{left}. {now}, and everything goes on by itself once {enough}. Delete something that is not oyez's"
        )
    }

    fn log_line(&self) -> String {
        let bytes = self.log_bytes.load(Ordering::Relaxed);
        let now = if bytes > self.limits.log_full {
            "Nothing is armed and nothing new is accepted until it ends"
        } else {
            "Sending goes on"
        };
        format!(
            "A reader keeps {} MiB of the write-ahead log from being copied back. {now}. Look for an open sqlite3, a backup \
             or an oyez verify",
            bytes / MIB
        )
    }
}

#[cfg(test)]
mod tests;
