//! Keeps the pages right while nobody asks, so that the first reader after a change need not wait.

use super::{Edition, PAUSE, Site, write};
use oyez_dispatch::Desk;
use oyez_domain::time::Boot;
use oyez_domain::trouble::TroubleCode;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The longest that passes without a look: the wall clock, by which promises are kept, may be set meanwhile.
const LOOK: Duration = Duration::from_secs(60);

impl Site {
    /// Makes the pages at the start, after every change, and when time changes what they say, until the end. With a
    /// `folder` it writes them there as files each time.
    pub(crate) async fn follow(&self, desk: &Desk, folder: Option<&Path>, end: &CancellationToken) {
        let mut changes = desk.public.listen();
        loop {
            changes.mark_unchanged();
            let next = match self.edition(desk).await {
                Ok(edition) if edition.is_right(desk) && written(desk, &edition, folder).await => {
                    soon(desk, edition.good_until())
                }
                Ok(_) | Err(_) => desk.clock.now().plus(PAUSE),
            };
            tokio::select! {
                () = end.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
                () = desk.clock.sleep_until(next) => {}
            }
        }
    }
}

/// Whether the files are as they should be; says so among the troubles when they are not.
async fn written(desk: &Desk, edition: &Arc<Edition>, folder: Option<&Path>) -> bool {
    let Some(folder) = folder else { return true };
    let done = write(Arc::clone(edition), folder).await;
    let trouble = done.as_ref().err().map(|error| {
        tracing::error!(%error, "the public site could not be written as files");
        format!(
            "The public site could not be written to {} ({error}): the files there are whole, but not up to date; it is tried again every few seconds. Make the folder writable and see that its disk has room",
            folder.display()
        )
    });
    desk.public.note(TroubleCode::ExportFailed, trouble);
    done.is_ok()
}

/// Just after `until`, or at the next look.
fn soon(desk: &Desk, until: Option<oyez_domain::time::Wall>) -> Boot {
    let left = until.map(|until| until.since(desk.clock.wall()) + Duration::from_millis(1));
    desk.clock.now().plus(left.unwrap_or(LOOK).min(LOOK))
}
