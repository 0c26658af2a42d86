//! Receipts as gateways send them, and as others forge them.

use super::*;
use crate::fixture::NOW;
use serde_json::json;

const SECRET: &str = "s3cret";

fn settings(changes: &Value) -> Settings {
    let mut settings = json!({
        "auth": "bearer", "secret": SECRET, "ref_pointer": "/reference", "id_pointer": "/id", "status_pointer": "/status",
        "reason_pointer": "/error", "time_pointer": "/at",
        "map": {"delivered": "delivered", "failed": "undelivered", "buffered": "undelivered_for_now", "sent": "underway"},
        "reasons": {"phone_off": "phone_off"}
    });
    settings
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    let settings: Settings = serde_json::from_value(settings).unwrap();
    assert_eq!(settings.check(), []);
    settings
}

fn read(
    settings: &Settings,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Vec<Receipt>, CallbackRefusal> {
    let headers: Vec<_> = headers
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    let callback = Callback {
        method: "POST",
        url,
        headers: &headers,
        body: body.as_bytes(),
    };
    settings.read(&settings.secret().unwrap(), &callback, NOW)
}

const URL: &str = "https://status.example.gov.uk/callbacks/sms";
const BEARER: (&str, &str) = ("authorization", "Bearer s3cret");
const DELIVERED: &str =
    r#"{"id":"m-7","reference":"r1","status":"delivered","at":"2025-11-27T10:31:00Z"}"#;

fn delivered() -> Receipt {
    Receipt {
        key: ReceiptKey::Reference("r1".to_owned()),
        status: ReceiptStatus::Delivered,
        reason: None,
        provider_time: Wall::parse("2025-11-27T10:31:00Z"),
    }
}

#[test]
fn a_genuine_receipt_is_read() {
    let settings = settings(&json!({}));
    assert_eq!(
        read(&settings, URL, &[BEARER], DELIVERED),
        Ok(vec![delivered()])
    );
    let off = r#"{"id":"m-8","status":"failed","error":"phone_off"}"#;
    let receipts = read(&settings, URL, &[BEARER], off).unwrap();
    assert_eq!(receipts[0].key, ReceiptKey::ProviderId("m-8".to_owned()));
    assert_eq!(
        (receipts[0].status, receipts[0].reason),
        (ReceiptStatus::Undelivered, Some(Reason::PhoneOff))
    );
}

#[test]
fn several_receipts_come_in_one_callback_and_unknown_statuses_are_passed_over() {
    let body = format!(
        r#"[{DELIVERED},{{"reference":"r2","status":"queued"}},{{"reference":"r3","status":"failed"}}]"#
    );
    let receipts = read(&settings(&json!({})), URL, &[BEARER], &body).unwrap();
    assert_eq!(receipts.len(), 2);
    assert_eq!(receipts[1].reason, Some(Reason::Undeliverable));
}

#[test]
fn what_does_not_prove_itself_is_refused_whatever_it_says() {
    let hmac =
        json!({"auth": "hmac", "hmac": {"header": "x-signature", "timestamp_header": "x-time"}});
    for (rule, url, headers) in [
        (json!({}), URL, vec![]),
        (json!({}), URL, vec![("authorization", "Bearer s3cre")]),
        (json!({}), URL, vec![("authorization", "Bearer s3cret1")]),
        (json!({}), URL, vec![("authorization", "Basic s3cret")]),
        (
            json!({"auth": "basic", "secret": "u:s3cret"}),
            URL,
            vec![BEARER],
        ),
        (json!({"auth": "path_token"}), URL, vec![]),
        (
            json!({"auth": "path_token"}),
            "https://x/callbacks/sms/other?x=s3cret",
            vec![],
        ),
        (
            hmac.clone(),
            URL,
            vec![("x-signature", "00"), ("x-time", "1764239400")],
        ),
        (hmac.clone(), URL, vec![("x-signature", "zz")]),
        (hmac, URL, vec![("x-time", "1764239400")]),
    ] {
        let read = read(&settings(&rule), url, &headers, DELIVERED);
        assert_eq!(
            read,
            Err(CallbackRefusal::Unauthenticated),
            "{rule} {url} {headers:?}"
        );
    }
}

#[test]
fn every_way_of_proving_it_works() {
    let sign = |algorithm, message: &str| {
        hmac::sign(
            &hmac::Key::new(algorithm, SECRET.as_bytes()),
            message.as_bytes(),
        )
    };
    let sha256 = HEXLOWER.encode(sign(hmac::HMAC_SHA256, DELIVERED).as_ref());
    let prefixed = format!("sha256={}", sha256.to_uppercase().replace("SHA256=", ""));
    let sha1 = BASE64.encode(sign(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, DELIVERED).as_ref());
    let timed =
        HEXLOWER.encode(sign(hmac::HMAC_SHA256, &format!("1764239400.{DELIVERED}")).as_ref());
    for (rule, url, headers) in [
        (
            json!({"auth": "basic", "secret": "u:s3cret"}),
            URL,
            vec![("authorization", "Basic dTpzM2NyZXQ=")],
        ),
        (
            json!({"auth": "path_token"}),
            "https://x/callbacks/sms/s3cret",
            vec![],
        ),
        (
            json!({"auth": "path_token"}),
            "https://x/callbacks/sms?token=s3cret",
            vec![],
        ),
        (
            json!({"auth": "hmac", "hmac": {"header": "X-Signature"}}),
            URL,
            vec![("x-signature", sha256.as_str())],
        ),
        (
            json!({"auth": "hmac", "hmac": {"header": "x-signature"}}),
            URL,
            vec![("x-signature", prefixed.as_str())],
        ),
        (
            json!({"auth": "hmac", "hmac": {"header": "x-s", "algorithm": "sha1", "encoding": "base64"}}),
            URL,
            vec![("x-s", sha1.as_str())],
        ),
        (
            json!({"auth": "hmac", "hmac": {"header": "x-s", "timestamp_header": "x-t"}}),
            URL,
            vec![("x-s", timed.as_str()), ("x-t", "1764239400")],
        ),
    ] {
        let read = read(&settings(&rule), url, &headers, DELIVERED);
        assert_eq!(read, Ok(vec![delivered()]), "{rule} {url}");
    }
}

#[test]
fn a_signed_receipt_cannot_be_played_again_later() {
    let settings =
        settings(&json!({"auth": "hmac", "hmac": {"header": "x-s", "timestamp_header": "x-t"}}));
    for (time, good) in [
        (1_764_239_400, true),
        (1_764_239_100, true),
        (1_764_239_099, false),
        (1_764_239_701, false),
    ] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let tag =
            HEXLOWER.encode(hmac::sign(&key, format!("{time}.{DELIVERED}").as_bytes()).as_ref());
        let headers = [("x-s", tag.as_str()), ("x-t", &time.to_string())];
        assert_eq!(
            read(&settings, URL, &headers, DELIVERED).is_ok(),
            good,
            "{time}"
        );
    }
}

