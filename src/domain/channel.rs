//! A configured way out and what it can do.

use crate::Refusal;
use crate::address::AddressKind;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of a channel in configuration, `[a-z][a-z0-9_]*`, so that the environment can override it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChannelName(String);

impl ChannelName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for ChannelName {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let first = text.starts_with(|c: char| c.is_ascii_lowercase());
        let rest = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if first && rest && text.len() <= 40 {
            Ok(Self(text.to_owned()))
        } else {
            Err(Refusal::new(
                "channel",
                "malformed_channel_name",
                format!(
                    "{text:?} is no channel name; use small letters, digits and _, beginning with a letter"
                ),
            ))
        }
    }
}

impl TryFrom<String> for ChannelName {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        text.parse()
    }
}

impl From<ChannelName> for String {
    fn from(name: ChannelName) -> Self {
        name.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Groups kinds for screens and for the order in which channels start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// One mail per resident.
    Email,
    /// One text per resident.
    Sms,
    /// One public post.
    Post,
    /// Partners' endpoints.
    Webhook,
    /// Parcels into a folder.
    File,
}

impl Family {
    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Post => "post",
            Self::Webhook => "webhook",
            Self::File => "file",
        }
    }

    /// Small, loud channels go before bulk channels.
    pub fn is_bulk(self) -> bool {
        match self {
            Self::Email | Self::Sms | Self::File => true,
            Self::Post | Self::Webhook => false,
        }
    }
}

/// In what the channel counts length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LengthUnit {
    /// SMS parts of 160/153 septets or 70/67 UTF-16 units.
    Part,
    /// Grapheme clusters.
    Grapheme,
    /// X's weights: most letters of Europe 1, all else 2, a link 23.
    Weight,
    /// UTF-16 units.
    Utf16,
    /// Bytes.
    Byte,
}

impl LengthUnit {
    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Part => "part",
            Self::Grapheme => "grapheme",
            Self::Weight => "weight",
            Self::Utf16 => "utf16",
            Self::Byte => "byte",
        }
    }

    /// What people call so many of them.
    pub fn label(self, length: u32) -> &'static str {
        match (self, length) {
            (Self::Part, 1) => "part",
            (Self::Part, _) => "parts",
            (Self::Grapheme | Self::Weight | Self::Utf16, 1) => "character",
            (Self::Grapheme | Self::Weight | Self::Utf16, _) => "characters",
            (Self::Byte, 1) => "byte",
            (Self::Byte, _) => "bytes",
        }
    }
}

/// How a kind lets us avoid or resolve a second copy after an unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdempotencyClass {
    /// The provider recognises our key.
    NativeKey,
    /// We can ask by our reference.
    LookUp,
    /// Receipts carry our reference.
    Receipt,
    /// Nothing.
    Nothing,
}

impl IdempotencyClass {
    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::NativeKey => "native_key",
            Self::LookUp => "look_up",
            Self::Receipt => "receipt",
            Self::Nothing => "nothing",
        }
    }
}

/// What happens to a delivery that may have been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// Once more, with the same reference.
    Retry,
    /// Wait for a receipt or a person.
    Hold,
}

/// What a kind of channel can do; declared by its adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// The adapter's name, e.g. `smtp`.
    pub kind: &'static str,
    /// Group.
    pub family: Family,
    /// Which addresses it takes.
    pub carries: AddressKind,
    /// In what it counts length.
    pub unit: LengthUnit,
    /// The hard limit in `unit`, if it has one.
    pub limit: Option<u32>,
    /// Whether the provider reports delivery later.
    pub receipts: bool,
    /// Whether those reports name messages by the provider's identifier only.
    pub receipts_by_provider_id: bool,
    /// How a second copy is avoided.
    pub idempotency: IdempotencyClass,
    /// How long the provider recognises our key, in seconds, where `idempotency` is a native key; nothing means
    /// for good.
    pub key_seconds: Option<u32>,
    /// Whether `look_up` can ask the provider for a message by our reference.
    pub look_up: bool,
    /// What happens to a delivery that may have been sent, unless configured otherwise.
    pub on_unknown: OnUnknown,
    /// Settings without which it cannot work.
    pub needs: &'static [&'static str],
}
