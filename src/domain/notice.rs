//! Everything an adapter may say about one update: the update, its incident, the services, who speaks.

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
        format!("{}{}", self.update.kind.prefix(), self.update.headline)
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
