//! What residents see, and what looking may not do.

use super::house::{Answer, Fixture};
use axum::body::Body;
use hyper::{Request, StatusCode};
use serde_json::json;

fn services() -> serde_json::Value {
    json!([
        { "id": "general", "name": "Contact centre", "state": "limited", "note": "Waits may be longer.",
          "telephone": "020 7641 6000",
          "hours": { "mon": "09:00-17:00", "tue": "09:00-17:00", "wed": "09:00-16:00" } },
        { "id": "debits", "name": "Direct Debits", "state": "down", "note": "Do not cancel it." },
        { "id": "care", "name": "Adult social care", "state": "ok", "telephone": "020 7641 2500" },
    ])
}

async fn page(fixture: &Fixture) -> Answer {
    let answer = fixture.get("/").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer
}

#[tokio::test]
async fn the_status_page_carries_every_fact() {
    let fixture = Fixture::new();
    assert_eq!(
        fixture
            .api("PUT", "/services", Some(services()))
            .await
            .status,
        StatusCode::OK
    );
    let draft = fixture.released("Pay as usual").await;
    let answer = page(&fixture).await;
    for fact in [
        "<title>1 service not available, 1 working with problems – Westminster City Council</title>",
        "Contact centre",
        "Working with problems",
        "Waits may be longer.",
        "href=\"tel:02076416000\"",
        "Monday, Tuesday: 9am to 5pm",
        "Wednesday: 9am to 4pm",
        "Direct Debits",
        "Not available",
        "Do not cancel it.",
        "Adult social care",
        "020 7641 2500",
        "Pay as usual",
        "Call 020 7641 6000.",
        "Do not cancel your Direct Debit.",
        "Next update by 4pm on Thursday 27 November 2025.",
        "It was identified on the morning of 24 November.",
        "The full scope of the incident.",
        "Protecting systems.",
        "No double payments.",
        "Royal Borough of Kensington and Chelsea",
        "Contact your own council.",
        "We never ask for bank details",
        draft["reference"].as_str().unwrap(),
    ] {
        assert!(answer.text.contains(fact), "{fact} is missing");
    }
    assert!(
        answer.text.len() <= 50_000
            && !answer.text.contains("<script")
            && !answer.headers.contains_key("set-cookie")
    );
    for outside in ["src=", "@import", "url(", "<link rel=\"stylesheet\""] {
        assert!(!answer.text.contains(outside), "one request: {outside}");
    }
}

#[tokio::test]
async fn a_page_is_not_sent_again_to_those_who_have_it() {
    let fixture = Fixture::new();
    let first = page(&fixture).await;
    assert_eq!(first.header("cache-control"), "public, max-age=15");
    let request = Request::get("/").header("if-none-match", first.header("etag"));
    let again = fixture.ask(request.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (again.status, again.text.as_str()),
        (StatusCode::NOT_MODIFIED, "")
    );
    fixture.api("PUT", "/services", Some(services())).await;
    assert_ne!(page(&fixture).await.header("etag"), first.header("etag"));
}

#[tokio::test]
async fn markup_in_a_headline_is_text() {
    let fixture = Fixture::new();
    for payload in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "'--></style><svg onload=alert(1)>",
        "{{7*7}}",
    ] {
        let draft = fixture.draft(payload).await;
        let path = format!("/updates/{}/send", draft["id"].as_str().unwrap());
        assert_eq!(
            fixture
                .keyed("POST", &path, None, Some(payload))
                .await
                .status,
            StatusCode::ACCEPTED
        );
        let reference = draft["reference"].as_str().unwrap();
        for text in [
            page(&fixture).await.text,
            fixture.get(&format!("/u/{reference}")).await.text,
        ] {
            assert!(
                !text.contains("<script>")
                    && !text.contains("<img")
                    && !text.contains("<svg onload"),
                "{payload}"
            );
            assert_eq!(text.matches("</style>").count(), 1);
            let inert = payload
                .replace('<', "&#60;")
                .replace('>', "&#62;")
                .replace('"', "&#34;")
                .replace('\'', "&#39;");
            assert!(text.contains(&inert), "{inert}");
        }
    }
}

