//! `/x/{token}`: stopping messages (RFC 8058). Looking changes nothing; posting stops, at once and for good.

use crate::body;
use crate::page;
use crate::problem::Problem;
use crate::public::PlainPage;
use crate::state::House;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use hyper::StatusCode;
use oyez_dispatch::DeskError;
use oyez_domain::LedgerError;
use std::time::Duration;

/// The largest form taken, in bytes; what it says does not matter.
const LARGEST: usize = 4096;

/// A link that is not ours, or not any more: the same words for every such case.
fn unknown_link(house: &House) -> Result<Response, Problem> {
    let lines = [
        "The link may be incomplete. Open it again from the message itself.",
        "Nothing was changed.",
    ];
    let page = PlainPage::new(&house.desk.organisation, "This link does not work", &lines);
    page::html_with(StatusCode::NOT_FOUND, &page)
}

fn is_unknown(error: &DeskError) -> bool {
    matches!(error, DeskError::Ledger(LedgerError::NotFound(_)))
}

/// Shows one button. Link scanners come here too, so this changes nothing.
pub(crate) async fn show(
    State(house): State<House>,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    let organisation = &house.desk.organisation;
    match house.desk.stop_token_state(&token).await {
        Ok(true) => {
            let lines = ["You will get no more updates at this address."];
            page::html(&PlainPage::new(
                organisation,
                "Messages are stopped",
                &lines,
            ))
        }
        Ok(false) => {
            let lines = [
                "Press the button and we will send nothing more to the address this link was sent to. It works at once, also for messages that are waiting to be sent.",
                "You can always read the latest update on this site.",
            ];
            let page = PlainPage::new(organisation, "Stop getting updates", &lines);
            page::html(&PlainPage {
                button: Some("Stop all updates".to_owned()),
                ..page
            })
        }
        Err(error) if is_unknown(&error) => unknown_link(&house),
        Err(error) => Err(error.into()),
    }
}

/// Stops messages. A mail program's one click and the page's button arrive here alike; repeating it is harmless.
pub(crate) async fn stop(
    State(house): State<House>,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    body::read(request, LARGEST, Duration::from_secs(10)).await?;
    match house.desk.opt_out(&token).await {
        Ok(()) => {
            let lines = [
                "You will get no more updates at this address.",
                "You can always read the latest update on this site.",
            ];
            page::html(&PlainPage::new(
                &house.desk.organisation,
                "Messages are stopped",
                &lines,
            ))
        }
        Err(error) if is_unknown(&error) => unknown_link(&house),
        Err(error) => Err(error.into()),
    }
}
