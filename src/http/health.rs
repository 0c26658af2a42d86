//! `/healthz` and `/readyz`: for machines that watch this one.

use crate::problem::Problem;
use crate::state::House;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;

/// The program runs.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// The program runs, its ledger answers, and nothing stands in the way of what people rely on; otherwise 503. Each
/// further line is a trouble with its code.
pub(crate) async fn ready(State(house): State<House>) -> Result<Response, Problem> {
    let troubles = house.desk.troubles().await?;
    let grave = troubles.iter().any(|trouble| trouble.code.is_grave());
    let (status, mut text) = if grave {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned())
    } else {
        (StatusCode::OK, "ready\n".to_owned())
    };
    for trouble in troubles {
        text.push_str(&format!("{}: {}.\n", trouble.code.code(), trouble.line));
    }
    Ok((status, text).into_response())
}
