//! What a check of a channel has to say: one remark a thing, with what to do where something is to be done.

use serde::Serialize;
use std::time::Duration;

/// A certificate that ends sooner than this is worth a warning.
pub const CERTIFICATE_SOON: Duration = Duration::from_secs(30 * 24 * 3600);
/// A provider's clock that differs from ours by more than this is worth a warning.
pub const CLOCK_APART: Duration = Duration::from_secs(5);

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, but somebody should look at it.
    Warn,
    /// It does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// How it is.
    pub level: Level,
    /// What was found, and what it means. Holds no secret and no address of a person.
    pub what: String,
    /// What to do; empty where nothing is to be done.
    pub fix: String,
}

impl Remark {
    /// It is as it should be.
    pub fn ok(what: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            what: what.into(),
            fix: String::new(),
        }
    }

    /// It works, but somebody should look at it.
    pub fn warn(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            level: Level::Warn,
            what: what.into(),
            fix: fix.into(),
        }
    }

    /// It does not work.
    pub fn fail(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            level: Level::Fail,
            what: what.into(),
            fix: fix.into(),
        }
    }
}
