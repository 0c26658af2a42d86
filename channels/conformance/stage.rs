//! A provider played by a script.

use super::provider::Provider;
use oyez_domain::outcome::Verdict;
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
    play: Arc<Mutex<Play>>,
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
        let play = Arc::new(Mutex::new(play));
        let script = Arc::clone(&play);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&script), Arc::clone(&ears)));
            }
        });
        Self {
            address,
            play,
            heard,
            _tasks: tasks,
        }
    }

    /// Plays something else from the next request on.
    pub(super) fn plays(&self, play: Play) {
        *self.play.lock().unwrap() = play;
    }

    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, play: Arc<Mutex<Play>>, heard: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read_request(&mut stream).await {
        heard.lock().unwrap().push(request);
        let play = play.lock().unwrap().clone();
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

pub(super) async fn play(provider: &Provider, play: Play) -> (Verdict, Vec<String>) {
    let stage = Stage::playing(play).await;
    let (channel, parcel) = provider.adapter(&format!("http://{}", stage.address));
    let verdict = channel.send(&parcel).await;
    (verdict, stage.heard())
}
