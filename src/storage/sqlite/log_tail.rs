//! Whether the write-ahead log breaks off at its end, where a crash may tear it, or was damaged before its end.
//!
//! SQLite reads the log up to the first frame that is not sound and takes the rest for the leavings of a crash. A
//! damaged byte in the middle therefore takes back, in silence, all that was committed after it.

use super::fault::Step;
use rusqlite::Connection;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Sizes in bytes of the log's and of each frame's header: <https://www.sqlite.org/fileformat2.html#walformat>
const LOG_HEADER: u64 = 32;
const FRAME_HEADER: usize = 24;

type Salts = [u8; 8];

/// Commits in the log that can no longer be read although a later one was made; none where it breaks off as a crash
/// leaves it. To be asked before anything is written.
pub(super) fn commits_cut_off(connection: &Connection, log: &Path) -> Step<u64> {
    let page: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let sound: i64 = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))?;
    let Ok(file) = File::open(log) else {
        return Ok(0);
    };
    let sound = u64::try_from(sound).unwrap_or(0);
    // A log without a whole header has nothing to cut off.
    let commits = commits_beyond(&file, u64::from(page), sound).unwrap_or(0);
    // Each commit waits for the disk, so a crash tears one at most.
    Ok(if commits > 1 { commits } else { 0 })
}

/// Commits of the present round of the log that stand behind its sound frames.
fn commits_beyond(file: &File, page: u64, sound: u64) -> std::io::Result<u64> {
    let size = file.metadata()?.len();
    let place = |frame: u64| LOG_HEADER + frame * (FRAME_HEADER as u64 + page);
    let round = round(file, place(0))?;
    let mut commits = 0;
    let mut frame = sound;
    while place(frame + 1) <= size {
        let mut header = [0; FRAME_HEADER];
        file.read_exact_at(&mut header, place(frame))?;
        // Pages of the database after the commit; 0 in all frames but the last of one.
        let is_commit = header.get(4..8) != Some(&[0; 4]);
        commits += u64::from(is_commit && header.get(8..16) == Some(round.as_slice()));
        frame += 1;
    }
    Ok(commits)
}

/// The salts of the present round: those of the header or, where the header itself is damaged, of the first frame.
fn round(file: &File, first_frame: u64) -> std::io::Result<Salts> {
    let mut header = [0; LOG_HEADER as usize];
    file.read_exact_at(&mut header, 0)?;
    let mut salts = Salts::default();
    if is_sound(&header) {
        salts.copy_from_slice(header.get(16..24).unwrap_or(&[0; 8]));
    } else {
        file.read_exact_at(&mut salts, first_frame + 8)?;
    }
    Ok(salts)
}

/// The checksum of the log's header, over its first 24 bytes.
fn is_sound(header: &[u8; LOG_HEADER as usize]) -> bool {
    let big = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap_or_default());
    let little = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap_or_default());
    let words: Vec<&[u8]> = header.chunks_exact(4).collect();
    let [magic, .., first, second] = words.as_slice() else {
        return false;
    };
    // The magic number says in which order of bytes sums are made.
    let word = |bytes: &[u8]| {
        if big(magic) & 1 == 1 {
            big(bytes)
        } else {
            little(bytes)
        }
    };
    let mut sums = (0_u32, 0_u32);
    for pair in words.chunks_exact(2).take(3) {
        let [left, right] = pair else { return false };
        sums.0 = sums.0.wrapping_add(word(left)).wrapping_add(sums.1);
        sums.1 = sums.1.wrapping_add(word(right)).wrapping_add(sums.0);
    }
    sums == (big(first), big(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMITS: i64 = 20;

    /// A database with so many commits in its log, left as a crash leaves it, and where the log is.
    fn crashed(dir: &Path) -> std::path::PathBuf {
        let path = dir.join("a.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x);",
            )
            .unwrap();
        for x in 1..COMMITS {
            connection
                .execute("INSERT INTO t VALUES (?1)", [x])
                .unwrap();
        }
        let left = dir.join("b.db");
        std::fs::copy(&path, &left).unwrap();
        std::fs::copy(dir.join("a.db-wal"), dir.join("b.db-wal")).unwrap();
        left
    }

    fn asked(path: &Path) -> u64 {
        let connection = Connection::open(path).unwrap();
        commits_cut_off(&connection, &path.with_extension("db-wal")).unwrap()
    }

    #[test]
    fn a_log_that_was_not_damaged_cuts_nothing_off() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(asked(&crashed(dir.path())), 0);
        assert_eq!(asked(&dir.path().join("new.db")), 0, "there is no log");
    }

    #[test]
    fn a_torn_last_commit_is_what_a_crash_leaves() {
        let dir = tempfile::tempdir().unwrap();
        let path = crashed(dir.path());
        let log = File::options()
            .write(true)
            .open(path.with_extension("db-wal"))
            .unwrap();
        log.set_len(log.metadata().unwrap().len() - 100).unwrap();
        assert_eq!(asked(&path), 0);
    }

    #[test]
    fn a_damaged_byte_before_the_last_commit_is_noticed_wherever_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let size = std::fs::metadata(crashed(dir.path()).with_extension("db-wal"))
            .unwrap()
            .len();
        // Every field of the log's header and of a frame's, and a page.
        for at in (0..72).chain([size / 2]) {
            let dir = tempfile::tempdir().unwrap();
            let path = crashed(dir.path());
            let log = File::options()
                .read(true)
                .write(true)
                .open(path.with_extension("db-wal"))
                .unwrap();
            let mut byte = [0];
            log.read_exact_at(&mut byte, at).unwrap();
            log.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
            assert!(asked(&path) > 1, "byte {at}");
        }
    }
}
