//! What an instance lets one see without posting: whose token it is, how long a post may be, clock and certificate
//! (`verify_credentials` and `instance` of the Mastodon API).

use super::Mastodon;
use crate::examine;
use crate::http::{Reply, Silence};
use oyez_domain::remark::Remark;
use reqwest::Method;
use url::Url;

impl Mastodon {
    /// The account behind the token, and what the instance says of itself.
    pub(super) async fn look(&self) -> Vec<Remark> {
        let reply = match self.credentials().await {
            Ok(reply) => reply,
            Err(silence) => return vec![examine::silent(silence)],
        };
        let mut remarks = vec![account(&reply)];
        remarks.extend(examine::beside(&reply, self.clock.wall()));
        remarks.push(match self.ask_instance().await {
            Ok(said) => Remark::ok(said),
            Err(why) => Remark::fail(why, "see `server` and `limit` of this channel"),
        });
        remarks
    }

    async fn credentials(&self) -> Result<Reply, Silence> {
        let url: Result<Url, _> = self.statuses.join("accounts/verify_credentials");
        // `statuses` is an address already, so that joining a path to it cannot fail.
        let url = url.unwrap_or_else(|_| self.statuses.clone());
        let request = self.outlet.request(Method::GET, url)?;
        let request = request.bearer_auth(self.token.reveal());
        self.outlet.reply(request).await
    }
}

fn account(reply: &Reply) -> Remark {
    let json = reply.json().unwrap_or_default();
    let name = json.get("acct").and_then(serde_json::Value::as_str);
    match (reply.status, name) {
        (200, Some(name)) => Remark::ok(format!("The token is that of @{name}.")),
        (403, _) => Remark::warn(
            "the token may not read its own account: a post that may be out cannot be looked for",
            "give the token the scopes read:accounts and read:statuses, too",
        ),
        (401, _) => examine::refused("the instance refuses the token"),
        (status, _) => Remark::fail(
            format!("the instance answered {status} without an account"),
            "is `server` the instance's own address?",
        ),
    }
}
