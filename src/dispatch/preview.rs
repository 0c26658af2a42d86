//! How one update will look and fit on each channel, before anything is sent.

use crate::settings::ConfiguredChannel;
use oyez_domain::Refusal;
use oyez_domain::channel::{ChannelName, Family};
use oyez_domain::notice::Notice;
use oyez_domain::rendered::Fit;
use serde::{Deserialize, Serialize};

/// One channel's version of an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The channel.
    pub channel: ChannelName,
    /// The adapter's kind.
    pub kind: String,
    /// Group.
    pub family: Family,
    /// Language of this version.
    pub language: String,
    /// The message as a person would read it; empty when it was refused.
    pub text: String,
    /// Its length against the limit; absent when it was refused.
    pub fit: Option<Fit>,
    /// Why it cannot be sent here, if so: which limit, and by how much it is missed.
    pub refusal: Option<Refusal>,
}

/// The versions of one notice on one channel, one for each of its languages.
pub fn previews(channel: &ConfiguredChannel, notice: &Notice) -> Vec<Preview> {
    let capabilities = channel.adapter.capabilities();
    let version = |language: &String| {
        let notice = Notice {
            language: language.clone(),
            ..notice.clone()
        };
        let rendered = channel.adapter.render(&notice);
        let (text, fit, refusal) = match rendered {
            Ok(rendered) => (rendered.preview, Some(rendered.fit), None),
            Err(refusal) => (
                String::new(),
                None,
                Some(Refusal {
                    field: format!("channels.{}", channel.name),
                    ..refusal
                }),
            ),
        };
        Preview {
            channel: channel.name.clone(),
            kind: capabilities.kind.to_owned(),
            family: capabilities.family,
            language: language.clone(),
            text,
            fit,
            refusal,
        }
    };
    channel.settings.languages.iter().map(version).collect()
}
