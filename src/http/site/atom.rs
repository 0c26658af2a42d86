//! The newest updates as a feed (RFC 4287).

use super::pages::Scene;
use super::views::Saying;
use super::xml;
use crate::problem::Problem;
use askama::Template;
use oyez_domain::organisation::Organisation;
use oyez_domain::time::Wall;

/// Entries in the feed.
pub(super) const ENTRIES: usize = 20;

struct Entry {
    saying: Saying,
    summary: String,
    published: String,
    /// When it was stopped, if it was: nothing else about it ever changes.
    updated: String,
}

#[derive(Template)]
#[template(path = "feed.xml")]
struct Feed<'a> {
    organisation: &'a Organisation,
    updated: String,
    entries: Vec<Entry>,
}

/// The feed. Its identifiers never change, so that no reader shows an update twice.
pub(super) fn feed(scene: &Scene<'_>) -> Result<String, Problem> {
    let told = || scene.statements.iter().take(ENTRIES);
    let updates = told().map(|told| &told.update);
    let changed = updates.filter_map(|update| update.stopped_at.max(update.released_at));
    let entries = told().map(|told| {
        let update = &told.update;
        let published = update.released_at.unwrap_or(update.created_at);
        let first = update.what_to_do.first();
        Entry {
            saying: scene.saying(told),
            summary: first.map_or_else(String::new, ToString::to_string),
            published: seconds(published),
            updated: seconds(update.stopped_at.unwrap_or(published)),
        }
    });
    xml::document(&Feed {
        organisation: scene.organisation,
        // Without any update it has never changed.
        updated: seconds(changed.max().unwrap_or_default()),
        entries: entries.collect(),
    })
}

/// RFC 3339 to the second.
pub(super) fn seconds(at: Wall) -> String {
    at.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
