//! Event streams, byte for byte.

use super::house::{Answer, Fixture, TOKEN};
use axum::body::Body;
use http_body_util::BodyExt;
use hyper::{Request, StatusCode};
use oyez_dispatch::event::Event;
use serde_json::json;

/// The first frames of a stream, until `enough` of them came.
async fn frames(
    fixture: &Fixture,
    path: &str,
    last: Option<&str>,
    enough: usize,
) -> (Answer, Vec<String>) {
    let mut request =
        Request::get(format!("/api/v1{path}")).header("authorization", format!("Bearer {TOKEN}"));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let (parts, mut body) = fixture
        .knock(request.body(Body::empty()).unwrap())
        .await
        .into_parts();
    let mut text = String::new();
    while text.matches("\n\n").count() < enough {
        let Some(frame) = body.frame().await else {
            break;
        };
        text.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
    }
    let frames = text.split_terminator("\n\n").map(str::to_owned).collect();
    (
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::new(),
        },
        frames,
    )
}

fn event(channel: &str, line: &str) -> Event {
    Event {
        at: oyez_domain::time::Wall(0),
        channel: channel.parse().unwrap(),
        code: "paused".to_owned(),
        reason: None,
        line: line.to_owned(),
    }
}

#[tokio::test]
async fn a_stream_begins_with_how_to_come_back_and_tells_progress_and_events() {
    let fixture = Fixture::new();
    let draft = fixture.released("Pay as usual").await;
    fixture.house.journal.note(event("mail", "the first"));
    let path = format!("/updates/{}/stream", draft["id"].as_str().unwrap());
    let zero = fixture.house.journal.id(0);
    let (answer, frames) = frames(&fixture, &path, Some(&zero), 4).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(
        (
            answer.header("x-accel-buffering"),
            answer.header("cache-control")
        ),
        ("no", "no-store")
    );
    assert_eq!(frames[0], "retry: 3000");
    let id = fixture.house.journal.id(1);
    assert!(
        frames[1].starts_with("event: event\n") && frames[1].ends_with(&format!("\nid: {id}")),
        "{}",
        frames[1]
    );
    let progress: Vec<serde_json::Value> = frames[2..4]
        .iter()
        .map(|frame| {
            serde_json::from_str(frame.strip_prefix("event: progress\ndata: ").unwrap()).unwrap()
        })
        .collect();
    assert_eq!(
        [&progress[0]["channel"], &progress[1]["channel"]],
        ["board", "mail"]
    );
}

#[tokio::test]
async fn a_stream_that_cannot_be_resumed_says_so() {
    let fixture = Fixture::new();
    let (_, frames) = frames(&fixture, "/events", Some("an-older-start-17"), 2).await;
    assert!(frames[1].starts_with("event: reset\n"), "{frames:?}");
}

#[tokio::test]
async fn the_201st_stream_is_asked_to_poll() {
    let fixture = Fixture::new();
    let streams = fixture.house.streams.clone();
    let all = streams.clone().try_acquire_many_owned(200).unwrap();
    let refused = fixture.api("GET", "/events", None).await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("too-many-streams"))
    );
    assert_eq!(refused.header("retry-after"), "5");
    drop(all);
    let (answer, _) = frames(&fixture, "/events", None, 1).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        streams.available_permits(),
        200,
        "a stream that ended gives its place back"
    );
}

#[tokio::test]
async fn the_stream_of_a_finished_update_ends_with_done() {
    let fixture = Fixture::new();
    // Held, nothing is armed, so that stopping settles everybody.
    fixture.api("POST", "/system/hold", None).await;
    let draft = fixture.released("Pay as usual").await;
    let path = format!("/updates/{}", draft["id"].as_str().unwrap());
    let reason = json!({ "reason": "wrong number" });
    let stopped = fixture
        .api("POST", &format!("{path}/stop"), Some(reason))
        .await
        .json();
    assert_eq!(
        (&stopped["counts"]["stopped"], &stopped["finished"]),
        (&json!(2), &json!(true))
    );
    let (_, frames) = frames(&fixture, &format!("{path}/stream"), None, usize::MAX).await;
    assert!(
        frames.last().unwrap().starts_with("event: done\n"),
        "{frames:?}"
    );
}
