//! `oyez endpoint`: partners' webhooks.

use crate::args::{Endpoint, Global};
use crate::door::{self, Need};
use crate::exit::Exit;
use crate::{input, terminal};
use serde_json::json;

/// Registers or replaces an endpoint.
pub(crate) async fn run(command: Endpoint, global: &Global) -> anyhow::Result<Exit> {
    match command {
        Endpoint::Put {
            name,
            url,
            secret_file,
        } => {
            let secret = input::text(&secret_file)?;
            let endpoint = json!({"url": url, "secret": secret.trim()});
            door::through(global, Need::Write, async |door| {
                let answer = door.put(&["endpoints", &name], &endpoint).await?;
                terminal::data(global.json, &answer, || format!("{name} is registered"))?;
                Ok(Exit::Done)
            })
            .await
        }
    }
}
