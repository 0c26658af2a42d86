//! The public site's pages are kept as bytes: always right, rarely made, and there when the ledger is not.

use super::house::{Answer, Fixture};
use axum::body::Body;
use hyper::{Request, StatusCode};
use oyez_domain::trouble::TroubleCode;
use serde_json::{Value, json};

impl Fixture {
    /// Takes the services away from under the store (`true`), or brings them back.
    fn hide_services(&self, hidden: bool) {
        let database = std::fs::read_dir(self.folder.path().join("store"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|ending| ending == "db"))
            .unwrap();
        let (from, to) = if hidden {
            ("service", "hidden")
        } else {
            ("hidden", "service")
        };
        rusqlite::Connection::open(database)
            .unwrap()
            .execute_batch(&format!("ALTER TABLE {from} RENAME TO {to}"))
            .unwrap();
    }

    async fn codes(&self) -> Vec<TroubleCode> {
        let troubles = self.desk.troubles().await.unwrap();
        troubles.into_iter().map(|trouble| trouble.code).collect()
    }

    async fn page(&self, path: &str) -> Answer {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        answer
    }

    async fn put(&self, services: Value) {
        let answer = self.api("PUT", "/services", Some(services)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
}

fn one(name: &str) -> Value {
    json!([{ "id": "general", "name": name, "state": "down" }])
}

#[tokio::test]
async fn requests_read_nothing_of_the_ledger() {
    let fixture = Fixture::new();
    fixture.put(one("Contact centre")).await;
    let draft = fixture.released("Pay as usual").await;
    let page = format!("/u/{}", draft["reference"].as_str().unwrap());
    fixture.page("/").await;
    fixture.hide_services(true);
    for path in ["/", &page, "/", &page] {
        assert!(fixture.page(path).await.text.contains("Pay as usual"));
    }
    assert_eq!(
        fixture.get("/u/222-222").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(fixture.codes().await, [], "nobody tried to read");
}

#[tokio::test]
async fn pages_that_cannot_be_made_leave_the_last_good_ones_and_a_trouble() {
    let fixture = Fixture::new();
    fixture.put(one("Contact centre")).await;
    let first = fixture.page("/").await;
    fixture.put(one("Town hall")).await;
    fixture.hide_services(true);
    for _ in 0..3 {
        assert_eq!(fixture.page("/").await.text, first.text);
        assert_eq!(fixture.codes().await, [TroubleCode::PublicStale]);
    }
    let ready = fixture.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(ready.text.contains("public_stale: "), "{}", ready.text);
    fixture.hide_services(false);
    fixture.still.pass(5);
    assert!(fixture.page("/").await.text.contains("Town hall"));
    assert_eq!(fixture.codes().await, []);
}

#[tokio::test]
async fn a_site_that_never_was_made_is_an_honest_failure() {
    let fixture = Fixture::new();
    fixture.hide_services(true);
    assert!(fixture.get("/").await.status.is_server_error());
}

#[tokio::test]
async fn what_was_stopped_says_so_at_once() {
    let fixture = Fixture::new();
    let draft = fixture.released("Pay as usual").await;
    let page = format!("/u/{}", draft["reference"].as_str().unwrap());
    for path in ["/", &page] {
        assert!(!fixture.page(path).await.text.contains("We stopped sending"));
    }
    let stop = format!("/updates/{}/stop", draft["id"].as_str().unwrap());
    let answer = fixture
        .api("POST", &stop, Some(json!({ "reason": "wrong number" })))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    for path in ["/", &page] {
        assert!(
            fixture.page(path).await.text.contains("We stopped sending"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_promise_that_is_not_kept_is_admitted_by_the_clock_alone() {
    const LATE: &str = "We are late with it.";
    let fixture = Fixture::new();
    let draft = fixture.released("Pay as usual").await;
    let page = format!("/u/{}", draft["reference"].as_str().unwrap());
    // It is promised by 4pm, and it is half past ten.
    fixture.still.pass(5 * 3600 + 1800);
    for path in ["/", &page] {
        assert!(
            !fixture.page(path).await.text.contains(LATE),
            "{path} is too early"
        );
    }
    fixture.still.pass(1);
    for path in ["/", &page] {
        assert!(fixture.page(path).await.text.contains(LATE), "{path}");
    }
}

#[tokio::test]
async fn a_date_tells_readers_that_they_have_the_page() {
    let fixture = Fixture::new();
    assert_eq!(fixture.page("/").await.header("last-modified"), "");
    fixture.still.pass(2);
    let first = fixture.page("/").await;
    assert_eq!(
        first.header("last-modified"),
        "Thu, 27 Nov 2025 10:30:00 GMT"
    );
    let again = async || {
        let date = first.header("last-modified");
        let request = Request::get("/").header("if-modified-since", date);
        fixture
            .ask(request.body(Body::empty()).unwrap())
            .await
            .status
    };
    assert_eq!(again().await, StatusCode::NOT_MODIFIED);
    fixture.put(one("Contact centre")).await;
    assert_eq!(again().await, StatusCode::OK);
}

#[tokio::test]
async fn the_front_page_fits_however_much_there_is_to_say() {
    let fixture = Fixture::new();
    let service = |at: usize| {
        let state = if at < 10 { "down" } else { "ok" };
        json!({ "id": format!("s{at}"), "name": format!("Service number {at}"), "state": state,
            "note": "n".repeat(200), "telephone": "020 7641 6000",
            "hours": { "mon": "09:00-17:00", "tue": "09:00-16:00", "wed": "09:00-15:00" } })
    };
    fixture.put((0..100).map(service).collect()).await;
    let lines: Vec<_> = (0..12)
        .map(|at| format!("{at} {}", "<".repeat(290)))
        .collect();
    let incident = json!({ "title": "Everything", "known": lines, "not_known": lines });
    let incident = fixture
        .api("POST", "/incidents", Some(incident))
        .await
        .json();
    let draft = json!({ "incident": incident["id"], "headline": "Much to say", "what_to_do": lines[..10],
        "detail": "d".repeat(3900), "next_update_by": "none" });
    let draft = fixture.api("POST", "/updates", Some(draft)).await.json();
    let send = format!("/updates/{}/send", draft["id"].as_str().unwrap());
    let sent = fixture.keyed("POST", &send, None, Some("once")).await;
    assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text);
    let text = fixture.page("/").await.text;
    assert!(text.len() <= 50_000, "{}", text.len());
    assert!(text.contains("Much to say"));
    for at in 0..100 {
        assert!(
            text.contains(&format!("Service number {at}<")),
            "{at} is missing"
        );
    }
    let page = fixture
        .page(&format!("/u/{}", draft["reference"].as_str().unwrap()))
        .await;
    assert!(page.text.len() <= 50_000 && page.text.contains(&"d".repeat(3900)));
}

#[tokio::test]
async fn an_update_that_is_too_old_to_be_kept_is_looked_up() {
    let fixture = Fixture::new();
    let incident = fixture.incident().await;
    let mut references = Vec::new();
    for number in 0..201 {
        let draft = json!({ "incident": incident, "headline": format!("Number {number}"),
            "what_to_do": ["Wait."], "next_update_by": "none" });
        let draft = fixture.api("POST", "/updates", Some(draft)).await.json();
        let send = format!("/updates/{}/send", draft["id"].as_str().unwrap());
        let sent = fixture
            .keyed("POST", &send, None, Some(&number.to_string()))
            .await;
        assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text);
        references.push(draft["reference"].as_str().unwrap().to_owned());
        fixture.still.pass(1);
    }
    for (number, newer) in [(0, true), (1, true), (200, false)] {
        let page = fixture.page(&format!("/u/{}", references[number])).await;
        assert!(page.text.contains(&format!("<h1>Number {number}</h1>")));
        assert_eq!(
            page.text.contains("There is a newer update"),
            newer,
            "{number}"
        );
    }
    let draft = fixture.draft("Not yet").await;
    let unreleased = format!("/u/{}", draft["reference"].as_str().unwrap());
    for unknown in ["/u/222-222", &unreleased] {
        assert_eq!(fixture.get(unknown).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn each_incident_and_all_of_them_are_told_in_order() {
    let fixture = Fixture::new();
    let empty = fixture.page("/history").await.text;
    assert!(empty.contains("There is no update yet."));
    let (first, second) = (fixture.incident().await, fixture.incident().await);
    for (number, incident) in [&first, &second, &first].into_iter().enumerate() {
        let draft = json!({ "incident": incident, "headline": format!("Number {number}"),
            "what_to_do": ["Wait."], "next_update_by": "none" });
        let draft = fixture.api("POST", "/updates", Some(draft)).await.json();
        let send = format!("/updates/{}/send", draft["id"].as_str().unwrap());
        let sent = fixture
            .keyed("POST", &send, None, Some(&number.to_string()))
            .await;
        assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text);
        fixture.still.pass(1);
    }
    let order = |text: &str| -> Vec<usize> {
        let mut found: Vec<_> = (0..3)
            .filter_map(|number| Some((text.find(&format!(">Number {number}</a>"))?, number)))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, number)| number).collect()
    };
    let told = fixture.page(&format!("/i/{first}")).await.text;
    assert_eq!(order(&told), [2, 0]);
    assert!(
        told.contains("The full scope of the incident.")
            && told.contains("We are looking into it.")
    );
    assert_eq!(
        order(&fixture.page(&format!("/i/{second}")).await.text),
        [1]
    );
    let all = fixture.page("/history").await.text;
    assert_eq!(order(&all), [2, 0, 1]);
    for incident in [&first, &second] {
        assert!(all.contains(&format!("href=\"/i/{incident}\"")));
    }
    assert!(fixture.page("/").await.text.contains("href=\"/history\""));
    for unknown in ["/i/inc_01k", "/i/%3Cscript%3E"] {
        assert_eq!(
            fixture.get(unknown).await.status,
            StatusCode::NOT_FOUND,
            "{unknown}"
        );
    }
}

#[tokio::test]
async fn whether_a_telephone_is_answered_changes_by_the_clock_alone() {
    let fixture = Fixture::new();
    let hours = json!({ "thu": "09:00-17:00", "fri": "09:00-17:00" });
    let service = |id: &str| json!({ "id": id, "name": id, "state": "limited", "hours": hours });
    let mut general = service("general");
    general["telephone"] = json!("020 7641 6000");
    fixture.put(json!([general, service("desk")])).await;
    let open = "Open now, until 5pm on Thursday 27 November 2025";
    let closed = "Closed now, until 9am on Friday 28 November 2025";
    let text = fixture.page("/").await.text;
    assert_eq!(
        text.matches(open).count(),
        1,
        "hours without a telephone say nothing: {text}"
    );
    fixture.still.pass(6 * 3600 + 30 * 60 - 1);
    assert!(fixture.page("/").await.text.contains(open));
    fixture.still.pass(1);
    assert!(fixture.page("/").await.text.contains(closed));
}
