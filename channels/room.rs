//! What the kinds share that write into a room: one body of JSON posted to an address that is a secret.

use crate::classify::http::Manner;
use crate::http::{Outlet, Reply, Silence};
use crate::secret;
use oyez_domain::Refusal;
use oyez_domain::channel::IdempotencyClass;
use oyez_domain::outcome::Scope;
use oyez_domain::parcel::Parcel;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderName};
use secrecy::SecretString;
use std::path::PathBuf;
use url::Url;

/// No such network knows a message by a key of ours, so what may be out is left to a person.
pub(crate) const MANNER: Manner = Manner {
    idempotency: IdempotencyClass::Nothing,
    scope: Scope::Channel,
};

/// No network heeds it. It lets whoever keeps a log between us and them find the delivery again.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The room's address. Whoever has it can write there, so that no fault repeats any of it.
///
/// # Errors
/// As [`secret::required`], and when it is no address of a web server.
pub(crate) fn url(inline: Option<&SecretString>, file: Option<&PathBuf>) -> Result<Url, Refusal> {
    let text = secret::required("url", inline, file)?;
    let url = Url::parse(text.reveal()).ok();
    let url = url.filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    url.ok_or_else(|| malformed("it is not an address that begins with https://"))
}

/// The room's address is not what the network gives out.
pub(crate) fn malformed(why: &str) -> Refusal {
    Refusal::new("url", "malformed_url", why)
}

/// The answer to a parcel, posted as this body.
pub(crate) async fn post(
    outlet: &Outlet,
    url: &Url,
    parcel: &Parcel,
    body: Vec<u8>,
) -> Result<Reply, Silence> {
    let request = outlet.request(Method::POST, url.clone())?;
    let request = request
        .header(CONTENT_TYPE, "application/json")
        .header(REQUEST_ID, parcel.reference.as_str())
        .body(body);
    outlet.reply(request).await
}