#[tokio::test]
async fn an_update_is_found_under_any_spelling_of_its_reference_and_a_draft_is_not() {
    let fixture = Fixture::new();
    let released = fixture.released("Pay as usual").await;
    let reference = released["reference"].as_str().unwrap();
    for spelling in [
        reference.to_owned(),
        reference.to_lowercase(),
        reference.replace('-', ""),
        reference.replace('-', "%20"),
    ] {
        let answer = fixture.get(&format!("/u/{spelling}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{spelling}");
        assert!(answer.text.contains("Pay as usual"));
    }
    let draft = fixture.draft("Not yet").await;
    for unknown in [
        draft["reference"].as_str().unwrap(),
        draft["id"].as_str().unwrap(),
        "222-222",
        "%3Cscript%3E",
    ] {
        let answer = fixture.get(&format!("/u/{unknown}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{unknown}");
        assert!(
            answer.text.contains("7726")
                && !answer.text.contains("Not yet")
                && !answer.text.contains("<script")
        );
    }
}

#[tokio::test]
async fn looking_at_a_stop_link_changes_nothing_and_posting_stops() {
    let fixture = Fixture::new();
    fixture.released("Pay as usual").await;
    // The resident came first, so theirs is the first address.
    let link = format!("/x/{}", fixture.desk.reference_key.stop_token(1));
    let suppressed = async || {
        let counts = fixture.desk.ledger.subscriber_counts().await.unwrap();
        counts
            .iter()
            .map(|(_, _, suppressed)| suppressed)
            .sum::<u64>()
    };
    for _ in 0..3 {
        let shown = fixture.get(&link).await;
        assert_eq!(
            (shown.status, shown.text.matches("<button").count()),
            (StatusCode::OK, 1)
        );
    }
    let head = Request::head(&link).body(Body::empty()).unwrap();
    assert_eq!(fixture.ask(head).await.status, StatusCode::OK);
    assert_eq!(suppressed().await, 0);
    for _ in 0..2 {
        let request = Request::post(&link)
            .header("host", "status.example.gov.uk")
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = fixture
            .ask(
                request
                    .body(Body::from("List-Unsubscribe=One-Click"))
                    .unwrap(),
            )
            .await;
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "no redirect, and repeating it is harmless"
        );
        assert_eq!(suppressed().await, 1);
    }
    assert!(
        fixture
            .get(&link)
            .await
            .text
            .contains("Messages are stopped")
    );
}

#[tokio::test]
async fn a_forged_stop_link_gets_the_same_answer_as_a_broken_one() {
    let fixture = Fixture::new();
    fixture.released("Pay as usual").await;
    let mut forged = fixture.desk.reference_key.stop_token(1);
    let last = if forged.pop() == Some('0') { '1' } else { '0' };
    forged.push(last);
    let unused = fixture.desk.reference_key.stop_token(9999);
    for method in ["GET", "POST"] {
        let mut bodies = Vec::new();
        for token in [forged.as_str(), unused.as_str(), "nonsense"] {
            let request = Request::builder()
                .method(method)
                .uri(format!("/x/{token}"))
                .body(Body::empty())
                .unwrap();
            let answer = fixture.ask(request).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
            bodies.push(answer.text);
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1);
    }
}

#[tokio::test]
async fn security_headers_stand_on_every_answer() {
    let fixture = Fixture::new();
    for path in [
        "/",
        "/u/222-222",
        "/x/y",
        "/nowhere",
        "/problems/busy",
        "/robots.txt",
        "/.well-known/security.txt",
        "/console",
        "/console/sign-in",
        "/console/static/console.js",
        "/api/v1/queue",
        "/api/v1/openapi.json",
        "/callbacks/mail",
        "/healthz",
        "/metrics",
    ] {
        let answer = fixture.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(
            answer
                .header("strict-transport-security")
                .contains("max-age=31536000"),
            "{path}"
        );
        assert!(
            ["no-referrer", "same-origin"].contains(&answer.header("referrer-policy")),
            "{path}"
        );
        assert!(!answer.header("cache-control").is_empty(), "{path}");
    }
    assert_eq!(
        fixture.get("/x/y").await.header("cache-control"),
        "no-store",
        "personal pages are not kept"
    );
}

#[tokio::test]
async fn the_page_is_allowed_to_use_its_own_style_sheet() {
    let fixture = Fixture::new();
    let answer = page(&fixture).await;
    let (_, rest) = answer.text.split_once("<style>").unwrap();
    let (css, _) = rest.split_once("</style>").unwrap();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, css.as_bytes());
    let hash = data_encoding::BASE64.encode(hash.as_ref());
    assert!(
        answer
            .header("content-security-policy")
            .contains(&format!("'sha256-{hash}'"))
    );
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_refused_and_the_public_name_has_no_console() {
    let fixture = Fixture::new();
    let ask = async |host: &str, path: &str| {
        let request = Request::get(path)
            .header("host", host)
            .body(Body::empty())
            .unwrap();
        fixture.ask(request).await.status.as_u16()
    };
    assert_eq!(ask("evil.example", "/").await, 421);
    assert_eq!(ask("status.example.gov.uk", "/").await, 200);
    assert_eq!(ask("status.example.gov.uk", "/console/sign-in").await, 404);
    assert_eq!(ask("status.example.gov.uk", "/api/v1/queue").await, 404);
    assert_eq!(ask("localhost:8080", "/console/sign-in").await, 200);
    assert_eq!(ask("evil.example", "/healthz").await, 200);
}
