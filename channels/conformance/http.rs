//! Every adapter that speaks HTTP against a server that plays a script.

use crate::fixture::{self, NOW, PARTNER_SECRET, channel, notice, parcel};
use crate::registry::{Surroundings, Via, build};
use aws_lc_rs::hmac;
use data_encoding::BASE64;
use futures_util::future::join_all;
use oyez_domain::Channel;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::outcome::{Outcome, Reason, Scope, Verdict};
use oyez_domain::parcel::Parcel;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the server does once it has read a request.
#[derive(Clone)]
enum Play {
    /// Writes these bytes and keeps the connection.
    Say(Vec<u8>),
    /// Writes these bytes and hangs up.
    SayAndCut(Vec<u8>),
    /// Writes these bytes and then says nothing more.
    SayAndHang(Vec<u8>),
    /// Writes the head and then bytes without end.
    Flood(Vec<u8>),
    /// Writes the head and then a byte now and then.
    Drip(Vec<u8>),
}

/// A server that plays one thing to everybody and keeps what it was told.
struct Stage {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Stage {
    async fn playing(play: Play) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let ears = Arc::clone(&heard);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, play.clone(), Arc::clone(&ears)));
            }
        });
        Self {
            address,
            heard,
            _tasks: tasks,
        }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, play: Play, heard: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read_request(&mut stream).await {
        heard.lock().unwrap().push(request);
        if perform(&mut stream, &play).await.is_none() {
            return;
        }
    }
}

/// Head and body of one request; nothing when the client has left.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            return Some(text);
        }
    }
}

async fn perform(stream: &mut TcpStream, play: &Play) -> Option<()> {
    let (Play::Say(bytes)
    | Play::SayAndCut(bytes)
    | Play::SayAndHang(bytes)
    | Play::Flood(bytes)
    | Play::Drip(bytes)) = play;
    stream.write_all(bytes).await.ok()?;
    match play {
        Play::Say(_) => Some(()),
        Play::SayAndCut(_) => None,
        Play::SayAndHang(_) => std::future::pending().await,
        Play::Flood(_) => loop {
            stream.write_all(&[b' '; 64 * 1024]).await.ok()?;
        },
        Play::Drip(_) => loop {
            stream.write_all(b" ").await.ok()?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        },
    }
}

fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

/// The kinds under test.
const KINDS: [&str; 3] = ["webhook", "mastodon", "sms_http"];

/// A secret that must not be seen anywhere.
const TOKEN: &str = "very-secret-token";

