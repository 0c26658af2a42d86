//! `/console`: the pages of the organisation's own people. They work without script.

mod chart;
mod compose;
mod dashboard;
mod live;
mod preview;
mod queue;
mod retry;
mod row;
mod second_step;
pub(crate) mod session;
mod set_up;
mod sign_in;
mod unknowns;
mod values;
mod words;

use crate::page::{CONSOLE_CSS, CONSOLE_JS};
use crate::problem::{Kind, Problem};
use crate::state::House;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use tower_http::csrf::{CsrfLayer, ProtectionError};

/// Every page of the console.
pub(crate) fn routes() -> Router<House> {
    Router::new()
        .route("/", get(dashboard::show))
        .route("/sign-in", get(sign_in::show).post(sign_in::enter))
        .route(
            "/sign-in/code",
            get(second_step::show).post(second_step::enter),
        )
        .route("/set-up/{token}", get(set_up::show).post(set_up::enter))
        .route("/sign-out", post(sign_in::leave))
        .route("/updates/new", get(compose::show))
        .route("/updates/preview", post(compose::preview))
        .route("/updates/change", post(compose::change))
        .route("/updates/send", post(compose::send))
        .route("/updates/{id}", get(live::show))
        .route("/updates/{id}/live", get(live::fragment))
        .route("/updates/{id}/stream", get(live::stream))
        .route("/updates/{id}/send", post(preview::send))
        .route("/updates/{id}/stop", get(live::stopping).post(live::stop))
        .route("/updates/{id}/halt", post(live::halt))
        .route("/updates/{id}/hold", post(live::hold))
        .route("/updates/{id}/resume", post(live::resume))
        .route("/updates/{id}/retry", post(retry::retry))
        .route("/unknowns", get(unknowns::show).post(unknowns::decide))
        .route("/queue", get(queue::show))
        .route("/channels/{name}/hold", post(queue::hold))
        .route("/channels/{name}/resume", post(queue::resume))
        .route("/system/hold", post(queue::hold_system))
        .route("/system/resume", post(queue::resume_system))
        .route("/system/trust-clock", post(queue::trust_clock))
        .route("/static/console.css", get(style))
        .route("/static/console.js", get(script))
        .layer(
            CsrfLayer::new().with_rejection_response(|_: ProtectionError| {
                Problem::new(
                    Kind::CrossSite,
                    "A page of another site sent this. Nothing was changed.",
                )
                .into_response()
            }),
        )
}

async fn style() -> Response {
    let kind = "text/css; charset=utf-8";
    (
        [(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=60")],
        CONSOLE_CSS,
    )
        .into_response()
}

async fn script() -> Response {
    let kind = "text/javascript; charset=utf-8";
    (
        [(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=60")],
        CONSOLE_JS,
    )
        .into_response()
}
