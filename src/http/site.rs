//! The public site: every page made once per change and kept as bytes, from which requests are answered.

mod atom;
mod cap;
mod edition;
mod export;
mod follow;
mod listing;
mod pages;
mod past;
mod sheet;
mod status_api;
mod views;
mod xml;

pub(crate) use edition::Edition;
pub use export::Exported;
pub(crate) use sheet::Sort;
pub(crate) use views::digits;

use crate::problem::{Kind, Problem};
use oyez_dispatch::Desk;
use oyez_domain::time::Boot;
use oyez_domain::trouble::TroubleCode;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;

/// The longest that making the pages may take; the last good ones are shown after it.
const LONGEST: Duration = Duration::from_secs(2);
/// How long the last good pages are shown after a failure before it is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// The pages as they are now, and their making.
#[derive(Debug, Default)]
pub(crate) struct Site {
    current: RwLock<Option<Arc<Edition>>>,
    /// Held by whoever makes the pages; after a failure, when it is tried again.
    making: Mutex<Option<Boot>>,
}

impl Site {
    /// The pages as they have to be now, made if need be. When they cannot be made, the last good ones.
    ///
    /// # Errors
    /// When they cannot be made and there are no earlier ones.
    pub(crate) async fn edition(&self, desk: &Desk) -> Result<Arc<Edition>, Problem> {
        if let Some(right) = self.right(desk) {
            return Ok(right);
        }
        let mut not_before = self.making.lock().await;
        if let Some(right) = self.right(desk) {
            return Ok(right);
        }
        let last = self.current();
        if not_before.is_some_and(|then| desk.clock.now() < then)
            && let Some(last) = last
        {
            return Ok(last);
        }
        let making = Edition::make(desk, last.as_deref());
        let made = tokio::time::timeout(LONGEST, making).await;
        let made = made.unwrap_or_else(|_| {
            let line = "Making the public pages took too long.";
            Err(Problem::new(Kind::Busy, line))
        });
        match made {
            Ok(edition) => {
                *not_before = None;
                desk.public.note(TroubleCode::PublicStale, None);
                let edition = Arc::new(edition);
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = Some(Arc::clone(&edition));
                Ok(edition)
            }
            Err(problem) => {
                *not_before = Some(desk.clock.now().plus(PAUSE));
                desk.public
                    .note(TroubleCode::PublicStale, Some(stale(&problem)));
                last.ok_or(problem)
            }
        }
    }

    fn current(&self) -> Option<Arc<Edition>> {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn right(&self, desk: &Desk) -> Option<Arc<Edition>> {
        self.current().filter(|edition| edition.is_right(desk))
    }
}

/// Why the site could not be written as files.
#[derive(Debug)]
pub enum ExportError {
    /// The pages cannot be made; the reason in words.
    Pages(String),
    /// They cannot be written.
    Files(std::io::Error),
}

/// Makes the public site and writes it into `folder` as files; see [`Exported`].
///
/// # Errors
/// When the ledger cannot be read or the folder cannot be written.
pub async fn export(desk: &Desk, folder: &Path) -> Result<Exported, ExportError> {
    let edition = Site::default().edition(desk).await;
    let edition = edition.map_err(|problem| ExportError::Pages(problem.detail))?;
    write(edition, folder).await.map_err(ExportError::Files)
}

async fn write(edition: Arc<Edition>, folder: &Path) -> std::io::Result<Exported> {
    let folder = folder.to_owned();
    let written = tokio::task::spawn_blocking(move || export::write(&edition, &folder));
    written
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

fn stale(problem: &Problem) -> String {
    let why = problem.detail.trim_end_matches('.');
    tracing::error!(why, "the public pages could not be made");
    format!(
        "The public site cannot be brought up to date ({why}): it shows the last good pages, and it is tried again every few seconds. Look at the log of the program"
    )
}
