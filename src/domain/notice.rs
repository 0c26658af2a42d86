//! Everything an adapter may say about one update: the update, its incident, the services, who speaks.

use crate::channel::ChannelName;
use crate::incident::Incident;
use crate::organisation::Organisation;
use crate::service::Service;
use crate::update::{NextUpdate, Update};

/// One update with its surroundings, as they stood when it was released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Who speaks.
    pub organisation: Organisation,
    /// The incident.
    pub incident: Incident,
    /// The update.
    pub update: Update,
    /// All services, in the order of the public page, with the states this update gives them.
    pub services: Vec<Service>,
    /// BCP 47 tag of the language this is to be rendered in.
    pub language: String,
}

impl Notice {
    /// The headline with what must stand before it (`Correction: `, `EXERCISE: `).
    pub fn headline(&self) -> String {
        self.update.introduced_headline()
    }

    /// The page of this update.
    pub fn url(&self) -> String {
        format!(
            "{}/u/{}",
            self.organisation.public_url, self.update.reference
        )
    }

    /// A text with `{ref}` replaced by the reference.
    pub fn fill(&self, text: &str) -> String {
        text.replace("{ref}", self.update.reference.as_str())
    }

    /// The author's own text for one channel, if there is one; for readers of another language than the update's, the
    /// short version in theirs.
    pub fn own(&self, channel: &ChannelName) -> Option<String> {
        let own = self.update.versions.get(channel);
        let own = own.map(|text| self.complete(text.as_str()));
        let foreign = primary(&self.language) != primary(&self.update.language);
        own.or_else(|| self.short().filter(|_| foreign))
    }

    /// The author's own short version in this language, if there is one.
    pub fn short(&self) -> Option<String> {
        let versions = &self.update.short;
        let alike = || {
            let mut versions = versions.iter();
            versions
                .find(|(tag, _)| primary(tag) == primary(&self.language))
                .map(|(_, text)| text)
        };
        let short = versions.get(&self.language).or_else(alike)?;
        Some(self.complete(short.as_str()))
    }

    /// What a text message says: the author's own text for the channel, for text messages, or for short; else the
    /// headline and the link.
    pub fn text_message(&self, channel: &ChannelName) -> String {
        let sms = || {
            self.update
                .sms
                .as_ref()
                .map(|text| self.complete(text.as_str()))
        };
        let own = self.own(channel).or_else(sms).or_else(|| self.short());
        own.unwrap_or_else(|| {
            let headline = self.headline();
            let stop = if headline.ends_with(['.', '!', '?', '؟', '。']) {
                ""
            } else {
                "."
            };
            format!("{headline}{stop} {}", self.url())
        })
    }

    /// An author's own text with the reference filled in, and before it what must stand there.
    fn complete(&self, text: &str) -> String {
        self.update.kind.introduced(&self.fill(text))
    }

    /// The promise in words: `Next update by 4pm on Thursday 27 November.`
    pub fn promise(&self) -> String {
        match self.update.next_update_by {
            NextUpdate::None => "There will be no further update.".to_owned(),
            NextUpdate::By(by) => format!(
                "Next update by {}.",
                crate::text::spoken_time(by, &self.organisation.time_zone)
            ),
        }
    }
}

/// The language without its region: `ar` of `ar-EG`.
fn primary(tag: &str) -> Option<String> {
    tag.split('-').next().map(str::to_ascii_lowercase)
}
