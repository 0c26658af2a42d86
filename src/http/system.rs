//! `/api/v1/system`: how the instance itself is, and a person's word on its clock.

use crate::problem::Problem;
use crate::state::{Caller, House};
use axum::extract::State;
use oyez_domain::trouble::{Trouble, TroubleCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What stands in the way of the whole instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct TroubleBody {
    /// `held`, `disk_low`, `disk_full`, `store_locked`, `log_pinned`, `log_full`, `clock_stepped`,
    /// `public_stale`, `export_failed` or `ending`.
    pub code: String,
    /// What happened, what oyez does now, and what a person can do.
    pub line: String,
    /// Whether something does not work while it lasts; otherwise it is a warning.
    pub grave: bool,
}

impl From<Trouble> for TroubleBody {
    fn from(trouble: Trouble) -> Self {
        Self {
            code: trouble.code.code().to_owned(),
            grave: trouble.code.is_grave(),
            line: trouble.line,
        }
    }
}

/// How the instance is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct SystemBody {
    /// Everything that stands in its way, the gravest first; empty when all is well.
    pub troubles: Vec<TroubleBody>,
    /// Bytes that may still be written; null when the file system does not say.
    pub free_bytes: Option<u64>,
    /// Bytes of the store's write-ahead log that are in use.
    pub wal_bytes: u64,
}

/// How the instance is.
#[utoipa::path(get, path = "/api/v1/system", tag = "channels",
    responses((status = 200, body = SystemBody), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn show(
    State(house): State<House>,
    _: Caller,
) -> Result<axum::Json<SystemBody>, Problem> {
    now(&house).await.map(axum::Json)
}

/// Says that the machine's clock is right after it jumped: what is too late expires again.
#[utoipa::path(post, path = "/api/v1/system/trust-clock", tag = "channels",
    responses((status = 200, body = SystemBody), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn trust_clock(
    State(house): State<House>,
    caller: Caller,
) -> Result<axum::Json<SystemBody>, Problem> {
    house.desk.trust_clock(caller.actor());
    now(&house).await.map(axum::Json)
}

/// What pages show as a notice; that everything is held has a notice of its own, with a button.
pub(crate) async fn notices(house: &House) -> Result<Vec<Trouble>, Problem> {
    let mut troubles = house.desk.troubles().await?;
    troubles.retain(|trouble| trouble.code != TroubleCode::Held);
    Ok(troubles)
}

async fn now(house: &House) -> Result<SystemBody, Problem> {
    let troubles = house.desk.troubles().await?;
    let condition = house.desk.ledger.condition();
    Ok(SystemBody {
        troubles: troubles.into_iter().map(Into::into).collect(),
        free_bytes: condition.free_bytes,
        wal_bytes: condition.log_bytes,
    })
}
