//! A channel or a partner in trouble: every screen and every program is told why, and what happens next.

use super::console::{see, signed_in};
use super::house::Fixture;
use hyper::StatusCode;
use oyez_dispatch::supervisor::Live;
use oyez_domain::outcome::{Outcome, Reason, Scope};
use serde_json::json;

const REFUSED: Reason = Reason::AuthFailed;

fn live(fixture: &Fixture) -> &Live {
    fixture.desk.lives.get(&"mail".parse().unwrap()).unwrap()
}

/// Lets a request come back with a refusal of the channel, or of one partner.
fn refuse(fixture: &Fixture, partner: &str, scope: Scope) {
    let (live, now) = (live(fixture), live(fixture).moment());
    if !partner.is_empty() {
        live.breakers.visit(partner, now.boot).unwrap();
    }
    let refused = Outcome::ChannelRefused {
        reason: REFUSED,
        scope,
    };
    live.breakers.observe(partner, &refused, now.boot, now);
    if !partner.is_empty() {
        live.breakers.left(partner, now.boot);
    }
}

#[tokio::test]
async fn a_working_channel_says_so() {
    let fixture = Fixture::new();
    let metrics = fixture.get("/metrics").await.text;
    for line in [
        r#"oyez_breaker_state{channel="mail",state="closed"} 1"#,
        r#"oyez_breaker_state{channel="mail",state="open"} 0"#,
        r#"oyez_channel_paused{channel="mail",reason="none"} 0"#,
        r#"oyez_shut_partners{channel="mail"} 0"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    let row = fixture.api("GET", "/queue", None).await.json()["data"][1].clone();
    assert_eq!(
        (&row["breaker"], &row["paused"]),
        (&json!("closed"), &json!(null))
    );
}

#[tokio::test]
async fn a_refused_password_is_on_every_screen_while_the_program_stays_ready() {
    let fixture = Fixture::new();
    refuse(&fixture, "", Scope::Channel);
    let metrics = fixture.get("/metrics").await.text;
    for line in [
        r#"oyez_breaker_state{channel="mail",state="open"} 1"#,
        r#"oyez_channel_paused{channel="mail",reason="auth_failed"} 1"#,
        r#"oyez_channel_paused{channel="board",reason="none"} 0"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    let line = "Our password or token was refused; checks again in 61 s. Put it right, or resume the channel";
    for path in ["/queue", "/channels"] {
        let row = fixture.api("GET", path, None).await.json()["data"][1].clone();
        assert_eq!(row["breaker"], "open", "{path}");
        assert_eq!(row["paused"]["reason"], "auth_failed", "{path}");
        assert_eq!(row["paused"]["line"], line, "{path}");
        assert_eq!(row["paused"]["until"], "2025-11-27T10:31:00Z", "{path}");
    }
    let cookie = signed_in(&fixture).await;
    for path in ["/console", "/console/queue"] {
        assert!(see(&fixture, &cookie, path).await.contains(line), "{path}");
    }
    assert_eq!(fixture.get("/readyz").await.status, StatusCode::OK);

    let resumed = fixture.api("POST", "/channels/mail/resume", None).await;
    assert_eq!(resumed.status, StatusCode::NO_CONTENT);
    let row = fixture.api("GET", "/queue", None).await.json()["data"][1].clone();
    assert_eq!(
        (&row["breaker"], &row["paused"]),
        (&json!("closed"), &json!(null))
    );
}

#[tokio::test]
async fn a_partner_in_trouble_is_named_and_the_channel_works() {
    let fixture = Fixture::new();
    refuse(&fixture, "camden", Scope::Destination);
    let row = fixture.api("GET", "/queue", None).await.json()["data"][1].clone();
    assert_eq!(
        (&row["breaker"], &row["paused"]),
        (&json!("closed"), &json!(null))
    );
    assert_eq!(row["shut_partners"], 1);
    assert_eq!(row["shut"][0]["name"], "camden");
    assert_eq!(row["shut"][0]["reason"], "auth_failed");
    let metrics = fixture.get("/metrics").await.text;
    assert!(metrics.contains(r#"oyez_shut_partners{channel="mail"} 1"#));
    let cookie = signed_in(&fixture).await;
    assert!(
        see(&fixture, &cookie, "/console/queue")
            .await
            .contains("camden")
    );
}
