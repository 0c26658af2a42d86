//! Logs: to stderr, as text or JSON, without addresses.

use serde::{Deserialize, Serialize};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSettings {
    /// `text` or `json`.
    pub(crate) format: LogFormat,
    /// What is logged, e.g. `info` or `warn,oyez_dispatch=debug`.
    pub(crate) filter: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For collectors.
    Json,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info".to_owned(),
        }
    }
}

/// Starts logging. `lettre` stays silent: it would log every line it writes, passwords included.
pub(crate) fn start(settings: &LogSettings) {
    let filter = EnvFilter::try_new(format!(
        "{},lettre=off,hyper=warn,reqwest=warn",
        settings.filter
    ))
    .unwrap_or_else(|_| EnvFilter::new("info,lettre=off,hyper=warn,reqwest=warn"));
    let colours = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stderr);
    // A second start in the same process keeps the first one's settings.
    let started = match settings.format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    drop(started);
}
