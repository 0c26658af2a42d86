//! Room on the file system of the data directory, and the ballast that is thrown off when there is none.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const MIB: u64 = 1024 * 1024;
/// The ballast, unless the file system is small.
const BALLAST: u64 = 64 * MIB;
/// The write-ahead log is cut back to this, unless the file system is small.
const LOG: u64 = 64 * MIB;
/// Inodes below which nothing new is accepted; a twentieth of them where there are few.
const LOW_INODES: u64 = 1_000;
const BLOCK: usize = 1024 * 1024;

/// How much may still be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Space {
    /// Bytes of the whole file system.
    pub(crate) total: u64,
    /// Bytes that we may still write.
    pub(crate) free: u64,
    /// Whether files are about to run out, however many bytes are free.
    pub(crate) few_inodes: bool,
}

impl Space {
    /// Asks the file system; nothing when it does not say, as some network and user-space ones do not.
    pub(crate) fn of(directory: &Path) -> Option<Self> {
        let stat = rustix::fs::statvfs(directory).ok()?;
        let total = stat.f_blocks.saturating_mul(stat.f_frsize);
        let low_inodes = LOW_INODES.min(stat.f_files / 20);
        (total > 0).then_some(Self {
            total,
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            few_inodes: stat.f_files > 0 && stat.f_favail < low_inodes,
        })
    }
}

/// From where on what is no longer done, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Free bytes below which nothing new is accepted.
    pub(crate) low: u64,
    /// Free bytes below which nothing is armed.
    pub(crate) tight: u64,
    /// The ballast.
    pub(crate) ballast: u64,
    /// What the write-ahead log is cut back to.
    pub(crate) log: u64,
    /// What the write-ahead log may hold before nothing more is armed; receipts are taken up to half as much again.
    pub(crate) log_full: u64,
}

impl Limits {
    /// For a file system of `total` bytes. A twentieth of it has to stay free, at least 256 MiB and at most 1 GiB, on
    /// a small one no more than a quarter; `low` says otherwise.
    pub(crate) fn of(total: u64, low: Option<u64>) -> Self {
        let usual = (total / 20).clamp(256 * MIB, 1024 * MIB).min(total / 4);
        let low = low.unwrap_or(usual);
        let log = LOG.min(total / 16);
        Self {
            low,
            tight: low / 4,
            ballast: BALLAST.min(total / 16),
            log,
            log_full: 2 * log,
        }
    }
}

/// A file that takes room and holds nothing. When recording what has happened finds the disk full, it goes.
#[derive(Debug)]
pub(crate) struct Ballast {
    path: PathBuf,
    bytes: u64,
}

impl Ballast {
    pub(crate) fn new(path: PathBuf, bytes: u64) -> Self {
        Self { path, bytes }
    }

    /// Whether it is there, as large as it should be.
    pub(crate) fn is_there(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|file| file.len() == self.bytes)
    }

    /// Makes it, with every byte allocated.
    pub(crate) fn make(&self) -> io::Result<()> {
        let made = self.allocate();
        if made.is_err() {
            self.release();
        }
        made
    }

    fn allocate(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.path)?;
        let flags = rustix::fs::FallocateFlags::empty();
        match rustix::fs::fallocate(&file, flags, 0, self.bytes) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::OPNOTSUPP) => write_out(file, self.bytes),
            Err(error) => Err(error.into()),
        }
    }

    /// Throws it off; whether there was any.
    pub(crate) fn release(&self) -> bool {
        fs::remove_file(&self.path).is_ok()
    }
}

/// For file systems that cannot allocate without writing. The bytes are not zeros, which some do not store.
fn write_out(mut file: File, bytes: u64) -> io::Result<()> {
    let block = vec![0x6f; BLOCK];
    let mut left = bytes;
    while left > 0 {
        let many = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        file.write_all(block.get(..many).unwrap_or_default())?;
        left -= many as u64;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1024 * MIB;

    #[test]
    fn a_small_file_system_keeps_a_quarter_free_and_a_large_one_no_more_than_it_needs() {
        let low = |total| Limits::of(total, None).low;
        assert_eq!(low(64 * MIB), 16 * MIB);
        assert_eq!(low(2 * GIB), 256 * MIB);
        assert_eq!(low(10 * GIB), 512 * MIB);
        assert_eq!(low(4096 * GIB), GIB);
        assert_eq!(Limits::of(4096 * GIB, Some(5 * GIB)).low, 5 * GIB);
    }

    #[test]
    fn ballast_log_and_reserve_fit_together_on_any_file_system() {
        for total in [16 * MIB, 64 * MIB, GIB, 100 * GIB] {
            let limits = Limits::of(total, None);
            assert!(limits.tight < limits.low);
            assert!(limits.ballast + limits.low + limits.log_full * 3 / 2 <= total * 11 / 16);
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_ballast_really_takes_the_room() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::TempDir::new().unwrap();
        let ballast = Ballast::new(folder.path().join("ballast"), 3 * MIB + 5);
        assert!(!ballast.is_there());
        ballast.make().unwrap();
        assert!(ballast.is_there());
        let blocks = fs::metadata(folder.path().join("ballast"))
            .unwrap()
            .blocks();
        assert!(blocks * 512 >= 3 * MIB, "{blocks} blocks");
        assert!(ballast.release());
        assert!(!ballast.is_there() && !ballast.release());
    }

    #[cfg(unix)]
    #[test]
    fn what_cannot_be_allocated_is_written_out() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("ballast");
        write_out(File::create(&path).unwrap(), 2 * MIB + 5).unwrap();
        let file = fs::metadata(&path).unwrap();
        assert_eq!(file.len(), 2 * MIB + 5);
        assert!(file.blocks() * 512 >= 2 * MIB);
    }

    #[test]
    fn the_file_system_says_how_much_is_free() {
        let folder = tempfile::TempDir::new().unwrap();
        let space = Space::of(folder.path()).unwrap();
        assert!(space.free <= space.total);
        assert_eq!(Space::of(&folder.path().join("missing")), None);
    }
}
