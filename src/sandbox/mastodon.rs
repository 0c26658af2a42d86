//! A Mastodon server with one account per channel: statuses, idempotency keys, limits, as its API documents them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use unicode_segmentation::UnicodeSegmentation;

use crate::exchange::{Outcome, Request};
use crate::play::ChannelPlay;

const MAX_CHARACTERS: usize = 500;
const CHARACTERS_PER_URL: usize = 23;
/// Statuses an account may create in one window.
const MAX_STATUSES: usize = 300;
const WINDOW: SignedDuration = SignedDuration::from_hours(3);
/// How long an idempotency key is remembered.
const KEY_LIFE: SignedDuration = SignedDuration::from_hours(1);
const ACCOUNT_ID: &str = "1";

/// What can be read without effect.
#[derive(Clone, Copy)]
pub(crate) enum Reading<'a> {
    Instance,
    VerifyCredentials,
    Statuses(&'a str),
    /// What was written, before it was made fit to be shown.
    Source(&'a str),
}

impl<'a> Reading<'a> {
    pub(crate) fn of(path: &'a str) -> Option<Self> {
        match path {
            "api/v2/instance" => Some(Self::Instance),
            "api/v1/accounts/verify_credentials" => Some(Self::VerifyCredentials),
            _ => match path.strip_prefix("api/v1/")?.split_once('/')? {
                ("accounts", rest) => rest.strip_suffix("/statuses").map(Self::Statuses),
                ("statuses", rest) => rest.strip_suffix("/source").map(Self::Source),
                (_, _) => None,
            },
        }
    }
}

/// The accounts by channel.
#[derive(Default)]
pub(crate) struct Accounts(Mutex<HashMap<String, Account>>);

#[derive(Default)]
struct Account {
    statuses: Vec<Value>,
    /// What was written, by identifier of the status.
    sources: HashMap<String, Value>,
    by_key: HashMap<String, (Timestamp, usize)>,
    window: Option<(Timestamp, usize)>,
}

/// The API's form of error.
pub(crate) fn error(message: &str) -> String {
    json!({ "error": message }).to_string()
}

impl Accounts {
    /// Creates a status, or gives back the one that the same idempotency key created.
    pub(crate) fn post(
        &self,
        request: &Request,
        play: &ChannelPlay,
        id: &str,
        now: Timestamp,
    ) -> Outcome {
        let key = request.header("idempotency-key");
        if !is_allowed(request, play) {
            return unauthorised();
        }
        let mut accounts = self.lock();
        let account = accounts.entry(request.channel.clone()).or_default();
        account
            .by_key
            .retain(|_, (at, _)| now.duration_since(*at) < KEY_LIFE);
        if let Some(status) = account
            .by_key
            .get(key)
            .and_then(|(_, index)| account.statuses.get(*index))
        {
            return account.limited(Outcome::refused(200, status.to_string()), now);
        }
        let fields = fields(request);
        if let Err((status, message)) = account.check(&fields) {
            return account.limited(Outcome::refused(status, error(message)), now);
        }
        if !account.allows_one_more(now) {
            return account.limited(Outcome::refused(429, error("Too many requests")), now);
        }
        let status = status(request, &fields, id, now);
        let body = status.to_string();
        if !key.is_empty() {
            account
                .by_key
                .insert(key.to_owned(), (now, account.statuses.len()));
        }
        account.statuses.push(status);
        account.sources.insert(id.to_owned(), source(&fields, id));
        account.limited(Outcome::taken(200, body, id), now)
    }

    pub(crate) fn read(
        &self,
        reading: Reading<'_>,
        request: &Request,
        play: &ChannelPlay,
    ) -> Outcome {
        let body = match reading {
            Reading::Instance => instance(request),
            Reading::VerifyCredentials if !is_allowed(request, play) => return unauthorised(),
            Reading::VerifyCredentials => profile(request),
            Reading::Statuses(ACCOUNT_ID) => {
                let accounts = self.lock();
                let account = accounts.get(&request.channel);
                Value::Array(account.map_or_else(Vec::new, |account| account.page(request)))
            }
            Reading::Source(_) if !is_allowed(request, play) => return unauthorised(),
            Reading::Source(id) => {
                let accounts = self.lock();
                let account = accounts.get(&request.channel);
                match account.and_then(|account| account.sources.get(id)) {
                    Some(source) => source.clone(),
                    None => return Outcome::refused(404, error("Record not found")),
                }
            }
            Reading::Statuses(_) => return Outcome::refused(404, error("Record not found")),
        };
        Outcome::refused(200, body.to_string())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Account>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn check(&self, fields: &Map<String, Value>) -> Result<(), (u16, &'static str)> {
        let text = text(fields, "status");
        if text.trim().is_empty() {
            return Err((422, "Validation failed: Text can't be blank"));
        }
        if weight(text) + weight(self::text(fields, "spoiler_text")) > MAX_CHARACTERS {
            return Err((
                422,
                "Validation failed: Text character limit of 500 exceeded",
            ));
        }
        let reply_to = self::text(fields, "in_reply_to_id");
        if !reply_to.is_empty()
            && !self
                .statuses
                .iter()
                .any(|status| status.get("id") == Some(&json!(reply_to)))
        {
            return Err((404, "Record not found"));
        }
        Ok(())
    }

    /// The newest first, from where `max_id` says; 20 unless `limit` says otherwise, 40 at most.
    fn page(&self, request: &Request) -> Vec<Value> {
        let asked = |name: &str| {
            let mut pairs = url::form_urlencoded::parse(request.query.as_bytes());
            pairs.find(|(key, _)| key == name).map(|(_, value)| value)
        };
        let limit = asked("limit").and_then(|text| text.parse().ok());
        let before = asked("max_id");
        let is_that =
            |status: &Value| status.get("id").and_then(Value::as_str) == before.as_deref();
        let end = match before {
            Some(_) => self.statuses.iter().position(is_that).unwrap_or(0),
            None => self.statuses.len(),
        };
        let older = self.statuses.iter().take(end).rev();
        older.take(limit.unwrap_or(20).min(40)).cloned().collect()
    }

    fn allows_one_more(&mut self, now: Timestamp) -> bool {
        let (start, count) = self
            .window
            .filter(|(start, _)| now.duration_since(*start) < WINDOW)
            .unwrap_or((now, 0));
        let allowed = count < MAX_STATUSES;
        self.window = Some((start, count + usize::from(allowed)));
        allowed
    }

    /// Adds the rate-limit headers; the reset is ISO 8601 with microseconds, not seconds.
    fn limited(&self, outcome: Outcome, now: Timestamp) -> Outcome {
        let (start, count) = self.window.unwrap_or((now, 0));
        let reset = start.saturating_add(WINDOW).unwrap_or(now);
        outcome
            .with_header("x-ratelimit-limit", MAX_STATUSES.to_string())
            .with_header(
                "x-ratelimit-remaining",
                MAX_STATUSES.saturating_sub(count).to_string(),
            )
            .with_header(
                "x-ratelimit-reset",
                reset.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
            )
    }
}

fn is_allowed(request: &Request, play: &ChannelPlay) -> bool {
    match (&play.script.bearer_token, request.bearer()) {
        (Some(token), Some(given)) => token.reveal() == given,
        (None, Some(_)) => true,
        (_, None) => false,
    }
}

fn unauthorised() -> Outcome {
    Outcome::refused(401, error("The access token is invalid"))
}

/// The fields of a JSON or form body; of a body that is neither, none.
fn fields(request: &Request) -> Map<String, Value> {
    if request
        .header("content-type")
        .starts_with("application/json")
    {
        return serde_json::from_slice(&request.body).unwrap_or_default();
    }
    let pairs = url::form_urlencoded::parse(&request.body);
    pairs
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect()
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or("")
}

fn base(request: &Request) -> String {
    format!(
        "http://{}/{}/mastodon",
        request.header("host"),
        request.channel
    )
}

fn status(request: &Request, fields: &Map<String, Value>, id: &str, now: Timestamp) -> Value {
    let base = base(request);
    let visibility = Some(text(fields, "visibility"))
        .filter(|it| !it.is_empty())
        .unwrap_or("public");
    json!({
        "id": id,
        "created_at": now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "url": format!("{base}/@{}/{id}", request.channel),
        "uri": format!("{base}/users/{}/statuses/{id}", request.channel),
        "content": html(text(fields, "status")),
        "spoiler_text": text(fields, "spoiler_text"),
        "visibility": visibility,
        "language": fields.get("language"),
        "in_reply_to_id": fields.get("in_reply_to_id"),
        "account": profile(request),
    })
}

fn source(fields: &Map<String, Value>, id: &str) -> Value {
    json!({ "id": id, "text": text(fields, "status"), "spoiler_text": text(fields, "spoiler_text") })
}

fn profile(request: &Request) -> Value {
    let name = &request.channel;
    let url = format!("{}/@{name}", base(request));
    json!({ "id": ACCOUNT_ID, "username": name, "acct": name, "display_name": name, "url": url })
}

fn instance(request: &Request) -> Value {
    let statuses = json!({
        "max_characters": MAX_CHARACTERS,
        "max_media_attachments": 4,
        "characters_reserved_per_url": CHARACTERS_PER_URL,
    });
    json!({
        "domain": request.header("host"),
        "title": "Sandbox",
        "version": "4.4.0",
        "configuration": { "statuses": statuses },
    })
}

/// Text as the server shows it: escaped, blank lines between paragraphs, line breaks kept.
fn html(text: &str) -> String {
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    let paragraphs = escaped
        .replace("\r\n", "\n")
        .replace("\n\n", "</p><p>")
        .replace('\n', "<br />");
    format!("<p>{paragraphs}</p>")
}

/// Length as the server counts it: graphemes, 23 for a link whatever its length, a mention without its domain.
fn weight(text: &str) -> usize {
    text.split_inclusive(char::is_whitespace)
        .map(word_weight)
        .sum()
}

fn word_weight(word: &str) -> usize {
    let graphemes = |text: &str| text.graphemes(true).count();
    let link = ["http://", "https://"]
        .iter()
        .filter_map(|scheme| word.find(scheme))
        .min();
    if let Some((before, link)) = link.map(|at| word.split_at(at)) {
        let bare = link.trim_end_matches(|c: char| c.is_whitespace() || ".,;:!?)'\"".contains(c));
        return graphemes(before)
            + CHARACTERS_PER_URL
            + graphemes(link.get(bare.len()..).unwrap_or(""));
    }
    let mention = word
        .strip_prefix('@')
        .and_then(|rest| rest.split_once('@'))
        .filter(|(user, _)| !user.is_empty());
    match mention {
        Some((user, domain)) => {
            let after = domain
                .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-');
            1 + graphemes(user) + graphemes(after)
        }
        None => graphemes(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_as_the_server_counts_it() {
        let long = format!("https://example.invalid/{}", "x".repeat(300));
        assert_eq!(weight(&format!("a {long}.\nb")), 2 + 23 + 1 + 1 + 1);
        assert_eq!(weight("(http://x.invalid)"), 1 + 23 + 1);
        assert_eq!(weight("@oyez@example.invalid, hear"), 5 + 1 + 1 + 4);
        assert_eq!(weight("👨‍👩‍👧‍👦e\u{301}"), 2);
        assert_eq!(weight("example.invalid/x"), 17);
    }

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(
            html("a<b>\n\n\"c\"\nd"),
            "<p>a&lt;b&gt;</p><p>&quot;c&quot;<br />d</p>"
        );
    }
}
