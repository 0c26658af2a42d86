//! Signals: the first one ends in good order, the second at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that the first Ctrl-C or SIGTERM cancels. A second signal ends the process at once with 130.
pub(crate) fn ending(
    tracker: &tokio_util::task::TaskTracker,
) -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let cancelled = token.clone();
    tracker.spawn(async move {
        let mut first = true;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if !first {
                at_once();
            }
            first = false;
            cancelled.cancel();
        }
    });
    Ok(token)
}

/// Ends now. Nothing is lost: what was announced and not recorded is found at the next start.
#[expect(
    clippy::exit,
    reason = "a person asked twice; the ledger is made for this"
)]
fn at_once() {
    std::process::exit(130);
}
