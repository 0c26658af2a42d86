//! How we prove to a gateway who we are.

use crate::secret;
use crate::sms_http::Settings;
use oyez_domain::Refusal;
use oyez_domain::parcel::Secret;
use reqwest::RequestBuilder;
use reqwest::header::HeaderName;
use serde::Deserialize;

/// How we sign in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// `Authorization: Basic` with `username` and the secret.
    Basic,
    /// `Authorization: Bearer` with the secret.
    Bearer,
    /// The secret in `auth_header`.
    Header,
}

/// The same with its secrets.
pub(crate) enum SignIn {
    None,
    Basic(String, Secret),
    Bearer(Secret),
    Header(HeaderName, Secret),
}

impl SignIn {
    /// What the settings ask for.
    ///
    /// # Errors
    /// When something it needs is missing.
    pub(crate) fn of(settings: &Settings) -> Result<Self, Refusal> {
        let secret = || {
            secret::required(
                "secret",
                settings.secret.as_ref(),
                settings.secret_file.as_ref(),
            )
        };
        let missing = |field: &str, why: &str| Refusal::new(field, "missing", why);
        Ok(match settings.auth {
            Auth::None => Self::None,
            Auth::Bearer => Self::Bearer(secret()?),
            Auth::Basic => {
                let user = settings.username.clone();
                let user = user.ok_or_else(|| missing("username", "auth is basic, so set it"))?;
                Self::Basic(user, secret()?)
            }
            Auth::Header => {
                let name = settings.auth_header.as_deref().unwrap_or("");
                let name = HeaderName::try_from(name)
                    .map_err(|_| missing("auth_header", "name the header that holds the secret"))?;
                Self::Header(name, secret()?)
            }
        })
    }

    /// The request with its proof.
    pub(crate) fn add_to(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::None => request,
            Self::Basic(user, password) => request.basic_auth(user, Some(password.reveal())),
            Self::Bearer(token) => request.bearer_auth(token.reveal()),
            Self::Header(name, value) => request.header(name, value.reveal()),
        }
    }
}
