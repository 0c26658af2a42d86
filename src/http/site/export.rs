//! The public site as static files: each put in place whole, in an order in which no page ever links to a missing one.

use super::edition::Edition;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// How the name of a file begins that is not whole yet. Whatever bears it when an export begins was left behind.
const UNFINISHED: &str = ".oyez-unfinished";

/// What an export did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Files of the site.
    pub files: usize,
    /// Of these, files that were not there or read otherwise.
    pub written: usize,
}

/// Writes the pages into `folder`. Files of updates that are no longer kept stay, because old messages lead to them.
///
/// A folder that is not there yet or is empty appears with the whole site in it at once, if the place it stands in can be
/// written. In one that holds a site, what is new comes first, so that whatever links to it finds it; each file
/// takes the place of the one before in one step. Ended at any moment, what stands there is a whole site, the new one or
/// partly the one before.
pub(super) fn write(edition: &Edition, folder: &Path) -> io::Result<Exported> {
    if is_fresh(folder)? && write_at_once(edition, folder).is_ok() {
        let files = edition.files().count();
        return Ok(Exported {
            files,
            written: files,
        });
    }
    fs::create_dir_all(folder)?;
    write_in_place(edition, folder)
}

fn is_fresh(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

fn write_at_once(edition: &Edition, folder: &Path) -> io::Result<()> {
    let (Some(above), Some(name)) = (folder.parent(), folder.file_name()) else {
        return Err(ErrorKind::InvalidInput.into());
    };
    let beside = format!("{UNFINISHED}-{}", name.to_string_lossy());
    let beside = above.join(beside);
    if beside.exists() {
        fs::remove_dir_all(&beside)?;
    }
    fs::create_dir_all(&beside)?;
    write_in_place(edition, &beside)?;
    fs::rename(&beside, folder)
}

fn write_in_place(edition: &Edition, folder: &Path) -> io::Result<Exported> {
    let mut files: Vec<(PathBuf, &[u8])> = edition
        .files()
        .map(|(name, bytes)| (folder.join(name), bytes))
        .collect();
    // What is there already may only link to what is new once that is there, too. Sorting keeps the order of the edition.
    files.sort_by_key(|(path, _)| path.exists());
    let mut written = 0;
    for (path, bytes) in &files {
        if fs::read(path).is_ok_and(|there| there == *bytes) {
            continue;
        }
        put(path, bytes)?;
        written += 1;
    }
    Ok(Exported {
        files: files.len(),
        written,
    })
}

/// Puts one file in place. It is on the disk before it has its name.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let unfinished = folder.join(UNFINISHED);
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_the_place_of_the_one_before_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("u/7QX-4HM/index.html");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // A kill left this behind.
        fs::write(path.with_file_name(UNFINISHED), "half a pa").unwrap();
        for text in ["one", "another"] {
            put(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1);
    }

    #[test]
    fn a_folder_is_fresh_when_it_is_empty_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        assert!(is_fresh(folder.path()).unwrap());
        assert!(is_fresh(&folder.path().join("not/there")).unwrap());
        fs::write(folder.path().join("a"), "").unwrap();
        assert!(!is_fresh(folder.path()).unwrap());
    }
}
