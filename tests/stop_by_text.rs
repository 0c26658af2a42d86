//! Who answers STOP is left alone within two seconds, whoever hands the text on; START brings the messages back.

use crate::office::{Office, RECEIPT_TOKEN, configured, mobile};
use oyez_domain::address::Address;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::subscriber::SuppressionCause;
use oyez_sandbox::{Gateway, TextIn};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::OnceLock;

const SMS: &str = "residents_sms";
const PEOPLE: u32 = 12;
/// The address as a provider is given it, which signatures cover.
const PUBLIC: &str = "https://status.example.gov.uk/callbacks/residents_sms";
const UUID: &str = "3d844edf-8d35-48ac-975b-e847b4f122b0";

/// An office whose texts go out by one gateway, three a second.
struct Town {
    office: Office,
    gateway: Gateway,
    at: SocketAddr,
    url: &'static str,
}

impl Town {
    async fn open(gateway: Gateway) -> Self {
        let at = OnceLock::new();
        let make = |places: crate::office::Places| {
            at.set(places.office).unwrap();
            let via = via(gateway, places.http, places.office);
            let pace = json!({ "rate_per_second": 3, "concurrency": 4 });
            configured(&json!({ SMS: { "pace": pace, "via": via } }), &places)
        };
        let script = json!({ SMS: { "receipts": [{ "outcome": "none" }] } });
        let office = Office::with(make, script).await;
        office.populate(PEOPLE).await;
        Self {
            office,
            gateway,
            at: at.into_inner().unwrap(),
            url: if gateway == Gateway::Kannel {
                "http://h/callbacks/residents_sms?token=made-up-receipt-token&from=%p&text=%a&id=%I"
            } else {
                PUBLIC
            },
        }
    }

    /// What the office answers to a text that the last person in the list sent.
    async fn text_in(&self, text: &str, id: &str) -> u16 {
        let secret = RECEIPT_TOKEN;
        self.text_in_as(text, id, secret, self.url).await
    }

    async fn text_in_as(&self, text: &str, id: &str, secret: &str, url: &str) -> u16 {
        let from = mobile(PEOPLE);
        let text = TextIn {
            gateway: self.gateway,
            at: self.at,
            url,
            secret,
            from: &from,
            text,
            id,
        };
        self.office.sandbox.text_in(&text).await.unwrap()
    }

    fn last(&self) -> Address {
        Address::uk_telephone(&mobile(PEOPLE)).unwrap()
    }

    async fn stopped(&self) -> u64 {
        let counts = self.office.desk.ledger.subscriber_counts().await.unwrap();
        counts.iter().map(|(_, _, suppressed)| suppressed).sum()
    }
}

/// The channel's settings for a gateway that is played at `http`.
fn via(gateway: Gateway, http: SocketAddr, office: SocketAddr) -> Value {
    let server = |kind: &str| format!("http://{http}/{SMS}/{kind}");
    let callback = format!("http://{office}/callbacks/{SMS}");
    match gateway {
        Gateway::Generic => json!({ "sms_http": { "callback": { "inbound": {
            "from_pointer": "/from", "text_pointer": "/text", "id_pointer": "/id",
        }}}}),
        Gateway::Notify => json!({ "sms_http": null, "govuk_notify_sms": {
            "api_key": format!("made_up-{UUID}-{UUID}"),
            "template_id": UUID,
            "callback_token": RECEIPT_TOKEN,
            "server": server("notify"),
        }}),
        Gateway::Twilio | Gateway::TwilioOptOut(_) => json!({ "sms_http": null, "twilio": {
            "account_sid": format!("AC{}", "0".repeat(32)),
            "auth_token": RECEIPT_TOKEN,
            "from": "+447860099000",
            "callback_url": callback,
            "server": server("twilio"),
        }}),
        Gateway::Kannel => json!({ "sms_http": null, "kannel": {
            "url": format!("{}/cgi-bin/sendsms", server("kannel")),
            "username": "oyez",
            "password": "made-up",
            "inbound_token": RECEIPT_TOKEN,
            "callback_url": callback,
        }}),
        Gateway::Vonage => json!({ "sms_http": null, "vonage": {
            "api_key": "made-up",
            "api_secret": "made-up",
            "signature_secret": RECEIPT_TOKEN,
            "from": "447860099000",
            "server": server("vonage"),
        }}),
    }
}

