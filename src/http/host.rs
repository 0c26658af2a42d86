//! Which host names are ours, and what may be asked of each.

use crate::problem::{Kind, Problem};
use crate::state::{Door, House};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::header::HOST;
use std::net::IpAddr;

/// What an address is for; pages and programs are answered differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// Programs: JSON and plain text.
    Program,
    /// Residents.
    Public,
    /// The organisation's own people.
    Console,
}

impl Face {
    pub(crate) fn of(path: &str) -> Self {
        let first = path.split('/').nth(1).unwrap_or("");
        match first {
            "api" | "callbacks" | "healthz" | "readyz" | "metrics" => Self::Program,
            "console" => Self::Console,
            _ => Self::Public,
        }
    }
}

/// The host without its port, in lower case.
fn name_of(authority: &str) -> String {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => authority,
    };
    name.trim_matches(['[', ']'])
        .trim_end_matches('.')
        .to_ascii_lowercase()
}

fn host_of(url: &str) -> String {
    name_of(url.split_once("://").map_or(url, |(_, rest)| rest))
}

/// Refuses names that are not ours (a page elsewhere may have pointed its own name at this machine), and keeps
/// console and API off the public site's name.
pub(crate) async fn guard(State(house): State<House>, request: Request, next: Next) -> Response {
    if request.extensions().get::<Door>() == Some(&Door::Socket) {
        return next.run(request).await;
    }
    let header = request
        .headers()
        .get(HOST)
        .and_then(|value| value.to_str().ok());
    let name = name_of(
        request
            .uri()
            .authority()
            .map(|authority| authority.as_str())
            .or(header)
            .unwrap_or(""),
    );
    let path = request.uri().path();
    let (public, own) = (
        name_of(&house.desk.organisation.public_host),
        host_of(&house.base),
    );
    let machine = matches!(path, "/healthz" | "/readyz") || path.starts_with("/callbacks/");
    // An address cannot be pointed elsewhere; only names can.
    let literal = name.parse::<IpAddr>().is_ok() || name == "localhost";
    let further = house
        .settings
        .hosts
        .iter()
        .any(|host| name_of(host) == name);
    if machine || literal || further || name == own {
        return next.run(request).await;
    }
    if name != public {
        let problem = Problem::new(
            Kind::Misdirected,
            "Requests for this host name are not answered here.",
        );
        return problem.into_response();
    }
    if Face::of(path) == Face::Public {
        next.run(request).await
    } else {
        Problem::not_found().into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_known_with_and_without_its_port() {
        for text in [
            "Status.Example.gov.uk",
            "status.example.gov.uk:443",
            "status.example.gov.uk.",
        ] {
            assert_eq!(name_of(text), "status.example.gov.uk");
        }
        assert_eq!(name_of("[::1]:8080"), "::1");
        assert_eq!(host_of("http://127.0.0.1:8080"), "127.0.0.1");
    }
}
