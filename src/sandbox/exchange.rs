//! One HTTP exchange: the request as a provider reads it, what is made of it, and the answer on the wire.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Response, StatusCode};
use tokio::time::{Interval, interval};

use crate::receipts::{Callback, Taken};
use crate::scenario::Action;

/// Largest request body read, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// A whole request.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) channel: String,
    /// Path after the channel, without a slash at either end.
    pub(crate) path: String,
    /// What stands behind the question mark.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What a provider makes of a request.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) effect: bool,
    pub(crate) provider_id: Option<String>,
    pub(crate) receipt: Option<(Callback, Taken)>,
}

impl Outcome {
    pub(crate) fn taken(status: u16, body: String, id: &str) -> Self {
        Self {
            status,
            body,
            effect: true,
            provider_id: Some(id.to_owned()),
            ..Self::default()
        }
    }

    pub(crate) fn refused(status: u16, body: String) -> Self {
        Self {
            status,
            body,
            ..Self::default()
        }
    }

    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

impl Request {
    pub(crate) async fn read(request: hyper::Request<Incoming>) -> Result<Self, Cut> {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, MAX_BODY)
            .collect()
            .await
            .map_err(|_| Cut)?
            .to_bytes();
        let query = head.uri.query().unwrap_or("").to_owned();
        let path = head.uri.path().trim_matches('/');
        let (channel, path) = path.split_once('/').unwrap_or((path, ""));
        let (channel, path) = (channel.to_owned(), path.to_owned());
        Ok(Self {
            method: head.method,
            channel,
            path,
            query,
            headers: head.headers,
            body,
        })
    }

    /// A header's text; empty when absent or not text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }

    pub(crate) fn bearer(&self) -> Option<&str> {
        self.header("authorization")
            .strip_prefix("Bearer ")
            .filter(|token| !token.is_empty())
    }
}

/// The body of an answer.
pub(crate) type Answer = Either<Full<Bytes>, Drip>;

impl Outcome {
    pub(crate) fn into_response(self, action: Option<&Action>) -> Result<Response<Answer>, Cut> {
        let bytes = Bytes::from(self.body);
        let json = matches!(bytes.first(), Some(b'{' | b'['));
        let body = if let Some(Action::SlowDrip { ms_per_byte }) = action {
            Either::Right(Drip::new(bytes, *ms_per_byte))
        } else {
            Either::Left(Full::new(bytes))
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).map_err(|_| Cut)?;
        let kind = if json {
            "application/json; charset=utf-8"
        } else {
            "text/plain; charset=utf-8"
        };
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        for (name, value) in self.headers {
            let name = HeaderName::try_from(name).map_err(|_| Cut)?;
            let value = HeaderValue::try_from(value).map_err(|_| Cut)?;
            // A script may ask for a header twice on purpose, but a body has one type.
            if name == CONTENT_TYPE {
                response.headers_mut().insert(name, value);
            } else {
                response.headers_mut().append(name, value);
            }
        }
        Ok(response)
    }
}

/// A body sent byte by byte.
pub(crate) struct Drip {
    rest: Bytes,
    pace: Interval,
}

impl Drip {
    fn new(rest: Bytes, ms_per_byte: u64) -> Self {
        Self {
            rest,
            pace: interval(Duration::from_millis(ms_per_byte.max(1))),
        }
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        self.pace
            .poll_tick(context)
            .map(|_| Some(Ok(Frame::data(self.rest.split_to(1)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.rest.len()).unwrap_or(u64::MAX))
    }
}

/// Ends the connection without an answer: hyper hangs up when a service fails.
#[derive(Debug)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the script cut the connection")
    }
}

impl std::error::Error for Cut {}
