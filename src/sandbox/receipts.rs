//! The SMS gateway's receipts: posted to the callback address later, and on request twice, late, overtaken or forged.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use url::{Host, Url};

pub(crate) mod form;

pub(crate) use form::{Form, Said, Written};

use crate::backstage::Backstage;
use crate::clock;
use crate::matching::is_in_share;
use crate::play::ChannelPlay;
use crate::scenario::{ReceiptOutcome, ReceiptRule, Secret};

/// Receipts under way at the same time.
const CONCURRENT: usize = 16;
/// How often a receipt is tried before the gateway gives up, from 100 ms between tries up to 5 s.
const TRIES: u32 = 12;
const DEADLINE: Duration = Duration::from_secs(10);
/// More of an answer is not read.
const MAX_ANSWER: usize = 64 * 1024;
const HELD_BACK_MS: u64 = 500;
const DUPLICATE: usize = 1_000;
const REORDER: usize = 1_001;

/// A callback address the sandbox is willing to call: plain HTTP on this machine only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Callback {
    /// As it was given.
    pub(crate) url: String,
    at: SocketAddr,
    /// Where path and query begin in `url`.
    path_at: usize,
}

impl Callback {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok().filter(|url| url.scheme() == "http")?;
        let ip = match url.host()? {
            Host::Ipv4(ip) => IpAddr::V4(ip),
            Host::Ipv6(ip) => IpAddr::V6(ip),
            Host::Domain("localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Host::Domain(_) => return None,
        };
        let host_at = "http://".len();
        let path_at = host_at + text.get(host_at..)?.find('/')?;
        ip.is_loopback().then_some(Self {
            url: text.to_owned(),
            at: SocketAddr::new(ip, url.port_or_known_default()?),
            path_at,
        })
    }

    /// Path and query.
    pub(crate) fn path(&self) -> &str {
        self.url.get(self.path_at..).unwrap_or("/")
    }
}

/// A message a receipt is about.
#[derive(Clone)]
pub(crate) struct Taken {
    pub(crate) channel: String,
    pub(crate) to: String,
    pub(crate) id: String,
    pub(crate) reference: String,
    pub(crate) form: Form,
}

/// One call to be made.
struct Post {
    channel: String,
    at: SocketAddr,
    written: Written,
    after_ms: u64,
}

/// Connections to callback addresses, kept open between receipts.
pub(crate) struct Courier {
    idle: Mutex<Vec<(SocketAddr, SendRequest<Full<Bytes>>)>>,
    permits: Semaphore,
}

impl Default for Courier {
    fn default() -> Self {
        Self {
            idle: Mutex::default(),
            permits: Semaphore::new(CONCURRENT),
        }
    }
}

/// Plans the receipts of one message and sends them in their time.
pub(crate) fn dispatch(
    backstage: &Arc<Backstage>,
    play: &ChannelPlay,
    callback: &Callback,
    taken: &Taken,
) {
    let usual = ReceiptRule::default();
    let rule = play
        .receipt_rule(&taken.to, &taken.reference)
        .unwrap_or(&usual);
    let error = match rule.outcome {
        ReceiptOutcome::Delivered => None,
        ReceiptOutcome::Undelivered => Some(rule.error.as_deref().unwrap_or("phone_off")),
        // Only mail comes late, and is complained about.
        ReceiptOutcome::Delayed | ReceiptOutcome::Complained | ReceiptOutcome::None => return,
    };
    let now = clock::wall().as_second();
    let write =
        |token: Option<&Secret>, said: &Said<'_>| taken.form.write(callback, token, said, now);
    let token = play.script.receipt_token.as_ref();
    dispatch_as(backstage, rule, token, callback, taken, error, &write);
}

