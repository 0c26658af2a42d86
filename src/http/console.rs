//! `/console`: the pages of the organisation's own people.

pub(crate) mod session;

use crate::state::House;
use axum::Router;

/// Every page of the console.
pub(crate) fn routes() -> Router<House> {
    Router::new()
}
