//! The rule that says whom an update concerns.

use crate::channel::ChannelName;
use serde::{Deserialize, Serialize};

/// Whom an update concerns. Frozen at release, with the sequence number of that moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudienceRule {
    /// Channels by name. Empty means every channel that is switched on.
    #[serde(default)]
    pub channels: Vec<ChannelName>,
    /// Topics, any of which is enough. Empty means every subscriber, whatever their topics.
    #[serde(default)]
    pub topics: Vec<String>,
    /// Languages by BCP 47 tag. Empty means all.
    #[serde(default)]
    pub languages: Vec<String>,
}
