//! The `oyez` command: reads its arguments, runs one command, and ends with that command's exit code.

mod app;
mod args;
mod bars;
mod clock;
mod commands;
mod confirm;
mod descriptors;
mod door;
mod exit;
mod input;
mod lifecycle;
mod machine;
mod network;
mod problem;
mod providers;
mod sections;
mod settings;
mod telemetry;
mod terminal;
mod token;
mod wire;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    let json = arguments.json();
    match commands::run(arguments) {
        Ok(exit) => exit.into(),
        Err(error) => terminal::report(&error, json).into(),
    }
}
