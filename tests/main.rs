//! The integration tests, one file per promise.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod adapters;
mod bounces;
mod breaker;
mod channel_tests;
mod cli_bad_input;
mod cli_decisions;
mod cli_round_trip;
mod clock_jump;
mod copies;
mod credentials;
mod disk_failure;
mod disk_room;
mod fitting;
mod import;
mod incident_order;
mod isolation;
mod looking_up;
mod lost_receipts;
mod mime;
mod office;
mod opt_out;
mod outage;
mod panics;
mod partners_apart;
mod peers;
mod privacy;
mod providers_checked;
mod public_export;
mod queue_truth;
mod receipts;
mod retries;
mod rooms;
mod said_already;
mod shutdown;
mod source_facts;
mod stop_by_text;
mod stopping;
mod support;
mod throttling;
mod unknowns;
mod urgent;
mod users;
mod without_reference;
