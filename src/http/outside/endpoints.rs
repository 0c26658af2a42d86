//! Partners' webhooks over the API.

use super::house::Fixture;
use hyper::StatusCode;
use serde_json::{Value, json};

const SECRET: &str = "whsec_b3llei1kb2NzLWV4YW1wbGUtc2VjcmV0LTMyYnl0ZXM=";

async fn put(fixture: &Fixture, name: &str, secret: &str) -> StatusCode {
    let body =
        json!({"url": format!("https://{name}.example.gov.uk/hooks/a-secret"), "secret": secret});
    let path = format!("/endpoints/{name}");
    fixture.api("PUT", &path, Some(body)).await.status
}

async fn list(fixture: &Fixture) -> Value {
    fixture.api("GET", "/endpoints", None).await.json()["data"].clone()
}

#[tokio::test]
async fn a_partner_is_listed_without_what_may_be_secret() {
    let fixture = Fixture::new();
    assert_eq!(
        put(&fixture, "kensington", SECRET).await,
        StatusCode::NO_CONTENT
    );
    let expected = json!([{"name": "kensington", "url": "https://kensington.example.gov.uk/…", "shut_at": null, "both_until": null}]);
    assert_eq!(list(&fixture).await, expected);
    let gone = fixture.api("DELETE", "/endpoints/kensington", None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(list(&fixture).await, json!([]));
    let gone = fixture.api("DELETE", "/endpoints/kensington", None).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_secret_that_cannot_sign_is_refused() {
    let fixture = Fixture::new();
    for secret in [
        "",
        "whsec_c2hvcnQ=",
        "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
    ] {
        assert_eq!(
            put(&fixture, "kensington", secret).await,
            StatusCode::UNPROCESSABLE_ENTITY
        );
    }
    assert_eq!(list(&fixture).await, json!([]));
}

#[tokio::test]
async fn a_new_key_is_told_once_and_the_old_one_goes_on_for_as_long_as_asked() {
    let fixture = Fixture::new();
    put(&fixture, "kensington", SECRET).await;
    for (version, begins) in [("v1a", "whpk_"), ("v1", "whsec_")] {
        let body = json!({"version": version, "overlap_hours": 48});
        let answer = fixture
            .api("POST", "/endpoints/kensington/key", Some(body))
            .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        let key = answer.json();
        assert!(key["key"].as_str().unwrap().starts_with(begins), "{key}");
        assert_eq!(key["both_until"], "2025-11-29T10:30:00Z");
    }
    assert_eq!(
        list(&fixture).await[0]["both_until"],
        "2025-11-29T10:30:00Z"
    );
    for wrong in [
        json!({"version": "v2"}),
        json!({"overlap_hours": 337}),
        json!({"overlap": 1}),
    ] {
        let answer = fixture
            .api("POST", "/endpoints/kensington/key", Some(wrong))
            .await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{}",
            answer.text
        );
    }
    let nobody = fixture
        .api("POST", "/endpoints/nobody/key", Some(json!({})))
        .await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}
