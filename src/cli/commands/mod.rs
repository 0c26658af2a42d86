//! One file a command; this one only chooses among them.

mod bench;
mod channel;
mod check;
mod demo;
mod endpoint;
mod incident;
mod public;
mod queue;
mod sandbox;
mod serve;
mod service;
mod subscriber;
mod system;
mod unknown;
mod update;
mod user;
mod verify;

use crate::args::{Arguments, Command};
use crate::exit::{Exit, Failure};

/// Runs one command.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { global, command } = arguments;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        match command {
            Command::Demo(args) => demo::run(&args, &global).await,
            Command::Sandbox(args) => sandbox::run(&args).await,
            Command::Serve => serve::run(&global).await,
            Command::Check(args) => check::run(&args, &global).await,
            Command::Queue => queue::run(&global).await,
            Command::Bench(args) => bench::run(&args, &global).await,
            Command::Verify(args) => verify::run(&args, &global).await,
            Command::Incident(args) => incident::run(args, &global).await,
            Command::Update(args) => update::run(args, &global).await,
            Command::Unknown(args) => unknown::run(args, &global).await,
            Command::User(args) => user::run(args, &global).await,
            Command::Service(args) => service::run(args, &global).await,
            Command::Public(args) => public::run(args, &global).await,
            Command::Subscriber(args) => subscriber::run(args, &global).await,
            Command::Endpoint(args) => endpoint::run(args, &global).await,
            Command::Channel(args) => channel::run(args, &global).await,
            Command::System(args) => system::run(args, &global).await,
        }
    });
    if done.as_ref().is_err_and(is_storage_failed) {
        // A disk that failed may never answer; nobody waits for what still asks it.
        runtime.shutdown_background();
    }
    done
}

fn is_storage_failed(error: &anyhow::Error) -> bool {
    let failure = error.downcast_ref::<Failure>();
    failure.is_some_and(|failure| failure.exit == Exit::StorageFailed)
}
