//! The way of an officer from sign-in to stop, without script.

use super::house::{Fixture, HOST, TOKEN};
use axum::body::Body;
use hyper::{Request, StatusCode};
use serde_json::json;

pub(super) async fn signed_in(fixture: &Fixture) -> String {
    let answer = fixture
        .form("/console/sign-in", "", &[("token", TOKEN)])
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let cookie = answer.header("set-cookie").to_owned();
    assert!(
        cookie.contains("HttpOnly")
            && cookie.contains("SameSite=Strict")
            && cookie.contains("Path=/")
    );
    cookie.split(';').next().unwrap().to_owned()
}

pub(super) async fn see(fixture: &Fixture, cookie: &str, path: &str) -> String {
    let answer = fixture
        .ask(
            Request::get(path)
                .header("cookie", cookie)
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    answer.text
}

/// The hidden fields of the form that posts to `action`.
fn hidden(page: &str, action: &str) -> Vec<(String, String)> {
    let (_, form) = page
        .split_once(&format!("action=\"{action}\""))
        .expect("the form");
    let (form, _) = form.split_once("</form>").unwrap();
    let part = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("{name}=\"")).unwrap();
        rest.split_once('"')
            .unwrap()
            .0
            .replace("&#39;", "'")
            .replace("&#34;", "\"")
            .replace("&#38;", "&")
    };
    form.split("<input type=\"hidden\" ")
        .skip(1)
        .map(|input| (part(input, "name"), part(input, "value")))
        .collect()
}

