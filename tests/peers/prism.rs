//! Texts to a server that Prism makes of Twilio's own description of its API, and that checks each request against it.

use super::{Judge, serving, text, until};
use crate::adapters::{changed, channel, parcel};
use oyez_domain::Channel;
use oyez_domain::address::Address;
use oyez_domain::outcome::Outcome;
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::TempDir;
use url::form_urlencoded::Serializer;

const DESCRIPTION: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/corpus/openapi/twilio-messages.openapi.json"
);
/// Where it describes the form of a text.
const FORM: &str = "/paths/~12010-04-01~1Accounts~1{AccountSid}~1Messages.json/post/requestBody/content\
                    /application~1x-www-form-urlencoded/schema";
const PASSED: &str = "The request passed the validation rules";
const BROKE: &str = "Request did not pass the validation rules";

/// An identifier with this prefix.
fn sid(prefix: &str) -> String {
    format!("{prefix}{}", "0123456789abcdef".repeat(2))
}

/// The description with these fields required. Prism passes over names that it does not know, and Twilio's own asks for
/// `To` alone, because what else is needed depends: a misspelt one would not be missed.
fn asking_for(fields: &[&str]) -> Value {
    let text = std::fs::read_to_string(DESCRIPTION).unwrap();
    let mut description: Value = serde_json::from_str(&text).unwrap();
    let form = description.pointer_mut(FORM).unwrap();
    let known = form["properties"].as_object().unwrap();
    assert!(fields.iter().all(|field| known.contains_key(*field)));
    form["required"] = json!(fields);
    description
}

struct Twilio {
    _folder: TempDir,
    judge: Judge,
    server: String,
}

impl Twilio {
    async fn start(fields: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let description = folder.path().join("description.json");
        std::fs::write(&description, asking_for(fields).to_string()).unwrap();
        let (judge, port) = serving(|port| {
            let port = port.to_string();
            let place = [
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                description.to_str().unwrap(),
            ];
            let arguments = [&["mock", "--errors"] as &[&str], &place].concat();
            Judge::start("OYEZ_TEST_PRISM", &arguments)
        })
        .await;
        let server = format!("http://127.0.0.1:{port}");
        Self {
            _folder: folder,
            judge,
            server,
        }
    }

    /// Our adapter with this server, some settings replaced.
    fn channel(&self, changes: Value) -> Arc<dyn Channel> {
        let settings = json!({
            "account_sid": sid("AC"), "auth_token": "made-up", "messaging_service_sid": sid("MG"),
            "callback_url": "https://status.example.gov.uk/callbacks/council_channel", "server": self.server,
        });
        channel("twilio", changed(settings, changes))
    }

    /// Sends a plain text and one of every awkward sign, by our adapter with some settings replaced.
    async fn takes_what_we_send(&self, settings: &Value) {
        let channel = self.channel(settings.clone());
        let welsh = json!({ "sms": "Mae’r ffonau’n gweithio: ŵ & 100% + £5 = 🎉" });
        for (number, changes) in (1..).zip([json!({}), welsh]) {
            let rendered = super::rendered(&*channel, changes);
            let address = Address::uk_telephone("07700 900123").unwrap();
            let verdict = channel.send(&parcel(&rendered, address, number)).await;
            let said = self.judge.said();
            let Outcome::Accepted {
                reference: Some(sid),
            } = verdict.outcome
            else {
                panic!("{verdict:?} with {settings}: {said:#?}")
            };
            assert!(sid.starts_with("SM"), "{sid}");
        }
    }

    /// What it answers to a form that none of our code made.
    #[expect(
        clippy::disallowed_methods,
        reason = "asks the judge, through none of our code"
    )]
    async fn answer(&self, account: &str, form: &[(&str, &str)]) -> u16 {
        let url = format!(
            "{}/2010-04-01/Accounts/{account}/Messages.json",
            self.server
        );
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let body = Serializer::new(String::new()).extend_pairs(form).finish();
        let request = client
            .post(url)
            .basic_auth(account, Some("made-up"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        request.send().await.unwrap().status().as_u16()
    }

    /// Waits until it has judged so many requests; asserts how many it found right and how many wrong.
    async fn finds(&self, right: usize, wrong: usize) {
        let found = || (self.judge.count(PASSED), self.judge.count(BROKE));
        let all = || (found().0 + found().1 >= right + wrong).then(found);
        assert_eq!(
            until(&self.judge, "its findings", all).await,
            (right, wrong)
        );
    }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn every_request_is_as_twilio_describes_it() {
    let key = json!({ "api_key_sid": sid("SK"), "api_key_secret": "made-up" });
    let brief = json!({ "validity_seconds": 1 });
    let number = json!({ "messaging_service_sid": null, "from": "+447860099000" });
    let name = json!({ "messaging_service_sid": null, "from": "Council", "callback_url": null });
    for (fields, all) in [
        (
            &["MessagingServiceSid", "StatusCallback"],
            [json!({}), key, brief],
        ),
        (&["From", "ValidityPeriod"], [number.clone(), name, number]),
    ] {
        let twilio =
            Twilio::start(&[&["To", "Body", "ValidityPeriod"], &fields[..]].concat()).await;
        for changes in &all {
            twilio.takes_what_we_send(changes).await;
        }
        twilio.finds(2 * all.len(), 0).await;
    }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn the_judge_refuses_what_twilio_does_not_describe() {
    let twilio = Twilio::start(&["To", "Body"]).await;
    let (account, service) = (sid("AC"), sid("MG"));
    let right = [
        ("To", "+447700900123"),
        ("MessagingServiceSid", service.as_str()),
        ("Body", "Phones are back."),
        ("ValidityPeriod", "14400"),
    ];
    let with = |name: &'static str, value: &'static str| {
        let mut form = right.to_vec();
        form.retain(|(known, _)| *known != name);
        form.push((name, value));
        form
    };
    let (without_to, without_body) = (right[1..].to_vec(), [&right[..2], &right[3..]].concat());
    for (form, account, status) in [
        (right.to_vec(), account.as_str(), 201),
        (without_to, &account, 422),
        (without_body, &account, 422),
        (with("MessagingServiceSid", "MG-short"), &account, 422),
        (with("ValidityPeriod", "soon"), &account, 422),
        (with("StatusCallback", "not an address"), &account, 422),
        (right.to_vec(), "AC-short", 422),
    ] {
        assert_eq!(
            twilio.answer(account, &form).await,
            status,
            "{account} {form:?}"
        );
    }
    twilio.finds(1, 6).await;

    let astray = twilio.channel(json!({ "server": format!("{}/elsewhere", twilio.server) }));
    let verdict = astray.send(&text(&*astray, 1)).await;
    let taken = matches!(verdict.outcome, Outcome::Accepted { .. });
    assert!(!taken && verdict.reply == "404", "{verdict:?}");
}
