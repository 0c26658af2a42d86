//! The integration tests, one file per promise.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod adapters;
mod cli_bad_input;
mod cli_round_trip;
mod import;
mod mime;
mod peers;
mod source_facts;
mod support;
