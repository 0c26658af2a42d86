//! How it goes: progress, queue, deliveries.

use super::{Desk, DeskResult};
use crate::progress::{BroadcastProgress, Progress};
use crate::queue::QueueRow;
use crate::supervisor::Live;
use oyez_domain::broadcast::Counts;
use oyez_domain::channel::ChannelName;
use oyez_domain::id::UpdateId;
use oyez_domain::ledger::{DeliveryFilter, DeliveryView};

impl Desk {
    /// How one update goes.
    pub async fn progress(&self, update: UpdateId) -> DeskResult<Progress> {
        let statement = self.ledger.update(update).await?;
        let views = self.ledger.broadcasts(Some(update)).await?;
        let holds = self.ledger.holds().await?;
        let now = self.clock.wall();
        let counts = views
            .iter()
            .fold(Counts::default(), |sum, view| sum.plus(&view.counts));
        let finished = !views.is_empty()
            && views
                .iter()
                .all(|view| view.planned && view.counts.pending == 0);
        let broadcasts = views
            .into_iter()
            .map(|view| {
                let live = self.lives.get(&view.channel);
                let held = hold_of(&holds, &view.channel);
                BroadcastProgress::new(view, live, held)
            })
            .collect();
        Ok(Progress {
            update,
            reference: statement.reference,
            headline: statement.headline.to_string(),
            state: statement.state.code().to_owned(),
            finished,
            counts,
            broadcasts,
            as_of: now,
        })
    }

    /// What is waiting on each channel, in which order, and why.
    pub async fn queue(&self) -> DeskResult<Vec<QueueRow>> {
        let views = self.ledger.broadcasts(None).await?;
        let holds = self.ledger.holds().await?;
        let row = |live: &Live| {
            let name = &live.channel.name;
            let held = hold_of(&holds, name);
            let mine = views.iter().filter(|view| view.channel == *name).cloned();
            let broadcasts = mine
                .map(|view| BroadcastProgress::new(view, Some(live), held))
                .collect();
            QueueRow::new(live, broadcasts)
        };
        Ok(self.lives.all().map(row).collect())
    }

    /// Deliveries of one update.
    pub async fn deliveries(
        &self,
        update: UpdateId,
        filter: &DeliveryFilter,
    ) -> DeskResult<Vec<DeliveryView>> {
        Ok(self.ledger.deliveries(update, filter).await?)
    }
}

fn hold_of<'a>(
    holds: &'a [(Option<ChannelName>, String)],
    channel: &ChannelName,
) -> Option<&'a str> {
    holds
        .iter()
        .find(|(name, _)| name.as_ref().is_none_or(|name| name == channel))
        .map(|(_, why)| why.as_str())
}
