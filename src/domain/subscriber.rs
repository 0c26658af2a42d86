//! A person with addresses, what they asked for, and addresses never to be used.

use crate::address::Address;
use crate::id::SubscriberId;
use crate::outcome::Reason;
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
    /// The person answered STOP, to us or to the provider. Gives way to every other cause; START lifts it.
    StopWord,
    /// A partner's endpoint answered that it is gone, for good. Registering it again lifts it.
    EndpointGone,
}

impl SuppressionCause {
    /// Every cause.
    pub const ALL: [Self; 7] = [
        Self::OptOut,
        Self::AddressUnknown,
        Self::Manual,
        Self::Complaint,
        Self::Unreachable,
        Self::StopWord,
        Self::EndpointGone,
    ];

    /// The cause with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.code() == code)
    }

    /// Why an address is left alone when an attempt was refused for this reason, for good.
    pub fn of_refusal(reason: Option<Reason>) -> Self {
        match reason {
            Some(Reason::OptedOut) => Self::StopWord,
            Some(Reason::EndpointGone) => Self::EndpointGone,
            Some(_) | None => Self::AddressUnknown,
        }
    }

    /// What a delivery to such an address is settled with.
    pub fn reason(self) -> Reason {
        match self {
            Self::OptOut | Self::StopWord => Reason::OptedOut,
            Self::EndpointGone => Reason::EndpointGone,
            Self::AddressUnknown | Self::Manual | Self::Complaint | Self::Unreachable => {
                Reason::Suppressed
            }
        }
    }

    /// Whether it was concluded from what a provider said of a message, and nobody asked for it.
    pub fn is_concluded(self) -> bool {
        match self {
            Self::AddressUnknown | Self::Unreachable | Self::EndpointGone => true,
            Self::OptOut | Self::Manual | Self::Complaint | Self::StopWord => false,
        }
    }

    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::OptOut => "opt_out",
            Self::AddressUnknown => "address_unknown",
            Self::Manual => "manual",
            Self::Complaint => "complaint",
            Self::Unreachable => "unreachable",
            Self::StopWord => "stop_word",
            Self::EndpointGone => "endpoint_gone",
        }
    }
}

/// What became of a text that a person sent us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The address is stopped; its row, where it is known.
    Stopped(Option<i64>),
    /// The stop is lifted; its row, where it is known.
    Lifted(Option<i64>),
    /// It asks for nothing that changes anything, or was heard before.
    Nothing,
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
