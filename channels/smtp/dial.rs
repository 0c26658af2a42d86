//! From a host name to a session that is greeted, secured and signed in.

use crate::classify::smtp::{self, Broken, Stage};
use crate::names::Names;
use crate::smtp::session::Session;
use crate::smtp::wire::{Reply, Stream, Waits, Wire};
use crate::smtp::{Settings, Tls};
use data_encoding::BASE64;
use oyez_domain::Refusal;
use oyez_domain::outcome::Verdict;
use oyez_domain::parcel::Secret;
use oyez_domain::time::Wall;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Everything that is needed to connect.
pub(crate) struct Route {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) names: Arc<Names>,
    pub(crate) hello: String,
    pub(crate) tls: Security,
    pub(crate) credentials: Option<(String, Secret)>,
    pub(crate) pipelining: bool,
    pub(crate) waits: Waits,
}

/// How to secure the connection.
pub(crate) enum Security {
    None,
    Starttls(Arc<ClientConfig>),
    Implicit(Arc<ClientConfig>),
}

/// Where and why a conversation ended before it served its purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server said no.
    Refused(Stage, Reply),
    /// The connection ended or made no sense.
    Broken(Stage, Broken),
}

/// What a relay offers, as EHLO lists it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Offers {
    pub(crate) pipelining: bool,
    pub(crate) size: bool,
    pub(crate) dsn: bool,
    pub(crate) starttls: bool,
    pub(crate) plain: bool,
    pub(crate) login: bool,
}

impl Failure {
    /// What it means for the message.
    pub(crate) fn verdict(&self, now: Wall) -> Verdict {
        match self {
            Self::Refused(stage, reply) => Verdict::new(
                smtp::refusal(*stage, reply.code, &reply.text, now),
                reply.summary(),
            ),
            Self::Broken(stage, broken) => {
                let outcome = smtp::broken(*stage, *broken);
                let reason = outcome.reason().map_or("", |reason| reason.code());
                Verdict::new(outcome, reason)
            }
        }
    }
}

impl Offers {
    /// Reads the lines of an EHLO reply; the first is the server's name.
    pub(crate) fn read(reply: &Reply) -> Self {
        let mut offers = Self::default();
        for line in reply.text.lines().skip(1) {
            let line = line.to_ascii_uppercase().replace('=', " ");
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("PIPELINING") => offers.pipelining = true,
                Some("SIZE") => offers.size = true,
                Some("DSN") => offers.dsn = true,
                Some("STARTTLS") => offers.starttls = true,
                Some("AUTH") => {
                    for word in words {
                        offers.plain |= word == "PLAIN";
                        offers.login |= word == "LOGIN";
                    }
                }
                Some(_) | None => {}
            }
        }
        offers
    }
}

/// The security that the settings ask for.
///
/// # Errors
/// When the certificates in `ca_file` cannot be read.
pub(crate) fn tls(settings: &Settings) -> Result<Security, Refusal> {
    let config = || -> Result<Arc<ClientConfig>, Refusal> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
        if let Some(path) = &settings.ca_file {
            add_certificates(&mut roots, path)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Refusal::new("tls", "no_tls", error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    };
    Ok(match settings.tls {
        Tls::None => Security::None,
        Tls::Starttls => Security::Starttls(config()?),
        Tls::Implicit => Security::Implicit(config()?),
    })
}

fn add_certificates(roots: &mut RootCertStore, path: &Path) -> Result<(), Refusal> {
    let refuse = |why: String| Refusal::new("ca_file", "unreadable", why);
    let shown = path.display();
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refuse(format!("{shown} cannot be read: {error}")))?;
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(refuse(format!("{shown} has no certificate in it")));
    }
    Ok(())
}

/// Connects, greets, secures and signs in.
pub(crate) async fn dial(route: &Route) -> Result<Session, Failure> {
    let stream = connect(route).await?;
    let (mut wire, offers) = match &route.tls {
        Security::None => {
            let mut wire = Wire::new(Stream::Plain(stream));
            greeting(&mut wire, route).await?;
            let offers = ehlo(&mut wire, route).await?;
            (wire, offers)
        }
        Security::Implicit(config) => {
            let mut wire = Wire::new(secure(stream, config, route).await?);
            greeting(&mut wire, route).await?;
            let offers = ehlo(&mut wire, route).await?;
            (wire, offers)
        }
        Security::Starttls(config) => {
            let mut wire = Wire::new(Stream::Plain(stream));
            greeting(&mut wire, route).await?;
            if !ehlo(&mut wire, route).await?.starttls {
                return Err(Failure::Broken(Stage::Tls, Broken::Tls));
            }
            command(&mut wire, route, Stage::Tls, "STARTTLS\r\n", 220).await?;
            let broken = |broken| Failure::Broken(Stage::Tls, broken);
            let stream = wire.into_plain().map_err(broken)?;
            let mut wire = Wire::new(secure(stream, config, route).await?);
            // What was offered in clear text may have been tampered with (RFC 3207 §4.2).
            let offers = ehlo(&mut wire, route).await?;
            (wire, offers)
        }
    };
    if let Some((user, password)) = &route.credentials {
        sign_in(&mut wire, route, offers, user, password).await?;
    }
    let pipelining = offers.pipelining && route.pipelining;
    Ok(Session::new(
        wire,
        Offers {
            pipelining,
            ..offers
        },
        route.waits,
    ))
}

