//! How a command reaches an instance: a server by name, the running `serve`, or an instance opened here; always over HTTP.

use crate::app::{Access, App};
use crate::args::Global;
use crate::clock::SystemRandom;
use crate::exit::{Exit, Failure};
use crate::problem;
use crate::settings::{Settings, Sources};
use oyez_dispatch::{Desk, Engine};
use oyez_domain::Random;
use oyez_domain::address::AddressKind;
use oyez_domain::ledger::Subscribers;
use oyez_http::Listeners;
use reqwest::{Client, ClientBuilder, Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The longest a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest an answer may take; a large import is read row by row before it is answered.
const ANSWER: Duration = Duration::from_secs(600);
/// Name of the control socket in the data directory.
const SOCKET: &str = "control.sock";
/// What stands in the host header on a socket.
const HERE: &str = "http://localhost";

/// What a command is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Look.
    Read,
    /// Change something.
    Write,
    /// Send: without a running `serve` the engine runs in this process.
    Send,
}

/// The way to an instance.
pub(crate) struct Door {
    client: Client,
    base: String,
    token: Option<SecretString>,
    /// The settings this command was started with.
    pub(crate) settings: Settings,
    here: Option<Here>,
}

/// An instance that lives as long as one command.
struct Here {
    desk: Desk,
    engine: Option<Engine>,
    need: Need,
    tasks: TaskTracker,
    end: CancellationToken,
    _folder: tempfile::TempDir,
}

/// The control socket of the `serve` that uses this data directory.
pub(crate) fn socket_path(settings: &Settings) -> PathBuf {
    settings.store.data_dir.join(SOCKET)
}

/// Whether a running `serve` answers at its control socket.
pub(crate) async fn answers(socket: &Path) -> bool {
    UnixStream::connect(socket).await.is_ok()
}

/// Does `work` through a door and closes it in good order, whatever became of the work.
pub(crate) async fn through<T>(
    global: &Global,
    need: Need,
    work: impl AsyncFnOnce(&Door) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let door = Door::open(global, need).await?;
    let done = work(&door).await;
    door.close().await;
    done
}

impl Door {
    /// The server that was named, else the running `serve`, else an instance opened in this process.
    async fn open(global: &Global, need: Need) -> Result<Self, Failure> {
        let settings = Sources::from_process(&global.config).read()?;
        if let (Some(server), Some(file)) = (&global.server, &global.token_file) {
            return Self::to_server(settings, server, file);
        }
        let socket = socket_path(&settings);
        if answers(&socket).await {
            let client = client(Some(&socket))?;
            return Ok(Self {
                client,
                base: HERE.to_owned(),
                token: None,
                settings,
                here: None,
            });
        }
        Self::open_here(settings, need).await
    }

    fn to_server(settings: Settings, server: &str, token_file: &Path) -> Result<Self, Failure> {
        let usage = |what: String, help: &str| Failure::new(Exit::Usage, "bad_server", what, help);
        let base = server.trim_end_matches('/');
        let known = url::Url::parse(base)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !known {
            return Err(usage(
                format!("{server:?} is no address of a server"),
                "it looks like https://console.example.gov.uk",
            ));
        }
        let token = std::fs::read_to_string(token_file).map_err(|error| {
            usage(
                format!("the token file {}: {error}", token_file.display()),
                "name a file that holds the token",
            )
        })?;
        let token = Some(SecretString::from(token.trim().to_owned()));
        Ok(Self {
            client: client(None)?,
            base: base.to_owned(),
            token,
            settings,
            here: None,
        })
    }

    async fn open_here(settings: Settings, need: Need) -> Result<Self, Failure> {
        let access = match need {
            Need::Read => Access::Read,
            Need::Write | Need::Send => Access::Write,
        };
        let app = App::open(&settings, access)?;
        let failed = |error: std::io::Error| {
            Failure::new(
                Exit::Error,
                "no_socket",
                format!("a private socket could not be made: {error}"),
                "is the temporary directory full?",
            )
        };
        let folder = tempfile::tempdir().map_err(failed)?;
        let path = folder.path().join(SOCKET);
        let listener = oyez_http::bind_socket(&path).map_err(failed)?;
        let accounts = Arc::clone(&app.accounts);
        let (desk, engine) = match need {
            Need::Read | Need::Write => (app.desk, None),
            Need::Send => {
                let (desk, engine) = app.start().await?;
                (desk, Some(engine))
            }
        };
        let doors = match need {
            Need::Read => settings.http.clone(),
            Need::Write | Need::Send => settings.doors(),
        };
        let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
        let listeners = Listeners {
            network: Vec::new(),
            socket: Some(listener),
        };
        tasks.spawn(oyez_http::serve(
            listeners,
            doors,
            desk.clone(),
            accounts,
            end.clone(),
        ));
        let here = Some(Here {
            desk,
            engine,
            need,
            tasks,
            end,
            _folder: folder,
        });
        Ok(Self {
            client: client(Some(&path))?,
            base: HERE.to_owned(),
            token: None,
            settings,
            here,
        })
    }

    /// Whether the engine that sends lives in this process and ends with this command.
    pub(crate) fn sends_here(&self) -> bool {
        self.here.as_ref().is_some_and(|here| here.engine.is_some())
    }

