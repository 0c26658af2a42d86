//! What leaves an adapter, what does not, and what is kept of the answers.

use super::provider::{PROVIDERS, SECRETS, TOKEN, of};
use super::stage::{Play, Stage, answer, play};
use crate::fixture::{self, NOW, PARTNER_SECRET, channel, notice, parcel};
use crate::registry::{Via, build};
use aws_lc_rs::hmac;
use data_encoding::BASE64;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::outcome::{Outcome, Reason, Scope};
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

#[tokio::test]
async fn a_partner_can_verify_what_it_got() {
    let (_, heard) = play(of("webhook"), Play::Say(answer(204, "", ""))).await;
    let (head, body) = heard[0].split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        let line = head
            .lines()
            .find(|line| line.starts_with(&format!("{name}: ")))
            .unwrap();
        line.split_once(": ").unwrap().1.to_owned()
    };
    assert_eq!(header("webhook-timestamp"), "1764239400");
    assert_eq!(header("user-agent"), "oyez/0.1");
    let secret = PARTNER_SECRET.strip_prefix("whsec_").unwrap();
    let key = BASE64.decode(secret.as_bytes()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let signed = format!("{}.1764239400.{body}", header("webhook-id"));
    let expected = BASE64.encode(hmac::sign(&key, signed.as_bytes()).as_ref());
    assert_eq!(header("webhook-signature"), format!("v1,{expected}"));
    let event: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(event["type"], "update.published");
    assert_eq!(event["timestamp"], "2025-11-27T10:30:00Z");
    assert_eq!(event["data"]["reference"], "7QX-4HM");
    assert_eq!(
        event["data"]["links"]["web"],
        "https://status.example.gov.uk/u/7QX-4HM"
    );
    assert_eq!(event["data"]["next_update_by"], "2025-11-27T16:00:00Z");
}

#[tokio::test]
async fn a_post_carries_its_key_and_every_line_of_advice() {
    let mastodon = of("mastodon");
    let (_, heard) = play(mastodon, Play::Say(answer(200, "", mastodon.success.1))).await;
    let (head, body) = heard[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /api/v1/statuses HTTP/1.1"), "{head}");
    assert!(
        head.contains(&format!("authorization: Bearer {TOKEN}")),
        "{head}"
    );
    let (_, parcel) = mastodon.adapter("http://127.0.0.1:1");
    assert!(
        head.contains(&format!("idempotency-key: {}", parcel.reference)),
        "{head}"
    );
    let status: serde_json::Value = serde_json::from_str(body).unwrap();
    let text = status["status"].as_str().unwrap();
    for line in [
        "Phones & payments",
        "Call 020 7641 6000",
        "Do not cancel",
        "/u/7QX-4HM",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(
        (&status["visibility"], &status["language"]),
        (&"public".into(), &"en".into())
    );
}

#[tokio::test]
async fn secrets_and_addresses_stay_out_of_what_is_kept() {
    let echo = SECRETS.join(" ");
    for provider in &PROVIDERS {
        for play_this in [
            Play::Say(answer(401, "", &format!("{{\"error\":\"{echo}\"}}"))),
            Play::Say(answer(500, "", &echo)),
            Play::SayAndCut(Vec::new()),
        ] {
            let stage = Stage::playing(play_this).await;
            let (channel, parcel) = provider.adapter(&format!("http://{}", stage.address));
            let verdict = channel.send(&parcel).await;
            let said = format!("{verdict:?} {parcel:?} {:?}", channel.check().await);
            for secret in SECRETS.into_iter().chain(["hooks/one"]) {
                assert!(!said.contains(secret), "{}: {secret}", provider.kind);
            }
            assert!(!verdict.reply.contains("127.0.0.1"), "{}", provider.kind);
        }
    }
}

#[tokio::test]
async fn the_guard_stands_before_every_connection() {
    let stage = Stage::playing(Play::Say(answer(204, "", ""))).await;
    let port = stage.address.port();
    let around = fixture::surroundings_with(&[]);
    let via: Via = serde_json::from_value(json!({"webhook": {}})).unwrap();
    let channel = build(&fixture::name(), &via, &around).unwrap();
    let rendered = channel.render(&notice()).unwrap();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1"] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/hooks/one");
            let parcel = parcel(rendered.clone(), AddressKind::Endpoint, &url);
            let verdict = channel.send(&parcel).await;
            let (reason, scope) = (Reason::ForbiddenAddress, Scope::Destination);
            assert_eq!(
                verdict.outcome,
                Outcome::ChannelRefused { reason, scope },
                "{url}"
            );
        }
    }
    assert_eq!(stage.heard(), [""; 0], "not a byte went out");
}

