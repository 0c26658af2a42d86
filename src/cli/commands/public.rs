//! `oyez public`: the public site as files. It reads the store on this machine, beside a running `serve` or without one.

use crate::app::{Access, App};
use crate::args::{Global, Public};
use crate::exit::{Exit, Failure};
use crate::settings::Sources;
use crate::terminal;
use oyez_http::{ExportError, PublicSettings};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What was done, for people and scripts.
#[derive(Debug, Serialize)]
struct Done {
    folder: PathBuf,
    files: usize,
    written: usize,
}

/// Runs one of the verbs.
pub(crate) async fn run(command: Public, global: &Global) -> anyhow::Result<Exit> {
    match command {
        Public::Export { folder } => export(&folder, global).await,
    }
}

async fn export(folder: &Path, global: &Global) -> anyhow::Result<Exit> {
    if global.server.is_some() {
        let what = "the site is made from the store on this machine".to_owned();
        let help = "run it where `oyez serve` runs, or read the site from the server itself";
        return Err(Failure::new(Exit::Usage, "not_remote", what, help).into());
    }
    let settings = Sources::from_process(&global.config).read()?;
    let wanted = PublicSettings {
        export_dir: Some(folder.to_owned()),
    };
    if let Some(fault) = wanted.check(&settings.store.data_dir).pop() {
        return Err(Failure::new(
            Exit::Usage,
            "unusable_folder",
            fault.why,
            "nothing was written",
        )
        .into());
    }
    let app = App::open(&settings, Access::Read)?;
    let exported = oyez_http::export(&app.desk, folder).await;
    let exported = exported.map_err(|error| failure(error, folder))?;
    let done = Done {
        folder: folder.to_owned(),
        files: exported.files,
        written: exported.written,
    };
    terminal::data(global.json, &done, || {
        let folder = folder.display();
        format!(
            "{} files in {folder}, {} of them new or changed",
            done.files, done.written
        )
    })?;
    Ok(Exit::Done)
}

fn failure(error: ExportError, folder: &Path) -> Failure {
    match error {
        ExportError::Pages(why) => {
            let help = "nothing was written; look at the store with `oyez check`";
            Failure::new(Exit::StorageFailed, "storage_failed", why, help)
        }
        ExportError::Files(error) => {
            let what = format!("{}: {error}", folder.display());
            let help = "make the folder writable and see that its disk has room; the files there are whole";
            Failure::new(Exit::Error, "not_written", what, help)
        }
    }
}
