//! Where every answer leaves the house: problems take their shape, and security headers go on.

use crate::host::Face;
use crate::page::{self, public_css_hash};
use crate::problem::{self, Problem};
use crate::public::PlainPage;
use crate::state::House;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};

/// The headers that depend on what an address is for.
struct Dress {
    policy: HeaderValue,
    referrer: &'static str,
}

impl Dress {
    fn of(face: Face) -> Self {
        let shut = "base-uri 'none'; frame-ancestors 'none'";
        let (policy, referrer) = match face {
            Face::Program => (format!("default-src 'none'; {shut}"), "no-referrer"),
            Face::Public => (
                format!(
                    "default-src 'none'; style-src '{}'; img-src data:; form-action 'self'; {shut}",
                    public_css_hash()
                ),
                "no-referrer",
            ),
            // With no-referrer browsers send `Origin: null`, and the check for requests from other sites needs it.
            Face::Console => (
                format!(
                    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; {shut}"
                ),
                "same-origin",
            ),
        };
        let policy = HeaderValue::from_str(&policy)
            .unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Self { policy, referrer }
    }

    fn put_on(self, headers: &mut HeaderMap) {
        let fixed = [
            (
                header::STRICT_TRANSPORT_SECURITY,
                "max-age=31536000; includeSubDomains",
            ),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, self.referrer),
            (
                HeaderName::from_static("cross-origin-opener-policy"),
                "same-origin",
            ),
            (
                HeaderName::from_static("permissions-policy"),
                "interest-cohort=(), camera=(), microphone=(), geolocation=()",
            ),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy);
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
}

/// Gives a problem the shape its reader expects: a page, or JSON.
fn shape(house: &House, face: Face, problem: &Problem, request_id: &str) -> Response {
    match face {
        Face::Program => problem::json(problem, &house.base, request_id),
        Face::Public | Face::Console => {
            let mut lines = vec![problem.detail.as_str(), problem.kind.cure()];
            lines.extend(problem.errors.iter().map(|fault| fault.detail.as_str()));
            let page = PlainPage::new(&house.desk.organisation, problem.kind.title(), &lines);
            page::html_with(problem.kind.status(), &page)
                .unwrap_or_else(|_| problem::json(problem, &house.base, request_id))
        }
    }
}

/// The outermost layer.
pub(crate) async fn finish(State(house): State<House>, request: Request, next: Next) -> Response {
    let request_id = house.random_text::<10>();
    let face = Face::of(request.uri().path());
    // The route, not the address: addresses carry tokens.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let method = request.method().clone();
    let mut response = next.run(request).await;
    let mut dress = Dress::of(face);
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let mut shaped = shape(&house, face, &problem, &request_id);
        for name in [header::RETRY_AFTER, header::ALLOW, header::CONNECTION] {
            if let Some(value) = response.headers_mut().remove(&name) {
                shaped.headers_mut().insert(name, value);
            }
        }
        if problem.kind == problem::Kind::Unauthenticated && face == Face::Program {
            shaped
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // A problem's page is a public page wherever it is shown.
        if face == Face::Console {
            dress = Dress::of(Face::Public);
        }
        response = shaped;
    }
    let status = response.status().as_u16();
    tracing::debug!(request.id = %request_id, http.method = %method, http.route = route.as_deref().unwrap_or("-"), http.status = status, "answered");
    dress.put_on(response.headers_mut());
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}
