//! A running `oyez serve`, ended when the test ends.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

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

    /// Asks it to end, and waits; returns its exit code.
    pub(crate) fn end(mut self) -> i32 {
        self.signal("TERM");
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn signal(&self, name: &str) {
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