    /// Whether nothing sends at the moment, because no `serve` runs.
    pub(crate) fn nothing_sends(&self) -> bool {
        self.here.as_ref().is_some_and(|here| here.engine.is_none())
    }

    /// Returns with the reason when the engine in this process can no longer record what it does; never with any other
    /// door.
    pub(crate) async fn failed(&self) -> String {
        match self.here.as_ref().and_then(|here| here.engine.as_ref()) {
            Some(engine) => engine.failed().await,
            None => std::future::pending().await,
        }
    }

    /// How many addresses there are by kind, and how many of these must not be used; none with a store that is
    /// out of reach.
    pub(crate) async fn subscriber_counts(
        &self,
    ) -> anyhow::Result<Option<Vec<(AddressKind, u64, u64)>>> {
        match (&self.here, &self.token) {
            (Some(here), _) => Ok(Some(here.desk.ledger.subscriber_counts().await?)),
            (None, None) => {
                let ledger = oyez_storage::open_read_only(&self.settings.store)
                    .map_err(|error| crate::app::store_failure(&error))?;
                Ok(Some(ledger.subscriber_counts().await?))
            }
            (None, Some(_)) => Ok(None),
        }
    }

    async fn close(self) {
        let Some(here) = self.here else { return };
        drop(self.client);
        here.end.cancel();
        here.tasks.close();
        here.tasks.wait().await;
        match (here.engine, here.need) {
            (Some(engine), _) => {
                if let Err(error) = engine.shut_down().await {
                    tracing::error!(%error, "the next start finds what was on its way");
                }
            }
            (None, Need::Write | Need::Send) => {
                if let Err(error) = here.desk.ledger.end_cleanly(here.desk.clock.wall()).await {
                    tracing::error!(%error, "the end could not be marked as one on purpose");
                }
            }
            (None, Need::Read) => {}
        }
    }

    /// Asks for something. `path` is below `/api/v1`, one element a segment.
    pub(crate) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, Failure> {
        self.answer(self.request(Method::GET, path)?.query(query))
            .await
    }

    /// Does something, once: repeating it with the same key is harmless.
    pub(crate) async fn post(
        &self,
        path: &[&str],
        body: &impl Serialize,
        key: Option<&str>,
    ) -> Result<Value, Failure> {
        let key = key.map_or_else(new_key, str::to_owned);
        self.answer(
            self.request(Method::POST, path)?
                .header("idempotency-key", key)
                .json(body),
        )
        .await
    }

    /// Replaces something.
    pub(crate) async fn put(&self, path: &[&str], body: &impl Serialize) -> Result<Value, Failure> {
        self.answer(self.request(Method::PUT, path)?.json(body))
            .await
    }

    /// Takes something away.
    pub(crate) async fn delete(&self, path: &[&str]) -> Result<Value, Failure> {
        self.answer(self.request(Method::DELETE, path)?).await
    }

    /// Hands a file over.
    pub(crate) async fn upload(
        &self,
        path: &[&str],
        content_type: &str,
        bytes: Vec<u8>,
    ) -> Result<Value, Failure> {
        let request = self
            .request(Method::POST, path)?
            .header("idempotency-key", new_key());
        self.answer(request.header("content-type", content_type).body(bytes))
            .await
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, Failure> {
        let malformed = || {
            Failure::new(
                Exit::Usage,
                "bad_server",
                "the server's address cannot be used",
                "",
            )
        };
        let mut url = url::Url::parse(&self.base).map_err(|_| malformed())?;
        url.path_segments_mut()
            .map_err(|()| malformed())?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        let request = self.client.request(method, url);
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        })
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let response = request
            .send()
            .await
            .map_err(|error| problem::unreachable(&error, &self.base))?;
        let status = response.status();
        let body = response
            .bytes()
            .await
            .map_err(|error| problem::unreachable(&error, &self.base))?;
        if !status.is_success() {
            return Err(problem::failure(status.as_u16(), &body));
        }
        if body.is_empty() {
            return Ok(serde_json::json!({}));
        }
        serde_json::from_slice(&body).map_err(|_| {
            Failure::new(
                Exit::Error,
                "not_oyez",
                "the answer is not JSON",
                "does --server name an oyez, and not another site?",
            )
        })
    }
}

fn new_key() -> String {
    let mut bytes = [0; 16];
    SystemRandom.fill(&mut bytes);
    format!("cli-{:032x}", u128::from_be_bytes(bytes))
}

/// The rows of a list: an array, or one page of a longer one.
pub(crate) fn rows(answer: &Value) -> &[Value] {
    answer
        .get("data")
        .unwrap_or(answer)
        .as_array()
        .map_or(&[], Vec::as_slice)
}

/// What the answer says, as the type the engine made it from.
pub(crate) fn read<T: serde::de::DeserializeOwned>(answer: &Value) -> Result<T, Failure> {
    T::deserialize(answer).map_err(|error| {
        Failure::new(
            Exit::Error,
            "another_version",
            format!("the answer cannot be understood: {error}"),
            "is the server of the same version as this command?",
        )
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "this client speaks to our own server, never to a provider"
)]
fn client(socket: Option<&Path>) -> Result<Client, Failure> {
    let builder = ClientBuilder::new()
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    let builder = match socket {
        Some(path) => builder.unix_socket(path),
        None => builder,
    };
    builder
        .build()
        .map_err(|error| Failure::new(Exit::Error, "no_client", error.to_string(), ""))
}
