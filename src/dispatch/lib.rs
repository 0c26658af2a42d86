//! The engine: it takes windows from the ledger, paces, sends, records, and tells people how it goes.
//!
//! `desk` holds the use-cases that HTTP and the command line share; `supervisor` starts and stops the loops.

mod ahead;
mod bounds;
pub mod breaker;
pub mod breakers;
pub mod clock_guard;
pub mod desk;
mod errands;
pub mod event;
mod feeder;
pub mod gate;
mod line_ends;
pub mod live;
mod lost_receipts;
pub mod meter;
pub mod pace;
pub mod pause;
pub mod people_csv;
mod planner;
pub mod preview;
pub mod progress;
pub mod providers;
pub mod public;
pub mod queue;
mod recorder;
pub mod retry;
pub mod runaway;
mod sender;
pub mod settings;
mod strikes;
pub mod supervisor;
pub mod unsure;
mod vigil;
mod worker;

pub use desk::{Desk, DeskError};
pub use settings::{ChannelSettings, ConfiguredChannel, EngineSettings};
pub use supervisor::Engine;

#[cfg(test)]
use suite::conformance;

#[cfg(test)]
mod sim;

/// The suite that every store has to pass; it lives with SQLite's and is compiled in here for the simulated one.
#[cfg(test)]
#[path = "../storage"]
#[expect(unreachable_pub, reason = "it is public where it lives")]
mod suite {
    pub mod conformance;
}