/// Sends the receipts of one message in their time, each written by `write`.
pub(crate) fn dispatch_as(
    backstage: &Arc<Backstage>,
    rule: &ReceiptRule,
    token: Option<&Secret>,
    callback: &Callback,
    taken: &Taken,
    error: Option<&str>,
    write: &dyn Fn(Option<&Secret>, &Said<'_>) -> Written,
) {
    for post in plan(rule, token, callback, taken, error, write) {
        let backstage_of_post = Arc::clone(backstage);
        backstage.spawn(async move { deliver(&backstage_of_post, &post).await });
    }
}

fn plan(
    rule: &ReceiptRule,
    token: Option<&Secret>,
    callback: &Callback,
    taken: &Taken,
    error: Option<&str>,
    write: &dyn Fn(Option<&Secret>, &Said<'_>) -> Written,
) -> Vec<Post> {
    let held_back = is_in_share(&taken.reference, REORDER, rule.reorder);
    let after_ms = rule.delay_ms
        + if held_back {
            rule.reorder_ms.unwrap_or(HELD_BACK_MS)
        } else {
            0
        };
    let post = |token: Option<&Secret>, said: &Said<'_>, after_ms| Post {
        channel: taken.channel.clone(),
        at: callback.at,
        written: write(token, said),
        after_ms,
    };
    let real = Said {
        id: &taken.id,
        reference: &taken.reference,
        to: &taken.to,
        error,
    };
    let mut posts = vec![post(token, &real, after_ms)];
    if is_in_share(&taken.reference, DUPLICATE, rule.duplicate) {
        posts.push(post(token, &real, after_ms + 50));
    }
    let never = format!("forged-{}", taken.id);
    let wrong = Secret::new("not-the-token");
    for turn in 0..rule.forged {
        // Without a proof a lie about something that was sent could not be told from the truth.
        let forged = if turn % 2 == 0 && taken.form.has_proof() {
            let lie = Said {
                error: Some("forged"),
                ..real
            };
            post(Some(&wrong), &lie, after_ms)
        } else {
            let lie = Said {
                id: &never,
                reference: &never,
                ..real
            };
            post(token, &lie, after_ms)
        };
        posts.push(forged);
    }
    posts
}

/// Posts one receipt until it is answered. A 4xx is an answer: the receiver does not want it.
async fn deliver(backstage: &Backstage, post: &Post) {
    tokio::time::sleep(Duration::from_millis(post.after_ms)).await;
    let mut pause = Duration::from_millis(100);
    for _ in 0..TRIES {
        let status = backstage.courier.post(backstage, post).await;
        match status {
            Some(200..=299) => return backstage.log.count_receipt(&post.channel, true),
            Some(400..=499) => return backstage.log.count_receipt(&post.channel, false),
            Some(_) | None => tokio::time::sleep(pause).await,
        }
        pause = (pause * 2).min(Duration::from_secs(5));
    }
    backstage.log.count_receipt(&post.channel, false);
}

/// Hands a text on that somebody sent in, once; the status that it is answered with.
pub(crate) async fn hand_on(
    backstage: &Backstage,
    at: SocketAddr,
    written: Written,
) -> Option<u16> {
    let post = Post {
        channel: String::new(),
        at,
        written,
        after_ms: 0,
    };
    backstage.courier.post(backstage, &post).await
}

impl Courier {
    /// The status answered, or `None` when the receiver could not be reached or did not answer in time.
    async fn post(&self, backstage: &Backstage, post: &Post) -> Option<u16> {
        let _permit = self.permits.acquire().await.ok()?;
        let exchange = async {
            let mut connection = self.connection(backstage, post.at).await?;
            let response = connection.send_request(post.request()?).await.ok()?;
            let status = response.status().as_u16();
            Limited::new(response.into_body(), MAX_ANSWER)
                .collect()
                .await
                .ok()?;
            self.idle().push((post.at, connection));
            Some(status)
        };
        tokio::time::timeout(DEADLINE, exchange)
            .await
            .ok()
            .flatten()
    }

    async fn connection(
        &self,
        backstage: &Backstage,
        at: SocketAddr,
    ) -> Option<SendRequest<Full<Bytes>>> {
        while let Some(mut connection) = self.take_idle(at) {
            if connection.ready().await.is_ok() {
                return Some(connection);
            }
        }
        let stream = TcpStream::connect(at).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (connection, driver) = handshake(TokioIo::new(stream)).await.ok()?;
        backstage.spawn(async move {
            // An error here is the receiver's hanging up; the sender of the request sees it too.
            drop(driver.await);
        });
        Some(connection)
    }

    fn take_idle(&self, at: SocketAddr) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle();
        let index = idle.iter().position(|(address, _)| *address == at)?;
        Some(idle.swap_remove(index).1)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(SocketAddr, SendRequest<Full<Bytes>>)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Post {
    fn request(&self) -> Option<hyper::Request<Full<Bytes>>> {
        let mut request = hyper::Request::builder()
            .method(self.written.method.clone())
            .uri(&self.written.path)
            .header("host", self.at.to_string());
        for (name, value) in &self.written.headers {
            request = request.header(*name, value);
        }
        request.body(Full::new(self.written.body.clone())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_on_this_machine_is_called() {
        let good = Callback::read("http://127.0.0.1:8080/callbacks/sms?x=1").unwrap();
        assert_eq!(good.at, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(good.path(), "/callbacks/sms?x=1");
        assert!(Callback::read("http://[::1]/x").is_some());
        assert!(Callback::read("http://localhost:1/x").is_some());
        for url in [
            "https://127.0.0.1/x",
            "http://192.0.2.1/x",
            "http://example.invalid/x",
            "file:///etc/passwd",
            "",
        ] {
            assert_eq!(Callback::read(url), None, "{url}");
        }
    }
}
