//! Notes for the next start, kept in the lock file: outside the database, because they tell whether it is the same.

use crate::directory::{DirectoryLock, OpenError, StorageSettings};
use oyez_domain::time::Wall;
use std::io;

/// What the last start left word of. Each line is a word and a value; what cannot be read was not written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// The newest sign of life that the database was seen to hold. A database with an older one was put back.
    pub(crate) alive_at: Option<Wall>,
    /// SHA-256 of the database file when it was closed. It is missing while the program runs, and after a crash.
    pub(crate) closed_as: Option<String>,
    /// Damage was found while it ran: the next start reads everything before it does anything.
    pub(crate) suspect: bool,
}

impl Notes {
    /// Reads the notes of a directory that we hold.
    pub(crate) fn read(settings: &StorageSettings) -> Self {
        // An unreadable lock file would have been refused when it was locked.
        let text = std::fs::read_to_string(settings.lock()).unwrap_or_default();
        let value = |word: &str| {
            text.lines().find_map(|line| {
                let (key, value) = line.split_once(' ')?;
                (key == word).then_some(value)
            })
        };
        Self {
            alive_at: value("alive")
                .and_then(|micros| micros.parse().ok())
                .map(Wall),
            closed_as: value("closed").map(str::to_owned),
            suspect: value("suspect").is_some(),
        }
    }

    /// Writes the notes. They are not waited for to be on the disk: older ones only tell less.
    pub(crate) fn write(&self, lock: &DirectoryLock) -> io::Result<()> {
        let mut text = String::new();
        if let Some(Wall(micros)) = self.alive_at {
            text.push_str(&format!("alive {micros}\n"));
        }
        if let Some(digest) = &self.closed_as {
            text.push_str(&format!("closed {digest}\n"));
        }
        if self.suspect {
            text.push_str("suspect yes\n");
        }
        lock.rewrite(&text)
    }

    /// Writes the notes with which a start begins, and waits until they are on the disk: the digest of the last close
    /// must not outlive the first change. A directory that cannot be written is a reason not to start.
    pub(crate) fn write_first(
        &self,
        lock: &DirectoryLock,
        settings: &StorageSettings,
    ) -> Result<(), OpenError> {
        let written = self.write(lock).and_then(|()| lock.sync());
        written.map_err(|error| OpenError::NotWritable {
            path: settings.lock(),
            why: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_read_back_as_they_were_written() {
        let folder = tempfile::TempDir::new().unwrap();
        let settings = StorageSettings::in_directory(folder.path());
        let lock = DirectoryLock::take(&settings).unwrap();
        assert_eq!(Notes::read(&settings), Notes::default());
        let long = Notes {
            alive_at: Some(Wall(1_764_000_000_000_000)),
            closed_as: Some("ab".repeat(32)),
            suspect: true,
        };
        let short = Notes {
            alive_at: Some(Wall(7)),
            ..Notes::default()
        };
        for notes in [long, short] {
            notes.write(&lock).unwrap();
            assert_eq!(Notes::read(&settings), notes);
        }
    }

    #[test]
    fn torn_notes_are_no_notes() {
        let folder = tempfile::TempDir::new().unwrap();
        let settings = StorageSettings::in_directory(folder.path());
        for torn in ["alive", "alive 12x\nclo", "\u{0}\u{0}"] {
            std::fs::write(settings.lock(), torn).unwrap();
            assert_eq!(Notes::read(&settings), Notes::default(), "{torn:?}");
        }
    }
}
