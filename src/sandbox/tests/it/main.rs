//! The sandbox from outside: raw sockets against its servers, and its log read back.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by failing"
)]

mod callbacks;
mod demo;
mod gateways;
mod log;
mod notify;
mod partners;
mod rooms;
mod sms;
mod smtp;
mod smtp_faults;
mod social;
mod support;
