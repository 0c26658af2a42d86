//! `oyez sandbox`: the providers played locally, alone, until somebody ends it.

use crate::args::SandboxArgs;
use crate::exit::{Exit, Failure};
use crate::terminal::say;
use oyez_sandbox::{Sandbox, SandboxSettings, Scenario};
use std::path::Path;
use tokio_util::task::TaskTracker;

/// Plays until Ctrl-C or SIGTERM.
pub(crate) async fn run(args: &SandboxArgs) -> anyhow::Result<Exit> {
    let interrupted = crate::lifecycle::ending(&TaskTracker::new())?;
    let scenario = args
        .scenario
        .as_deref()
        .map_or_else(|| Ok(Scenario::default()), scenario)?;
    let settings = SandboxSettings {
        smtp: args.smtp,
        http: args.http,
        log: args.log.clone(),
        scenario,
    };
    let sandbox = Sandbox::start(settings).await.map_err(|error| {
        let what = format!(
            "the sandbox cannot start with --smtp {} --http {} --log {}: {error}",
            args.smtp,
            args.http,
            args.log.display()
        );
        Failure::new(
            Exit::Error,
            "sandbox_failed",
            what,
            "is one of the addresses in use, or the log's directory missing?",
        )
    })?;
    say(format!(
        "Sandbox: SMTP {}  HTTP http://{}  log {}",
        sandbox.smtp_addr(),
        sandbox.http_addr(),
        args.log.display()
    ));
    say("Nothing leaves this machine. Ctrl-C ends it.");
    interrupted.cancelled().await;
    sandbox.shutdown().await;
    Ok(Exit::Done)
}

fn scenario(file: &Path) -> Result<Scenario, Failure> {
    let bad = |why: String| {
        Failure::new(
            Exit::Problems,
            "bad_scenario",
            format!("the scenario {}: {why}", file.display()),
            "mend it; nothing was started",
        )
    };
    let text = std::fs::read_to_string(file).map_err(|error| bad(error.to_string()))?;
    let scenario: Scenario = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    scenario.check().map_err(|fault| bad(fault.to_string()))?;
    Ok(scenario)
}
