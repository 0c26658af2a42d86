//! Feeds and alerts: the same updates as the pages, for readers and for other warning systems.

use super::house::Fixture;
use hyper::StatusCode;
use serde_json::{Value, json};

/// Writes and releases an update, a second later than the one before; its reference.
async fn release(fixture: &Fixture, incident: &str, more: Value) -> String {
    let mut draft = json!({ "incident": incident, "headline": "Pay as usual", "what_to_do": ["Call 020 7641 6000."],
        "next_update_by": "2025-11-27T16:00:00Z" });
    for (key, value) in more.as_object().unwrap() {
        draft[key] = value.clone();
    }
    let draft = fixture.api("POST", "/updates", Some(draft)).await;
    assert_eq!(draft.status, StatusCode::CREATED, "{}", draft.text);
    let draft = draft.json();
    let reference = draft["reference"].as_str().unwrap();
    let send = format!("/updates/{reference}/send");
    let sent = fixture.keyed("POST", &send, None, Some(reference)).await;
    assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text);
    fixture.still.pass(1);
    reference.to_owned()
}

async fn stop(fixture: &Fixture, reference: &str) {
    let path = format!("/updates/{reference}/stop");
    let stopped = fixture
        .api("POST", &path, Some(json!({ "reason": "wrong number" })))
        .await;
    assert_eq!(stopped.status, StatusCode::OK, "{}", stopped.text);
}

async fn alert(fixture: &Fixture, reference: &str) -> String {
    let answer = fixture.get(&format!("/u/{reference}.cap")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.header("content-type"),
        "application/cap+xml; charset=utf-8"
    );
    answer.text
}

fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

#[tokio::test]
async fn an_alert_names_the_alerts_that_it_follows() {
    let fixture = Fixture::new();
    let incident = fixture.incident().await;
    let kind = |kind: &str, headline: &str| json!({ "kind": kind, "headline": headline });
    let first = release(&fixture, &incident, json!({})).await;
    let practice = release(&fixture, &incident, kind("exercise", "Practice")).await;
    let correction = release(&fixture, &incident, kind("correction", "Another number")).await;
    let over = release(&fixture, &incident, kind("all_clear", "It is over")).await;
    let other = release(
        &fixture,
        &fixture.incident().await,
        kind("update", "Elsewhere"),
    )
    .await;
    let named = |reference: &str, second: u8| {
        format!(
            "oyez@status.example.gov.uk,status.example.gov.uk-{reference}-1,2025-11-27T10:30:0{second}+00:00"
        )
    };
    let both = format!("{} {}", named(&correction, 2), named(&first, 0));
    for (reference, status, message, references) in [
        (&first, "Actual", "Alert", None),
        (&practice, "Exercise", "Alert", None),
        (&correction, "Actual", "Update", Some(named(&first, 0))),
        (&over, "Actual", "Cancel", Some(both)),
        (&other, "Actual", "Alert", None),
    ] {
        let alert = alert(&fixture, reference).await;
        assert_eq!(element(&alert, "status"), Some(status));
        assert_eq!(element(&alert, "msgType"), Some(message), "{alert}");
        assert_eq!(element(&alert, "references"), references.as_deref());
        let identifier = format!("status.example.gov.uk-{reference}-1");
        assert_eq!(element(&alert, "identifier"), Some(identifier.as_str()));
    }
    assert_eq!(
        element(&alert(&fixture, &over).await, "responseType"),
        Some("AllClear")
    );
}

#[tokio::test]
async fn a_stopped_update_is_cancelled_by_an_alert_of_its_own() {
    let fixture = Fixture::new();
    let reference = release(&fixture, &fixture.incident().await, json!({})).await;
    let before = alert(&fixture, &reference).await;
    fixture.still.pass(59);
    stop(&fixture, &reference).await;
    let after = alert(&fixture, &reference).await;
    let first = ["sender", "identifier", "sent"].map(|name| element(&before, name).unwrap());
    assert_eq!(element(&after, "msgType"), Some("Cancel"));
    assert_eq!(
        element(&after, "references"),
        Some(first.join(",").as_str())
    );
    assert_eq!(element(&after, "sent"), Some("2025-11-27T10:31:00+00:00"));
    assert_ne!(element(&after, "identifier"), Some(first[1]));
    let feed = fixture.get("/feed.atom").await.text;
    assert!(feed.contains("<updated>2025-11-27T10:31:00Z</updated>"));
    assert_eq!(feed.matches("We stopped sending this update").count(), 2);
}

