//! Halting, holding and going on.

use super::{Desk, DeskResult};
use crate::progress::Progress;
use crate::supervisor::Live;
use oyez_domain::LedgerError;
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::channel::ChannelName;
use oyez_domain::id::UpdateId;
use oyez_domain::ledger::BroadcastView;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a stop waits for workers to give back what they had announced and not sent.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(1);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(10);

/// What a stop found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// It was on its way, or waiting.
    Underway,
    /// It was stopped before; this changed nothing.
    Stopped,
    /// It had been sent to its end; there was nothing to stop.
    Done,
}

/// What a stop found, and what it left.
#[derive(Debug, Clone, PartialEq)]
pub struct Halted {
    /// How it was before.
    pub found: Found,
    /// What went out, what did not, and what is still on its way.
    pub progress: Progress,
}

impl Desk {
    /// Halts what is unsent. What is in flight ends and is recorded.
    pub async fn stop(
        &self,
        update: UpdateId,
        channel: Option<&ChannelName>,
        reason: &str,
        actor: &str,
    ) -> DeskResult<Halted> {
        let found = found(&self.views(update, channel).await?);
        if found != Found::Done {
            let (desk, by) = (self.clone(), self.by(actor));
            let (named, reason) = (channel.cloned(), reason.to_owned());
            let stop = async move {
                let named = named.as_ref();
                desk.shut(update, named).await?;
                let _turn = desk.lives.errands.turn().await;
                let stopped = desk.ledger.stop(update, named, &reason, &by).await;
                desk.public.tell();
                desk.follow(update, named).await?;
                desk.lives.ring_planner();
                stopped?;
                Ok(())
            };
            self.lives.errands.carry_out(stop).await?;
            self.given_back(update, channel).await?;
        }
        Ok(Halted {
            found,
            progress: self.progress(update).await?,
        })
    }

    /// Waits until no more counts as on its way than can be: a stop says exactly what left.
    async fn given_back(&self, update: UpdateId, channel: Option<&ChannelName>) -> DeskResult<()> {
        let give_up = self.clock.now().plus(GIVEN_BACK_WITHIN);
        let at_most = |view: &BroadcastView| {
            let live = self.lives.get(&view.channel);
            live.map_or(0, |live| {
                let providers = u32::try_from(live.providers.many()).unwrap_or(u32::MAX);
                providers.saturating_mul(live.channel.settings.pace.concurrency)
            })
        };
        loop {
            let views = self.views(update, channel).await?;
            let settled = |view: &BroadcastView| view.in_flight <= u64::from(at_most(view));
            if views.iter().all(settled) || self.clock.now() >= give_up {
                return Ok(());
            }
            self.clock.sleep_until(self.clock.now().plus(LOOK)).await;
        }
    }

    async fn views(
        &self,
        update: UpdateId,
        channel: Option<&ChannelName>,
    ) -> DeskResult<Vec<BroadcastView>> {
        let mut views = self.ledger.broadcasts(Some(update)).await?;
        views.retain(|view| channel.is_none_or(|name| *name == view.channel));
        Ok(views)
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
        let (desk, channel, by) = (self.clone(), channel.cloned(), self.by(actor));
        let hold = async move {
            let channel = channel.as_ref();
            if held {
                desk.shut(update, channel).await?;
            }
            let _turn = desk.lives.errands.turn().await;
            let done = desk.ledger.hold_update(update, channel, held, &by).await;
            desk.follow(update, channel).await?;
            desk.lives.ring_all();
            done?;
            Ok(())
        };
        self.lives.errands.carry_out(hold).await?;
        self.progress(update).await
    }

    /// Refuses to hold or resume what cannot go on.
    async fn must_be_underway(
        &self,
        update: UpdateId,
        channel: Option<&ChannelName>,
    ) -> DeskResult<()> {
        let views = self.views(update, channel).await?;
        let states: Vec<_> = views.iter().map(|view| view.state).collect();
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
    async fn shut(&self, update: UpdateId, channel: Option<&ChannelName>) -> DeskResult<()> {
        for view in self.views(update, channel).await? {
            if view.state != BroadcastState::Done {
                self.lives.shut_gate_ahead(&view.channel, view.id);
            }
        }
        Ok(())
    }

    /// Opens and shuts the gates as the ledger has it, whether or not it did what it was asked for.
    async fn follow(&self, update: UpdateId, channel: Option<&ChannelName>) -> DeskResult<()> {
        for view in self.views(update, channel).await? {
            let shut = match view.state {
                BroadcastState::Held | BroadcastState::Stopped => true,
                BroadcastState::Sending | BroadcastState::Done => false,
            };
            self.lives.set_gate(&view.channel, view.id, shut);
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
        let (desk, actor) = (self.clone(), actor.to_owned());
        let (channel, reason) = (channel.cloned(), reason.map(str::to_owned));
        let hold = async move {
            let (channel, reason) = (channel.as_ref(), reason.as_deref());
            let _turn = desk.lives.errands.turn().await;
            let by = desk.by(&actor);
            // Before the ledger is asked, which may take a while: what a provider says from now on is news.
            let mine = |live: &&Live| channel.is_none_or(|name| *name == live.channel.name);
            for live in desk.lives.every().filter(mine).filter(|_| reason.is_none()) {
                live.clear_pauses();
                live.runaway.clear();
            }
            desk.ledger.hold_channel(channel, reason, &by).await?;
            desk.follow_holds().await?;
            desk.lives.ring_all();
            Ok(())
        };
        self.lives.errands.carry_out(hold).await
    }

    async fn follow_holds(&self) -> DeskResult<()> {
        let holds = self.ledger.holds().await?;
        for live in self.lives.all() {
            let name = &live.channel.name;
            let mut mine = holds.iter().map(|(held, _)| held.as_ref());
            live.gate
                .set_channel(mine.any(|held| held.is_none_or(|held| held == name)));
        }
        Ok(())
    }
}

fn found(views: &[BroadcastView]) -> Found {
    let is = |state| views.iter().any(|view| view.state == state);
    if views.is_empty() || is(BroadcastState::Sending) || is(BroadcastState::Held) {
        Found::Underway
    } else if is(BroadcastState::Stopped) {
        Found::Stopped
    } else {
        Found::Done
    }
}
