//! A person with addresses, what they asked for, and addresses never to be used.

use crate::address::Address;
use crate::id::SubscriberId;
use serde::{Deserialize, Serialize};

/// A person as handed to the ledger: each address becomes one subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubscriber {
    /// Identifier.
    pub id: SubscriberId,
    /// Addresses, at least one.
    pub addresses: Vec<Address>,
    /// Topics asked for; empty means all.
    pub topics: Vec<String>,
    /// Language by BCP 47 tag.
    pub language: String,
}

/// Why an address must not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuppressionCause {
    /// The person said stop.
    OptOut,
    /// The provider says the address does not exist.
    AddressUnknown,
    /// The organisation decided so.
    Manual,
    /// The person called a message unwanted.
    Complaint,
    /// Mail did not get through, again and again; see [`crate::miss`].
    Unreachable,
}

impl SuppressionCause {
    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::OptOut => "opt_out",
            Self::AddressUnknown => "address_unknown",
            Self::Manual => "manual",
            Self::Complaint => "complaint",
            Self::Unreachable => "unreachable",
        }
    }
}

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Rows read.
    pub rows: u64,
    /// Addresses that are new.
    pub added: u64,
    /// Addresses that were there already.
    pub known: u64,
    /// Addresses that stay suppressed.
    pub suppressed: u64,
    /// Landlines kept for the call sheet.
    pub landlines: u64,
}
