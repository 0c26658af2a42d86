//! The public site's doors: its pages are answered from the bytes that [`crate::site`] keeps.

use crate::page;
use crate::problem::Problem;
use crate::site::{Sort, digits};
use crate::state::House;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::{HeaderMap, StatusCode, Uri};
use oyez_domain::organisation::Organisation;
use oyez_domain::reference::UpdateReference;

/// A page with a heading and a few lines.
#[derive(Template)]
#[template(path = "plain.html")]
pub(crate) struct PlainPage<'a> {
    /// Who speaks.
    pub(crate) organisation: &'a Organisation,
    /// The telephone's digits.
    pub(crate) telephone_digits: String,
    /// Title and heading.
    pub(crate) heading: String,
    /// The lines under it.
    pub(crate) lines: Vec<String>,
    /// A button that posts to this very address, with these words.
    pub(crate) button: Option<String>,
}

impl<'a> PlainPage<'a> {
    /// A page without a button.
    pub(crate) fn new(organisation: &'a Organisation, heading: &str, lines: &[&str]) -> Self {
        Self {
            organisation,
            telephone_digits: digits(&organisation.contact_telephone),
            heading: heading.to_owned(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            button: None,
        }
    }
}

/// The pages and feeds that have one address each: `/`, `/history`, `/i/{id}`, `/feed.atom`, `/updates.json`,
/// `/api/v2/…`.
pub(crate) async fn fixed(
    State(house): State<House>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let edition = house.site.edition(&house.desk).await?;
    let answer = edition.answer(uri.path(), &headers, house.desk.clock.wall());
    answer.ok_or_else(Problem::not_found)
}

/// `/u/{ref}` and `/u/{ref}.cap`: one update in full, under any spelling of its reference.
pub(crate) async fn update(
    State(house): State<House>,
    Path(text): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (text, sort) = match text.strip_suffix(".cap") {
        Some(text) => (text, Sort::Cap),
        None => (text.as_str(), Sort::Page),
    };
    if let Ok(reference) = text.parse::<UpdateReference>() {
        let edition = house.site.edition(&house.desk).await?;
        let asked = (&reference, sort);
        if let Some(answer) = edition.update(&house.desk, asked, &headers).await? {
            return Ok(answer);
        }
    }
    let heading = "We did not send a message with this reference";
    let lines = [
        "Check the reference: it has six letters and digits, such as 7QX-4HM.",
        "If the message asks for bank details, passwords or codes, it is not from us. Forward suspicious texts to 7726 and suspicious emails to report@phishing.gov.uk.",
    ];
    page::html_with(
        StatusCode::NOT_FOUND,
        &PlainPage::new(&house.desk.organisation, heading, &lines),
    )
}