async fn connect(route: &Route) -> Result<TcpStream, Failure> {
    let broken = |broken| Failure::Broken(Stage::Connect, broken);
    let attempt = async {
        let addresses = route.names.addresses(&route.host).await;
        let addresses = addresses.map_err(|_| broken(Broken::Dns))?.into_iter();
        let addresses: Vec<_> = addresses
            .map(|ip| SocketAddr::new(ip, route.port))
            .collect();
        let stream = TcpStream::connect(addresses.as_slice()).await;
        let stream = stream.map_err(|_| broken(Broken::Closed))?;
        // Without it the final dot of a message waits for the other side's delayed acknowledgement.
        stream
            .set_nodelay(true)
            .map_err(|_| broken(Broken::Closed))?;
        Ok(stream)
    };
    timeout(route.waits.connect, attempt)
        .await
        .unwrap_or(Err(broken(Broken::Closed)))
}

async fn secure(
    stream: TcpStream,
    config: &Arc<ClientConfig>,
    route: &Route,
) -> Result<Stream, Failure> {
    let broken = |broken| Failure::Broken(Stage::Tls, broken);
    let name = ServerName::try_from(route.host.clone()).map_err(|_| broken(Broken::Tls))?;
    let handshake = TlsConnector::from(Arc::clone(config)).connect(name, stream);
    match timeout(route.waits.reply, handshake).await {
        Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
        Ok(Err(_)) => Err(broken(Broken::Tls)),
        Err(_) => Err(broken(Broken::Timeout)),
    }
}

async fn greeting(wire: &mut Wire, route: &Route) -> Result<(), Failure> {
    let broken = |broken| Failure::Broken(Stage::Connect, broken);
    let reply = wire.reply(route.waits.reply).await.map_err(broken)?;
    if reply.code == 220 {
        Ok(())
    } else {
        Err(Failure::Refused(Stage::Connect, reply))
    }
}

async fn ehlo(wire: &mut Wire, route: &Route) -> Result<Offers, Failure> {
    let line = format!("EHLO {}\r\n", route.hello);
    let reply = command(wire, route, Stage::Ehlo, &line, 250).await?;
    Ok(Offers::read(&reply))
}

/// AUTH PLAIN (RFC 4616) where it is offered, otherwise LOGIN.
async fn sign_in(
    wire: &mut Wire,
    route: &Route,
    offers: Offers,
    user: &str,
    password: &Secret,
) -> Result<(), Failure> {
    let encode = |text: &str| BASE64.encode(text.as_bytes());
    let password = password.reveal();
    let stage = Stage::Auth;
    if offers.plain || !offers.login {
        let line = format!(
            "AUTH PLAIN {}\r\n",
            encode(&format!("\0{user}\0{password}"))
        );
        command(wire, route, stage, &line, 235).await?;
    } else {
        command(wire, route, stage, "AUTH LOGIN\r\n", 334).await?;
        command(wire, route, stage, &format!("{}\r\n", encode(user)), 334).await?;
        command(
            wire,
            route,
            stage,
            &format!("{}\r\n", encode(password)),
            235,
        )
        .await?;
    }
    Ok(())
}

/// One command and the one reply that lets the conversation go on.
async fn command(
    wire: &mut Wire,
    route: &Route,
    stage: Stage,
    line: &str,
    hoped_for: u16,
) -> Result<Reply, Failure> {
    let broken = |broken| Failure::Broken(stage, broken);
    let wait = route.waits.reply;
    wire.write(line.as_bytes(), wait).await.map_err(broken)?;
    let reply = wire.reply(wait).await.map_err(broken)?;
    if reply.code == hoped_for {
        Ok(reply)
    } else {
        Err(Failure::Refused(stage, reply))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read_in_any_case_and_in_the_old_form_of_auth() {
        let reply = |text: &str| Reply {
            code: 250,
            text: text.to_owned(),
        };
        let offers = Offers::read(&reply(
            "mx PIPELINING\nPipelining\nSIZE 1000\ndsn\nAUTH=LOGIN PLAIN\nstarttls",
        ));
        let all = Offers {
            pipelining: true,
            size: true,
            dsn: true,
            starttls: true,
            plain: true,
            login: true,
        };
        assert_eq!(offers, all);
        assert_eq!(
            Offers::read(&reply("PIPELINING")),
            Offers::default(),
            "the first line is a name"
        );
    }
}
