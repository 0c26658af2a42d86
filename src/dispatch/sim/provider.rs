//! A provider and the adapter that speaks to it. What happens to a message and what is said about it are two things.

mod adapter;
mod service;

pub(crate) use adapter::SimProvider;
pub(crate) use service::Provider;

use oyez_domain::address::AddressKind;
use oyez_domain::channel::{Capabilities, Family, IdempotencyClass, LengthUnit, OnUnknown};
use std::time::Duration;

/// How the providers differ: one kind for each way of dealing with what may have been sent, and for each way of
/// naming a message in a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Mail; knows our key for ten minutes.
    Keyed,
    /// Texts; can be asked for a message by our reference, and then knows after a while.
    Asked,
    /// Texts; its receipts carry our reference.
    Receipted,
    /// Mail; nothing, and what may have been sent is sent once more.
    Plain,
    /// Texts; nothing, and what may have been sent waits for a person. Its receipts carry its own identifier.
    Numbered,
    /// Public posts; nothing, and a person decides.
    Posts,
    /// Partners' endpoints; each recognises our key for good, and each has its own faults.
    Partners,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Keyed,
        Self::Asked,
        Self::Receipted,
        Self::Plain,
        Self::Numbered,
        Self::Posts,
        Self::Partners,
    ];

    /// The channel of this kind.
    pub(crate) fn channel(self) -> &'static str {
        match self {
            Self::Keyed => "keyed",
            Self::Asked => "asked",
            Self::Receipted => "receipted",
            Self::Plain => "plain",
            Self::Numbered => "numbered",
            Self::Posts => "posts",
            Self::Partners => "partners",
        }
    }

    /// How long it knows a key; nothing means for good, where it knows keys at all.
    fn key_seconds(self) -> Option<u32> {
        (self == Self::Keyed).then_some(600)
    }

    /// Whether a second request with the same key is taken for the first.
    pub(crate) fn knows_keys(self) -> bool {
        matches!(self, Self::Keyed | Self::Partners)
    }

    /// How long a look-up may miss what was taken.
    fn settles_within(self) -> Duration {
        Duration::from_secs(20)
    }

    pub(crate) fn capabilities(self) -> Capabilities {
        let (family, carries) = match self {
            Self::Keyed | Self::Plain => (Family::Email, AddressKind::Email),
            Self::Asked | Self::Receipted | Self::Numbered => (Family::Sms, AddressKind::Mobile),
            Self::Posts => (Family::Post, AddressKind::Account),
            Self::Partners => (Family::Webhook, AddressKind::Endpoint),
        };
        let idempotency = match self {
            Self::Keyed | Self::Partners => IdempotencyClass::NativeKey,
            Self::Asked => IdempotencyClass::LookUp,
            Self::Receipted => IdempotencyClass::Receipt,
            Self::Plain | Self::Numbered | Self::Posts => IdempotencyClass::Nothing,
        };
        let on_unknown = match self {
            Self::Keyed | Self::Plain | Self::Partners => OnUnknown::Retry,
            Self::Asked | Self::Receipted | Self::Numbered | Self::Posts => OnUnknown::Hold,
        };
        Capabilities {
            kind: self.channel(),
            family,
            carries,
            unit: LengthUnit::Byte,
            limit: None,
            receipts: self.gives_receipts(),
            receipts_by_provider_id: self == Self::Numbered,
            idempotency,
            key_seconds: self.key_seconds(),
            look_up: self == Self::Asked,
            on_unknown,
            needs: &[],
        }
    }

    pub(crate) fn gives_receipts(self) -> bool {
        matches!(self, Self::Asked | Self::Receipted | Self::Numbered)
    }
}