#[tokio::test]
async fn what_speaks_no_tls_where_tls_is_expected_gets_nothing() {
    for (greeting, reason) in [
        (b"220 hello\r\n".as_slice(), Reason::Tls),
        (b"", Reason::Connect),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/hooks/one", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(greeting).await.unwrap();
            std::future::pending::<()>().await;
        });
        let (channel, mut parcel) = of("webhook").adapter("http://127.0.0.1:1");
        parcel.address = Address::stored(AddressKind::Endpoint, url);
        let scope = Scope::Destination;
        let verdict = channel.send(&parcel).await;
        assert_eq!(verdict.outcome, Outcome::ChannelDown { reason, scope });
    }
}

#[tokio::test]
async fn a_gateways_own_rule_comes_before_the_table() {
    let body = r#"{"code":"invalid_number","message":"no"}"#;
    let (verdict, heard) = play(of("sms_http"), Play::Say(answer(400, "", body))).await;
    let rejected = Outcome::Rejected {
        reason: Reason::NumberInvalid,
        suppress: true,
    };
    assert_eq!(verdict.outcome, rejected);
    let (verdict, _) = play(
        of("sms_http"),
        Play::Say(answer(400, "", r#"{"code":"text"}"#)),
    )
    .await;
    assert_eq!(
        verdict.outcome,
        Outcome::BadMessage {
            reason: Reason::ContentRejected
        }
    );
    let (_, sent) = heard[0].split_once("\r\n\r\n").unwrap();
    let sent: serde_json::Value = serde_json::from_str(sent).unwrap();
    assert_eq!(sent["to"], "+447700900123");
    assert_eq!(
        sent["text"],
        "Phones & payments: what to do. https://status.example.gov.uk/u/7QX-4HM"
    );
}

#[tokio::test]
async fn mastodons_own_time_of_reset_is_honoured() {
    let header = "x-ratelimit-reset: 2025-11-27T10:35:00.123456Z\r\n";
    let (verdict, _) = play(
        of("mastodon"),
        Play::Say(answer(429, header, r#"{"error":"slow"}"#)),
    )
    .await;
    let until = NOW.plus(Duration::from_micros(300_123_456));
    let scope = Scope::Channel;
    assert_eq!(verdict.outcome, Outcome::Throttled { until, scope });
}

#[tokio::test]
async fn an_old_gateway_with_parameters_and_plain_answers_is_served_too() {
    let settings = |at: SocketAddr| {
        json!({
            "method": "GET", "url": format!("http://{at}/cgi-bin/sendsms?smsc=one"), "auth": "basic",
            "username": "wcc", "secret": TOKEN, "headers": {"x-key": "{ref}"},
            "body": {"kind": "query", "template": "to={to_plain}&text={text}"},
            "success": {"matches": "^0: Accepted"},
            "rules": [{"status": 202, "matches": "^4: Busy", "outcome": "throttled"}],
        })
    };
    for (said, expected) in [
        (
            "0: Accepted for delivery",
            Outcome::Accepted { reference: None },
        ),
        (
            "3: Queued",
            Outcome::Unknown {
                reason: Reason::Protocol,
            },
        ),
        (
            "4: Busy",
            Outcome::Throttled {
                until: NOW.plus(Duration::from_secs(30)),
                scope: Scope::Channel,
            },
        ),
    ] {
        let stage = Stage::playing(Play::Say(answer(202, "", said))).await;
        let channel = channel("sms_http", &settings(stage.address));
        let parcel = parcel(
            channel.render(&notice()).unwrap(),
            AddressKind::Mobile,
            "+447700900123",
        );
        assert_eq!(channel.send(&parcel).await.outcome, expected, "{said}");
        let heard = stage.heard().concat();
        let line = "GET /cgi-bin/sendsms?smsc=one&to=447700900123&text=Phones+%26+payments%3A+what";
        assert!(heard.starts_with(line), "{heard}");
        assert!(
            heard.contains("authorization: Basic d2NjOnZlcnktc2VjcmV0LXRva2Vu\r\n"),
            "{heard}"
        );
        assert!(
            heard.contains(&format!("x-key: {}\r\n", parcel.reference)),
            "{heard}"
        );
    }
}
