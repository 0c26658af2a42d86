//! What a provider reports after it took a message.

use crate::outcome::Reason;
use crate::time::Wall;
use serde::{Deserialize, Serialize};

/// What the provider says became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatus {
    /// On its way; proves that it was taken.
    Underway = 1,
    /// Not delivered, but later news may differ (phone off).
    UndeliveredForNow = 2,
    /// Not delivered, final.
    Undelivered = 3,
    /// Delivered.
    Delivered = 4,
    /// A mail that came back, but later news may differ (inbox full). Says as much as `UndeliveredForNow`.
    BouncedForNow = 5,
    /// A mail that came back for good. Outranks `Delivered`, which for mail is the word of the next relay only.
    Bounced = 6,
    /// The recipient called it unwanted. Proves that it was taken, changes no state, and suppresses the address.
    Complained = 7,
}

impl ReceiptStatus {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Underway,
        Self::UndeliveredForNow,
        Self::Undelivered,
        Self::Delivered,
        Self::BouncedForNow,
        Self::Bounced,
        Self::Complained,
    ];

    /// The number the ledger keeps.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// A higher rank outranks a lower one, whatever the order of arrival.
    pub fn rank(self) -> u8 {
        match self {
            Self::Complained => 0,
            Self::Underway => 1,
            Self::UndeliveredForNow | Self::BouncedForNow => 2,
            Self::Undelivered => 3,
            Self::Delivered => 4,
            Self::Bounced => 5,
        }
    }

    /// The status with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|status| status.number() == number)
    }
}

/// Of what a channel's receipts tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipts {
    /// There are none.
    None,
    /// Of what did not arrive: a mail that comes back. Silence says nothing.
    OfFailures,
    /// Of what arrived and of what did not.
    OfAll,
}

/// How a receipt says which message it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiptKey {
    /// By our own reference.
    Reference(String),
    /// By the provider's identifier.
    ProviderId(String),
}

/// One receipt as the adapter read it from a verified callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Which message it means.
    pub key: ReceiptKey,
    /// What became of it.
    pub status: ReceiptStatus,
    /// Why not, where it was not delivered.
    pub reason: Option<Reason>,
    /// When the provider says so; kept, never used for order.
    pub provider_time: Option<Wall>,
}

/// One page of what a provider lists of the messages that it took, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What became of those that are on their way no more.
    pub receipts: Vec<Receipt>,
    /// What the next, older page is asked for by; nothing where there is none.
    pub older_than: Option<String>,
    /// When the oldest message on this page was taken.
    pub oldest: Option<Wall>,
}

/// The largest callback that most kinds read, in bytes.
pub const LARGEST_CALLBACK: usize = 64 * 1024;

/// A provider's callback, raw.
#[derive(Debug, Clone, Copy)]
pub struct Callback<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// The public URL the provider was given, with query.
    pub url: &'a str,
    /// Header names in lower case, and values.
    pub headers: &'a [(String, String)],
    /// The body, byte for byte.
    pub body: &'a [u8],
}

/// Why a callback was not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallbackRefusal {
    /// The signature or token is missing or wrong.
    #[error("the callback's signature or token is missing or wrong")]
    Unauthenticated,
    /// This kind has no callbacks.
    #[error("this channel takes no callbacks")]
    NotTaken,
    /// It cannot be read.
    #[error("the callback cannot be read")]
    Malformed,
}
