//! The third-party providers played locally: an SMTP relay, SMS gateways, Mastodon, rooms of staff and partners' webhook
//! receivers.
//!
//! A sandbox answers as the providers' documentation says, does wrong what its [`Scenario`] tells it to, and logs
//! every request, so that what really reached a resident can be compared with what the sender believes. It imports
//! nothing of the senders, so that the judge shares no bug with the judged.

mod backstage;
mod bounces;
mod clock;
mod demo;
mod discord;
mod exchange;
mod expected;
mod hook;
mod http;
mod inbound;
mod kannel;
mod log;
mod mastodon;
mod matching;
mod notify;
mod play;
mod receipts;
mod room;
mod scenario;
mod scenario_check;
mod slack;
mod sms;
mod smtp;
mod smtp_line;
mod smtp_wire;
mod teams;
mod telegram;
mod turns;
mod twilio;
mod vonage;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};

use crate::backstage::{Backstage, Tasks};
use crate::log::Log;

pub use crate::demo::DemoScript;
pub use crate::expected::{Ending, Expected};
pub use crate::inbound::{Gateway, TextIn};
pub use crate::log::{Counts, LogRecord, read_log};
pub use crate::matching::resident_number;
pub use crate::scenario::{
    Action, ChannelScript, Login, Number, ReceiptOutcome, ReceiptRule, Rule, Scenario,
    ScenarioError, Secret, Since, Stage, When,
};

/// Where a sandbox listens, what it plays and where it writes.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// Address of the mail relay; port 0 takes a free one.
    pub smtp: SocketAddr,
    /// Address of the HTTP providers; port 0 takes a free one.
    pub http: SocketAddr,
    /// The log file; appended to, created if need be.
    pub log: PathBuf,
    /// What goes wrong.
    pub scenario: Scenario,
}

/// Providers at work. Many can run in one process. Dropping it without [`Sandbox::shutdown`] stops its servers too.
pub struct Sandbox {
    smtp: SocketAddr,
    http: SocketAddr,
    backstage: Arc<Backstage>,
    tasks: Tasks,
}

impl Sandbox {
    /// Opens the log, binds both addresses and starts serving. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// When the scenario is wrong, the log cannot be opened or an address cannot be bound.
    pub async fn start(settings: SandboxSettings) -> io::Result<Self> {
        settings
            .scenario
            .check()
            .map_err(|fault| io::Error::new(io::ErrorKind::InvalidInput, fault))?;
        let smtp = TcpListener::bind(settings.smtp).await?;
        let http = TcpListener::bind(settings.http).await?;
        let tasks = Tasks::default();
        let log = Log::open(&settings.log)?;
        let sandbox = Self {
            smtp: smtp.local_addr()?,
            http: http.local_addr()?,
            backstage: Arc::new(Backstage::new(log, &settings.scenario, tasks.clone())),
            tasks,
        };
        sandbox.listen(smtp, smtp::serve);
        sandbox.listen(http, http::serve);
        Ok(sandbox)
    }

    /// Where the mail relay listens.
    pub fn smtp_addr(&self) -> SocketAddr {
        self.smtp
    }

    /// Where the HTTP providers listen.
    pub fn http_addr(&self) -> SocketAddr {
        self.http
    }

    /// The log file.
    pub fn log_path(&self) -> &Path {
        self.backstage.log.path()
    }

    /// Reads the log as it stands, records of earlier runs included.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn records(&self) -> io::Result<Vec<LogRecord>> {
        read_log(self.log_path())
    }

    /// How much each channel has seen since the start; cheap.
    pub fn counts(&self) -> BTreeMap<String, Counts> {
        self.backstage.log.counts()
    }

    /// The last message (unstuffed mail, or request body) that had an effect on a channel.
    pub fn latest(&self, channel: &str) -> Option<Bytes> {
        self.backstage.log.latest(channel)
    }

    /// Hands on a text that somebody sent to the council's number; the status that it is answered with.
    pub async fn text_in(&self, text: &TextIn<'_>) -> Option<u16> {
        receipts::hand_on(
            &self.backstage,
            text.at,
            text.written(clock::wall().as_second()),
        )
        .await
    }

    /// Plays another scenario from the next request on; its counts and windows begin anew.
    ///
    /// # Errors
    /// When the scenario is wrong; the old one goes on.
    pub fn set_scenario(&self, scenario: &Scenario) -> Result<(), ScenarioError> {
        scenario.check()?;
        self.backstage.set_play(scenario);
        Ok(())
    }

    /// Stops listening, cuts all connections, drops receipts not yet sent, and waits until every task has ended.
    pub async fn shutdown(self) {
        self.tasks.stop();
        self.tasks.ended().await;
    }

    fn listen<S, F>(&self, listener: TcpListener, serve: S)
    where
        S: Fn(TcpStream, Arc<Backstage>) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let backstage = Arc::clone(&self.backstage);
        self.tasks.spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let connection = serve(stream, Arc::clone(&backstage));
                        backstage.spawn(async move {
                            if let Err(error) = connection.await {
                                tracing::debug!(%error, "sandbox connection ended");
                            }
                        });
                    }
                    // Too many open files: try again once some are closed.
                    Err(error) => {
                        tracing::warn!(%error, "the sandbox cannot take a connection; it tries again in 100 ms");
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    }
                }
            }
        });
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("smtp", &self.smtp)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}
