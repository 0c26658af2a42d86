//! Small public addresses: explanations of problems, robots.txt, security.txt.

use crate::page;
use crate::problem::{Kind, Problem};
use crate::public::PlainPage;
use crate::state::House;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::HeaderMap;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use oyez_domain::time::Wall;
use std::time::Duration;

const TEXT: &str = "text/plain; charset=utf-8";
/// How long what security.txt says is good for (RFC 9116 §2.5.5 asks for less than a year).
const GOOD_FOR: Duration = Duration::from_secs(180 * 24 * 3600);
const DAY_MICROSECONDS: i64 = 24 * 3600 * 1_000_000;

/// `/problems/{slug}`: what a problem means and what to do, so that it can be read when the internet cannot.
pub(crate) async fn problem(
    State(house): State<House>,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let kind = Kind::from_slug(&slug).ok_or_else(Problem::not_found)?;
    let status = format!(
        "Programs get status {} and the code {}.",
        kind.status().as_u16(),
        kind.slug()
    );
    page::shared(
        &headers,
        &PlainPage::new(
            &house.desk.organisation,
            kind.title(),
            &[kind.cure(), &status],
        ),
    )
}

/// `/robots.txt`: the site may be read by everybody, personal links and the console by no robot.
pub(crate) async fn robots() -> Response {
    let text = "User-agent: *\nDisallow: /x/\nDisallow: /console\nDisallow: /api/\nDisallow: /callbacks/\n";
    (
        [
            (CONTENT_TYPE, TEXT),
            (CACHE_CONTROL, "public, max-age=3600"),
        ],
        text,
    )
        .into_response()
}

/// `/.well-known/security.txt` (RFC 9116): whom to tell about a weakness.
pub(crate) async fn security(State(house): State<House>) -> Response {
    let organisation = &house.desk.organisation;
    let contact = match organisation.contact_telephone.as_str() {
        "" => organisation.public_url.clone(),
        telephone => format!("tel:{}", international(telephone)),
    };
    // Whole days, so that the text is the same all day long.
    let today = house.desk.clock.wall().0 / DAY_MICROSECONDS * DAY_MICROSECONDS;
    let expires = Wall(today).plus(GOOD_FOR).rfc3339();
    let canonical = format!("{}/.well-known/security.txt", organisation.public_url);
    let text = format!(
        "Contact: {contact}\nExpires: {expires}\nCanonical: {canonical}\nPreferred-Languages: en\n"
    );
    (
        [
            (CONTENT_TYPE, TEXT),
            (CACHE_CONTROL, "public, max-age=3600"),
        ],
        text,
    )
        .into_response()
}

/// A UK number with its country code and hyphens, as `tel:` in security.txt wants it (RFC 3966).
fn international(telephone: &str) -> String {
    let digits: String = telephone.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix('0') {
        Some(national) => format!("+44-{national}"),
        None => format!("+{digits}"),
    }
}
