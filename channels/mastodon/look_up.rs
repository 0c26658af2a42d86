//! Finding a post that may be out: the account's own statuses since it was first announced, compared with what was
//! written (`verify_credentials`, `accounts/:id/statuses` and `statuses/:id/source` of the Mastodon API).

use super::Mastodon;
use oyez_domain::parcel::Parcel;
use oyez_domain::ports::LookUp;
use oyez_domain::time::Wall;
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// The instance's clock may differ from ours by so much.
const CLOCKS: Duration = Duration::from_secs(600);
/// Statuses of one page: the whole answer has to fit into what is read of it.
const PAGE: usize = 10;
/// Pages looked at before nobody can tell.
const PAGES: usize = 5;

/// The question has no answer: the instance is silent, refuses, or has more than is looked at.
struct NoAnswer;

impl Mastodon {
    /// Whether the post is out. Anything unexpected on the way means that nobody can tell.
    pub(super) async fn find(&self, parcel: &Parcel) -> LookUp {
        match self.posted(parcel).await {
            Ok(Some(link)) => LookUp::Found(Some(link)),
            Ok(None) => LookUp::NotThere,
            Err(NoAnswer) => LookUp::CannotTell,
        }
    }

    /// The link of the post, if it is there.
    async fn posted(&self, parcel: &Parcel) -> Result<Option<String>, NoAnswer> {
        let body = parcel.rendered.splice(|_| "".into());
        let written: Value = serde_json::from_slice(&body).map_err(|_| NoAnswer)?;
        let written = text(&written, "status")?.trim();
        let since = parcel.first_armed_at.0.saturating_sub(micros(CLOCKS));
        let account = self.ask("accounts/verify_credentials").await?;
        let account = identifier(text(&account, "id")?)?.to_owned();
        let mut older_than = String::new();
        for _ in 0..PAGES {
            let page = format!(
                "accounts/{account}/statuses?limit={PAGE}&exclude_reblogs=true{older_than}"
            );
            let page = self.ask(&page).await?;
            let page = page.as_array().ok_or(NoAnswer)?;
            for status in page {
                let at = Wall::parse(text(status, "created_at")?).ok_or(NoAnswer)?;
                if at.0 < since {
                    return Ok(None);
                }
                if self.source(status).await?.trim() == written {
                    let link = text(status, "url")?;
                    return Ok(Some(link.chars().take(255).collect()));
                }
            }
            let Some(last) = page.last() else {
                return Ok(None);
            };
            older_than = format!("&max_id={}", identifier(text(last, "id")?)?);
        }
        Err(NoAnswer)
    }

    /// What was written; what is shown has links and mentions made of it.
    async fn source(&self, status: &Value) -> Result<String, NoAnswer> {
        let id = identifier(text(status, "id")?)?;
        let source = self.ask(&format!("statuses/{id}/source")).await?;
        text(&source, "text").map(str::to_owned)
    }

    async fn ask(&self, path: &str) -> Result<Value, NoAnswer> {
        // `statuses` is the last part of the API's address, so that this stands beside it.
        let url: Url = self.statuses.join(path).map_err(|_| NoAnswer)?;
        let request = self
            .outlet
            .request(Method::GET, url)
            .map_err(|_| NoAnswer)?;
        let request = request.bearer_auth(self.token.reveal());
        let reply = self.outlet.reply(request).await.map_err(|_| NoAnswer)?;
        match reply.status {
            200 => reply.json().ok_or(NoAnswer),
            _ => Err(NoAnswer),
        }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, NoAnswer> {
    value.get(name).and_then(Value::as_str).ok_or(NoAnswer)
}

/// An identifier that may stand in a path.
fn identifier(text: &str) -> Result<&str, NoAnswer> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then_some(text).ok_or(NoAnswer)
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
