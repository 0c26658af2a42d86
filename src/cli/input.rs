//! Files that are handed in on the command line: bounded, and with errors that name the file.

use crate::exit::{Exit, Failure};
use serde::de::DeserializeOwned;
use std::path::Path;

/// The largest file that is read whole, in bytes; the server has limits of its own.
const LARGEST: u64 = 1024 * 1024 * 1024;

fn refuse(file: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::new(
        Exit::Problems,
        "bad_file",
        format!("{}: {why}", file.display()),
        "nothing was changed",
    )
}

/// The bytes of a file.
pub(crate) fn bytes(file: &Path) -> Result<Vec<u8>, Failure> {
    let meta = std::fs::metadata(file).map_err(|error| refuse(file, error))?;
    if !meta.is_file() || meta.len() > LARGEST {
        return Err(refuse(file, "is not a regular file of at most 1 GiB"));
    }
    std::fs::read(file).map_err(|error| refuse(file, error))
}

/// The text of a file.
pub(crate) fn text(file: &Path) -> Result<String, Failure> {
    String::from_utf8(bytes(file)?).map_err(|_| refuse(file, "is not UTF-8"))
}

/// What a JSON file says.
pub(crate) fn json<T: DeserializeOwned>(file: &Path) -> Result<T, Failure> {
    serde_json::from_slice(&bytes(file)?).map_err(|error| refuse(file, error))
}

/// JSON in the shape it must have; the error names the file.
pub(crate) fn shaped<T: DeserializeOwned>(
    file: &Path,
    value: serde_json::Value,
) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| refuse(file, error))
}
