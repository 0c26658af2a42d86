//! A sandbox to talk to, and clients that share no code with it.

use oyez_sandbox::{LogRecord, Sandbox, SandboxSettings, Scenario};
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest any one exchange may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    _dir: TempDir,
}

/// Starts a sandbox that plays a scenario.
pub(crate) async fn play(scenario: Scenario) -> Stage {
    let dir = tempfile::tempdir().unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let log = dir.path().join("log.jsonl");
    let settings = SandboxSettings {
        smtp: any,
        http: any,
        log,
        scenario,
    };
    Stage {
        sandbox: Sandbox::start(settings).await.unwrap(),
        _dir: dir,
    }
}

pub(crate) async fn play_json(scenario: &str) -> Stage {
    play(Scenario::from_json(scenario).unwrap()).await
}

impl Stage {
    pub(crate) fn records(&self) -> Vec<LogRecord> {
        self.sandbox.records().unwrap()
    }

    /// The log as `reply/effect` of each line.
    pub(crate) fn replies(&self) -> Vec<(String, bool)> {
        self.records()
            .into_iter()
            .map(|record| (record.reply, record.effect))
            .collect()
    }

    pub(crate) async fn mail(&self) -> Mail {
        Mail::open(self.sandbox.smtp_addr()).await
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<Reply> {
        request(self.sandbox.http_addr(), "POST", path, headers, body).await
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Option<Reply> {
        request(self.sandbox.http_addr(), "GET", path, headers, "").await
    }
}

/// An SMTP client that says what it is told.
pub(crate) struct Mail(BufReader<TcpStream>);

impl Mail {
    pub(crate) async fn open(addr: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(addr).await.unwrap()))
    }

    /// Connects, reads the banner and says EHLO.
    pub(crate) async fn greet(stage: &Stage, name: &str) -> Self {
        let mut mail = stage.mail().await;
        assert!(mail.reply().await.starts_with("220 "));
        assert!(mail.ask(&format!("EHLO {name}")).await.starts_with("250-"));
        mail
    }

    pub(crate) async fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// One reply with all its lines; empty when the server hung up.
    pub(crate) async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            timeout(PATIENCE, self.0.read_line(&mut line))
                .await
                .unwrap()
                .unwrap_or(0);
            let more = line.as_bytes().get(3) == Some(&b'-');
            reply += &line;
            if !more {
                return reply.trim_end().to_owned();
            }
        }
    }

    pub(crate) async fn ask(&mut self, command: &str) -> String {
        self.write(&format!("{command}\r\n")).await;
        self.reply().await
    }

    /// Sends one message command by command; gives the reply that ended it.
    pub(crate) async fn send(&mut self, to: &str, key: &str) -> String {
        let message = format!("Message-ID: <{key}@oyez.invalid>\r\nSubject: x\r\n\r\nhear ye\r\n.");
        let commands = [
            ("MAIL FROM:<b@oyez.invalid>".to_owned(), '2'),
            (format!("RCPT TO:<{to}>"), '2'),
        ];
        for (command, good) in commands.into_iter().chain([("DATA".to_owned(), '3')]) {
            let reply = self.ask(&command).await;
            if !reply.starts_with(good) {
                return reply;
            }
        }
        self.ask(&message).await
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// One request on its own connection; `None` when the server hung up without an answer.
async fn request(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<Reply> {
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream
        .write_all(format!("{head}\r\n{body}").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().unwrap();
    Some(Reply {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}
