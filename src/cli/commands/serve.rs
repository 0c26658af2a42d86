//! `oyez serve`: console, API, public page and the engine, until somebody ends it.

use crate::app::{Access, App, storage_failed};
use crate::args::Global;
use crate::door;
use crate::exit::{Exit, Failure};
use crate::settings::{Settings, Sources};
use crate::terminal;
use oyez_dispatch::Engine;
use oyez_http::Listeners;
use serde::Serialize;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where everything is, for people and scripts.
#[derive(Debug, Serialize)]
struct Whereabouts {
    console: String,
    api: String,
    public: String,
    control_socket: PathBuf,
    token_file: Option<PathBuf>,
}

/// Runs until Ctrl-C, SIGTERM, or the store fails.
pub(crate) async fn run(global: &Global) -> anyhow::Result<Exit> {
    let mut settings = Sources::from_process(&global.config).read()?;
    crate::telemetry::start(&settings.log);
    let interrupted = crate::lifecycle::ending(&TaskTracker::new())?;
    let app = App::open(&settings, Access::Write)?;
    // Only now: what the file asks for has been found possible.
    settings.http.connections = crate::descriptors::make_room(settings.http.connections);
    let tcp = listen(&mut settings).await?;
    let token_file = crate::token::ready(&mut settings)?;
    let path = door::socket_path(&settings);
    let socket = control_socket(&path).await?;
    let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
    let accounts = Arc::clone(&app.accounts);
    let (desk, engine) = app.start().await?;
    let ready = desk.clone();
    let listeners = Listeners {
        network: vec![tcp],
        socket: Some(socket),
    };
    tasks.spawn(oyez_http::serve(
        listeners,
        settings.doors(),
        desk,
        accounts,
        end.clone(),
    ));
    announce(global, &settings, &path, token_file)?;
    for trouble in ready.troubles().await? {
        terminal::say(format!("attention: {}.", trouble.line));
    }
    let failed = tokio::select! {
        () = interrupted.cancelled() => None,
        why = engine.failed() => Some(why),
    };
    // Nobody should find a socket that no longer answers.
    drop(std::fs::remove_file(&path));
    match failed {
        // Crash-only: what is in flight may end as it likes, the next start finds it.
        Some(why) => Err(storage_failed(&why).into()),
        None => close(engine, &tasks, &end).await,
    }
}

/// From the first moment nothing is armed and `/readyz` says so; what is in flight ends and is recorded, then the doors
/// are closed.
async fn close(
    engine: Engine,
    tasks: &TaskTracker,
    end: &CancellationToken,
) -> anyhow::Result<Exit> {
    tracing::info!("ending: nothing new is sent; what is on its way is finished and recorded");
    let ended = engine.shut_down().await;
    end.cancel();
    tasks.close();
    tasks.wait().await;
    ended.map_err(|error| storage_failed(&error.to_string()))?;
    Ok(Exit::Done)
}

async fn listen(settings: &mut Settings) -> Result<TcpListener, Failure> {
    let wanted = settings.http.listen;
    let failed = |error: &std::io::Error| {
        let (code, help) = if error.kind() == ErrorKind::AddrInUse {
            (
                "address_in_use",
                "another program listens there; end it, or choose another port with http.listen",
            )
        } else if error.kind() == ErrorKind::PermissionDenied {
            (
                "address_forbidden",
                "ports below 1024 need a privilege; choose another with http.listen",
            )
        } else {
            (
                "address_unusable",
                "choose an address of this machine with http.listen",
            )
        };
        Failure::new(
            Exit::BadConfiguration,
            code,
            format!("http.listen = {wanted}: {error}"),
            help,
        )
    };
    let listener = bind(wanted).map_err(|error| failed(&error))?;
    // Port 0 means a free one; from here on everybody says the real one.
    settings.http.listen = listener.local_addr().map_err(|error| failed(&error))?;
    Ok(listener)
}

/// Connections that the system may keep ready for us in a rush, before new ones have to knock again seconds later.
const BACKLOG: u32 = 4096;

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // The last instance's connections may still be on their way out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The socket through which commands on this machine speak to us. The directory is locked by now, so whatever is
/// left there belongs to nobody.
async fn control_socket(path: &Path) -> Result<UnixListener, Failure> {
    if door::answers(path).await {
        return Err(Failure::new(
            Exit::RefusedByState,
            "held_by_another",
            format!("another oyez answers at {}", path.display()),
            "stop it first",
        ));
    }
    oyez_http::bind_socket(path).map_err(|error| {
        Failure::new(Exit::BadConfiguration, "no_control_socket", format!("{}: {error}", path.display()),
            "the path of a socket has at most 107 bytes; choose a shorter store.data_dir on a local disk")
    })
}

fn announce(
    global: &Global,
    settings: &Settings,
    socket: &Path,
    token_file: Option<PathBuf>,
) -> anyhow::Result<()> {
    let base = settings.http.base();
    let places = Whereabouts {
        console: format!("{base}/console"),
        api: format!("{base}/api/v1"),
        public: settings.organisation.public_url.clone(),
        control_socket: socket.to_owned(),
        token_file,
    };
    terminal::data(global.json, &places, || {
        let token = places
            .token_file
            .as_ref()
            .map_or_else(String::new, |file| format!("  token in {}", file.display()));
        format!(
            "oyez serves: console {}  API {}  public page {}{token}",
            places.console, places.api, places.public
        )
    })
}
