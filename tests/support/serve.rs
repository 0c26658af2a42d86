//! A running `oyez serve`, ended when the test ends.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

/// What it answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and headers, in small letters.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A running instance.
pub(crate) struct Serve {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    /// Where it says everything is.
    pub(crate) places: Value,
}

impl Serve {
    /// Starts it and waits for the line that says where everything is: from then on it answers.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let places = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("serve ended with {:?}", child.wait()));
        Self {
            child,
            _stdout: stdout,
            places,
        }
    }

    /// Its base URL.
    pub(crate) fn base(&self) -> &str {
        self.places["api"]
            .as_str()
            .unwrap()
            .trim_end_matches("/api/v1")
    }

    /// A page, or a refusal to answer at all: its status and text.
    pub(crate) fn page(&self, path: &str) -> (u16, String) {
        let answer = self.ask("GET", path, "");
        (answer.status, answer.body)
    }

    /// What it answers to a request with the operator's token. HTTP 1.0 knows no chunks.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let token = std::fs::read_to_string(self.places["token_file"].as_str().unwrap()).unwrap();
        let host = self.base().trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nhost: {host}\r\nauthorization: Bearer {}\r\nidempotency-key: {path}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            token.trim(),
            body.len()
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head[9..12].parse().unwrap(),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    /// Asks it to end, and waits; returns its exit code.
    pub(crate) fn end(self) -> i32 {
        self.signal("TERM");
        self.code()
    }

    /// Waits until it ends; returns its exit code.
    pub(crate) fn code(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it a signal by name, e.g. `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(done.success());
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
