//! What an adapter is handed: one rendered message, one address, one reference.

use crate::address::Address;
use crate::reference::Reference;
use crate::rendered::Rendered;
use crate::time::Wall;
use std::sync::Arc;

/// One delivery, ready to be sent.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The delivery's own name, the same on every attempt.
    pub reference: Reference,
    /// Where it goes.
    pub address: Address,
    /// For endpoints, the partner's name; otherwise empty.
    pub destination: String,
    /// What a partner's endpoint is signed with, newest first, separated by spaces (see [`crate::signing`]); otherwise empty.
    pub secret: Secret,
    /// The message.
    pub rendered: Arc<Rendered>,
    /// The token that stops messages to this address.
    pub stop_token: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// When the first attempt was announced: what a provider has from before is another message.
    pub first_armed_at: Wall,
    /// When this attempt begins.
    pub now: Wall,
}

/// A secret that never prints itself.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Several, separated by spaces.
    pub fn all(secrets: &[Self]) -> Self {
        let texts: Vec<&str> = secrets.iter().map(Self::reveal).collect();
        Self(texts.join(" "))
    }

    /// The first so many of several.
    pub fn newest(&self, many: usize) -> Self {
        let texts: Vec<&str> = self.0.split_ascii_whitespace().take(many).collect();
        Self(texts.join(" "))
    }

    /// The secret itself: for signing and signing in only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
