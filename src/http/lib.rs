//! The doors of oyez: the API for programs, the console for the organisation, the public site for everybody,
//! and the callbacks of providers.
//!
//! A handler parses, asks the desk, and renders. [`serve::serve`] runs the doors; [`router`] is what is behind them.

mod accounts;
mod body;
mod callbacks;
pub mod channel_tests;
pub mod channels;
mod console;
pub mod deliveries;
mod endpoints;
pub mod events;
mod finish;
mod health;
mod host;
mod idempotency;
pub mod incidents;
mod journal;
mod lanes;
mod metrics;
mod openapi;
#[cfg(test)]
mod outside;
mod page;
mod places;
pub mod previews;
pub mod problem;
pub mod progress;
mod public;
pub mod releases;
pub mod retries;
mod router;
pub mod serve;
pub mod services;
pub mod settings;
mod site;
pub mod state;
mod stop;
pub mod subscribers;
mod system;
pub mod unknowns;
pub mod updates;
mod users;
pub mod view;
mod well_known;

pub use places::most as connections_at_most;
pub use router::router;
pub use serve::{Listeners, bind_socket, serve};
pub use settings::{HttpSettings, PublicSettings};
pub use site::{ExportError, Exported, export};
pub use state::House;
