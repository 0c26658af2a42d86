//! Requests to a door that checks our tokens with GOV.UK Notify's own Python client, as the service does.

use super::{Judge, letter, refused, text, until};
use crate::adapters::{RealClock, channel, channel_by};
use crate::office::{Office, configured};
use oyez_domain::outcome::{Outcome, Reason};
use oyez_domain::ports::LookUp;
use oyez_domain::time::{Boot, Wall};
use oyez_domain::{BoxFuture, Clock};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const SERVICE: &str = "26785a09-ab16-4eb0-8407-a37497a57506";
const SECRET: &str = "3d844edf-8d35-48ac-975b-e847b4f122b0";
const OTHER: &str = "9d751e0e-f929-4891-82a1-a3e1c3c18ee3";

/// The machine's clock, so many seconds off.
struct Off(i64);

impl Clock for Off {
    fn now(&self) -> Boot {
        RealClock.now()
    }

    fn wall(&self) -> Wall {
        Wall(RealClock.wall().0 + self.0 * 1_000_000)
    }

    fn sleep_until(&self, when: Boot) -> BoxFuture<'_, ()> {
        RealClock.sleep_until(when)
    }
}

struct Door {
    judge: Judge,
    server: String,
}

impl Door {
    async fn open() -> Self {
        let judge = Judge::script("judge_notify_client.py", &[SERVICE, SECRET]);
        let port = &judge.report("port").await["port"];
        let server = format!("http://127.0.0.1:{port}");
        Self { judge, server }
    }

    fn settings(&self, service: &str, secret: &str) -> Value {
        json!({
            // A name with hyphens, as people give them.
            "api_key": format!("live-key-of-the-press-office-{service}-{secret}"),
            "template_id": OTHER,
            "server": self.server,
        })
    }

    /// What it says of the request before which it had heard so many.
    async fn finding(&self, before: usize) -> Value {
        let heard = || self.findings().into_iter().nth(before);
        until(&self.judge, "the request", heard).await
    }

    fn findings(&self) -> Vec<Value> {
        let mut reports = self.judge.reports();
        reports.retain(|report| report.get("path").is_some());
        reports
    }
}

fn accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted { reference: Some(_) })
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn every_request_carries_a_token_that_the_service_takes() {
    let door = Door::open().await;
    let settings = door.settings(SERVICE, SECRET);
    let texts = channel("govuk_notify_sms", settings.clone());
    let mails = channel("govuk_notify_email", settings);
    let one = text(&*texts, 1);
    let verdict = texts.send(&one).await;
    assert!(accepted(&verdict.outcome), "{verdict:?}");
    let verdict = mails.send(&letter(&*mails, 1)).await;
    assert!(accepted(&verdict.outcome), "{verdict:?}");
    assert_eq!(texts.look_up(&one).await, LookUp::NotThere);
    texts.check().await.unwrap();
    let findings = door.findings();
    let paths: Vec<_> = findings
        .iter()
        .map(|it| it["path"].as_str().unwrap())
        .collect();
    let template = format!("/v2/template/{OTHER}");
    let notifications = "/v2/notifications";
    let (sms, email) = (
        format!("{notifications}/sms"),
        format!("{notifications}/email"),
    );
    assert_eq!(paths, [&sms, &email, notifications, &template]);
    for finding in &findings {
        assert_eq!(finding["fault"], Value::Null, "{finding}");
        assert_eq!(finding["issuer"], SERVICE);
        assert_eq!(finding["header"], json!({ "typ": "JWT", "alg": "HS256" }));
        assert_eq!(finding["claims"], json!(["iat", "iss"]));
        let age = finding["age"].as_i64().unwrap();
        assert!((0..=5).contains(&age), "made {age} s ago");
    }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_wrong_secret_and_another_service_are_refused_and_nobody_else_is_tried() {
    let door = Door::open().await;
    let one_letter_off = SECRET.replace("3d844edf", "3d844ede");
    for (number, (service, secret, fault)) in [
        (SERVICE, one_letter_off.as_str(), "TokenDecodeError"),
        (OTHER, SECRET, "service not found"),
    ]
    .into_iter()
    .enumerate()
    {
        let channel = channel("govuk_notify_sms", door.settings(service, secret));
        let verdict = channel.send(&text(&*channel, 1)).await;
        assert_eq!(verdict.outcome, refused(Reason::AuthFailed), "{verdict:?}");
        assert_eq!(door.finding(2 * number).await["fault"], fault);
        let check = channel.check().await.unwrap_err();
        assert!(check.starts_with("403"), "{check}");
        assert!(
            !format!("{verdict:?} {check}").contains(secret),
            "a secret shown"
        );
    }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn half_a_minute_is_the_most_that_a_clock_may_be_off_and_then_it_is_said_plainly() {
    let door = Door::open().await;
    for seconds in [-20, 20, -40, 40] {
        let before = door.findings().len();
        let settings = door.settings(SERVICE, SECRET);
        let channel = channel_by(Arc::new(Off(seconds)), "govuk_notify_sms", settings);
        let verdict = channel.send(&text(&*channel, 1)).await;
        let finding = door.finding(before).await;
        if seconds.abs() < 30 {
            assert!(accepted(&verdict.outcome), "{seconds} s: {verdict:?}");
            assert_eq!(finding["fault"], Value::Null);
        } else {
            assert_eq!(finding["fault"], "TokenExpiredError", "{finding}");
            assert_eq!(verdict.outcome, refused(Reason::ClockWrong), "{verdict:?}");
            let check = channel.check().await.unwrap_err();
            assert!(check.contains("clock"), "{check}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_clock_that_is_off_pauses_the_channel_with_that_reason_and_nobody_is_charged() {
    const SMS: &str = "residents_sms";
    const PEOPLE: u32 = 5;
    let door = Door::open().await;
    let via = json!({ "sms_http": null, "govuk_notify_sms": door.settings(SERVICE, SECRET) });
    let make = |places| configured(&json!({ SMS: { "via": via } }), &places);
    let office = Office::with(make, json!({})).await;
    office.populate(PEOPLE).await;
    office.turn_clock(Duration::from_secs(40));
    let update = office.put_out().await;
    office
        .until("the channel pauses", async || {
            office.pause(SMS) == Some(Reason::ClockWrong)
        })
        .await;
    let broadcast = office.broadcast(update, SMS).await;
    let line = broadcast.paused.unwrap().line;
    assert!(
        line.starts_with("This machine's clock is wrong; "),
        "{line}"
    );
    assert_eq!(broadcast.counts.pending, u64::from(PEOPLE));
    for finding in door.findings() {
        assert_eq!(finding["fault"], "TokenExpiredError", "{finding}");
    }
}
