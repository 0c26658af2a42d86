//! The accept loops: a bound on connections, a time limit for headers, and an end that lets answers finish.

use crate::places::{Place, Places, Rank};
use crate::router::router;
use crate::settings::HttpSettings;
use crate::state::{Door, House};
use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use oyez_dispatch::Desk;
use oyez_domain::accounts::Accounts;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// A client has this long to send the head of a request; an idle connection is closed after it, too.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
/// How long answers may take to finish at the end of the program.
const FAREWELL: Duration = Duration::from_secs(5);
/// The pause after an accept that failed, so that running out of descriptors does not spin.
const BREATHER: Duration = Duration::from_millis(100);
/// The largest head of a request, in bytes.
const HEAD_BYTES: usize = 32 * 1024;
/// Headers in a request at most.
const HEADERS: usize = 100;

/// Where requests come in.
#[derive(Debug)]
pub struct Listeners {
    /// The network.
    pub network: Vec<TcpListener>,
    /// The control socket: whoever can open it is the operator.
    pub socket: Option<UnixListener>,
}

/// Makes the control socket at `path`, which only the owner can open. A socket that a crash left behind is replaced;
/// the caller holds the lock of the data directory, so nobody else can be listening there.
///
/// # Errors
/// When the directory cannot be written or the path is too long for a socket.
pub fn bind_socket(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    // Bound under another name first: at no moment does it stand open under its own.
    let fresh = path.with_extension("new");
    if fresh.exists() {
        std::fs::remove_file(&fresh)?;
    }
    let listener = UnixListener::bind(&fresh)?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&fresh, path)?;
    Ok(listener)
}

/// Answers requests until `shutdown`, then lets the answers that have begun finish.
pub async fn serve(
    listeners: Listeners,
    settings: HttpSettings,
    desk: Desk,
    accounts: Arc<dyn Accounts>,
    shutdown: CancellationToken,
) {
    let places = Places::new(settings.connections);
    let house = House::new(desk, accounts, settings, shutdown.clone());
    let tasks = TaskTracker::new();
    let journal = house.clone();
    tasks.spawn(async move {
        journal
            .journal
            .keep(&journal.desk.events, &journal.end)
            .await;
    });
    let site = house.clone();
    tasks.spawn(async move {
        let folder = site.settings.public.export_dir.as_deref();
        site.site.follow(&site.desk, folder, &site.end).await;
    });
    let gate = Gate {
        router: router(house),
        places,
        tasks: tasks.clone(),
        shutdown,
    };
    let gate = Arc::new(gate);
    for listener in listeners.network {
        let gate = Arc::clone(&gate);
        tasks.spawn(async move { gate.network(listener).await });
    }
    if let Some(listener) = listeners.socket {
        let gate = Arc::clone(&gate);
        tasks.spawn(async move { gate.socket(listener).await });
    }
    gate.shutdown.cancelled().await;
    tasks.close();
    if tokio::time::timeout(FAREWELL, tasks.wait()).await.is_err() {
        tracing::warn!("some answers were cut off at the end");
    }
}

/// What every connection passes.
struct Gate {
    router: Router,
    places: Places,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Gate {
    async fn network(&self, listener: TcpListener) {
        loop {
            let Some(place) = self.places.take().await else {
                return;
            };
            let accepted = tokio::select! {
                () = self.shutdown.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    // Without it small answers wait for more; failing to set it only costs time.
                    drop(stream.set_nodelay(true));
                    self.admit(stream, Door::Network, Some(place));
                }
                Err(error) => Self::breathe(&error).await,
            }
        }
    }

    /// The operator gets in even when the network has taken every place.
    async fn socket(&self, listener: UnixListener) {
        loop {
            let accepted = tokio::select! {
                () = self.shutdown.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.admit(stream, Door::Socket, None),
                Err(error) => Self::breathe(&error).await,
            }
        }
    }

    async fn breathe(error: &io::Error) {
        tracing::warn!(%error, "a connection could not be accepted");
        tokio::time::sleep(BREATHER).await;
    }

    fn admit<S>(&self, stream: S, door: Door, place: Option<Place>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (router, shutdown) = (self.router.clone(), self.shutdown.clone());
        let guest = Guest {
            door,
            rank: place.as_ref().map_or(Rank::Ordinary, |place| place.rank),
        };
        self.tasks.spawn(async move {
            converse(stream, guest, router, HEADER_PATIENCE, shutdown).await;
            drop(place);
        });
    }
}

/// Who is at the other end of a connection, as far as the doors know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guest {
    pub(crate) door: Door,
    pub(crate) rank: Rank,
}

/// One connection, to its end; the head of each request has to arrive within `patience`.
pub(crate) async fn converse<S>(
    stream: S,
    guest: Guest,
    router: Router,
    patience: Duration,
    shutdown: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(guest.door);
        request.extensions_mut().insert(guest.rank);
        router.clone().oneshot(request.map(Body::new))
    });
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS);
    let connection = server.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended early");
    }
}
