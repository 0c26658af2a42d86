//! What the judge says: figures, and a finding for each invariant.

use serde::{Deserialize, Serialize};

/// What was found about one invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It holds.
    Held,
    /// It does not.
    Violated,
    /// This evidence does not say.
    NotCheckable,
}

/// One invariant and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// `I1` to `I20`.
    pub id: String,
    /// What it says, in plain words.
    pub says: String,
    /// What was found.
    #[serde(rename = "verdict")]
    pub finding: Finding,
    /// The first few cases that break it, or what was missing to say; where it holds, what was not looked at.
    pub why: String,
}

/// The verdict in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Recipients of all broadcasts.
    pub recipients: u64,
    /// Taken by a provider, as the ledger says.
    pub accepted: u64,
    /// Nobody can say what became of them, or the ledger says taken and the log knows nothing.
    pub lost: u64,
    /// Copies beyond the first that reached somebody.
    pub duplicates: u64,
    /// How many copies crashes may have caused: unclean ends × D, over all broadcasts.
    pub duplicate_bound: u64,
    /// May have been sent, and not sent again by itself.
    pub unknown: u64,
    /// Recipients whose stored address cannot be opened: whether what was sent went to them cannot be judged.
    #[serde(default)]
    pub unreadable: u64,
    /// Requests that carry no reference at all: whose they are cannot be judged.
    #[serde(default)]
    pub without_reference: u64,
    /// Invariants that do not hold, in words.
    pub violations: Vec<String>,
    /// Every invariant.
    pub invariants: Vec<Judgement>,
}

impl Judgement {
    pub(super) fn violation(&self) -> Option<String> {
        match self.finding {
            Finding::Violated => Some(format!("{} ({}): {}", self.id, self.says, self.why)),
            Finding::Held | Finding::NotCheckable => None,
        }
    }
}
