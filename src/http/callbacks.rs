//! `/callbacks/{channel}` and `/callbacks/{channel}/{provider}`: what providers tell us later, handed on byte for byte.

use crate::body;
use crate::problem::Problem;
use crate::state::House;
use axum::extract::{Request, State};
use hyper::StatusCode;
use oyez_domain::channel::ChannelName;
use oyez_domain::receipt::Callback;
use std::time::Duration;

/// The longest a callback may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes a callback in. The adapter decides whether to believe it; a receipt that names nothing of ours is
/// thanked for like any other, so that nobody learns from the answer which references exist.
pub(crate) async fn receive(
    State(house): State<House>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let method = request.method().to_string();
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str())
        .to_owned();
    let mut parts = target.split('?').next().unwrap_or("").split('/').skip(2);
    let (name, provider) = (parts.next().unwrap_or(""), parts.next());
    let channel: ChannelName = name.parse().map_err(|_| Problem::not_found())?;
    // Providers sign the URL they were given, whatever a proxy made of it on the way.
    let url = format!("{}{target}", house.desk.organisation.public_url);
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect();
    let largest = house.desk.largest_callback(&channel, provider);
    let body = body::read(request, largest, PATIENCE).await?;
    let _turn = house.lanes.receipts.turn().await?;
    let callback = Callback {
        method: &method,
        url: &url,
        headers: &headers,
        body: &body,
    };
    let received = house
        .desk
        .receive_callback(&channel, provider, &callback)
        .await?;
    tracing::debug!(channel.name = %channel, applied = received.applied, repeated = received.repeated, "callback taken");
    Ok(StatusCode::NO_CONTENT)
}
