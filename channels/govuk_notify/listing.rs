//! The service's list of what it took, newest first: it says what became of messages whose callback never came.

use super::{GovukNotify, Medium, errors, reports};
use crate::http::Reply;
use oyez_domain::outcome::Scope;
use oyez_domain::receipt::Listed;
use oyez_domain::time::Wall;
use serde::Deserialize;

#[derive(Deserialize)]
struct Page {
    notifications: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    created_at: String,
    #[serde(flatten)]
    report: reports::News,
}

/// Asks for the newest page, or for the one that is older than a message.
pub(super) async fn page(notify: &GovukNotify, older_than: Option<&str>) -> Result<Listed, String> {
    let mut query = vec![("template_type", notify.medium.word())];
    query.extend(older_than.map(|id| ("older_than", id)));
    let reply = notify
        .get("notifications", &query)
        .await
        .map_err(|silence| silence.verdict(Scope::Channel).reply)?;
    let page = (reply.status == 200).then(|| read(notify.medium, &reply));
    page.flatten()
        .ok_or_else(|| errors::read(&reply, notify.clock.wall()).reply)
}

/// The page in an answer, if it is one.
fn read(medium: Medium, reply: &Reply) -> Option<Listed> {
    let page: Page = serde_json::from_slice(&reply.body).ok()?;
    let oldest = page.notifications.last();
    Some(Listed {
        older_than: oldest.map(|row| row.id.clone()),
        oldest: oldest.and_then(|row| Wall::parse(&row.created_at)),
        receipts: page
            .notifications
            .into_iter()
            .filter_map(|row| row.report.settled(medium))
            .collect(),
    })
}
