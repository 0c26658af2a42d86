//! A provider played by a script, and an adapter of each kind that talks to it.

use crate::fixture::{channel, notice, parcel};
use oyez_domain::Channel;
use oyez_domain::outcome::{Scope, Verdict};
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
pub(super) enum Play {
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
pub(super) struct Stage {
    pub(super) address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Stage {
    pub(super) async fn playing(play: Play) -> Self {
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

    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

pub(super) async fn serve(mut stream: TcpStream, play: Play, heard: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read_request(&mut stream).await {
        heard.lock().unwrap().push(request);
        if perform(&mut stream, &play).await.is_none() {
            return;
        }
    }
}

/// Head and body of one request; nothing when the client has left.
pub(super) async fn read_request(stream: &mut TcpStream) -> Option<String> {
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

pub(super) async fn perform(stream: &mut TcpStream, play: &Play) -> Option<()> {
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

pub(super) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

/// The kinds under test.
pub(super) const KINDS: [&str; 3] = ["webhook", "mastodon", "sms_http"];

/// A secret that must not be seen anywhere.
pub(super) const TOKEN: &str = "very-secret-token";

pub(super) fn adapter(kind: &str, at: SocketAddr) -> (Arc<dyn Channel>, Parcel) {
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
    let channel = channel(kind, &settings);
    let rendered = channel.render(&notice()).unwrap();
    let address = match kind {
        "webhook" => format!("{base}/hooks/one"),
        "mastodon" => "test_channel".to_owned(),
        _ => "+447700900123".to_owned(),
    };
    let parcel = parcel(rendered, channel.capabilities().carries, &address);
    (channel, parcel)
}

pub(super) async fn play(kind: &str, play: Play) -> (Verdict, Vec<String>) {
    let stage = Stage::playing(play).await;
    let (channel, parcel) = adapter(kind, stage.address);
    let verdict = channel.send(&parcel).await;
    (verdict, stage.heard())
}

pub(super) fn success(kind: &str) -> (u16, &'static str) {
    match kind {
        "webhook" => (204, ""),
        "mastodon" => (200, r#"{"id":"42","url":"https://m.example/@wcc/42"}"#),
        _ => (202, r#"{"id":"m-7","status":"queued"}"#),
    }
}

pub(super) fn scope(kind: &str) -> Scope {
    if kind == "webhook" {
        Scope::Destination
    } else {
        Scope::Channel
    }
}
