//! `oyez endpoint`: partners' webhooks.

use crate::args::{Endpoint, Global};
use crate::door::{self, Door, Need};
use crate::exit::Exit;
use crate::{input, terminal};
use serde_json::{Value, json};

/// Lists, registers, signs anew and takes away.
pub(crate) async fn run(command: Endpoint, global: &Global) -> anyhow::Result<Exit> {
    let need = match command {
        Endpoint::List => Need::Read,
        Endpoint::Put { .. } | Endpoint::Key { .. } | Endpoint::Remove { .. } => Need::Write,
    };
    door::through(global, need, async |door| {
        let (answer, said) = carry_out(door, command).await?;
        terminal::data(global.json, &answer, || said)?;
        Ok(Exit::Done)
    })
    .await
}

async fn carry_out(door: &Door, command: Endpoint) -> anyhow::Result<(Value, String)> {
    Ok(match command {
        Endpoint::List => {
            let answer = door.get(&["endpoints"], &[]).await?;
            let said = list(door::rows(&answer));
            (answer, said)
        }
        Endpoint::Put {
            name,
            url,
            secret_file,
        } => {
            let secret = input::text(&secret_file)?;
            let endpoint = json!({"url": url, "secret": secret.trim()});
            let answer = door.put(&["endpoints", &name], &endpoint).await?;
            (answer, format!("{name} is registered"))
        }
        Endpoint::Key {
            name,
            version,
            overlap_hours,
        } => {
            let change = json!({"version": version, "overlap_hours": overlap_hours});
            let path = ["endpoints", &name, "key"];
            let answer = door.post(&path, &change, None).await?;
            let said = new_key(&name, &answer);
            (answer, said)
        }
        Endpoint::Remove { name } => {
            let answer = door.delete(&["endpoints", &name]).await?;
            let said = format!("{name} gets nothing more from the next release on.");
            (answer, said)
        }
    })
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn new_key(name: &str, answer: &Value) -> String {
    let key = text(answer, "key");
    let what = if key.starts_with("whpk_") {
        "public key"
    } else {
        "secret"
    };
    format!(
        "{name} needs this {what} from now on; it is told this once:\n{key}\nUntil {} the one before signs, too. Give it to the partner alone.",
        text(answer, "both_until"),
    )
}

fn list(endpoints: &[Value]) -> String {
    if endpoints.is_empty() {
        return "There are no partners yet. Register one with: oyez endpoint put".to_owned();
    }
    let rows = endpoints.iter().map(|endpoint| {
        let state = match (
            endpoint["shut_at"].as_str(),
            endpoint["both_until"].as_str(),
        ) {
            (Some(since), _) => {
                format!("gets nothing since {since}: it is gone; oyez endpoint put brings it back")
            }
            (None, Some(until)) => format!("gets everything, signed with two keys until {until}"),
            (None, None) => "gets everything".to_owned(),
        };
        let url = endpoint["url"].as_str().unwrap_or("cannot be read");
        vec![text(endpoint, "name").to_owned(), url.to_owned(), state]
    });
    let rows: Vec<_> = rows.collect();
    terminal::table(&["PARTNER", "WEBHOOK", "STATE"], &rows)
}
