//! The second step of signing in: a code of the authenticator app, or one of the recovery codes.

use super::session::{self, Officer, Who};
use super::sign_in::{admit, guessed_at};
use crate::accounts::{codes, hashed, plain};
use crate::body::Form;
use crate::page;
use crate::problem::Problem;
use crate::state::House;
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use hyper::{HeaderMap, StatusCode};
use oyez_domain::user::User;

/// Digits of a code; whatever is longer is a recovery code.
const DIGITS: usize = 6;
/// The field of a form that brings a code.
const FIELD: &str = "fresh_code";

#[derive(Template)]
#[template(path = "console/second_step.html")]
struct CodePage<'a> {
    organisation: &'a str,
    wrong: bool,
}

fn page(house: &House, wrong: bool) -> Result<Response, Problem> {
    let status = if wrong {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let organisation = &house.desk.organisation.name;
    page::html_with(
        status,
        &CodePage {
            organisation,
            wrong,
        },
    )
}

/// The form.
pub(super) async fn show(
    State(house): State<House>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    match session::code_awaited(&house, &headers) {
        Some(_) => page(&house, false),
        None => Ok(Redirect::to("/console/sign-in").into_response()),
    }
}

/// Signs in whoever shows the right code.
pub(super) async fn enter(
    State(house): State<House>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    let Some(id) = session::code_awaited(&house, &headers) else {
        return Ok(Redirect::to("/console/sign-in").into_response());
    };
    let user = house.accounts.user(id).await?;
    if !is_right(&house, &user, form.get("code")).await? {
        return page(&house, true);
    }
    house.throttle.succeeded(&guessed_at(user.email.reveal()));
    tracing::info!(user.id = %user.id, "a user signed in to the console");
    Ok(session::begin(
        &house,
        &headers,
        Who::User(user.id),
        "/console",
    ))
}

/// Whether somebody shows a code of this user that was not used before. Each works once.
async fn is_right(house: &House, user: &User, typed: &str) -> Result<bool, Problem> {
    let name = guessed_at(user.email.reveal());
    admit(house, &name)?;
    let credentials = house.accounts.credentials(user.id).await?;
    let Some(credentials) = credentials.filter(|_| !user.disabled) else {
        return Ok(false);
    };
    let code = plain(typed);
    let right = if code.len() > DIGITS {
        let by = house.desk.by(&user.actor());
        let left = house
            .accounts
            .use_recovery_code(user.id, &hashed(&code), &by)
            .await?;
        left.is_some()
    } else {
        let now = house.desk.clock.wall();
        match codes::step_of(credentials.code_key.reveal(), typed, now) {
            Some(step) => house.accounts.use_step(user.id, step).await?,
            None => false,
        }
    };
    if !right {
        house.throttle.failed(&name, house.desk.clock.now());
        tracing::warn!(user.id = %user.id, "a code was wrong");
    }
    Ok(right)
}

/// The form that was sent, with a field for a code: sent again, it is carried out.
#[derive(Template)]
#[template(path = "console/code_needed.html")]
struct NeededPage<'a> {
    organisation: &'a str,
    action: &'a str,
    fields: Vec<(String, String)>,
    wrong: bool,
}

/// Before what is grave (OWASP ASVS 5.0, 7.5.3): a code was shown within the last minutes, or the form brings one. Else
/// this is the page that asks for one; nothing was done yet.
pub(super) async fn ask(
    house: &House,
    headers: &HeaderMap,
    officer: &Officer,
    form: &Form,
    action: &str,
) -> Result<Option<Response>, Problem> {
    let Some(user) = officer.user.as_ref().filter(|_| !officer.proven_lately) else {
        return Ok(None);
    };
    let typed = form.get(FIELD).trim();
    if !typed.is_empty() && is_right(house, user, typed).await? {
        session::prove(house, headers);
        return Ok(None);
    }
    let fields = form.pairs().iter().filter(|(name, _)| name != FIELD);
    let page = NeededPage {
        organisation: &house.desk.organisation.name,
        action,
        fields: fields.cloned().collect(),
        wrong: !typed.is_empty(),
    };
    page::html_with(StatusCode::UNAUTHORIZED, &page).map(Some)
}
