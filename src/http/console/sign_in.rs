//! Signing in with the token of this instance, and out again.

use super::session;
use crate::body::Form;
use crate::page;
use crate::problem::Problem;
use crate::state::House;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use hyper::{HeaderMap, StatusCode};

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignInPage<'a> {
    organisation: &'a str,
    /// Whether there is a token at all.
    possible: bool,
    wrong: bool,
}

fn page(house: &House, wrong: bool) -> SignInPage<'_> {
    SignInPage {
        organisation: &house.desk.organisation.name,
        possible: house.settings.token.is_some(),
        wrong,
    }
}

/// The form.
pub(super) async fn show(State(house): State<House>) -> Result<Response, Problem> {
    page::html(&page(&house, false))
}

/// Signs in whoever knows the token.
pub(super) async fn enter(
    State(house): State<House>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    if house.is_token(form.get("token").trim()) {
        tracing::info!("somebody signed in to the console");
        return Ok(session::begin(&house, &headers, "/console"));
    }
    tracing::warn!("somebody tried to sign in to the console with a wrong token");
    page::html_with(StatusCode::UNPROCESSABLE_ENTITY, &page(&house, true))
}

/// Signs out.
pub(super) async fn leave(State(house): State<House>, headers: HeaderMap) -> Response {
    session::end(&house, &headers)
}
