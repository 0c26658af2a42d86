//! Putting out.

use super::{Desk, DeskResult};
use crate::preview::previews;
use crate::progress::Progress;
use crate::settings::ConfiguredChannel;
use crate::supervisor::Live;
use oyez_domain::id::UpdateId;
use oyez_domain::ledger::{Done, Idempotency, NewBroadcast, ReleaseOrder};
use oyez_domain::time::Wall;
use std::time::Duration;

impl Desk {
    /// Puts an update out. It is durable when this returns.
    pub async fn release(
        &self,
        update: UpdateId,
        key: Option<Idempotency>,
        actor: &str,
    ) -> DeskResult<Done<Progress>> {
        let by = self.by(actor);
        let notice = self.notice(self.ledger.statement(update).await?);
        let channels = self.channels_of(&notice.update);
        let mut refusals: Vec<_> = channels
            .iter()
            .flat_map(|channel| self.lives.providers(&channel.name))
            .flat_map(|live| previews(&live.channel, &notice))
            .filter_map(|preview| preview.refusal)
            .collect();
        refusals.dedup();
        if !refusals.is_empty() {
            return Err(refusals.into());
        }
        let expires_at = by
            .at
            .plus(Duration::from_secs(self.settings.useful_seconds));
        let broadcasts = channels
            .iter()
            .map(|channel| self.new_broadcast(channel, notice.update.urgent, expires_at))
            .collect();
        let (page_rows, chunk_rows) = (self.settings.page_rows, self.settings.chunk_rows);
        let order = ReleaseOrder {
            update,
            broadcasts,
            supersedes: notice.update.takes_their_place(),
            page_rows,
            chunk_rows,
            key,
            by,
        };
        let desk = self.clone();
        let put_out = async move { desk.put_out(&order).await };
        self.lives.errands.carry_out(put_out).await
    }

    async fn put_out(&self, order: &ReleaseOrder) -> DeskResult<Done<Progress>> {
        let released = self.ledger.release(order).await;
        self.public.tell();
        let released = released?;
        let ends = order.supersedes && !released.replayed;
        for (broadcast, channel, window) in released.broadcasts {
            // What an older update had armed and not sent is given back, or it would come first.
            let round = self.lives.get(&channel).map(|live| {
                if ends {
                    live.gate.end_windows()
                } else {
                    live.gate.round()
                }
            });
            tracing::info!(update.id = %order.update, channel.name = %channel, broadcast.id = broadcast.0, "released");
            let left = self.lives.hand(&channel, round.unwrap_or_default(), window);
            let first = left.and_then(|window| Some((window.id, window.armed.first()?.ordinal)));
            if let Some((window, first)) = first
                && let Err(error) = self.ledger.disarm(window, first, self.clock.wall()).await
            {
                tracing::error!(%error, "a first window could not be given back; the next start finds it");
            }
        }
        self.lives.ring_planner();
        Ok(Done {
            value: self.progress(order.update).await?,
            replayed: released.replayed,
        })
    }

    /// A channel's part of a release. Where only some of its providers leave what may have been sent to a person, windows
    /// are as small as for those, and each decides about its own.
    fn new_broadcast(
        &self,
        channel: &ConfiguredChannel,
        urgent: bool,
        expires_at: Wall,
    ) -> NewBroadcast {
        let pace = &channel.settings.pace;
        let providers: Vec<_> = self.lives.providers(&channel.name).collect();
        let holds = |live: &&Live| live.channel.holds_unknown(urgent);
        let holds_unknown = providers.iter().all(holds);
        let window_rows = pace.window_rows(providers.iter().any(holds));
        let by_provider_id = |live: &&Live| {
            let capabilities = live.channel.adapter.capabilities();
            capabilities.receipts_by_provider_id
        };
        let capabilities = channel.adapter.capabilities();
        let live = self.lives.get(&channel.name);
        NewBroadcast {
            channel: channel.name.clone(),
            kind: capabilities.kind.to_owned(),
            carries: capabilities.carries,
            duplicate_bound: pace.duplicate_bound(),
            window_rows,
            holds_unknown,
            receipts_by_provider_id: providers.iter().any(by_provider_id),
            expires_at,
            first_rows: live.map_or(0, Live::rows_at_once),
            shut_destinations: live.map_or_else(Vec::new, Live::not_to_arm),
        }
    }
}
