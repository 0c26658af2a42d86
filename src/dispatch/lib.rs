//! The engine: it takes windows from the ledger, paces, sends, records, and tells people how it goes.
//!
//! `desk` holds the use-cases that HTTP and the command line share; `supervisor` starts and stops the loops.

pub mod desk;
pub mod event;
mod feeder;
pub mod gate;
pub mod health;
mod line_ends;
pub mod meter;
pub mod pace;
pub mod people_csv;
mod planner;
pub mod preview;
pub mod progress;
pub mod queue;
mod recorder;
pub mod retry;
mod sender;
pub mod settings;
mod strikes;
pub mod supervisor;
mod worker;

pub use desk::{Desk, DeskError};
pub use settings::{ChannelSettings, ConfiguredChannel, EngineSettings};
pub use supervisor::Engine;
