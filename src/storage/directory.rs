//! The data directory: where the database, its lock and its key are, and why it cannot be used.

use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the store keeps what it keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageSettings {
    /// The directory of the database.
    pub data_dir: PathBuf,
    /// The key that addresses are encrypted with; `oyez.key` in the data directory when left out. Keep it, and
    /// its backup, apart from the database's backup.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Free bytes of the file system below which nothing new is accepted; what suits its size when left out.
    #[serde(default)]
    pub low_disk_bytes: Option<u64>,
    /// Names the machine, to notice that the directory was carried to another one; empty when nobody can say. It
    /// comes from the operating system, never from a file.
    #[serde(skip)]
    pub machine: String,
}

impl StorageSettings {
    /// Settings for one directory with the key beside the database.
    pub fn in_directory(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            key_file: None,
            low_disk_bytes: None,
            machine: String::new(),
        }
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.data_dir.join("oyez.db")
    }

    /// The database's write-ahead log.
    pub(crate) fn log(&self) -> PathBuf {
        self.data_dir.join("oyez.db-wal")
    }

    /// The key.
    pub fn key(&self) -> PathBuf {
        self.key_file
            .clone()
            .unwrap_or_else(|| self.data_dir.join("oyez.key"))
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.data_dir.join("oyez.lock")
    }

    pub(crate) fn ballast(&self) -> PathBuf {
        self.data_dir.join("oyez.ballast")
    }
}

/// Why the ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be made or written.
    #[error("{path} cannot be written ({why}); choose another data directory or change its owner")]
    NotWritable {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// There is no database to read.
    #[error("there is no database at {0}; start `oyez serve` once, or name another data directory")]
    Missing(PathBuf),
    /// Another program holds the directory.
    #[error(
        "another oyez uses {0}; stop it first, or talk to it instead of opening its data directory"
    )]
    Held(PathBuf),
    /// A newer version made the database.
    #[error(
        "{path} was made by a newer version of oyez (schema {found}, this one knows {known}); use that version"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema number.
        found: u32,
        /// The newest schema number known here.
        known: u32,
    },
    /// A migration that was applied differs from the one this program has.
    #[error("{path} was made by another build of oyez: migration {id} differs; use that build")]
    Foreign {
        /// The database.
        path: PathBuf,
        /// The migration.
        id: u32,
    },
    /// The database is there, its key is not.
    #[error(
        "the key {0} is missing although its database exists; put the key back, for without it no address can be read"
    )]
    KeyMissing(PathBuf),
    /// The key is not the one the database was made with, or cannot be read.
    #[error("the key {path} cannot be used: {why}")]
    KeyUnusable {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The database is damaged.
    #[error("{path} is damaged ({why}); restore it from a backup")]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What the check says.
        why: String,
    },
    /// Another program writes the database.
    #[error(
        "another program holds the write lock of {0}; end it (an open sqlite3, a backup), then start again"
    )]
    Locked(PathBuf),
    /// There is no room to write in.
    #[error(
        "there is no room left on the disk of {0}; delete something there that is not oyez's, then start again"
    )]
    Full(PathBuf),
    /// The SQLite library is too old to be trusted with a write-ahead log.
    #[error("SQLite {0} is too old; 3.51.3 or newer is needed")]
    OldEngine(String),
    /// Anything else the database says.
    #[error("the database cannot be opened: {0}")]
    Database(String),
}

/// The lock of a data directory; released when dropped.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    file: File,
}

const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

impl DirectoryLock {
    /// Makes the directory if need be and takes it. A reader that only asks whether the directory is held may
    /// be in the way for a moment, hence a few tries.
    pub(crate) fn take(settings: &StorageSettings) -> Result<Self, OpenError> {
        let refused = |path: &Path, error: std::io::Error| OpenError::NotWritable {
            path: path.to_owned(),
            why: error.to_string(),
        };
        make_private_directory(&settings.data_dir).map_err(|e| refused(&settings.data_dir, e))?;
        let path = settings.lock();
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| refused(&path, e))?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Self { file }),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(error)) => return Err(refused(&path, error)),
            }
        }
        Err(OpenError::Held(settings.data_dir.clone()))
    }

    /// Replaces what stands in the lock file.
    pub(crate) fn rewrite(&self, text: &str) -> std::io::Result<()> {
        let mut file = &self.file;
        file.rewind()?;
        file.write_all(text.as_bytes())?;
        self.file.set_len(text.len() as u64)
    }

    /// Waits until what stands in the lock file is on the disk.
    pub(crate) fn sync(&self) -> std::io::Result<()> {
        self.file.sync_data()
    }

    /// Whether some program holds the directory now.
    pub(crate) fn is_held(settings: &StorageSettings) -> bool {
        File::open(settings.lock())
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

#[cfg(unix)]
fn make_private_directory(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(not(unix))]
fn make_private_directory(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

/// Writes a file that only its owner may read, and waits until it is on the disk, name included.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()?;
    match path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
