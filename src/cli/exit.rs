//! Exit codes: the one list that scripts rely on.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// An error.
    Error = 1,
    /// Wrong usage.
    Usage = 2,
    /// A check or lint found problems; nothing was sent.
    Problems = 3,
    /// Not allowed.
    NotAllowed = 4,
    /// Not found.
    NotFound = 5,
    /// Refused by the state of things.
    RefusedByState = 6,
    /// Finished, but some deliveries failed.
    SomeFailed = 7,
    /// Still running when the wait ended.
    StillRunning = 8,
    /// Stopped or held.
    StoppedOrHeld = 9,
    /// A provider or server could not be reached.
    Unreachable = 10,
    /// The store failed.
    StorageFailed = 74,
    /// Bad configuration.
    BadConfiguration = 78,
    /// Interrupted; sending goes on.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that knows its exit code: what happened, what oyez does now, what the person can do.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What happened.
    pub(crate) what: String,
    /// What the person can do, one a line.
    pub(crate) help: Vec<String>,
    /// A stable code for programs.
    pub(crate) code: String,
}

impl Failure {
    /// A failure with something to do about it.
    pub(crate) fn new(
        exit: Exit,
        code: &str,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let help = help.into();
        let help = if help.is_empty() {
            Vec::new()
        } else {
            vec![help]
        };
        Self {
            exit,
            what: what.into(),
            help,
            code: code.to_owned(),
        }
    }
}
