//! Pages: rendered, measured against what the reader has already, and dressed in headers.

use crate::problem::{Kind, Problem};
use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use axum::response::{Html, IntoResponse, Response};
use hyper::HeaderMap;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};

/// The style sheet of the public site; it travels inside each page.
pub(crate) const PUBLIC_CSS: &str = include_str!("assets/public.css");
/// The style sheet of the console.
pub(crate) const CONSOLE_CSS: &str = include_str!("assets/console.css");
/// The console's only script: it keeps the progress page fresh.
pub(crate) const CONSOLE_JS: &str = include_str!("assets/console.js");

/// The hash under which browsers accept the public style sheet (CSP Level 3 §8.2).
pub(crate) fn public_css_hash() -> String {
    format!(
        "sha256-{}",
        data_encoding::BASE64.encode(digest(&SHA256, PUBLIC_CSS.as_bytes()).as_ref())
    )
}

/// A page as text.
pub(crate) fn render(page: &impl Template) -> Result<String, Problem> {
    page.render().map_err(|error| {
        tracing::error!(%error, "a page could not be made");
        Problem::new(Kind::Internal, "The page could not be made.")
    })
}

/// A page.
pub(crate) fn html(page: &impl Template) -> Result<Response, Problem> {
    Ok(Html(render(page)?).into_response())
}

/// A page with another status than 200.
pub(crate) fn html_with(status: StatusCode, page: &impl Template) -> Result<Response, Problem> {
    Ok((status, html(page)?).into_response())
}

/// A page that everybody may keep for a moment, and that is not sent again to those who have it.
pub(crate) fn shared(headers: &HeaderMap, page: &impl Template) -> Result<Response, Problem> {
    let text = render(page)?;
    let hash = digest(&SHA256, text.as_bytes());
    let tag = format!(
        "\"{}\"",
        data_encoding::BASE32_DNSSEC.encode(hash.as_ref().get(..16).unwrap_or_default())
    );
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let fresh = known
        .split(',')
        .any(|one| one.trim().trim_start_matches("W/") == tag);
    let mut response = if fresh {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Html(text).into_response()
    };
    response.headers_mut().insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=15"),
    );
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}
