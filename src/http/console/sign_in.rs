//! Signing in with address and password, and out again; the code comes next. Until there are users, the token of
//! this instance opens the console.

use super::session::{self, Who};
use crate::accounts::hashed;
use crate::body::Form;
use crate::page;
use crate::problem::{Kind, Problem};
use crate::state::House;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use hyper::{HeaderMap, StatusCode};
use oyez_domain::address::Address;
use std::time::Duration;

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignInPage<'a> {
    organisation: &'a str,
    email: String,
    wrong: bool,
}

#[derive(Template)]
#[template(path = "console/sign_in_token.html")]
struct TokenPage<'a> {
    organisation: &'a str,
    /// Whether there is a token at all.
    possible: bool,
    wrong: bool,
}

async fn page(house: &House, email: &str, wrong: bool) -> Result<Response, Problem> {
    let status = if wrong {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let organisation = &house.desk.organisation.name;
    if house.accounts.users().await?.is_empty() {
        return page::html_with(
            status,
            &TokenPage {
                organisation,
                possible: house.settings.token.is_some(),
                wrong,
            },
        );
    }
    let email = email.chars().take(254).collect();
    page::html_with(
        status,
        &SignInPage {
            organisation,
            email,
            wrong,
        },
    )
}

/// The form.
pub(super) async fn show(State(house): State<House>) -> Result<Response, Problem> {
    page(&house, "", false).await
}

/// Signs in whoever knows an account's address and password, or the token while there is no account.
pub(super) async fn enter(
    State(house): State<House>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    if house.accounts.users().await?.is_empty() {
        return enter_with_token(&house, &headers, &form).await;
    }
    let email = form.get("email").trim();
    let known = match Address::email(email) {
        Ok(address) => house.accounts.user_by_email(&address).await?,
        Err(_) => None,
    };
    // Whether there is such an account makes no difference to what is said, how long it takes, or how often it may be
    // tried.
    let name = guessed_at(email);
    admit(&house, &name)?;
    let hash = known
        .as_ref()
        .and_then(|(_, credentials)| credentials.as_ref());
    let hash = hash.map(|credentials| credentials.password.clone());
    let right = house
        .hashing
        .is_right(form.get("password").to_owned(), hash)
        .await?;
    match known {
        Some((user, _)) if right && !user.disabled => Ok(session::await_code(
            &house,
            &headers,
            user.id,
            "/console/sign-in/code",
        )),
        Some(_) | None => {
            house.throttle.failed(&name, house.desk.clock.now());
            tracing::warn!("somebody tried to sign in to the console and failed");
            page(&house, email, true).await
        }
    }
}

async fn enter_with_token(
    house: &House,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Response, Problem> {
    admit(house, "token")?;
    if house.is_token(form.get("token").trim()) {
        house.throttle.succeeded("token");
        tracing::info!("somebody signed in to the console with the token");
        return Ok(session::begin(house, headers, Who::Token, "/console"));
    }
    house.throttle.failed("token", house.desk.clock.now());
    tracing::warn!("somebody tried to sign in to the console with a wrong token");
    page(house, "", true).await
}

/// What the brake calls an account: no address is kept for it.
pub(super) fn guessed_at(email: &str) -> String {
    let hash = hashed(&email.trim().to_lowercase());
    data_encoding::HEXLOWER.encode(hash.get(..16).unwrap_or_default())
}

/// Lets somebody try, or says how long to wait.
pub(super) fn admit(house: &House, name: &str) -> Result<(), Problem> {
    house
        .throttle
        .admit(name, house.desk.clock.now())
        .map_err(too_many)
}

fn too_many(wait: Duration) -> Problem {
    let seconds = u32::try_from(wait.as_secs_f64().ceil() as u64).unwrap_or(u32::MAX);
    let wait = match seconds {
        0..=59 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    };
    Problem {
        retry_after: Some(seconds),
        ..Problem::new(
            Kind::TooManySignIns,
            format!(
                "There were too many attempts. Try again in {wait}. Nobody is locked out for good."
            ),
        )
    }
}

/// Signs out.
pub(super) async fn leave(State(house): State<House>, headers: HeaderMap) -> Response {
    session::end(&house, &headers)
}
