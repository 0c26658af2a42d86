//! The `Idempotency-Key` header: the same key and request give the first answer again.

use crate::problem::{Kind, Problem};
use crate::state::Caller;
use aws_lc_rs::digest::{SHA256, digest};
use axum::response::{IntoResponse, Response};
use hyper::HeaderMap;
use hyper::header::HeaderValue;
use oyez_domain::ledger::{Done, Idempotency};

/// The key of a request on `route`; `subject` and `body` are what a repeat must have in common with it.
pub(crate) fn key(
    headers: &HeaderMap,
    caller: Caller,
    route: &str,
    subject: &str,
    body: &[u8],
) -> Result<Option<Idempotency>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let malformed = || {
        Problem::new(
            Kind::KeyMalformed,
            "The header Idempotency-Key cannot be used.",
        )
    };
    let text = value.to_str().map_err(|_| malformed())?.trim();
    // A structured-field string or a bare value: both are in use.
    let key = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(text);
    if key.is_empty()
        || key.len() > 255
        || !key
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ')
    {
        return Err(malformed());
    }
    Ok(Some(Idempotency {
        scope: format!("{} {route}", caller.actor()),
        key: key.to_owned(),
        request_hash: request_hash(subject, body),
    }))
}

/// The key of a request that sends: without one it goes no further.
pub(crate) fn required(
    headers: &HeaderMap,
    caller: Caller,
    route: &str,
    subject: &str,
    body: &[u8],
) -> Result<Idempotency, Problem> {
    key(headers, caller, route, subject, body)?.ok_or_else(|| {
        Problem::new(
            Kind::KeyMissing,
            "This can send messages, so it needs a header Idempotency-Key. Nothing was sent.",
        )
    })
}

/// What a request is, in 32 bytes.
pub(crate) fn request_hash(subject: &str, body: &[u8]) -> [u8; 32] {
    let mut request = subject.as_bytes().to_vec();
    request.push(0);
    request.extend_from_slice(body);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &request).as_ref());
    hash
}

/// Marks an answer that an earlier request had earned.
pub(crate) fn answer<T>(done: Done<T>, render: impl FnOnce(T) -> Response) -> Response {
    let mut response = render(done.value).into_response();
    if done.replayed {
        response
            .headers_mut()
            .insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    response
}