#[tokio::test]
async fn nobody_gets_in_without_the_token() {
    let fixture = Fixture::new();
    for path in ["/console", "/console/queue", "/console/updates/new"] {
        let answer = fixture.get(path).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (StatusCode::SEE_OTHER, "/console/sign-in"),
            "{path}"
        );
    }
    let wrong = fixture
        .form("/console/sign-in", "", &[("token", "guess")])
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        wrong.text.contains("<title>Error: Sign in") && !wrong.headers.contains_key("set-cookie")
    );
    let post = fixture
        .form("/console/system/hold", "oyez=forged", &[])
        .await;
    assert_eq!(post.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let fixture = Fixture::new();
    let cookie = signed_in(&fixture).await;
    see(&fixture, &cookie, "/console").await;
    fixture.form("/console/sign-out", &cookie, &[]).await;
    let answer = fixture
        .ask(
            Request::get("/console")
                .header("cookie", &cookie)
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn another_site_cannot_press_our_buttons() {
    let fixture = Fixture::new();
    let cookie = signed_in(&fixture).await;
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("origin", "null"),
    ] {
        let request = Request::post("/console/system/hold")
            .header("cookie", &cookie)
            .header(name, value);
        let answer = fixture.ask(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    assert!(fixture.desk.ledger.holds().await.unwrap().is_empty());
    let request = Request::post("/console/system/hold")
        .header("cookie", &cookie)
        .header("origin", format!("http://{HOST}"));
    assert_eq!(
        fixture
            .ask(request.body(Body::empty()).unwrap())
            .await
            .status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(fixture.desk.ledger.holds().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_update_is_written_seen_and_sent_once() {
    let fixture = Fixture::new();
    fixture
        .api(
            "POST",
            "/subscribers",
            Some(json!({ "email": "resident@example.org" })),
        )
        .await;
    let cookie = signed_in(&fixture).await;
    let form = see(&fixture, &cookie, "/console/updates/new").await;
    let key = hidden(&form, "/console/updates/preview").remove(0).1;
    let typed = [
        ("key", key.as_str()),
        ("new_incident", "Burst water main"),
        ("kind", "update"),
        ("headline", "Boil \"your\" water & wait"),
        ("what_to_do", "- Boil water.\r\nCall us.\r\n"),
        ("next", "4pm"),
        ("channel", "board"),
        ("channel", "mail"),
    ];
    let preview = fixture
        .form("/console/updates/preview", &cookie, &typed)
        .await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.text);
    assert!(
        preview.text.contains("Send to 1 address")
            && preview.text.contains("of at most 60 characters")
    );
    assert!(
        fixture.desk.ledger.updates(9).await.unwrap().is_empty(),
        "looking writes nothing"
    );

    let fields = hidden(&preview.text, "/console/updates/send");
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let sent = fixture
        .form("/console/updates/send", &cookie, &fields)
        .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    let again = fixture
        .form("/console/updates/send", &cookie, &fields)
        .await;
    assert_eq!(
        again.header("location"),
        sent.header("location"),
        "a second press of the button does nothing"
    );
    let updates = fixture.desk.ledger.updates(9).await.unwrap();
    assert_eq!(updates.len(), 1);
    assert_eq!(updates[0].what_to_do[0].as_str(), "Boil water.");
    let dashboard = see(&fixture, &cookie, "/console").await;
    assert!(dashboard.contains("Boil &#34;your&#34; water &#38; wait"));
}

#[tokio::test]
async fn the_red_button_holds_at_once_and_asks_what_becomes_of_the_rest() {
    let fixture = Fixture::new();
    let cookie = signed_in(&fixture).await;
    let update = fixture.released("Pay as usual").await;
    let place = format!("/console/updates/{}", update["reference"].as_str().unwrap());
    let live = see(&fixture, &cookie, &place).await;
    assert!(
        live.contains("Stop sending now")
            && live.contains("role=\"status\"")
            && live.contains("0 of 1")
    );
    let stop = fixture.form(&format!("{place}/stop"), &cookie, &[]).await;
    let asked = see(&fixture, &cookie, stop.header("location")).await;
    assert!(asked.contains("Sending is paused") && asked.contains("Stop the rest for good"));
    let unsaid = fixture
        .form(&format!("{place}/halt"), &cookie, &[("reason", "")])
        .await;
    assert_eq!(unsaid.status, StatusCode::UNPROCESSABLE_ENTITY);
    let halted = fixture
        .form(
            &format!("{place}/halt"),
            &cookie,
            &[("reason", "wrong street")],
        )
        .await;
    assert!(
        see(&fixture, &cookie, halted.header("location"))
            .await
            .contains("<h1>Stopped</h1>")
    );
}

#[tokio::test]
async fn a_fault_keeps_what_was_typed_and_names_the_field() {
    let fixture = Fixture::new();
    let cookie = signed_in(&fixture).await;
    let typed = [
        ("key", "k"),
        ("headline", "   "),
        ("what_to_do", "Stay <b>in</b>."),
        ("channel", "mail"),
    ];
    let answer = fixture
        .form("/console/updates/preview", &cookie, &typed)
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in [
        "<title>Error: Write an update",
        "href=\"#incident\"",
        "href=\"#headline\"",
        "href=\"#next\"",
        "Stay &#60;b&#62;in&#60;/b&#62;.",
    ] {
        assert!(answer.text.contains(part), "{part} in {}", answer.text);
    }
}

#[tokio::test]
async fn what_does_not_fit_cannot_be_sent() {
    let fixture = Fixture::new();
    let cookie = signed_in(&fixture).await;
    let draft = fixture.draft(&"x".repeat(70)).await;
    let page = see(
        &fixture,
        &cookie,
        &format!("/console/updates/{}", draft["reference"].as_str().unwrap()),
    )
    .await;
    assert!(
        page.contains("It cannot be sent like this")
            && page.contains("10 characters too long for board")
    );
    assert!(!page.contains("/send\""), "there is no button to send it");
}

#[tokio::test]
async fn what_a_channel_cannot_carry_is_shown_changed_and_goes_out_so_when_the_officer_ticks_the_box()
 {
    let fixture = Fixture::new();
    let cookie = signed_in(&fixture).await;
    let draft = fixture.draft("Don’t cancel – wait").await;
    let place = format!("/console/updates/{}", draft["reference"].as_str().unwrap());
    let page = see(&fixture, &cookie, &place).await;
    for part in [
        "Needs your consent",
        "’ becomes &#39;, – becomes -",
        "Don&#39;t cancel - wait",
        "name=\"accept_folding\" value=\"yes\" required",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let unticked = fixture
        .form(&format!("{place}/send"), &cookie, &[("key", "k")])
        .await;
    assert_eq!(unticked.status, StatusCode::UNPROCESSABLE_ENTITY);
    let ticked = [("key", "k"), ("accept_folding", "yes")];
    let sent = fixture
        .form(&format!("{place}/send"), &cookie, &ticked)
        .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    let update = fixture.desk.ledger.updates(1).await.unwrap().remove(0);
    assert!(
        update.accept_folding,
        "what was accepted stands with the update"
    );
}

#[tokio::test]
async fn a_short_version_typed_in_the_form_stands_on_the_channel_that_needs_it() {
    let fixture = Fixture::new();
    let cookie = signed_in(&fixture).await;
    let headline = "x".repeat(70);
    let typed = [
        ("key", "k"),
        ("new_incident", "Burst water main"),
        ("headline", &headline),
        ("what_to_do", "Boil water."),
        ("short.en", "Boil water. Ref {ref}"),
        ("next", "none"),
        ("channel", "board"),
        ("channel", "mail"),
    ];
    let preview = fixture
        .form("/console/updates/preview", &cookie, &typed)
        .await;
    assert!(
        preview.text.contains("Boil water. Ref 222-222"),
        "{}",
        preview.text
    );
    assert!(
        preview
            .text
            .contains("its short version stands in its place")
    );
    let fields = hidden(&preview.text, "/console/updates/send");
    assert!(fields.contains(&("short.en".to_owned(), "Boil water. Ref {ref}".to_owned())));
}

#[tokio::test]
async fn every_list_says_when_it_is_empty() {
    let fixture = Fixture::new();
    let cookie = signed_in(&fixture).await;
    let dashboard = see(&fixture, &cookie, "/console").await;
    assert!(
        dashboard.contains("Nothing is happening.")
            && dashboard.contains("No update has been written yet.")
    );
    assert!(
        see(&fixture, &cookie, "/console/queue")
            .await
            .contains("Nothing is waiting here.")
    );
    let public = fixture.get("/").await.text;
    assert!(
        public.contains("There is no update at the moment.")
            && public.contains("There are no earlier updates.")
    );
}
