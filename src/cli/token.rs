//! The token that opens console and API: configured, or made at the first start and kept in the data directory.

use crate::clock::SystemRandom;
use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use oyez_domain::Random;
use secrecy::SecretString;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where the token is kept when nothing is configured.
const KEPT: &str = "console.token";

/// Puts the token into the settings; returns the file it stands in, if it stands in one.
pub(crate) fn ready(settings: &mut Settings) -> Result<Option<PathBuf>, Failure> {
    let http = &mut settings.http;
    if http.token.is_some() {
        return Ok(None);
    }
    let (key, file) = match &http.token_file {
        Some(file) => ("http.token_file", file.clone()),
        None => {
            let file = settings.store.data_dir.join(KEPT);
            make(&file).map_err(|error| unusable("store.data_dir", &file, &error.to_string()))?;
            ("store.data_dir", file)
        }
    };
    let text =
        std::fs::read_to_string(&file).map_err(|error| unusable(key, &file, &error.to_string()))?;
    http.token = Some(SecretString::from(text.trim().to_owned()));
    http.token_file = None;
    let faults = http.check();
    if faults.is_empty() {
        Ok(Some(file))
    } else {
        Err(crate::settings::faults(&faults))
    }
}

/// Why nobody could sign in with the configured token, if so. Makes nothing.
pub(crate) fn fault(settings: &Settings) -> Option<Failure> {
    let file = settings.http.token_file.as_ref()?;
    let error = std::fs::read_to_string(file).err()?;
    Some(unusable("http.token_file", file, &error.to_string()))
}

fn unusable(key: &str, file: &Path, why: &str) -> Failure {
    Failure::new(
        Exit::BadConfiguration,
        "token_unusable",
        format!("{key}: {}: {why}", file.display()),
        "nobody could sign in; give a readable file",
    )
}

/// Makes the token once; only its owner may read it.
fn make(file: &Path) -> std::io::Result<()> {
    let mut made = match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
    {
        Ok(made) => made,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut bytes = [0; 32];
    SystemRandom.fill(&mut bytes);
    writeln!(
        made,
        "oyz_{}",
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    )?;
    made.sync_all()
}
