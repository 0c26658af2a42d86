//! What stands in the way of the whole instance, in words for screens and a code for programs.

use serde::{Deserialize, Serialize};

/// What sort of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleCode {
    /// Everything is held, by a person or by a start that found something it must ask about.
    Held,
    /// Room on the disk runs short: nothing new is accepted.
    DiskLow,
    /// Too little room to promise that outcomes can be recorded: nothing is armed.
    DiskFull,
    /// Another program holds the database's write lock.
    StoreLocked,
    /// A reader of another program keeps the write-ahead log from being copied back.
    LogPinned,
    /// The write-ahead log has grown as far as it may: nothing is armed and nothing new is accepted.
    LogFull,
    /// The wall clock jumped: nothing expires.
    ClockStepped,
    /// The public site shows what was right before, because it cannot be made anew.
    PublicStale,
    /// The public site could not be written as files.
    ExportFailed,
    /// The program is ending.
    Ending,
}

impl TroubleCode {
    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::DiskLow => "disk_low",
            Self::DiskFull => "disk_full",
            Self::StoreLocked => "store_locked",
            Self::LogPinned => "log_pinned",
            Self::LogFull => "log_full",
            Self::ClockStepped => "clock_stepped",
            Self::PublicStale => "public_stale",
            Self::ExportFailed => "export_failed",
            Self::Ending => "ending",
        }
    }

    /// Whether something that people rely on does not work while it lasts; the others are warnings.
    pub fn is_grave(self) -> bool {
        match self {
            Self::Held
            | Self::DiskLow
            | Self::DiskFull
            | Self::StoreLocked
            | Self::LogFull
            | Self::PublicStale
            | Self::Ending => true,
            Self::LogPinned | Self::ClockStepped | Self::ExportFailed => false,
        }
    }
}

/// One trouble at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What sort.
    pub code: TroubleCode,
    /// What happened, what oyez does now, what a person can do.
    pub line: String,
}

impl Trouble {
    /// A trouble with its line.
    pub fn new(code: TroubleCode, line: impl Into<String>) -> Self {
        Self {
            code,
            line: line.into(),
        }
    }
}