#[test]
fn forms_and_parameters_are_read_too() {
    let form = settings(&json!({"format": "form"}));
    let receipts = read(
        &form,
        URL,
        &[BEARER],
        "reference=r1&status=delivered&at=2025-11-27T10%3A31%3A00Z",
    );
    assert_eq!(receipts, Ok(vec![delivered()]));
    let query = settings(&json!({"format": "query"}));
    let url = format!("{URL}?reference=r1&status=delivered&at=2025-11-27T10%3A31%3A00Z#x");
    assert_eq!(read(&query, &url, &[BEARER], ""), Ok(vec![delivered()]));
}

#[test]
fn nonsense_is_malformed() {
    for body in [
        "",
        "[]x",
        "1",
        "\"delivered\"",
        "{}",
        r#"{"status":"delivered"}"#,
        r#"[{"reference":"r1"}]"#,
    ] {
        let read = read(&settings(&json!({})), URL, &[BEARER], body);
        assert_eq!(read, Err(CallbackRefusal::Malformed), "{body}");
    }
}

#[test]
fn an_identifier_is_kept_short_and_printable() {
    let long = format!(
        r#"{{"reference":"a\u0000b{}","status":"sent"}}"#,
        "x".repeat(10_000)
    );
    let receipts = read(&settings(&json!({})), URL, &[BEARER], &long).unwrap();
    match &receipts[0].key {
        ReceiptKey::Reference(reference) => {
            assert_eq!(reference.len(), 255);
            assert!(reference.starts_with("abx"));
        }
        ReceiptKey::ProviderId(id) => panic!("{id}"),
    }
}
