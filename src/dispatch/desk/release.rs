//! Putting out, halting, holding and going on.

use super::{Desk, DeskResult};
use crate::preview::previews;
use crate::progress::Progress;
use crate::settings::ConfiguredChannel;
use oyez_domain::LedgerError;
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::channel::ChannelName;
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
        let refusals: Vec<_> = channels
            .iter()
            .flat_map(|channel| previews(channel, &notice))
            .filter_map(|preview| preview.refusal)
            .collect();
        if !refusals.is_empty() {
            return Err(refusals.into());
        }
        let expires_at = by
            .at
            .plus(Duration::from_secs(self.settings.useful_seconds));
        let broadcasts = channels
            .iter()
            .map(|channel| new_broadcast(channel, notice.update.urgent, expires_at))
            .collect();
        let (page_rows, chunk_rows) = (self.settings.page_rows, self.settings.chunk_rows);
        let order = ReleaseOrder {
            update,
            broadcasts,
            supersedes: false,
            page_rows,
            chunk_rows,
            key,
            by,
        };
        let released = self.ledger.release(&order).await?;
        for (broadcast, channel, window) in released.broadcasts {
            tracing::info!(update.id = %update, channel.name = %channel, broadcast.id = broadcast.0, "released");
            self.lives.hand(&channel, window);
        }
        self.lives.ring_planner();
        Ok(Done {
            value: self.progress(update).await?,
            replayed: released.replayed,
        })
    }

    /// Halts what is unsent. What is in flight ends and is recorded.
    pub async fn stop(
        &self,
        update: UpdateId,
        channel: Option<&ChannelName>,
        reason: &str,
        actor: &str,
    ) -> DeskResult<Progress> {
        self.shut(update, channel, true).await?;
        self.ledger
            .stop(update, channel, reason, &self.by(actor))
            .await?;
        self.lives.ring_planner();
        self.progress(update).await
    }

    /// Holds (`held`) or resumes an update.
    pub async fn hold(
        &self,
        update: UpdateId,
        channel: Option<&ChannelName>,
        held: bool,
        actor: &str,
    ) -> DeskResult<Progress> {
        self.must_be_underway(update, channel).await?;
        if held {
            self.shut(update, channel, true).await?;
        }
        self.ledger
            .hold_update(update, channel, held, &self.by(actor))
            .await?;
        if !held {
            self.shut(update, channel, false).await?;
            self.lives.ring_all();
        }
        self.progress(update).await
    }

    /// Refuses to hold or resume what cannot go on.
    async fn must_be_underway(
        &self,
        update: UpdateId,
        channel: Option<&ChannelName>,
    ) -> DeskResult<()> {
        let views = self.ledger.broadcasts(Some(update)).await?;
        let mine = views
            .iter()
            .filter(|view| channel.is_none_or(|name| *name == view.channel));
        let states: Vec<_> = mine.map(|view| view.state).collect();
        let underway = |state: &BroadcastState| match state {
            BroadcastState::Sending | BroadcastState::Held => true,
            BroadcastState::Stopped | BroadcastState::Done => false,
        };
        let why = if states.iter().any(underway) {
            return Ok(());
        } else if states.is_empty() {
            "this update is not released there, so there is nothing to hold or resume"
        } else if states.contains(&BroadcastState::Stopped) {
            "this update was stopped, so what was not sent stays unsent; write a correction or a new update"
        } else {
            "this update has been sent to its end, so there is nothing left to hold or resume"
        };
        Err(LedgerError::State(why.to_owned()).into())
    }

    /// Shuts the gates first, so that nothing leaves while the ledger is still being told.
    async fn shut(
        &self,
        update: UpdateId,
        channel: Option<&ChannelName>,
        shut: bool,
    ) -> DeskResult<()> {
        for view in self.ledger.broadcasts(Some(update)).await? {
            if channel.is_none_or(|name| *name == view.channel)
                && view.state != BroadcastState::Done
            {
                self.lives.set_gate(&view.channel, view.id, shut);
            }
        }
        Ok(())
    }

    /// Holds a channel for `reason`, or resumes it; without a name, the whole system.
    pub async fn hold_channel(
        &self,
        channel: Option<&ChannelName>,
        reason: Option<&str>,
        actor: &str,
    ) -> DeskResult<()> {
        if let Some(name) = channel.filter(|name| self.lives.get(name).is_none()) {
            return Err(LedgerError::NotFound(format!("the channel {name}")).into());
        }
        self.ledger
            .hold_channel(channel, reason, &self.by(actor))
            .await?;
        let holds = self.ledger.holds().await?;
        for live in self.lives.all() {
            let name = &live.channel.name;
            live.gate.set_channel(
                holds
                    .iter()
                    .any(|(held, _)| held.as_ref().is_none_or(|held| held == name)),
            );
            if reason.is_none() && channel.is_none_or(|resumed| resumed == name) {
                live.clear_pauses();
                live.runaway.clear();
            }
        }
        self.lives.ring_all();
        Ok(())
    }
}

fn new_broadcast(channel: &ConfiguredChannel, urgent: bool, expires_at: Wall) -> NewBroadcast {
    let holds_unknown = channel.holds_unknown(urgent);
    let capabilities = channel.adapter.capabilities();
    let pace = &channel.settings.pace;
    NewBroadcast {
        channel: channel.name.clone(),
        kind: capabilities.kind.to_owned(),
        carries: capabilities.carries,
        duplicate_bound: pace.duplicate_bound(),
        window_rows: pace.window_rows(holds_unknown),
        holds_unknown,
        receipts_by_provider_id: capabilities.receipts_by_provider_id,
        expires_at,
    }
}
