//! The integration tests, one file per promise.

mod cli_bad_input;
mod cli_round_trip;
mod import;
mod support;
