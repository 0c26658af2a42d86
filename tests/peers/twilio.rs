//! Callbacks signed, and forgeries judged, by the request validator of Twilio's own library.

use super::Judge;
use crate::adapters::channel;
use crate::office::{Office, configured, mobile};
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use oyez_domain::Channel;
use oyez_domain::receipt::{Callback, CallbackRefusal, Receipt, ReceiptKey, ReceiptStatus};
use serde_json::{Value, json};
use std::sync::Arc;
use url::form_urlencoded::Serializer;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const PLACE: &str = "https://status.example.gov.uk/callbacks/council_channel";

/// A callback as it is to be signed.
#[derive(Debug, Clone)]
struct Call {
    url: String,
    form: Vec<(&'static str, String)>,
    /// In place of a form.
    json: Option<String>,
}

impl Call {
    fn form(url: &str, form: &[(&'static str, &str)]) -> Self {
        let form = form
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        Self {
            url: url.to_owned(),
            form: form.collect(),
            json: None,
        }
    }

    /// With its body's digest in the address.
    fn json(url: &str, body: &str) -> Self {
        let digest = HEXLOWER.encode(digest(&SHA256, body.as_bytes()).as_ref());
        Self {
            url: format!("{url}&bodySHA256={digest}"),
            form: Vec::new(),
            json: Some(body.to_owned()),
        }
    }

    fn status(reference: &str, status: &str, more: &[(&'static str, &str)]) -> Self {
        let usual = [
            ("MessageSid", "SM00000000000000000000000000000001"),
            ("AccountSid", "AC00000000000000000000000000000000"),
            ("From", "Council"),
            ("To", "+447900000001"),
            ("MessageStatus", status),
            ("ApiVersion", "2010-04-01"),
        ];
        Self::form(
            &format!("{PLACE}?ref={reference}"),
            &[&usual, more].concat(),
        )
    }

    fn body(&self) -> String {
        let form = || {
            Serializer::new(String::new())
                .extend_pairs(&self.form)
                .finish()
        };
        self.json.clone().unwrap_or_else(form)
    }

    /// What the judge is asked, and with which signature.
    fn case(&self, token: &str, signature: Option<&str>) -> Value {
        let mut case = json!({ "token": token, "url": self.url });
        match &self.json {
            Some(body) => case["body"] = json!(body),
            None => case["form"] = json!(self.form),
        }
        if let Some(signature) = signature {
            case["signature"] = json!(signature);
        }
        case
    }

    /// What our adapter makes of it: texts that came in and receipts alike are taken.
    fn read(
        &self,
        channel: &dyn Channel,
        signature: &str,
    ) -> Result<Vec<Receipt>, CallbackRefusal> {
        let headers = [("x-twilio-signature".to_owned(), signature.to_owned())];
        let body = self.body();
        let callback = Callback {
            method: "POST",
            url: &self.url,
            headers: &headers,
            body: body.as_bytes(),
        };
        match channel.read_inbound(&callback)? {
            Some(_) => Ok(Vec::new()),
            None => channel.read_receipts(&callback),
        }
    }
}

/// What the judge says of each case.
async fn judged(cases: &[Value]) -> Vec<Value> {
    let cases = Value::from(cases).to_string();
    let judge = Judge::script("judge_twilio.py", &[&cases]);
    let report = judge.report("judged").await;
    report["judged"].as_array().unwrap().clone()
}

fn word<'a>(finding: &'a Value, name: &str) -> &'a str {
    finding[name].as_str().unwrap()
}

fn adapter(token: &str) -> Arc<dyn Channel> {
    let account = format!("AC{}", "0".repeat(32));
    channel(
        "twilio",
        json!({ "account_sid": account, "auth_token": token, "from": "+447860099000", "callback_url": PLACE }),
    )
}

/// Whether our adapter believes that it comes from Twilio; what it says of it is another matter.
fn believes(read: &Result<Vec<Receipt>, CallbackRefusal>) -> bool {
    match read {
        Ok(_) | Err(CallbackRefusal::Malformed) => true,
        Err(_) => false,
    }
}

/// Callbacks of all forms that are documented.
fn calls() -> Vec<Call> {
    let inbound = |body| {
        [
            ("MessageSid", "SM2"),
            ("From", "+447900000001"),
            ("Body", body),
        ]
    };
    vec![
        Call::status("ABC", "delivered", &[]),
        Call::status(
            "ABC",
            "undelivered",
            &[("ErrorCode", "30003"), ("RawDlrDoneDate", "2611271200")],
        ),
        Call::status(
            "ABC",
            "sent",
            &[
                ("Digits", "5678"),
                ("Digits", "1234"),
                ("Digits", "1234"),
                ("Empty", ""),
            ],
        ),
        Call::form(PLACE, &inbound("STOP")),
        Call::form(PLACE, &inbound("Diolch yn fawr + £5 & 100% = ŵyl 🎉\nx")),
        Call::form(
            "https://status.example.gov.uk:8443/callbacks/council_channel",
            &inbound("STOP"),
        ),
        Call::json(
            &format!("{PLACE}?ref=ABC"),
            r#"{"MessageStatus": "delivered", "To": "+447900000001"}"#,
        ),
    ]
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn what_twilios_library_signs_is_taken_with_its_port_written_out_or_not() {
    let channel = adapter(TOKEN);
    let calls = calls();
    let cases: Vec<_> = calls.iter().map(|call| call.case(TOKEN, None)).collect();
    for (call, finding) in calls.iter().zip(judged(&cases).await) {
        assert_eq!(finding["genuine"], true, "{call:?}");
        for signature in ["signature", "with_port"] {
            let read = call.read(&*channel, word(&finding, signature));
            assert!(believes(&read), "{signature} of {call:?}: {read:?}");
        }
    }
    let findings = judged(&cases[..2]).await;
    let read = |at: usize| {
        calls[at]
            .read(&*channel, word(&findings[at], "signature"))
            .unwrap()
    };
    let said = |at: usize| (read(at)[0].key.clone(), read(at)[0].status);
    let key = || ReceiptKey::Reference("ABC".to_owned());
    assert_eq!(said(0), (key(), ReceiptStatus::Delivered));
    assert_eq!(said(1), (key(), ReceiptStatus::UndeliveredForNow));
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn what_twilios_library_calls_a_forgery_is_refused() {
    let channel = adapter(TOKEN);
    let calls = calls();
    let cases: Vec<_> = calls.iter().map(|call| call.case(TOKEN, None)).collect();
    let signed = judged(&cases).await;
    let mut forgeries = Vec::new();
    for (call, finding) in calls.iter().zip(&signed) {
        let good = word(finding, "signature").to_owned();
        let changed = |change: fn(&mut Call)| {
            let mut call = call.clone();
            change(&mut call);
            call
        };
        forgeries.push((changed(|call| call.url.push('1')), good.clone()));
        forgeries.push((
            changed(|call| call.url = call.url.replace("https", "http")),
            good.clone(),
        ));
        forgeries.push((call.clone(), good.to_lowercase()));
        forgeries.push((call.clone(), String::new()));
        forgeries.push((
            changed(|call| match &mut call.json {
                Some(body) => body.push(' '),
                None => call.form[1].1.push('1'),
            }),
            good.clone(),
        ));
        if call.json.is_none() {
            forgeries.push((
                changed(|call| call.form.push(("MessageStatus", "read".to_owned()))),
                good.clone(),
            ));
            forgeries.push((changed(|call| drop(call.form.pop())), good));
        }
    }
    let other_token = TOKEN.replace("01", "10");
    let cases: Vec<_> = calls
        .iter()
        .map(|call| call.case(&other_token, None))
        .collect();
    let by_another = judged(&cases).await;
    for (call, finding) in calls.iter().zip(&by_another) {
        forgeries.push((call.clone(), word(finding, "signature").to_owned()));
    }
    let cases: Vec<_> = forgeries
        .iter()
        .map(|(call, signature)| call.case(TOKEN, Some(signature)))
        .collect();
    for ((call, signature), finding) in forgeries.iter().zip(judged(&cases).await) {
        assert_eq!(finding["genuine"], false, "{signature:?} under {call:?}");
        let read = call.read(&*channel, signature);
        assert!(!believes(&read), "{signature:?} under {call:?}: {read:?}");
    }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn the_signatures_that_our_own_tests_expect_are_twilios() {
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    let usual = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
        ("Caller", "+14158675309"),
    ];
    let repeated = [
        ("Sid", "CA123"),
        ("SidAccount", "AC123"),
        ("Digits", "5678"),
        ("Digits", "1234"),
        ("Digits", "1234"),
    ];
    let (account, sid) = (
        format!("AC{}", "0".repeat(32)),
        "SM00000000000000000000000000000001",
    );
    let report = [
        ("AccountSid", account.as_str()),
        ("ApiVersion", "2010-04-01"),
        ("ErrorCode", "30003"),
        ("From", "Council"),
        ("MessageSid", sid),
        ("SmsSid", sid),
        ("MessageStatus", "undelivered"),
        ("SmsStatus", "undelivered"),
        ("To", "+447700900123"),
    ];
    let vectors = [
        (
            "12345",
            Call::form(url, &usual),
            "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        ),
        (
            "12345",
            Call::form(url, &repeated),
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        ),
        (
            "12345",
            Call::json(url, r#"{"property": "value", "boolean": true}"#),
            "a9nBmqA0ju/hNViExpshrM61xv4=",
        ),
        (
            TOKEN,
            Call::form("https://oyez.example/cb/twilio?c=sms-1", &report),
            "Vmr234gyngsaQLytPDnIx0Ubb60=",
        ),
    ];
    let cases: Vec<_> = vectors
        .iter()
        .map(|(token, call, signature)| call.case(token, Some(signature)))
        .collect();
    for ((token, call, signature), finding) in vectors.iter().zip(judged(&cases).await) {
        assert_eq!(
            (word(&finding, "signature"), &finding["genuine"]),
            (*signature, &json!(true))
        );
        assert!(
            believes(&call.read(&*adapter(token), signature)),
            "{call:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_signed_report_makes_a_delivery_delivered_and_a_forged_one_changes_nothing() {
    const SMS: &str = "residents_sms";
    let make = |places: crate::office::Places| {
        let via = json!({ "sms_http": null, "twilio": {
            "account_sid": format!("AC{}", "0".repeat(32)),
            "auth_token": TOKEN,
            "from": "+447860099000",
            "callback_url": format!("http://{}/callbacks/{SMS}", places.office),
            "server": format!("http://{}/{SMS}/twilio", places.http),
        }});
        configured(&json!({ SMS: { "via": via } }), &places)
    };
    let office = Office::with(
        make,
        json!({ SMS: { "receipts": [{ "outcome": "none" }] } }),
    )
    .await;
    office.populate(1).await;
    let update = office.put_out().await;
    office.finish(update).await;
    let reference = office.log(SMS)[0].key.clone();
    let mut call = Call::status(&reference, "delivered", &[("To", &mobile(1))]);
    call.url = call.url.replace("council_channel", SMS);
    let finding = judged(&[call.case(TOKEN, None)]).await.remove(0);
    let mut forged = call.clone();
    forged.form[4].1 = "failed".to_owned();
    let good = word(&finding, "signature");
    assert_eq!(hand_in(&office, &forged, good).await, 401);
    assert_eq!(office.counts(update, SMS).await.undelivered, Some(0));
    assert_eq!(hand_in(&office, &call, good).await, 204);
    office
        .until("it is delivered", async || {
            office.counts(update, SMS).await.delivered == Some(1)
        })
        .await;
    office.is_in_order().await;
}

/// Posts a callback to the office's door; its status.
#[expect(
    clippy::disallowed_methods,
    reason = "plays Twilio, through none of our code"
)]
async fn hand_in(office: &Office, call: &Call, signature: &str) -> u16 {
    let (_, path) = call.url.split_once("gov.uk").unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client
        .post(format!("http://{}{path}", office.address))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-twilio-signature", signature)
        .body(call.body());
    request.send().await.unwrap().status().as_u16()
}
