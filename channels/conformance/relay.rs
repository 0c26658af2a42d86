//! A mail relay played by a script, and an adapter that talks to it.

use crate::fixture::{channel, notice, numbered_parcel};
use oyez_domain::Channel;
use oyez_domain::address::AddressKind;
use oyez_domain::outcome::{Outcome, Reason, Scope};
use oyez_domain::parcel::Parcel;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Something the relay heard: a command, `connect`, or `.` with the message before it.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub(super) connection: usize,
    pub(super) line: String,
    pub(super) message: String,
}

/// What the relay does about it.
pub(super) enum Play {
    /// Answers as relays do.
    Usual,
    Say(&'static str),
    SayAndCut(&'static str),
    Cut,
    Hang,
    /// Answers too late, then goes on.
    Late(Duration, &'static str),
}

pub(super) type Script = Arc<dyn Fn(&Heard) -> Play + Send + Sync>;

pub(super) struct Relay {
    pub(super) address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    _tasks: JoinSet<()>,
}

impl Relay {
    pub(super) async fn playing(script: impl Fn(&Heard) -> Play + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (ears, script): (_, Script) = (Arc::clone(&heard), Arc::new(script));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                number += 1;
                let (script, ears) = (Arc::clone(&script), Arc::clone(&ears));
                connections.spawn(async move {
                    serve(stream, number, &script, &ears).await;
                });
            }
        });
        Self {
            address,
            heard,
            _tasks: tasks,
        }
    }

    pub(super) fn commands(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard
            .iter()
            .map(|heard| format!("{} {}", heard.connection, heard.line))
            .collect()
    }

    pub(super) fn messages(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard
            .iter()
            .filter(|h| h.line == ".")
            .map(|h| h.message.clone())
            .collect()
    }
}

pub(super) async fn serve(
    stream: TcpStream,
    connection: usize,
    script: &Script,
    ears: &Mutex<Vec<Heard>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut heard = Heard {
        connection,
        line: "connect".to_owned(),
        message: String::new(),
    };
    let mut in_data = false;
    loop {
        ears.lock().unwrap().push(heard.clone());
        let play = script(&heard);
        let usual = usual(&heard.line);
        let (said, wait, cut) = match play {
            Play::Usual => (usual, Duration::ZERO, false),
            Play::Say(said) => (said, Duration::ZERO, false),
            Play::SayAndCut(said) => (said, Duration::ZERO, true),
            Play::Late(wait, said) => (said, wait, false),
            Play::Cut => return None,
            Play::Hang => std::future::pending().await,
        };
        tokio::time::sleep(wait).await;
        stream
            .get_mut()
            .write_all(format!("{said}\r\n").as_bytes())
            .await
            .ok()?;
        if cut {
            return None;
        }
        in_data = heard.line == "DATA" && said.starts_with("354") || in_data && heard.line != ".";
        heard.message.clear();
        heard.line = read_line(&mut stream).await?;
        while in_data && heard.line != "." {
            heard.message.push_str(&heard.line);
            heard.message.push('\n');
            heard.line = read_line(&mut stream).await?;
        }
    }
}

pub(super) async fn read_line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    (stream.read_line(&mut line).await.ok()? > 0).then_some(())?;
    Some(
        line.strip_suffix("\r\n")
            .expect("lines end with CRLF")
            .to_owned(),
    )
}

pub(super) fn usual(line: &str) -> &'static str {
    match line.split([' ', ':']).next().unwrap_or("") {
        "connect" => "220 relay.test ESMTP",
        "EHLO" => "250-relay.test\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250 AUTH PLAIN LOGIN",
        "DATA" => "354 go ahead",
        "." => "250 2.0.0 Ok: queued as 4ZxQ1",
        "QUIT" => "221 bye",
        "AUTH" => "235 2.7.0 welcome",
        _ => "250 2.1.0 Ok",
    }
}

/// An adapter for this relay and a parcel for each of so many residents.
pub(super) fn adapter(
    at: SocketAddr,
    changes: &Value,
    residents: u32,
) -> (Arc<dyn Channel>, Vec<Parcel>) {
    let mut settings = json!({
        "host": "127.0.0.1", "port": at.port(), "tls": "none", "from": "WCC <updates@status.example.gov.uk>",
        "hello": "test_channel", "connections": 1, "reply_seconds": 1, "dot_seconds": 1
    });
    settings
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    let channel = channel("smtp", &settings);
    let rendered = Arc::new(channel.render(&notice()).unwrap());
    let parcel = |n: u32| {
        let address = format!("r{n}@example.org");
        numbered_parcel(Arc::clone(&rendered), AddressKind::Email, &address, n)
    };
    (channel, (1..=residents).map(parcel).collect())
}

pub(super) async fn send_all(channel: &Arc<dyn Channel>, parcels: &[Parcel]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for parcel in parcels {
        outcomes.push(channel.send(parcel).await.outcome);
    }
    outcomes
}

pub(super) fn accepted() -> Outcome {
    Outcome::Accepted {
        reference: Some("4ZxQ1".to_owned()),
    }
}

pub(super) fn down(reason: Reason) -> Outcome {
    Outcome::ChannelDown {
        reason,
        scope: Scope::Channel,
    }
}

pub(super) fn is(heard: &Heard, command: &str) -> bool {
    heard.line.starts_with(command)
}
