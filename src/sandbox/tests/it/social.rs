//! The Mastodon server.

use crate::support::{Reply, Stage, play, play_json};
use oyez_sandbox::Scenario;

const TOKEN: (&str, &str) = ("authorization", "Bearer t");
const JSON: (&str, &str) = ("content-type", "application/json");

async fn post(stage: &Stage, key: &str, body: &str) -> Reply {
    stage
        .post(
            "/mastodon/mastodon/api/v1/statuses",
            &[TOKEN, JSON, ("idempotency-key", key)],
            body,
        )
        .await
        .unwrap()
}

#[tokio::test]
async fn the_same_key_gives_the_same_status_and_one_effect() {
    let stage = play(Scenario::default()).await;
    let first = post(&stage, "k1", r#"{"status":"hear ye","language":"en"}"#).await;
    let again = post(&stage, "k1", r#"{"status":"hear ye","language":"en"}"#).await;
    let other = post(&stage, "k2", r#"{"status":"hear ye"}"#).await;
    assert_eq!((first.status, again.status, other.status), (200, 200, 200));
    assert_eq!(first.json(), again.json());
    assert_ne!(first.json()["id"], other.json()["id"]);
    assert_eq!(first.json()["content"], "<p>hear ye</p>");
    assert!(first.json()["created_at"].is_string() && first.json()["uri"].is_string());
    let seen: Vec<_> = stage
        .records()
        .into_iter()
        .map(|record| (record.key, record.effect))
        .collect();
    assert_eq!(
        seen,
        [
            ("k1".to_owned(), true),
            ("k1".to_owned(), false),
            ("k2".to_owned(), true)
        ]
    );
}

#[tokio::test]
async fn a_form_is_as_good_as_json_and_replies_name_a_status_that_exists() {
    let stage = play(Scenario::default()).await;
    let path = "/mastodon/mastodon/api/v1/statuses";
    let form = ("content-type", "application/x-www-form-urlencoded");
    let reply = stage
        .post(
            path,
            &[TOKEN, form],
            "status=one+%26+two&visibility=unlisted",
        )
        .await
        .unwrap();
    assert_eq!(reply.json()["content"], "<p>one &amp; two</p>");
    assert_eq!(reply.json()["visibility"], "unlisted");
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    let answer = post(
        &stage,
        "k",
        &format!(r#"{{"status":"x","in_reply_to_id":"{id}"}}"#),
    )
    .await;
    assert_eq!(
        (answer.status, answer.json()["in_reply_to_id"].as_str()),
        (200, Some(id.as_str()))
    );
    assert_eq!(
        post(&stage, "k3", r#"{"status":"x","in_reply_to_id":"0"}"#)
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn the_limit_is_500_characters_with_links_at_23() {
    let stage = play(Scenario::default()).await;
    let link = format!("https://example.invalid/{}", "y".repeat(200));
    let fits = format!(r#"{{"status":"{} {link}"}}"#, "x".repeat(476));
    let too_long = format!(r#"{{"status":"{} {link}"}}"#, "x".repeat(477));
    assert_eq!(post(&stage, "a", &fits).await.status, 200);
    assert_eq!(post(&stage, "b", &too_long).await.status, 422);
    assert_eq!(post(&stage, "c", r#"{"status":"  "}"#).await.status, 422);
}

#[tokio::test]
async fn without_the_right_token_nothing_is_posted() {
    let stage = play_json(r#"{"channels":{"locked":{"bearer_token":"right"}}}"#).await;
    for headers in [&[JSON][..], &[JSON, TOKEN]] {
        let reply = stage
            .post(
                "/locked/mastodon/api/v1/statuses",
                headers,
                r#"{"status":"x"}"#,
            )
            .await
            .unwrap();
        assert_eq!(
            (reply.status, &reply.json()["error"]),
            (401, &"The access token is invalid".into())
        );
    }
    assert_eq!(
        stage
            .get(
                "/locked/mastodon/api/v1/accounts/verify_credentials",
                &[TOKEN]
            )
            .await
            .unwrap()
            .status,
        401
    );
}

#[tokio::test]
async fn the_account_allows_300_statuses_and_says_when_it_allows_more() {
    let stage = play(Scenario::default()).await;
    for number in 0..300 {
        let reply = post(&stage, &format!("k{number}"), r#"{"status":"x"}"#).await;
        assert_eq!(
            reply.header("x-ratelimit-remaining"),
            Some((299 - number).to_string().as_str())
        );
    }
    let reply = post(&stage, "k300", r#"{"status":"x"}"#).await;
    assert_eq!(reply.status, 429);
    let reset: jiff::Timestamp = reply.header("x-ratelimit-reset").unwrap().parse().unwrap();
    assert!(reset > stage.records()[0].wall);
    assert_eq!(
        post(&stage, "k1", r#"{"status":"x"}"#).await.status,
        200,
        "a repeat costs nothing"
    );
    assert_eq!(stage.sandbox.counts()["mastodon"].effects, 300);
}

#[tokio::test]
async fn what_was_posted_can_be_read_back_newest_first() {
    let stage = play(Scenario::default()).await;
    let instance = stage
        .get("/mastodon/mastodon/api/v2/instance", &[])
        .await
        .unwrap()
        .json();
    assert_eq!(instance["configuration"]["statuses"]["max_characters"], 500);
    assert_eq!(
        instance["configuration"]["statuses"]["characters_reserved_per_url"],
        23
    );
    let account = stage
        .get(
            "/mastodon/mastodon/api/v1/accounts/verify_credentials",
            &[TOKEN],
        )
        .await
        .unwrap()
        .json();
    let statuses = format!(
        "/mastodon/mastodon/api/v1/accounts/{}/statuses?limit=20",
        account["id"].as_str().unwrap()
    );
    assert_eq!(
        stage.get(&statuses, &[]).await.unwrap().json(),
        serde_json::json!([])
    );
    post(&stage, "k1", r#"{"status":"one"}"#).await;
    post(&stage, "k2", r#"{"status":"two"}"#).await;
    let listed = stage.get(&statuses, &[]).await.unwrap().json();
    assert_eq!(
        (&listed[0]["content"], &listed[1]["content"]),
        (&"<p>two</p>".into(), &"<p>one</p>".into())
    );
    let id = |at: usize| listed[at]["id"].as_str().unwrap().to_owned();
    let older = format!("{statuses}&max_id={}", id(0));
    let older = stage.get(&older, &[]).await.unwrap().json();
    assert_eq!(older, serde_json::json!([listed[1]]));
    let source = |id: String| format!("/mastodon/mastodon/api/v1/statuses/{id}/source");
    let source = async |id: String| stage.get(&source(id), &[TOKEN]).await.unwrap();
    assert_eq!(source(id(1)).await.json()["text"], "one");
    assert_eq!(source("0".to_owned()).await.status, 404);
}
