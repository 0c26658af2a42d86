//! Which address leads where.

use crate::host::guard;
use crate::problem::{Kind, Problem};
use crate::state::House;
use crate::{
    callbacks, channel_tests, channels, console, deliveries, endpoints, events, finish, health,
    incidents, lanes, metrics, openapi, places, public, releases, retries, services, stop,
    subscribers, system, unknowns, updates, users, well_known,
};
use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post, put};
use std::any::Any;
use tower_http::catch_panic::CatchPanicLayer;

/// Everything behind the doors. Each request carries a [`crate::state::Door`] in its extensions.
pub fn router(house: House) -> Router {
    let missing = async || Problem::not_found();
    let method = async || {
        Problem::new(
            Kind::MethodNotAllowed,
            "The address exists, but not for this method.",
        )
    };
    Router::new()
        .nest("/api/v1", api())
        .nest("/console", console::routes())
        .merge(open())
        .fallback(missing)
        .method_not_allowed_fallback(method)
        .layer(CatchPanicLayer::custom(broken))
        .layer(from_fn_with_state(house.clone(), lanes::queue))
        .layer(from_fn_with_state(house.clone(), guard))
        .layer(from_fn_with_state(house.clone(), places::admit))
        .layer(from_fn_with_state(house.clone(), finish::finish))
        .with_state(house)
}

/// What anybody may ask.
fn open() -> Router<House> {
    Router::new()
        .route("/", get(public::fixed))
        .route("/history", get(public::fixed))
        .route("/i/{incident}", get(public::fixed))
        .route("/feed.atom", get(public::fixed))
        .route("/updates.json", get(public::fixed))
        .route("/api/v2/{*rest}", get(public::fixed))
        .route("/u/{reference}", get(public::update))
        .route("/x/{token}", get(stop::show).post(stop::stop))
        .route("/problems/{slug}", get(well_known::problem))
        .route("/robots.txt", get(well_known::robots))
        .route("/.well-known/security.txt", get(well_known::security))
        .route("/callbacks/{channel}", any(callbacks::receive))
        .route("/callbacks/{channel}/{*rest}", any(callbacks::receive))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show))
}

/// What the token opens.
fn api() -> Router<House> {
    Router::new()
        .route("/openapi.json", get(openapi::document))
        .route("/incidents", get(incidents::list).post(incidents::open))
        .route("/incidents/{id}", get(incidents::one))
        .route("/services", get(services::list).put(services::put))
        .route("/updates", get(updates::list).post(updates::write))
        .route("/updates/render", post(updates::render_draft))
        .route("/updates/{id}", get(updates::one))
        .route("/updates/{id}/render", post(updates::render))
        .route("/updates/{id}/send", post(releases::send))
        .route("/updates/{id}/stop", post(releases::stop))
        .route("/updates/{id}/hold", post(releases::hold))
        .route("/updates/{id}/resume", post(releases::resume))
        .route("/updates/{id}/failures", get(retries::failures))
        .route("/updates/{id}/retry", post(retries::retry))
        .route("/updates/{id}/progress", get(releases::progress))
        .route("/updates/{id}/report", get(releases::report))
        .route("/updates/{id}/deliveries", get(deliveries::list))
        .route("/updates/{id}/stream", get(events::stream))
        .route("/events", get(events::all))
        .route("/unknowns", get(unknowns::list))
        .route("/unknowns/decisions", post(unknowns::decide))
        .route("/queue", get(channels::queue))
        .route("/channels", get(channels::list))
        .route("/channels/{name}/hold", post(channels::hold))
        .route("/channels/{name}/resume", post(channels::resume))
        .route("/channels/{name}/test", post(channel_tests::send))
        .route("/system", get(system::show))
        .route("/system/trust-clock", post(system::trust_clock))
        .route("/system/hold", post(channels::hold_system))
        .route("/system/resume", post(channels::resume_system))
        .route("/subscribers", post(subscribers::add))
        .route("/subscribers/import", post(subscribers::import))
        .route("/endpoints", get(endpoints::list))
        .route(
            "/endpoints/{name}",
            put(endpoints::put).delete(endpoints::remove),
        )
        .route("/endpoints/{name}/key", post(endpoints::change_key))
        .route("/users", get(users::list).post(users::add))
        .route("/users/{user}/recover", post(users::recover))
        .route("/users/{user}/disable", post(users::disable))
        .route("/users/{user}/enable", post(users::enable))
}

/// What is answered when a handler broke down; the panic itself is in the log.
fn broken(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    Problem::new(Kind::Internal, "The request could not be carried out.").into_response()
}
