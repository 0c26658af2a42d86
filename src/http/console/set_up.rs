//! Setting up an account from its invitation: a password, an authenticator app, and recovery codes to print.

use super::sign_in::admit;
use crate::accounts::{code_key, codes, hashed, recovery_codes};
use crate::body::Form;
use crate::page;
use crate::problem::{Fault, Problem};
use crate::state::House;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::StatusCode;
use oyez_domain::Refusal;
use oyez_domain::accounts::Credentials;
use oyez_domain::parcel::Secret;
use oyez_domain::user::{User, check_password};

#[derive(Template)]
#[template(path = "console/set_up.html")]
struct SetUpPage<'a> {
    organisation: &'a str,
    token: &'a str,
    name: String,
    email: String,
    /// In groups of four.
    spoken_key: String,
    key: String,
    uri: String,
    faults: Vec<Fault>,
}

impl SetUpPage<'_> {
    /// The field that a fault concerns.
    fn anchor<'f>(&self, fault: &'f Fault) -> &'f str {
        fault.pointer.trim_start_matches('/')
    }

    fn fault(&self, field: &str) -> Option<&Fault> {
        let pointer = format!("/{field}");
        self.faults.iter().find(|fault| fault.pointer == pointer)
    }
}

#[derive(Template)]
#[template(path = "console/set_up_done.html")]
struct DonePage<'a> {
    organisation: &'a str,
    codes: Vec<String>,
}

async fn invited(house: &House, token: &str) -> Result<User, Problem> {
    let now = house.desk.clock.wall();
    let user = house.accounts.invited(&hashed(token), now).await?;
    user.ok_or_else(|| {
        Problem::new(
            crate::problem::Kind::NotFound,
            "This link was used or is too old. Ask for a new one: oyez user recover makes it.",
        )
    })
}

fn page(
    house: &House,
    token: &str,
    user: &User,
    key: &Secret,
    faults: Vec<Fault>,
) -> Result<Response, Problem> {
    let organisation = &house.desk.organisation.name;
    let key = key.reveal();
    let groups: Vec<_> = key
        .as_bytes()
        .chunks(4)
        .map(String::from_utf8_lossy)
        .collect();
    let status = if faults.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    page::html_with(
        status,
        &SetUpPage {
            organisation,
            token,
            name: user.name.to_string(),
            email: user.email.reveal().to_owned(),
            spoken_key: groups.join(" "),
            uri: codes::uri(key, organisation, user.email.reveal()),
            key: key.to_owned(),
            faults,
        },
    )
}

/// The form.
pub(super) async fn show(
    State(house): State<House>,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    let user = invited(&house, &token).await?;
    page(&house, &token, &user, &code_key(&house), Vec::new())
}

/// Sets it up, and shows the recovery codes this once.
pub(super) async fn enter(
    State(house): State<House>,
    Path(token): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    admit(&house, "invitation")?;
    let user = invited(&house, &token).await?;
    let key = form.get("key");
    let is_key = key.len() == 32 && key.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'));
    let key = if is_key {
        Secret::new(key.to_owned())
    } else {
        code_key(&house)
    };
    let password = form.get("password");
    let (organisation, email) = (&house.desk.organisation.name, user.email.reveal());
    let mut faults = Vec::new();
    if let Err(refusal) = check_password(password, &[organisation, email, user.name.as_ref()]) {
        faults.push(refusal);
    }
    let step = codes::step_of(key.reveal(), form.get("code"), house.desk.clock.wall());
    if step.is_none() {
        let why = "type the six digits that the app shows now; if they are right, the clock of the phone is not";
        faults.push(Refusal::new("code", "wrong_code", why));
    }
    if !faults.is_empty() {
        let faults = faults.into_iter().map(Fault::from).collect();
        return page(&house, &token, &user, &key, faults);
    }
    let mut salt = [0; 16];
    house.desk.random.fill(&mut salt);
    let credentials = Credentials {
        password: house.hashing.hash(password.to_owned(), salt).await?,
        code_key: key,
    };
    let codes = recovery_codes(&house);
    let hashes: Vec<_> = codes
        .iter()
        .map(|code| hashed(&crate::accounts::plain(code)))
        .collect();
    let by = house.desk.by(&user.actor());
    house
        .accounts
        .set_up(&hashed(&token), &credentials, &hashes, &by)
        .await?;
    // The code that proved the app cannot sign anybody in as well.
    if let Some(step) = step {
        house.accounts.use_step(user.id, step).await?;
    }
    house.sessions.end_all(user.id);
    page::html(&DonePage {
        organisation,
        codes,
    })
}
