//! Reading requests: bounded, timed, and with faults that name the place.

use crate::problem::{Fault, Kind, Problem};
use crate::state::House;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The largest JSON or form body, in bytes.
const LARGEST: usize = 256 * 1024;
/// The longest an ordinary body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads a whole body of at most `largest` bytes within `patience`.
pub(crate) async fn read(
    request: Request,
    largest: usize,
    patience: Duration,
) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::new(
            Kind::TooLarge,
            format!("At most {largest} bytes are taken here."),
        )
    };
    let (parts, body) = request.into_parts();
    if parts.headers.contains_key(CONTENT_ENCODING) {
        return Err(Problem::new(
            Kind::UnsupportedMediaType,
            "Compressed bodies are not taken.",
        ));
    }
    let declared = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > largest) {
        return Err(too_large());
    }
    match tokio::time::timeout(patience, Limited::new(body, largest).collect()).await {
        Err(_) => Err(Problem::new(
            Kind::RequestTimeout,
            "The body did not arrive in time.",
        )),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(Kind::MalformedRequest, "The body broke off.")),
    }
}

/// A JSON body with its bytes, which idempotency needs.
#[derive(Debug)]
pub(crate) struct Json<T> {
    /// What it says.
    pub(crate) value: T,
    /// The very bytes.
    pub(crate) bytes: Bytes,
}

impl<T: DeserializeOwned> FromRequest<House> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &House) -> Result<Self, Problem> {
        let named = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        let essence = named.split(';').next().unwrap_or("").trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Problem::new(
                Kind::UnsupportedMediaType,
                "Send JSON, with Content-Type: application/json.",
            ));
        }
        let bytes = read(request, LARGEST, PATIENCE).await?;
        let value = parse(&bytes)?;
        Ok(Self { value, bytes })
    }
}

/// Reads JSON; a body that is no JSON at all is another fault than a field that is not right.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        if !error.is_data() {
            return Problem::new(
                Kind::MalformedRequest,
                format!("The body is not valid JSON: {error}."),
            );
        }
        let why: String = error.to_string().chars().take(300).collect();
        let code = if why.starts_with("unknown field") {
            "unknown_field"
        } else {
            "malformed"
        };
        let fault = Fault {
            pointer: quoted(&why)
                .filter(|_| code == "unknown_field")
                .map(|name| format!("/{name}"))
                .unwrap_or_default(),
            code: code.to_owned(),
            detail: why,
            row: None,
            column: None,
        };
        Problem {
            errors: vec![fault],
            ..Problem::new(
                Kind::ValidationFailed,
                "A field is not right. Nothing was changed.",
            )
        }
    })
}

fn quoted(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

/// A form of the console, as pairs in order: names repeat where people may fill in several.
#[derive(Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// One field; empty when it is not there.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value)
    }

    /// Every field, in order.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// Every value of a field that may be ticked more than once.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Fields whose names begin with `prefix`, and what follows it.
    pub(crate) fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .iter()
            .filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }
}

impl FromRequest<House> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &House) -> Result<Self, Problem> {
        let bytes = read(request, LARGEST, PATIENCE).await?;
        let pairs = url::form_urlencoded::parse(&bytes);
        Ok(Self(
            pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        ))
    }
}
