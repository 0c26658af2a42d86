//! More requests than there is room for, and what they are told.

use super::house::{Fixture, HOST, TOKEN};
use crate::places::Rank;
use axum::body::Body;
use hyper::{Request, StatusCode};
use oyez_domain::Random;
use oyez_domain::update::UpdateDraft;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Draws the same six bytes a few times before others, and never the same where more are wanted.
#[derive(Default)]
struct Stubborn(AtomicU64);

impl Random for Stubborn {
    fn fill(&self, bytes: &mut [u8]) {
        let drawn = self.0.fetch_add(1, Ordering::Relaxed);
        bytes.fill(if bytes.len() == 6 && drawn < 8 {
            7
        } else {
            u8::try_from(drawn).unwrap()
        });
    }
}

#[tokio::test]
async fn a_reference_that_is_taken_is_drawn_anew() {
    let fixture = Fixture::new();
    let mut desk = fixture.desk.clone();
    desk.random = Arc::new(Stubborn::default());
    let incident = fixture.incident().await;
    let mut references = Vec::new();
    for headline in ["One", "Two"] {
        let draft = UpdateDraft {
            incident: incident.clone(),
            headline: headline.to_owned(),
            what_to_do: vec!["Nothing.".to_owned()],
            next_update_by: Some("none".to_owned()),
            ..UpdateDraft::default()
        };
        let done = desk.write_update(draft, None, "test").await.unwrap();
        assert_eq!(done.value.headline.as_str(), headline);
        let kept = desk.ledger.update(done.value.id).await.unwrap();
        assert_eq!(kept.reference, done.value.reference);
        references.push(kept.reference);
    }
    assert_ne!(references[0], references[1]);
}

async fn status(fixture: &Fixture, rank: Rank, path: &str) -> (StatusCode, String, String) {
    let request = Request::get(path)
        .header("host", HOST)
        .header("authorization", format!("Bearer {TOKEN}"))
        .extension(rank)
        .body(Body::empty())
        .unwrap();
    let answer = fixture.ask(request).await;
    let header = |name| answer.header(name).to_owned();
    (answer.status, header("retry-after"), header("connection"))
}

#[tokio::test]
async fn when_it_is_full_readers_are_asked_to_come_back_and_the_office_gets_in() {
    let fixture = Fixture::new();
    let (taken, ..) = status(&fixture, Rank::Ordinary, "/").await;
    assert_eq!(taken, StatusCode::OK);
    let away = status(&fixture, Rank::Office, "/").await;
    let expected = (
        StatusCode::SERVICE_UNAVAILABLE,
        "1".to_owned(),
        "close".to_owned(),
    );
    assert_eq!(away, expected);
    let (taken, ..) = status(&fixture, Rank::Office, "/api/v1/queue").await;
    assert_eq!(taken, StatusCode::OK);
    let away = status(&fixture, Rank::Receipts, "/api/v1/queue").await;
    // Not everybody at the same moment.
    assert_eq!((away.0, away.1.as_str()), (expected.0, "2"));
    let (taken, ..) = status(&fixture, Rank::Receipts, "/readyz").await;
    assert_eq!(taken, StatusCode::OK);
    let numbers = fixture.get("/metrics").await.text;
    assert!(
        numbers.contains("oyez_http_turned_away{lane=\"places\"} 2"),
        "{numbers}"
    );
}

#[tokio::test]
async fn a_request_without_the_token_waits_for_no_turn() {
    let fixture = Fixture::new();
    let body = json!({}).to_string();
    let request = Request::post("/api/v1/updates")
        .header("content-type", "application/json")
        .body(Body::from(body));
    let answer = fixture.ask(request.unwrap()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}