fn adapter(kind: &str, at: SocketAddr) -> (Arc<dyn Channel>, Parcel) {
    let base = format!("http://{at}");
    let settings = match kind {
        "webhook" => json!({"timeout_seconds": 1}),
        "mastodon" => json!({"server": base, "token": TOKEN, "timeout_seconds": 1}),
        _ => json!({
            "url": format!("{base}/sms/messages"), "auth": "bearer", "secret": TOKEN, "timeout_seconds": 1,
            "body": {"kind": "json", "template": r#"{"to":"{to}","text":"{text}","reference":"{ref}"}"#},
            "id_pointer": "/id", "rules": [
                {"status": 400, "pointer": "/code", "matches": "^invalid_number$",
                 "outcome": "rejected", "reason": "number_invalid", "suppress": true}
            ]
        }),
    };
    let channel = channel(kind, settings);
    let rendered = channel.render(&notice()).unwrap();
    let address = match kind {
        "webhook" => format!("{base}/hooks/one"),
        "mastodon" => "test_channel".to_owned(),
        _ => "+447700900123".to_owned(),
    };
    let parcel = parcel(rendered, channel.capabilities().carries, &address);
    (channel, parcel)
}

async fn play(kind: &str, play: Play) -> (Verdict, Vec<String>) {
    let stage = Stage::playing(play).await;
    let (channel, parcel) = adapter(kind, stage.address);
    let verdict = channel.send(&parcel).await;
    (verdict, stage.heard())
}

fn success(kind: &str) -> (u16, &'static str) {
    match kind {
        "webhook" => (204, ""),
        "mastodon" => (200, r#"{"id":"42","url":"https://m.example/@wcc/42"}"#),
        _ => (202, r#"{"id":"m-7","status":"queued"}"#),
    }
}

fn scope(kind: &str) -> Scope {
    if kind == "webhook" {
        Scope::Destination
    } else {
        Scope::Channel
    }
}

#[tokio::test]
async fn what_the_provider_takes_is_accepted_with_its_identifier() {
    for (kind, identifier) in [
        ("webhook", None),
        ("mastodon", Some("https://m.example/@wcc/42")),
        ("sms_http", Some("m-7")),
    ] {
        let (status, body) = success(kind);
        let (verdict, heard) = play(kind, Play::Say(answer(status, "", body))).await;
        let reference = identifier.map(str::to_owned);
        assert_eq!(verdict.outcome, Outcome::Accepted { reference }, "{kind}");
        assert_eq!(heard.len(), 1, "{kind}");
    }
}

/// A message to one partner may be repeated under the same id, so its 5xx are outages; a gateway's are not.
fn has_native_key(kind: &str) -> bool {
    kind != "sms_http"
}

#[tokio::test]
async fn too_fast_is_a_wait_for_as_long_as_the_provider_says() {
    for kind in KINDS {
        for (header, seconds) in [
            ("retry-after: 7\r\n", 7),
            ("retry-after: 1.2\r\n", 2),
            ("retry-after: Thu, 27 Nov 2025 10:30:45 GMT\r\n", 45),
            ("retry-after: -5\r\n", 1),
            ("retry-after: 1e12\r\n", 3600),
            ("retry-after: soon\r\n", 30),
            ("retry-after: 3\r\nretry-after: 9\r\n", 9),
            ("", 30),
        ] {
            let (verdict, _) = play(kind, Play::Say(answer(429, header, "{}"))).await;
            let until = NOW.plus(Duration::from_secs(seconds));
            let scope = scope(kind);
            assert_eq!(
                verdict.outcome,
                Outcome::Throttled { until, scope },
                "{kind} {header}"
            );
        }
    }
}

#[tokio::test]
async fn a_refusal_of_ours_pauses_and_rejects_nobody() {
    for kind in KINDS {
        for (status, reason) in [
            (301, Reason::Misconfigured),
            (307, Reason::Misconfigured),
            (401, Reason::AuthFailed),
            (402, Reason::NoCredit),
            (403, Reason::AuthFailed),
            (404, Reason::Misconfigured),
        ] {
            let headers = "location: http://127.0.0.1:9/elsewhere\r\n";
            let (verdict, heard) = play(kind, Play::Say(answer(status, headers, ""))).await;
            let scope = scope(kind);
            assert_eq!(
                verdict.outcome,
                Outcome::ChannelRefused { reason, scope },
                "{kind} {status}"
            );
            assert_eq!(heard.len(), 1, "nothing is followed or tried again");
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_gone_for_its_partner_only() {
    let (verdict, _) = play("webhook", Play::Say(answer(410, "", ""))).await;
    let gone = Outcome::Rejected {
        reason: Reason::EndpointGone,
        suppress: false,
    };
    assert_eq!(verdict.outcome, gone);
}

#[tokio::test]
async fn a_fault_is_believed_only_from_the_api_itself() {
    let own = r#"{"error":"temporary","code":"unavailable"}"#;
    for kind in KINDS {
        for (status, body) in [
            (503, own),
            (502, own),
            (503, "<html>oops"),
            (502, ""),
            (504, ""),
            (500, ""),
        ] {
            let (verdict, _) = play(kind, Play::Say(answer(status, "", body))).await;
            let scope = scope(kind);
            let reason = Reason::ProviderDown;
            let taken_by_nobody = has_native_key(kind) || (status == 503 && body == own);
            let expected = if taken_by_nobody {
                Outcome::ChannelDown { reason, scope }
            } else {
                Outcome::Unknown { reason }
            };
            assert_eq!(verdict.outcome, expected, "{kind} {status} {body}");
        }
    }
}

#[tokio::test]
async fn a_silent_or_cut_off_provider_may_have_sent_it() {
    let mut cases = Vec::new();
    for kind in KINDS {
        let (status, body) = success(kind);
        let half_a_head = answer(status, "", body)[..12].to_vec();
        for (play_this, reason) in [
            (Play::SayAndHang(Vec::new()), Reason::Timeout),
            (Play::SayAndCut(Vec::new()), Reason::Uncertain),
            (Play::SayAndCut(half_a_head.clone()), Reason::Uncertain),
            (Play::SayAndHang(half_a_head), Reason::Timeout),
        ] {
            cases.push(async move {
                let (verdict, heard) = play(kind, play_this).await;
                assert_eq!(verdict.outcome, Outcome::Unknown { reason }, "{kind}");
                assert_eq!(
                    heard.len(),
                    1,
                    "{kind}: nothing is repeated below the ledger"
                );
            });
        }
    }
    join_all(cases).await;
}

#[tokio::test]
async fn a_success_without_its_body_is_no_success() {
    for kind in ["mastodon", "sms_http"] {
        let (status, body) = success(kind);
        let whole = answer(status, "", body);
        let cut = whole[..whole.len() - 3].to_vec();
        for play_this in [
            Play::SayAndCut(cut.clone()),
            Play::SayAndHang(cut),
            Play::Say(answer(
                200,
                "content-type: text/html\r\n",
                "<html>Please log in</html>",
            )),
            Play::Say(answer(200, "", "")),
            Play::Say(answer(200, "", r#"{"status":"error"}"#)),
            Play::Say(answer(200, "", r#"{"id":"42","url""#)),
        ] {
            let (verdict, _) = play(kind, play_this).await;
            let unknown = Outcome::Unknown {
                reason: Reason::Protocol,
            };
            assert_eq!(verdict.outcome, unknown, "{kind}");
        }
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off_in_time_and_size() {
    let head =
        |status| format!("HTTP/1.1 {status} X\r\ncontent-length: 10000000000\r\n\r\n").into_bytes();
    for kind in KINDS {
        for play_this in [Play::Flood(head(200)), Play::Drip(head(200))] {
            let deadline = tokio::time::timeout(Duration::from_secs(5), play(kind, play_this));
            let (verdict, _) = deadline.await.expect("it ends by itself");
            let expected = match kind {
                "webhook" => Outcome::Accepted { reference: None },
                _ => Outcome::Unknown {
                    reason: Reason::Protocol,
                },
            };
            assert_eq!(verdict.outcome, expected, "{kind}");
        }
    }
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_down_and_has_nothing() {
    for kind in KINDS {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let (channel, parcel) = adapter(kind, address);
        let down = |reason| Outcome::ChannelDown {
            reason,
            scope: scope(kind),
        };
        assert_eq!(
            channel.send(&parcel).await.outcome,
            down(Reason::Connect),
            "{kind}"
        );
    }
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
        let (channel, mut parcel) = adapter("webhook", "127.0.0.1:1".parse().unwrap());
        parcel.address = Address::stored(AddressKind::Endpoint, url);
        let scope = Scope::Destination;
        let verdict = channel.send(&parcel).await;
        assert_eq!(verdict.outcome, Outcome::ChannelDown { reason, scope });
    }
}

#[tokio::test]
async fn the_guard_stands_before_every_connection() {
    let stage = Stage::playing(Play::Say(answer(204, "", ""))).await;
    let port = stage.address.port();
    let around = Surroundings {
        allow_networks: Vec::new(),
        ..fixture::surroundings()
    };
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
async fn secrets_and_addresses_stay_out_of_what_is_kept() {
    for kind in KINDS {
        for play_this in [
            Play::Say(answer(
                401,
                "",
                &format!("{{\"error\":\"{TOKEN} +447700900123\"}}"),
            )),
            Play::SayAndCut(Vec::new()),
        ] {
            let (verdict, _) = play(kind, play_this).await;
            for secret in [TOKEN, "447700900123", "hooks", "127.0.0.1", "whsec"] {
                assert!(!verdict.reply.contains(secret), "{kind}: {}", verdict.reply);
            }
        }
    }
}

#[tokio::test]
async fn a_partner_can_verify_what_it_got() {
    let (_, heard) = play("webhook", Play::Say(answer(204, "", ""))).await;
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
    let (_, heard) = play(
        "mastodon",
        Play::Say(answer(200, "", success("mastodon").1)),
    )
    .await;
    let (head, body) = heard[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /api/v1/statuses HTTP/1.1"), "{head}");
    assert!(
        head.contains(&format!("authorization: Bearer {TOKEN}")),
        "{head}"
    );
    let (_, parcel) = adapter("mastodon", "127.0.0.1:1".parse().unwrap());
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
async fn mastodons_own_time_of_reset_is_honoured() {
    let header = "x-ratelimit-reset: 2025-11-27T10:35:00.123456Z\r\n";
    let (verdict, _) = play(
        "mastodon",
        Play::Say(answer(429, header, r#"{"error":"slow"}"#)),
    )
    .await;
    match verdict.outcome {
        Outcome::Throttled { until, .. } => {
            assert_eq!(until.since(NOW).as_secs(), 300);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_gateways_own_rule_comes_before_the_table() {
    let body = r#"{"code":"invalid_number","message":"no"}"#;
    let (verdict, heard) = play("sms_http", Play::Say(answer(400, "", body))).await;
    let rejected = Outcome::Rejected {
        reason: Reason::NumberInvalid,
        suppress: true,
    };
    assert_eq!(verdict.outcome, rejected);
    let (verdict, _) = play("sms_http", Play::Say(answer(400, "", r#"{"code":"text"}"#))).await;
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
