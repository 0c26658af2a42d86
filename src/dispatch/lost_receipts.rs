//! Receipts that never came: where the provider keeps a list of what it took, it is asked what became of them.

use crate::desk::{Desk, DeskResult};
use crate::supervisor::Live;
use oyez_domain::id::BroadcastId;
use oyez_domain::time::Wall;
use std::sync::Arc;
use std::time::Duration;

/// How long a receipt may take before it counts as lost, and how often the list is read while it brings something.
const EVERY: Duration = Duration::from_secs(600);
/// The longest pause between two readings that bring nothing.
const RARELY: Duration = Duration::from_secs(6 * 3600);
/// How long providers keep their lists.
const KEPT: Duration = Duration::from_secs(7 * 86_400);
/// Newest updates that are looked at.
const UPDATES: u32 = 200;
/// How far the provider's clock may be behind ours.
const SKEW: Duration = Duration::from_secs(60);
/// Pages of one reading at most: of 250 messages each, half a million.
const PAGES: usize = 2_000;

/// What is waited for on one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Awaited {
    /// The newest broadcast that lacks a receipt: another one is a reason to look soon.
    newest: BroadcastId,
    /// When the oldest was released; nothing older has to be read.
    since: Wall,
}

/// Looks after one channel until the program begins to end.
pub(crate) async fn run(desk: Desk, live: Arc<Live>) {
    let (mut pause, mut newest) = (EVERY, None);
    loop {
        let next = desk.clock.now().plus(pause);
        tokio::select! {
            biased;
            () = desk.ending.cancelled() => return,
            () = desk.clock.sleep_until(next) => {}
        }
        let found = tokio::select! {
            biased;
            () = desk.ending.cancelled() => return,
            found = look(&desk, &live, &mut newest) => found,
        };
        pause = match found {
            Ok(Look::Nothing | Look::Found) => EVERY,
            Ok(Look::NoNews) | Err(_) => pause.saturating_mul(2).min(RARELY),
        };
    }
}

/// What came of a look.
enum Look {
    /// No receipt is missing.
    Nothing,
    /// Some were made up for, or another broadcast lacks some.
    Found,
    /// The list had nothing new.
    NoNews,
}

async fn look(desk: &Desk, live: &Live, newest: &mut Option<BroadcastId>) -> DeskResult<Look> {
    let Some(awaited) = awaited(desk, live).await? else {
        return Ok(Look::Nothing);
    };
    let found = read(desk, live, awaited.since).await?;
    let another = newest.replace(awaited.newest) != Some(awaited.newest);
    Ok(if found > 0 || another {
        Look::Found
    } else {
        Look::NoNews
    })
}

/// The broadcasts of this channel whose receipts are late.
async fn awaited(desk: &Desk, live: &Live) -> DeskResult<Option<Awaited>> {
    let now = desk.clock.wall();
    let mut late = None;
    for update in desk.ledger.updates(UPDATES).await? {
        for broadcast in desk.ledger.broadcasts(Some(update.id)).await? {
            let counts = broadcast.counts;
            let age = now.since(broadcast.released_at);
            let lacks = counts.accepted > counts.delivered + counts.undelivered;
            if broadcast.channel == live.channel.name && lacks && (EVERY..KEPT).contains(&age) {
                let so_far = late.get_or_insert(Awaited {
                    newest: broadcast.id,
                    since: broadcast.released_at,
                });
                so_far.newest = so_far.newest.max(broadcast.id);
                so_far.since = so_far.since.min(broadcast.released_at);
            }
        }
    }
    Ok(late)
}

/// Reads the provider's list down to what was taken at `since`; how many receipts were made up for.
async fn read(desk: &Desk, live: &Live, since: Wall) -> DeskResult<u64> {
    let channel = &live.channel.name;
    let (mut older_than, mut found) = (None::<String>, 0);
    for _ in 0..PAGES {
        let page = match live.channel.adapter.list(older_than.as_deref()).await {
            Ok(page) => page,
            Err(why) => {
                tracing::warn!(channel.name = %channel, why, "the provider does not say what became of messages without a receipt; asked again later");
                break;
            }
        };
        found += desk.receive_listed(live, page.receipts).await?.applied;
        let reached = page.oldest.is_none_or(|oldest| oldest.plus(SKEW) < since);
        if reached || page.older_than.is_none() || page.older_than == older_than {
            break;
        }
        older_than = page.older_than;
    }
    if found > 0 {
        tracing::info!(channel.name = %channel, receipts = found, "receipts that never came were made up for from the provider's list");
    }
    Ok(found)
}
