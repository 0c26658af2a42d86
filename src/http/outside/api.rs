//! What programs can rely on.

use super::house::{Fixture, TOKEN};
use axum::body::Body;
use hyper::{Request, StatusCode};
use serde_json::json;

#[tokio::test]
async fn every_problem_has_the_shape_of_rfc_9457() {
    let fixture = Fixture::new();
    let incident = fixture.incident().await;
    let body = json!({ "incident": incident, "headline": "x".repeat(90), "what_to_do": ["a\u{7}"], "next_update_by": "soon" });
    let answer = fixture.api("POST", "/updates", Some(body)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(
        problem["type"],
        "http://127.0.0.1:8080/problems/validation-failed"
    );
    assert_eq!(
        (&problem["status"], &problem["code"]),
        (&json!(422), &json!("validation-failed"))
    );
    assert_eq!(problem["request_id"], answer.header("x-request-id"));
    let pointers: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/headline", "/what_to_do/0", "/next_update_by"]);
}

#[tokio::test]
async fn without_the_token_nothing_is_told_and_nothing_done() {
    let fixture = Fixture::new();
    let document = fixture.get("/api/v1/openapi.json").await.json();
    let mut seen = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            for token in [
                None,
                Some("Bearer wrong"),
                Some("Basic b3l6"),
                Some("Bearer"),
            ] {
                let mut request = Request::builder()
                    .method(method.to_uppercase().as_str())
                    .uri(path.replace(['{', '}'], ""));
                if let Some(token) = token {
                    request = request.header("authorization", token);
                }
                let answer = fixture.ask(request.body(Body::empty()).unwrap()).await;
                assert_eq!(
                    answer.status,
                    StatusCode::UNAUTHORIZED,
                    "{method} {path} {token:?}"
                );
                assert_eq!(answer.header("www-authenticate"), "Bearer");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 43 * 4);
}

#[tokio::test]
async fn the_control_socket_needs_no_token() {
    use crate::state::Door;
    use tower::ServiceExt;
    let fixture = Fixture::new();
    let mut request = Request::get("/api/v1/queue").body(Body::empty()).unwrap();
    request.extensions_mut().insert(Door::Socket);
    let response = fixture.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_repeat_with_the_same_key_releases_once_and_says_so() {
    let fixture = Fixture::new();
    let draft = fixture.released("Pay as usual").await;
    let path = format!("/updates/{}/send", draft["id"].as_str().unwrap());
    let missing = fixture.api("POST", &path, None).await;
    assert_eq!(
        (missing.status, &missing.json()["code"]),
        (StatusCode::BAD_REQUEST, &json!("idempotency-key-missing"))
    );
    let again = fixture.keyed("POST", &path, None, Some("\"once\"")).await;
    assert_eq!(
        (again.status, again.header("idempotency-replayed")),
        (StatusCode::ACCEPTED, "true")
    );
    assert_eq!(
        again.json()["counts"]["asked"],
        2,
        "one resident and the board"
    );
    let other = fixture.keyed("POST", &path, None, Some("twice")).await;
    assert_eq!(
        (other.status, &other.json()["code"]),
        (StatusCode::CONFLICT, &json!("state-conflict"))
    );
    let elsewhere = fixture.draft("Something else").await;
    let reused = fixture
        .keyed(
            "POST",
            &format!("/updates/{}/send", elsewhere["id"].as_str().unwrap()),
            None,
            Some("once"),
        )
        .await;
    assert_eq!(
        (reused.status, &reused.json()["code"]),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            &json!("idempotency-key-reused")
        )
    );
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused() {
    let fixture = Fixture::new();
    let post = async |title: &str| {
        fixture
            .keyed(
                "POST",
                "/incidents",
                Some(json!({ "title": title })),
                Some("k1"),
            )
            .await
    };
    let first = post("Flood").await;
    let second = post("Flood").await;
    assert_eq!(
        (second.status, second.header("idempotency-replayed")),
        (StatusCode::CREATED, "true")
    );
    assert_eq!(first.json()["id"], second.json()["id"]);
    let third = post("Fire").await;
    assert_eq!(
        (third.status, &third.json()["code"]),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            &json!("idempotency-key-reused")
        )
    );
    let long = fixture
        .keyed(
            "POST",
            "/incidents",
            Some(json!({ "title": "x" })),
            Some(&"k".repeat(256)),
        )
        .await;
    assert_eq!(long.json()["code"], "idempotency-key-malformed");
}

#[tokio::test]
async fn input_that_cannot_be_read_is_refused_with_the_right_status() {
    let fixture = Fixture::new();
    let post = async |kind: &str, body: Body| {
        let request = Request::post("/api/v1/incidents")
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", kind);
        let answer = fixture.ask(request.body(body).unwrap()).await;
        (
            answer.status.as_u16(),
            answer.json()["code"].as_str().unwrap().to_owned(),
        )
    };
    let json = "application/json";
    assert_eq!(
        post(json, Body::from("{")).await,
        (400, "malformed-request".to_owned())
    );
    assert_eq!(
        post(
            json,
            Body::from(format!(
                r#"{{"title":"a","affected":{}"#,
                "[".repeat(100_000)
            ))
        )
        .await
        .0,
        400,
        "depth"
    );
    assert_eq!(
        post(json, Body::from(r#"{"title":"a","is_admin":true}"#)).await,
        (422, "validation-failed".to_owned())
    );
    assert_eq!(
        post(json, Body::from(r#"{"title":"a","title":"b"}"#))
            .await
            .0,
        422,
        "a name given twice"
    );
    assert_eq!(
        post(json, Body::from(&b"{\"title\":\"\xc0\xaf\"}"[..]))
            .await
            .0,
        400,
        "overlong UTF-8"
    );
    assert_eq!(
        post(json, Body::from("x".repeat(300 * 1024))).await,
        (413, "too-large".to_owned())
    );
    assert_eq!(
        post("text/plain", Body::from("{}")).await,
        (415, "unsupported-media-type".to_owned())
    );
    let patch = fixture.api("PATCH", "/incidents", None).await;
    assert_eq!(
        (patch.status, &patch.json()["code"]),
        (StatusCode::METHOD_NOT_ALLOWED, &json!("method-not-allowed"))
    );
    assert_eq!(
        fixture.api("GET", "/nowhere", None).await.json()["code"],
        "not-found"
    );
    assert_eq!(
        fixture.api("GET", "/incidents", None).await.json()["data"],
        json!([]),
        "nothing half done"
    );
}

#[tokio::test]
async fn a_file_with_faults_imports_nobody_and_names_row_and_column() {
    let fixture = Fixture::new();
    let import = async |csv: String| {
        let request = Request::post("/api/v1/subscribers/import")
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "text/csv; charset=utf-8");
        fixture.ask(request.body(Body::from(csv)).unwrap()).await
    };
    let people: String = (0..2000)
        .map(|number| format!("r{number}@example.org,\n"))
        .collect();
    let broken = import(format!("email,telephone\n{people}nobody,07700 900123\n")).await;
    assert_eq!(
        broken.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        broken.text
    );
    let fault = &broken.json()["errors"][0];
    assert_eq!(
        (&fault["row"], &fault["column"]),
        (&json!(2002), &json!("email"))
    );
    assert!(
        !broken.text.contains("nobody"),
        "a cell is never repeated: {}",
        broken.text
    );
    let twice = import("email,E-mail\na@example.org,b@example.org\n".to_owned()).await;
    assert_eq!(twice.json()["errors"][0]["row"], 1, "{}", twice.text);
    assert_eq!(
        import("email\n".repeat(20_000_000)).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let whole = import("email,telephone\na@example.org,020 7641 6000\n".to_owned()).await;
    assert_eq!(
        (whole.status, &whole.json()["added"]),
        (StatusCode::OK, &json!(2)),
        "{}",
        whole.text
    );
    assert_eq!(
        whole.json()["warnings"][0]["row"],
        2,
        "a landline is kept with a warning"
    );
}

#[tokio::test]
async fn addresses_are_masked_in_every_answer() {
    let fixture = Fixture::new();
    let draft = fixture.released("Pay as usual").await;
    let id = draft["reference"].as_str().unwrap();
    let found = fixture
        .api(
            "GET",
            &format!("/updates/{id}/deliveries?to=resident@example.org"),
            None,
        )
        .await;
    assert_eq!(
        found.json()["data"][0]["address"],
        "r…@example.org",
        "{}",
        found.text
    );
    for path in [
        format!("/updates/{id}/deliveries"),
        format!("/updates/{id}/report"),
        "/queue".to_owned(),
    ] {
        let answer = fixture.api("GET", &path, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert!(!answer.text.contains("resident@"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_list_goes_on_where_its_cursor_points() {
    let fixture = Fixture::new();
    for number in 0..5 {
        fixture
            .api(
                "POST",
                "/subscribers",
                Some(json!({ "email": format!("r{number}@example.org") })),
            )
            .await;
    }
    let draft = fixture.released("Pay as usual").await;
    let base = format!(
        "/updates/{}/deliveries?channel=mail&limit=4",
        draft["id"].as_str().unwrap()
    );
    let first = fixture.api("GET", &base, None).await.json();
    let cursor = first["next_cursor"].as_str().unwrap().to_owned();
    let second = fixture
        .api("GET", &format!("{base}&cursor={cursor}"), None)
        .await
        .json();
    let ordinals = |page: &serde_json::Value| {
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["ordinal"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        [ordinals(&first), ordinals(&second)].concat(),
        [0, 1, 2, 3, 4, 5]
    );
    assert!(second["next_cursor"].is_null());
}

#[tokio::test]
async fn times_are_rfc_3339_and_counts_add_up() {
    let fixture = Fixture::new();
    let draft = fixture.released("Pay as usual").await;
    let path = format!("/updates/{}", draft["id"].as_str().unwrap());
    let progress = fixture
        .api("GET", &format!("{path}/progress"), None)
        .await
        .json();
    assert_eq!(progress["as_of"], "2025-11-27T10:30:00Z");
    assert_eq!(
        progress["broadcasts"][1]["released_at"],
        "2025-11-27T10:30:00Z"
    );
    let stop = fixture
        .api(
            "POST",
            &format!("{path}/stop"),
            Some(json!({ "reason": "wrong number" })),
        )
        .await;
    let counts = stop.json()["counts"].clone();
    let parts = [
        "accepted",
        "failed",
        "unknown",
        "suppressed",
        "stopped",
        "expired",
        "superseded",
        "pending",
    ];
    assert_eq!(
        counts["asked"].as_u64().unwrap(),
        parts
            .iter()
            .map(|part| counts[part].as_u64().unwrap())
            .sum::<u64>()
    );
    let unsaid = fixture
        .api(
            "POST",
            &format!("{path}/stop"),
            Some(json!({ "reason": " " })),
        )
        .await;
    assert_eq!(unsaid.json()["errors"][0]["pointer"], "/reason");
}

#[tokio::test]
async fn a_held_channel_says_who_and_why_until_it_goes_on() {
    let fixture = Fixture::new();
    let held = fixture
        .api(
            "POST",
            "/channels/mail/hold",
            Some(json!({ "reason": "wrong sender" })),
        )
        .await;
    assert_eq!(held.status, StatusCode::NO_CONTENT, "{}", held.text);
    assert_eq!(
        fixture.api("GET", "/channels", None).await.json()["data"][1]["held"],
        "wrong sender"
    );
    fixture.api("POST", "/channels/mail/resume", None).await;
    assert!(fixture.api("GET", "/channels", None).await.json()["data"][1]["held"].is_null());
    assert_eq!(
        fixture
            .api("POST", "/channels/smoke/hold", None)
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}