#[tokio::test]
async fn an_alert_speaks_each_language_that_the_author_wrote() {
    let fixture = Fixture::new();
    let short = json!({ "short": { "cy": "Talwch fel arfer. {ref}" }, "urgent": true });
    let reference = release(&fixture, &fixture.incident().await, short).await;
    let alert = alert(&fixture, &reference).await;
    assert!(
        alert.contains("<language>en-GB</language>") && alert.contains("<language>cy</language>")
    );
    assert!(alert.contains(&format!("Talwch fel arfer. {reference}")));
    assert_eq!(element(&alert, "urgency"), Some("Immediate"));
    assert!(
        alert.contains("<geocode><valueName>GSS</valueName><value>E09000033</value></geocode>")
    );
}

#[tokio::test]
async fn the_list_for_programs_says_what_the_page_says() {
    let fixture = Fixture::new();
    let services = json!([{ "id": "debits", "name": "Direct Debits", "state": "down", "note": "Do not cancel it." }]);
    fixture
        .api("PUT", "/services", Some(services.clone()))
        .await;
    let more = json!({ "services": { "debits": "limited" }, "what_not_to_do": ["Do not worry."], "detail": "More." });
    let reference = release(&fixture, &fixture.incident().await, more).await;
    let answer = fixture.get("/updates.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    let list = answer.json();
    assert_eq!(list["issuer"]["id"], "status.example.gov.uk");
    assert_eq!(list["services"][0]["state"], "limited");
    let update = &list["updates"][0];
    let web = format!("https://status.example.gov.uk/u/{reference}");
    for (key, value) in [
        ("/reference", json!(reference)),
        ("/headline", json!("Pay as usual")),
        ("/what_to_do", json!(["Call 020 7641 6000."])),
        ("/what_not_to_do", json!(["Do not worry."])),
        ("/detail", json!("More.")),
        ("/state", json!("released")),
        ("/status", json!("actual")),
        ("/published_at", json!("2025-11-27T10:30:00Z")),
        ("/next_update_by", json!("2025-11-27T16:00:00Z")),
        ("/stopped_at", Value::Null),
        ("/links/web", json!(web)),
        ("/links/cap", json!(format!("{web}.cap"))),
        ("/services/0/state", json!("limited")),
    ] {
        assert_eq!(update.pointer(key), Some(&value), "{key}");
    }
    stop(&fixture, &reference).await;
    let list = fixture.get("/updates.json").await.json();
    assert_eq!(list["updates"][0]["state"], "stopped");
}

#[tokio::test]
async fn feeds_are_named_in_the_head_of_each_page_and_not_sent_twice() {
    let fixture = Fixture::new();
    let reference = release(&fixture, &fixture.incident().await, json!({})).await;
    for page in ["/", &format!("/u/{reference}")] {
        let text = fixture.get(page).await.text;
        let (head, _) = text.split_once("</head>").unwrap();
        for feed in ["/feed.atom", "/updates.json"] {
            assert!(
                head.contains(&format!("href=\"{feed}\"")),
                "{page} lacks {feed}"
            );
        }
    }
    for feed in [
        "/feed.atom",
        "/updates.json",
        &format!("/u/{reference}.cap"),
    ] {
        let answer = fixture.get(feed).await;
        let tag = answer.header("etag");
        let again = hyper::Request::get(feed).header("if-none-match", tag);
        let again = fixture
            .ask(again.body(axum::body::Body::empty()).unwrap())
            .await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{feed}");
    }
    assert_eq!(
        fixture.get("/u/222-222.cap").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn the_feed_has_the_newest_twenty_and_no_markup_of_anybody() {
    let fixture = Fixture::new();
    let incident = fixture.incident().await;
    for number in 0..21 {
        let headline = json!({ "headline": format!("Number {number} <b>&</b>") });
        release(&fixture, &incident, headline).await;
    }
    let feed = fixture.get("/feed.atom").await.text;
    assert_eq!(feed.matches("<entry").count(), 20);
    assert!(feed.contains("Number 20 &#60;b&#62;&#38;&#60;/b&#62;") && !feed.contains("Number 0 "));
    assert!(feed.len() < 100_000);
}
