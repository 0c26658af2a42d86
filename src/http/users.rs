//! `/api/v1/users`: who may sign in to the console.

use crate::accounts::hashed;
use crate::body::Json;
use crate::problem::Problem;
use crate::state::{Caller, House};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use oyez_domain::LedgerError;
use oyez_domain::address::Address;
use oyez_domain::id::UserId;
use oyez_domain::user::{User, UserDraft};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// How long an invitation may be taken.
const INVITATION: Duration = Duration::from_secs(15 * 60);

/// A new user.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserBody {
    /// Email address, unique; the person signs in with it.
    pub email: String,
    /// What colleagues call the person.
    pub name: String,
    /// Any of `write`, `approve`, `stop`, `subscribers`, `services`, `settings`, `api`; none means look only.
    #[serde(default)]
    pub permissions: Vec<String>,
}

/// A user.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct UserView {
    /// Identifier.
    pub id: String,
    /// Email address.
    pub email: String,
    /// Name.
    pub name: String,
    /// What the person may do.
    pub permissions: Vec<String>,
    /// Whether the person may no longer sign in.
    pub disabled: bool,
    /// Whether password and authenticator app are set up.
    pub ready: bool,
    /// When the account was made, RFC 3339.
    pub created_at: String,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.reveal().to_owned(),
            name: user.name.to_string(),
            permissions: user.permissions.codes().map(str::to_owned).collect(),
            disabled: user.disabled,
            ready: user.ready,
            created_at: user.created_at.rfc3339(),
        }
    }
}

/// A user and the link with which the person sets up password and authenticator app.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct InvitationView {
    /// The user.
    pub user: UserView,
    /// Works once. Give it to the person and to nobody else.
    pub link: String,
    /// Until when it works, RFC 3339.
    pub until: String,
}

/// Everybody who may sign in, by name.
#[utoipa::path(get, path = "/api/v1/users", tag = "users",
    responses((status = 200, body = Vec<UserView>), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn list(
    State(house): State<House>,
    _: Caller,
) -> Result<axum::Json<Vec<UserView>>, Problem> {
    let users = house.accounts.users().await?;
    Ok(axum::Json(users.into_iter().map(Into::into).collect()))
}

/// Adds a user, and makes the link with which the person sets up the account.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = UserBody,
    responses((status = 201, body = InvitationView), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn add(
    State(house): State<House>,
    caller: Caller,
    body: Json<UserBody>,
) -> Result<Response, Problem> {
    let draft = UserDraft {
        email: body.value.email,
        name: body.value.name,
        permissions: body.value.permissions,
    };
    let mut random = [0; 10];
    house.desk.random.fill(&mut random);
    let now = house.desk.clock.wall();
    let count = |faults: Vec<_>| Problem::from(oyez_dispatch::DeskError::Refused(faults));
    let user = draft.check(UserId::new(now, random), now).map_err(count)?;
    house
        .accounts
        .add_user(&user, &house.desk.by(caller.actor()))
        .await?;
    let invitation = invite(&house, caller, user).await?;
    Ok((StatusCode::CREATED, axum::Json(invitation)).into_response())
}

/// Makes a new link for somebody who is locked out; what the person signs in with now works until it is taken.
#[utoipa::path(post, path = "/api/v1/users/{user}/recover", tag = "users", params(("user" = String, Path, description = "Identifier or email address")),
    responses((status = 200, body = InvitationView), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn recover(
    State(house): State<House>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<axum::Json<InvitationView>, Problem> {
    let user = find(&house, &user).await?;
    Ok(axum::Json(invite(&house, caller, user).await?))
}

async fn invite(house: &House, caller: Caller, user: User) -> Result<InvitationView, Problem> {
    let token = house.random_text::<32>();
    let by = house.desk.by(caller.actor());
    let until = by.at.plus(INVITATION);
    house
        .accounts
        .invite(user.id, &hashed(&token), until, &by)
        .await?;
    Ok(InvitationView {
        user: user.into(),
        link: format!("{}/console/set-up/{token}", house.base),
        until: until.rfc3339(),
    })
}

/// Bars a user from signing in; every session of the person ends at once.
#[utoipa::path(post, path = "/api/v1/users/{user}/disable", tag = "users", params(("user" = String, Path, description = "Identifier or email address")),
    responses((status = 200, body = UserView), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn disable(
    State(house): State<House>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<axum::Json<UserView>, Problem> {
    set_disabled(&house, caller, &user, true).await
}

/// Lets a user sign in again.
#[utoipa::path(post, path = "/api/v1/users/{user}/enable", tag = "users", params(("user" = String, Path, description = "Identifier or email address")),
    responses((status = 200, body = UserView), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn enable(
    State(house): State<House>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<axum::Json<UserView>, Problem> {
    set_disabled(&house, caller, &user, false).await
}

async fn set_disabled(
    house: &House,
    caller: Caller,
    user: &str,
    disabled: bool,
) -> Result<axum::Json<UserView>, Problem> {
    let user = find(house, user).await?;
    let by = house.desk.by(caller.actor());
    house.accounts.set_disabled(user.id, disabled, &by).await?;
    if disabled {
        house.sessions.end_all(user.id);
    }
    Ok(axum::Json(User { disabled, ..user }.into()))
}

/// The user with this identifier or address.
async fn find(house: &House, named: &str) -> Result<User, Problem> {
    if let Ok(id) = named.parse::<UserId>() {
        return Ok(house.accounts.user(id).await?);
    }
    let found = match Address::email(named) {
        Ok(address) => house.accounts.user_by_email(&address).await?,
        Err(_) => None,
    };
    match found {
        Some((user, _)) => Ok(user),
        None => {
            Err(LedgerError::NotFound("a user with this identifier or address".to_owned()).into())
        }
    }
}
