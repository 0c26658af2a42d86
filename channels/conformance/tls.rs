//! F8: no message and no secret over a connection that is not what it says, for every kind, and never in clear text.

use super::provider::PROVIDERS;
use super::relay::{adapter, send_all};
use crate::fixture::surroundings;
use crate::http::{Outlet, Silence};
use oyez_domain::outcome::{Outcome, Reason, Scope};
use reqwest::{Certificate, Method};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// How a server shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Face {
    /// With this certificate of `tests/corpus/tls`.
    Certificate(&'static str),
    /// With TLS 1.0, whatever the client offers.
    Tls10,
}

/// A server hello of TLS 1.0 with `TLS_RSA_WITH_AES_128_CBC_SHA`.
fn old_hello() -> Vec<u8> {
    let mut hello = vec![0x16, 0x03, 0x01, 0x00, 42, 0x02, 0x00, 0x00, 38, 0x03, 0x01];
    hello.extend([7; 32]);
    hello.extend([0x00, 0x00, 0x2f, 0x00]);
    hello
}

/// A server that would take anything, and what it could read.
struct Server {
    address: SocketAddr,
    read: Arc<Mutex<Vec<u8>>>,
    _tasks: JoinSet<()>,
}

fn pem(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus/tls");
    folder.join(format!("{name}.pem"))
}

fn acceptor(certificate: &str) -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_file(pem(certificate)).unwrap()];
    let key = PrivateKeyDer::from_pem_file(pem("key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

impl Server {
    async fn showing(face: Face) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let read = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&read);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, face, Arc::clone(&ears)));
            }
        });
        Self {
            address,
            read,
            _tasks: tasks,
        }
    }

    /// What came through the secure connection, or in clear text.
    fn read(&self) -> String {
        String::from_utf8_lossy(&self.read.lock().unwrap()).into_owned()
    }
}

async fn serve(mut stream: TcpStream, face: Face, ears: Arc<Mutex<Vec<u8>>>) -> Option<()> {
    let mut bytes = vec![0; 16 * 1024];
    match face {
        Face::Tls10 => {
            let count = stream.read(&mut bytes).await.ok()?;
            ears.lock().unwrap().extend(bytes.get(..count)?);
            stream.write_all(&old_hello()).await.ok()?;
            let count = stream.read(&mut bytes).await.ok()?;
            ears.lock().unwrap().extend(bytes.get(..count)?);
        }
        Face::Certificate(name) => {
            let mut stream = acceptor(name).accept(stream).await.ok()?;
            let count = stream.read(&mut bytes).await.ok()?;
            ears.lock().unwrap().extend(bytes.get(..count)?);
            let answer = b"HTTP/1.1 204 X\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.ok()?;
        }
    }
    Some(())
}

/// Faces that nobody may trust, the first three although their authority is known.
const BAD: [Face; 4] = [
    Face::Certificate("expired"),
    Face::Certificate("other_host"),
    Face::Certificate("self_signed"),
    Face::Tls10,
];

#[tokio::test]
async fn the_one_client_takes_a_good_certificate_and_no_bad_one() {
    let authority = std::fs::read(pem("ca")).unwrap();
    let authority = [Certificate::from_pem(&authority).unwrap()];
    let guard = || surroundings().network.guard();
    for face in BAD.into_iter().chain([Face::Certificate("good")]) {
        let server = Server::showing(face).await;
        let outlet = Outlet::trusting(guard(), Duration::from_secs(10), &authority).unwrap();
        let url = format!("https://{}/", server.address).parse().unwrap();
        let request = outlet.request(Method::GET, url).unwrap();
        match outlet.reply(request).await {
            Ok(reply) => assert_eq!((face, reply.status), (Face::Certificate("good"), 204)),
            Err(silence) => {
                assert_ne!(face, Face::Certificate("good"), "{silence:?}");
                assert_eq!(silence, Silence::NotSent(Reason::Tls), "{face:?}");
            }
        }
    }
}

#[tokio::test]
async fn no_adapter_says_a_word_to_a_server_that_it_cannot_trust() {
    for face in BAD {
        for provider in &PROVIDERS {
            let server = Server::showing(face).await;
            let (channel, parcel) = provider.adapter(&format!("https://{}", server.address));
            let verdict = channel.send(&parcel).await;
            let (reason, scope) = (Reason::Tls, provider.scope());
            let down = Outcome::ChannelDown { reason, scope };
            assert_eq!(verdict.outcome, down, "{} {face:?}", provider.kind);
            assert!(!server.read().contains("HTTP/1.1"), "{}", provider.kind);
        }
    }
}

#[tokio::test]
async fn mail_goes_to_no_relay_that_cannot_be_trusted() {
    for face in BAD {
        let server = Server::showing(face).await;
        let settings = json!({
            "tls": "implicit", "ca_file": pem("ca"), "username": "oyez", "password": "very-secret-token"
        });
        let (channel, parcels) = adapter(server.address, &settings, 1);
        let outcomes = send_all(&channel, &parcels).await;
        let (reason, scope) = (Reason::Tls, Scope::Channel);
        assert_eq!(
            outcomes,
            [Outcome::ChannelDown { reason, scope }],
            "{face:?}"
        );
        assert!(!server.read().contains("EHLO"), "{face:?}");
    }
}
