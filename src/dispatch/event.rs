//! What happens, said in one plain line each, for terminals, event streams and logs.

use oyez_domain::channel::ChannelName;
use oyez_domain::outcome::Reason;
use oyez_domain::time::Wall;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::broadcast;

/// One thing worth telling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Wall,
    /// On which channel.
    pub channel: ChannelName,
    /// A stable code: `paused`, `resumed`, `rejected`, `waiting`, `recovered`, `unknown`, `halted`, `done`,
    /// `moved` (another of the channel's providers sends).
    pub code: String,
    /// Why, where there is a reason.
    pub reason: Option<Reason>,
    /// The line people read. Addresses are masked.
    pub line: String,
}

/// Where events are told. Nobody has to listen.
#[derive(Debug, Clone)]
pub struct Events(Arc<broadcast::Sender<Event>>);

impl Default for Events {
    fn default() -> Self {
        Self(Arc::new(broadcast::Sender::new(1024)))
    }
}

impl Events {
    /// Tells everybody who listens.
    pub fn tell(&self, event: Event) {
        tracing::info!(channel.name = %event.channel, code = %event.code, "{}", event.line);
        // An error means that nobody listens at the moment, which is fine.
        drop(self.0.send(event));
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }
}
