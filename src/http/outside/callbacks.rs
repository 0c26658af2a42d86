//! What providers get for an answer.

use super::house::Fixture;
use axum::body::Body;
use hyper::{Request, StatusCode};

async fn call(fixture: &Fixture, path: &str, body: &str) -> StatusCode {
    let request = Request::post(path)
        .header("host", "status.example.gov.uk")
        .body(Body::from(body.to_owned()));
    fixture.ask(request.unwrap()).await.status
}

#[tokio::test]
async fn a_callback_is_believed_by_its_token_and_an_unknown_reference_is_thanked_for() {
    let fixture = Fixture::new();
    assert_eq!(
        call(&fixture, "/callbacks/mail/good", "never-made-by-us").await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        call(&fixture, "/callbacks/mail/bad", "x").await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        call(&fixture, "/callbacks/mail", "x").await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        call(&fixture, "/callbacks/smoke/good", "x").await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        call(&fixture, "/callbacks/mail/good", &"x".repeat(70_000)).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}
