//! Keeps the pages right while nobody asks, so that the first reader after a change need not wait.

use super::{PAUSE, Site};
use oyez_dispatch::Desk;
use oyez_domain::time::Boot;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The longest that passes without a look: the wall clock, by which promises are kept, may be set meanwhile.
const LOOK: Duration = Duration::from_secs(60);

impl Site {
    /// Makes the pages at the start, after every change, and when time changes what they say, until the end.
    pub(crate) async fn follow(&self, desk: &Desk, end: &CancellationToken) {
        let mut changes = desk.public.listen();
        loop {
            changes.mark_unchanged();
            let made = self.edition(desk).await;
            let next = match made.as_deref() {
                Ok(edition) if edition.is_right(desk) => soon(desk, edition.good_until()),
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

/// Just after `until`, or at the next look.
fn soon(desk: &Desk, until: Option<oyez_domain::time::Wall>) -> Boot {
    let left = until.map(|until| until.since(desk.clock.wall()) + Duration::from_millis(1));
    desk.clock.now().plus(left.unwrap_or(LOOK).min(LOOK))
}
