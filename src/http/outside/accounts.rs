//! Accounts from the invitation to the last session: what gets somebody in, and what does not.

use super::console::see;
use super::house::{Answer, Fixture, TOKEN};
use crate::accounts::codes::code_after;
use hyper::StatusCode;
use serde_json::{Value, json};

const PASSWORD: &str = "three calm herons wading";

/// A person with an account that is set up.
struct Person {
    email: &'static str,
    key: String,
    recovery: Vec<String>,
}

/// What stands between `before` and `after`.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("{before} is not in {text}"));
    rest.split_once(after).unwrap().0
}

async fn invited(fixture: &Fixture, email: &str, permissions: &[&str]) -> (Value, String) {
    let user = json!({"email": email, "name": "Officer 1", "permissions": permissions});
    let answer = fixture.api("POST", "/users", Some(user)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let path = path_of(&answer.json());
    (answer.json(), path)
}

fn path_of(invitation: &Value) -> String {
    let link = invitation["link"].as_str().unwrap();
    format!("/console{}", link.split_once("/console").unwrap().1)
}

/// Codes of three steps of time are taken at any moment; a test uses the earliest first.
async fn set_up(fixture: &Fixture, path: &str, email: &'static str) -> Person {
    let page = fixture.get(path).await;
    assert_eq!(page.status, StatusCode::OK);
    let key = between(&page.text, "name=\"key\" value=\"", "\"").to_owned();
    let code = code_after(&key, fixture.desk.clock.wall(), -1);
    let fields = [
        ("key", key.as_str()),
        ("password", PASSWORD),
        ("code", &code),
    ];
    let done = fixture.form(path, "", &fields).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    let recovery = done.text.split("<li><code>").skip(1);
    let recovery = recovery
        .map(|rest| rest.split_once('<').unwrap().0.to_owned())
        .collect();
    Person {
        email,
        key,
        recovery,
    }
}

async fn person(fixture: &Fixture, email: &'static str, permissions: &[&str]) -> Person {
    let (_, path) = invited(fixture, email, permissions).await;
    set_up(fixture, &path, email).await
}

fn cookie_of(answer: &Answer) -> String {
    answer
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

/// Address and password; what comes back asks for the code.
async fn first_step(fixture: &Fixture, person: &Person) -> String {
    let fields = [("email", person.email), ("password", PASSWORD)];
    let answer = fixture.form("/console/sign-in", "", &fields).await;
    assert_eq!(
        answer.header("location"),
        "/console/sign-in/code",
        "{}",
        answer.text
    );
    cookie_of(&answer)
}

async fn second_step(fixture: &Fixture, cookie: &str, code: &str) -> Answer {
    fixture
        .form("/console/sign-in/code", cookie, &[("code", code)])
        .await
}

async fn signed_in(fixture: &Fixture, person: &Person) -> String {
    let cookie = first_step(fixture, person).await;
    let code = code_after(&person.key, fixture.desk.clock.wall(), 0);
    let answer = second_step(fixture, &cookie, &code).await;
    assert_eq!(answer.header("location"), "/console", "{}", answer.text);
    cookie_of(&answer)
}

async fn status(fixture: &Fixture, cookie: &str, path: &str) -> StatusCode {
    let request = hyper::Request::get(path).header("cookie", cookie);
    fixture
        .ask(request.body(axum::body::Body::empty()).unwrap())
        .await
        .status
}

#[tokio::test]
async fn an_invitation_becomes_an_account_with_password_and_code() {
    let fixture = Fixture::new();
    let officer = person(&fixture, "officer1@example.org", &["write"]).await;
    assert_eq!(officer.recovery.len(), 10);
    let cookie = signed_in(&fixture, &officer).await;
    assert!(
        see(&fixture, &cookie, "/console")
            .await
            .contains("Dashboard")
    );
    let users = fixture.api("GET", "/users", None).await.json();
    assert_eq!(users[0]["ready"], true);
}

#[tokio::test]
async fn an_invitation_works_once_and_ends_with_the_next_one() {
    let fixture = Fixture::new();
    let (invitation, first) = invited(&fixture, "officer1@example.org", &[]).await;
    let id = invitation["user"]["id"].as_str().unwrap();
    let again = fixture
        .api("POST", &format!("/users/{id}/recover"), None)
        .await;
    let second = path_of(&again.json());
    assert_eq!(fixture.get(&first).await.status, StatusCode::NOT_FOUND);
    set_up(&fixture, &second, "officer1@example.org").await;
    assert_eq!(fixture.get(&second).await.status, StatusCode::NOT_FOUND);
    let taken = json!({"email": "officer1@example.org", "name": "Another"});
    let refused = fixture.api("POST", "/users", Some(taken)).await;
    assert_eq!(refused.json()["errors"][0]["code"], "taken");
}

#[tokio::test]
async fn what_is_wrong_with_a_set_up_is_said_beside_its_field() {
    let fixture = Fixture::new();
    let (_, path) = invited(&fixture, "officer1@example.org", &[]).await;
    let page = fixture.get(&path).await.text;
    let key = between(&page, "name=\"key\" value=\"", "\"");
    let fields = [
        ("key", key),
        ("password", "westminster1"),
        ("code", "000000"),
    ];
    let wrong = fixture.form(&path, "", &fields).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("<title>Error: ") && wrong.text.contains("id=\"password-error\""));
    assert!(wrong.text.contains("id=\"code-error\"") && !wrong.text.contains("westminster1"));
    assert_eq!(
        between(&wrong.text, "name=\"key\" value=\"", "\""),
        key,
        "the app stays right"
    );
}

#[tokio::test]
async fn a_code_works_once_and_so_does_a_recovery_code() {
    let fixture = Fixture::new();
    let officer = person(&fixture, "officer1@example.org", &["write"]).await;
    signed_in(&fixture, &officer).await;
    let now = fixture.desk.clock.wall();
    for used in [
        code_after(&officer.key, now, -1),
        code_after(&officer.key, now, 0),
    ] {
        let cookie = first_step(&fixture, &officer).await;
        let answer = second_step(&fixture, &cookie, &used).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{used} again"
        );
    }
    let recovery = officer.recovery[3].to_uppercase().replace('-', " ");
    let cookie = first_step(&fixture, &officer).await;
    assert_eq!(
        second_step(&fixture, &cookie, &recovery)
            .await
            .header("location"),
        "/console"
    );
    let cookie = first_step(&fixture, &officer).await;
    let again = second_step(&fixture, &cookie, &recovery).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_password_alone_opens_nothing() {
    let fixture = Fixture::new();
    let officer = person(&fixture, "officer1@example.org", &["write"]).await;
    let half = first_step(&fixture, &officer).await;
    for path in ["/console", "/console/queue", "/console/updates/new"] {
        assert_eq!(
            status(&fixture, &half, path).await,
            StatusCode::SEE_OTHER,
            "{path}"
        );
    }
    let post = fixture.form("/console/system/hold", &half, &[]).await;
    assert_eq!(post.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn nobody_learns_which_half_was_wrong() {
    let fixture = Fixture::new();
    let officer = person(&fixture, "officer1@example.org", &["write"]).await;
    let (_, _) = invited(&fixture, "officer2@example.org", &[]).await;
    let mut answers = Vec::new();
    for (email, password) in [
        (officer.email, "three calm herons waded"),
        ("officer2@example.org", PASSWORD),
        ("nobody@example.org", PASSWORD),
        ("no address at all", PASSWORD),
    ] {
        let fields = [("email", email), ("password", password)];
        let answer = fixture.form("/console/sign-in", "", &fields).await;
        assert!(!answer.headers.contains_key("set-cookie"), "{email}");
        answers.push((answer.status, answer.text.replace(email, "")));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(answers[0].0, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn guessing_is_slowed_down_and_says_how_long() {
    let fixture = Fixture::new();
    let officer = person(&fixture, "officer1@example.org", &["write"]).await;
    let guess = [("email", officer.email), ("password", "a guess of many")];
    for _ in 0..5 {
        fixture.form("/console/sign-in", "", &guess).await;
    }
    let slowed = fixture.form("/console/sign-in", "", &guess).await;
    assert_eq!(slowed.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(slowed.header("retry-after"), "30");
    let other = [
        ("email", "officer2@example.org"),
        ("password", "a guess of many"),
    ];
    let other = fixture.form("/console/sign-in", "", &other).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_token_opens_the_console_only_until_there_is_an_account() {
    let fixture = Fixture::new();
    let token = [("token", TOKEN)];
    let before = cookie_of(&fixture.form("/console/sign-in", "", &token).await);
    see(&fixture, &before, "/console").await;
    person(&fixture, "officer1@example.org", &["write"]).await;
    assert_eq!(
        status(&fixture, &before, "/console").await,
        StatusCode::SEE_OTHER
    );
    let after = fixture.form("/console/sign-in", "", &token).await;
    assert!(!after.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn whoever_is_barred_is_out_at_once() {
    let fixture = Fixture::new();
    let officer = person(&fixture, "officer1@example.org", &["write"]).await;
    let cookie = signed_in(&fixture, &officer).await;
    let path = format!("/users/{}/disable", officer.email);
    assert_eq!(
        fixture.api("POST", &path, None).await.status,
        StatusCode::OK
    );
    assert_eq!(
        status(&fixture, &cookie, "/console").await,
        StatusCode::SEE_OTHER
    );
    let fields = [("email", officer.email), ("password", PASSWORD)];
    let answer = fixture.form("/console/sign-in", "", &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let path = format!("/users/{}/enable", officer.email);
    fixture.api("POST", &path, None).await;
    first_step(&fixture, &officer).await;
}

#[tokio::test]
async fn a_new_set_up_ends_every_session() {
    let fixture = Fixture::new();
    let officer = person(&fixture, "officer1@example.org", &["write"]).await;
    let cookie = signed_in(&fixture, &officer).await;
    let path = format!("/users/{}/recover", officer.email);
    let again = path_of(&fixture.api("POST", &path, None).await.json());
    assert_eq!(
        status(&fixture, &cookie, "/console").await,
        StatusCode::OK,
        "not yet"
    );
    set_up(&fixture, &again, officer.email).await;
    assert_eq!(
        status(&fixture, &cookie, "/console").await,
        StatusCode::SEE_OTHER
    );
}

/// An address, a form, and which of four people may send it.
type Deed<'a> = (&'a str, &'a [(&'a str, &'a str)], [bool; 4]);

#[tokio::test]
async fn each_may_do_what_the_permissions_say_and_anybody_who_writes_may_stop() {
    let fixture = Fixture::new();
    let draft = fixture.draft("Phones are back").await;
    let reference = draft["reference"].as_str().unwrap();
    let people = [
        ("looker@example.org", &[][..]),
        ("writer@example.org", &["write"][..]),
        ("approver@example.org", &["approve"][..]),
        ("keeper@example.org", &["settings"][..]),
    ];
    let send = format!("/console/updates/{reference}/send");
    // path, fields, and who may: looker, writer, approver, keeper
    let deeds: [Deed<'_>; 4] = [
        (
            "/console/system/hold",
            &[("reason", "test")],
            [false, true, true, false],
        ),
        ("/console/system/resume", &[], [false, false, false, true]),
        (
            "/console/updates/preview",
            &[("channel", "mail")],
            [false, true, false, false],
        ),
        (&send, &[("key", "k")], [false, false, true, false]),
    ];
    for (number, (email, permissions)) in people.into_iter().enumerate() {
        let officer = person(&fixture, email, permissions).await;
        let cookie = signed_in(&fixture, &officer).await;
        see(&fixture, &cookie, "/console/queue").await;
        for (path, fields, may) in deeds {
            let answer = fixture.form(path, &cookie, fields).await;
            let allowed = answer.status != StatusCode::FORBIDDEN;
            assert_eq!(allowed, may[number], "{email} at {path}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn what_reaches_many_people_needs_a_code_that_is_five_minutes_old_at_most() {
    let fixture = Fixture::new();
    let draft = fixture.draft("Phones are back").await;
    let reference = draft["reference"].as_str().unwrap();
    let officer = person(&fixture, "officer1@example.org", &["approve"]).await;
    let cookie = signed_in(&fixture, &officer).await;
    fixture.still.pass(301);
    let send = format!("/console/updates/{reference}/send");
    let asked = fixture
        .form(&send, &cookie, &[("key", "k"), ("again", "no")])
        .await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    assert!(asked.text.contains("name=\"key\" value=\"k\"") && asked.text.contains("fresh_code"));
    let progress = format!("/updates/{reference}");
    let state = async || fixture.api("GET", &progress, None).await.json()["state"].clone();
    let wrong = [("key", "k"), ("fresh_code", "000000")];
    let wrong = fixture.form(&send, &cookie, &wrong).await;
    assert!(wrong.text.contains("<title>Error: "));
    assert_eq!(state().await, "draft");
    let code = code_after(&officer.key, fixture.desk.clock.wall(), 0);
    let sent = fixture
        .form(&send, &cookie, &[("key", "k"), ("fresh_code", &code)])
        .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    assert_eq!(state().await, "released");
    // A stop never asks.
    fixture.still.pass(301);
    let hold = fixture.form("/console/system/hold", &cookie, &[]).await;
    assert_eq!(hold.status, StatusCode::SEE_OTHER);
}