/// The last in a queue of four seconds says stop while the first are being texted, then start, in the gateway's way.
async fn stop_works_at_once_and_start_lifts_it(gateway: Gateway, start: Gateway) {
    let mut town = Town::open(gateway).await;
    let update = town.office.put_out().await;
    let begun = async || !town.office.log(SMS).is_empty();
    town.office.until("some are on their way", begun).await;

    // Kannel proves itself by its address alone; the others by a token or a signature.
    let guessed = town.url.replace(RECEIPT_TOKEN, "a-guess");
    let forged = town.text_in_as("STOP", "in-0", "a-guess", &guessed).await;
    assert_eq!((forged, town.stopped().await), (401, 0), "without proof");

    let asked_at = town.office.now_us();
    assert_eq!(town.text_in("Stop.", "in-1").await, 204);
    let took_us = town.office.now_us() - asked_at;
    assert_eq!(town.stopped().await, 1);
    assert!(took_us < 2_000_000, "{gateway:?}: after {took_us} µs");
    let counts = town.office.finish(update).await.counts;
    assert_eq!(
        (counts.suppressed, counts.accepted),
        (1, u64::from(PEOPLE) - 1)
    );
    let delivery = town.office.delivery(update, town.last()).await;
    assert_eq!(delivery.state, DeliveryState::Suppressed);
    assert!(!town.office.reached(SMS).contains_key(&mobile(PEOPLE)));

    town.gateway = start;
    assert_eq!(town.text_in("START", "in-2").await, 204);
    assert_eq!(town.stopped().await, 0);
    town.gateway = gateway;
    assert_eq!(town.text_in("Stop.", "in-1").await, 204);
    assert_eq!(town.stopped().await, 0, "the same text, reported again");
    let next = town.office.put_out().await;
    let counts = town.office.finish(next).await.counts;
    assert_eq!((counts.suppressed, counts.accepted), (0, u64::from(PEOPLE)));
    town.office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_a_gateway_like_many() {
    stop_works_at_once_and_start_lifts_it(Gateway::Generic, Gateway::Generic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_govuk_notify() {
    stop_works_at_once_and_start_lifts_it(Gateway::Notify, Gateway::Notify).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_twilio() {
    stop_works_at_once_and_start_lifts_it(Gateway::Twilio, Gateway::Twilio).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_twilio_whose_own_opt_out_reads_the_text() {
    let (stop, start) = (
        Gateway::TwilioOptOut("STOP"),
        Gateway::TwilioOptOut("START"),
    );
    stop_works_at_once_and_start_lifts_it(stop, start).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_kannel() {
    stop_works_at_once_and_start_lifts_it(Gateway::Kannel, Gateway::Kannel).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_vonage() {
    stop_works_at_once_and_start_lifts_it(Gateway::Vonage, Gateway::Vonage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_lifts_no_stop_but_its_own() {
    let town = Town::open(Gateway::Generic).await;
    let by = town.office.desk.by("test");
    let ledger = &town.office.desk.ledger;
    let manual = SuppressionCause::Manual;
    assert_eq!(town.text_in("STOP", "in-1").await, 204);
    ledger.suppress(&town.last(), manual, &by).await.unwrap();
    assert_eq!(town.text_in("START", "in-2").await, 204);
    assert_eq!(town.stopped().await, 1, "the organisation's stop stays");
    assert_eq!(town.text_in("Thank you all", "in-3").await, 204);
    assert_eq!(town.stopped().await, 1);
}
