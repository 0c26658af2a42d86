//! Trying again what failed of one update, where another attempt can succeed.

use super::session::Officer;
use super::words::Many;
use crate::body::Form;
use crate::idempotency::request_hash;
use crate::problem::Problem;
use crate::releases::named;
use crate::retries::reasons;
use crate::state::House;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use oyez_domain::id::UpdateId;
use oyez_domain::ledger::Idempotency;
use oyez_domain::user::Permission;

/// What failed on one channel for one reason, and can succeed.
pub(super) struct Failure {
    pub(super) channel: String,
    pub(super) reason: &'static str,
    pub(super) label: String,
    pub(super) many: Many,
}

/// What of an update can be tried again.
pub(super) async fn failures(house: &House, update: UpdateId) -> Result<Vec<Failure>, Problem> {
    let rows = house.desk.failures(update).await?;
    let can = rows.into_iter().filter(|row| row.can_succeed);
    Ok(can
        .map(|row| Failure {
            channel: row.channel.into(),
            reason: row.reason.code(),
            label: row.label,
            many: Many(row.count),
        })
        .collect())
}

/// Tries one row again.
pub(super) async fn retry(
    State(house): State<House>,
    officer: Officer,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    officer.may(Permission::Approve)?;
    let update = house.desk.find_update(&id).await?;
    let (channel, reason) = (form.get("channel"), form.get("reason"));
    let subject = format!("{} {channel} {reason}", update.id);
    let key = Idempotency {
        scope: "console retry".to_owned(),
        key: format!("{} {subject}", form.get("key")),
        request_hash: request_hash(&subject, b""),
    };
    let (channel, reasons) = (named(Some(channel))?, reasons(std::iter::once(reason))?);
    house
        .desk
        .retry(
            update.id,
            channel.as_ref(),
            &reasons,
            Some(&key),
            officer.actor(),
        )
        .await?;
    Ok(Redirect::to(&format!("/console/updates/{}", update.reference)).into_response())
}
