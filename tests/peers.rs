//! Servers and verifiers that this project did not write, in front of the real adapters.

mod aiosmtpd;
mod dkimpy;
mod feedparser;
mod feeds;
mod kannel;
mod mastodon_mock;
mod notify_client;
mod prism;
mod smtp_sink;
mod standard_webhooks;
mod twilio;
mod xmllint;

use oyez_domain::Channel;
use oyez_domain::address::Address;
use oyez_domain::outcome::{Outcome, Reason, Scope};
use oyez_domain::parcel::Parcel;
use oyez_domain::rendered::Rendered;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The longest that anything waited for may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(10);

/// A program that judges us, ended when the test ends.
struct Judge {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Judge {
    /// Starts a program whose launcher is named by an environment variable, as `tests/run` sets it.
    #[expect(
        clippy::disallowed_methods,
        reason = "only the runner knows where the judges are"
    )]
    fn start(variable: &str, arguments: &[&str]) -> Self {
        let Ok(launcher) = std::env::var(variable) else {
            panic!("{variable} names no program; run these tests with: tests/run peers")
        };
        let mut child = Command::new(launcher)
            .args(arguments)
            // Scripts of ours end when this closes, so that none outlives a test that was killed.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Arc::default();
        listen(child.stdout.take().unwrap(), &lines);
        listen(child.stderr.take().unwrap(), &lines);
        Self { child, lines }
    }

    /// Starts one of our scripts around a Python library.
    fn script(name: &str, arguments: &[&str]) -> Self {
        let script = format!("{}/../../tests/tools/{name}", env!("CARGO_MANIFEST_DIR"));
        let arguments = [&[script.as_str()], arguments].concat();
        Self::start("OYEZ_TEST_PYTHON", &arguments)
    }

    /// Starts a program of its own from a configuration file.
    fn configured(variable: &str, file: &std::path::Path) -> Self {
        Self::start(variable, &[file.to_str().unwrap()])
    }

    /// Everything it has said so far, line by line.
    fn said(&self) -> Vec<String> {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How many lines it has said that hold this.
    fn count(&self, what: &str) -> usize {
        self.said()
            .iter()
            .filter(|line| line.contains(what))
            .count()
    }

    /// The JSON objects that a script of ours has reported so far.
    fn reports(&self) -> Vec<Value> {
        let said = self.said();
        said.iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The JSON object with this field, as soon as it is reported.
    async fn report(&self, field: &str) -> Value {
        let found = || self.reports().into_iter().find(|r| r.get(field).is_some());
        until(self, field, found).await
    }

    fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn listen(output: impl Read + Send + 'static, lines: &Arc<Mutex<Vec<String>>>) {
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            lines
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line);
        }
    });
}

/// What `look` finds, as soon as it finds something.
async fn until<T>(judge: &Judge, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    match found.await {
        Ok(found) => found,
        Err(_) => panic!("{what} did not come; the judge said {:#?}", judge.said()),
    }
}

/// Starts a server that has to be told its port, and waits until it answers there.
async fn serving(start: impl Fn(u16) -> Judge) -> (Judge, u16) {
    for _ in 0..5 {
        // Somebody may take the port before the judge does; then another one is tried.
        let port = free_port();
        let mut judge = start(port);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let answered = tokio::time::timeout(PATIENCE, async {
            while judge.is_running() {
                if TcpStream::connect(address).is_ok() && judge.is_running() {
                    return true;
                }
                tokio::time::sleep(LOOK).await;
            }
            false
        });
        if answered.await.unwrap() {
            return (judge, port);
        }
    }
    panic!("no port was free five times")
}

fn free_port() -> u16 {
    let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    any.local_addr().unwrap().port()
}

/// A resident by number.
fn resident(number: u32) -> Address {
    Address::email(&format!("resident{number}@mail.test")).unwrap()
}

/// The demonstration's update on a channel, some of what its author wrote replaced.
fn rendered(channel: &dyn Channel, changes: Value) -> Arc<Rendered> {
    Arc::new(channel.render(&crate::adapters::notice(changes)).unwrap())
}

/// The demonstration's update as a text, to one resident.
fn text(channel: &dyn Channel, number: u32) -> Parcel {
    let rendered = rendered(channel, json!({}));
    let address = Address::uk_telephone(&crate::office::mobile(number)).unwrap();
    crate::adapters::parcel(&rendered, address, number)
}

/// The demonstration's update, to one resident.
fn letter(channel: &dyn Channel, number: u32) -> Parcel {
    let rendered = rendered(channel, json!({}));
    crate::adapters::parcel(&rendered, resident(number), number)
}

fn down(reason: Reason) -> Outcome {
    Outcome::ChannelDown {
        reason,
        scope: Scope::Channel,
    }
}

fn refused(reason: Reason) -> Outcome {
    Outcome::ChannelRefused {
        reason,
        scope: Scope::Channel,
    }
}
