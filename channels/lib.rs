//! The ways out: one adapter a file, one classifier, one outbound guard, one builder of HTTP clients.
//!
//! Every adapter has five parts in this order: its `Settings`, its capabilities, `render` (pure), `send`, and
//! `read_receipts`. [`registry`] is the front door and the only place that knows them all.

mod certificate;
mod classify;
mod discord;
mod examine;
mod file;
mod govuk_notify;
mod guard;
mod http;
mod kannel;
mod letter;
mod mastodon;
mod names;
mod network;
mod post;
pub mod registry;
mod room;
mod secret;
mod slack;
mod sms_http;
mod sms_text;
mod smtp;
mod teams;
mod telegram;
mod twilio;
mod vonage;
mod webhook;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod fixture;

pub use network::Network;
pub use registry::{KINDS, Surroundings, Via, build};
