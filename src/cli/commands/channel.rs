//! `oyez channel`: the configured ways out, and every kind there is.

mod test;

use crate::args::{Channel, Global};
use crate::door::{self, Door, Need};
use crate::exit::{Exit, Failure};
use crate::settings::nearest;
use crate::terminal;
use oyez_channels::registry::KINDS;
use oyez_domain::channel::Capabilities;
use serde::Serialize;
use serde_json::{Value, json};

/// Runs one of the verbs.
pub(crate) async fn run(command: Channel, global: &Global) -> anyhow::Result<Exit> {
    match command {
        Channel::List => list(global).await,
        Channel::Kinds => kinds(global.json),
        Channel::Test(args) => test::run(&args, global).await,
        Channel::Hold { name, reason } => {
            let said = format!("{name} is held. Go on with: oyez channel resume {name}");
            tell(global, &name, "hold", json!({"reason": reason}), said).await
        }
        Channel::Resume { name } => {
            tell(
                global,
                &name,
                "resume",
                json!({}),
                format!("{name} goes on."),
            )
            .await
        }
    }
}

async fn tell(
    global: &Global,
    name: &str,
    verb: &str,
    body: Value,
    said: String,
) -> anyhow::Result<Exit> {
    door::through(global, Need::Write, async |door| {
        let answer = match door.post(&["channels", name, verb], &body, None).await {
            Ok(answer) => answer,
            Err(failure) => return Err(suggest(door, name, failure).await.into()),
        };
        terminal::data(global.json, &answer, || said)?;
        Ok(Exit::Done)
    })
    .await
}

/// Adds the name that was probably meant.
async fn suggest(door: &Door, name: &str, mut failure: Failure) -> Failure {
    if failure.exit == Exit::NotFound || failure.exit == Exit::Problems {
        let channels = door.get(&["channels"], &[]).await.unwrap_or_default();
        let names: Vec<_> = door::rows(&channels)
            .iter()
            .map(|channel| terminal::word(channel, "name"))
            .collect();
        failure.help.push(match nearest(name, &names) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are: {}", names.join(", ")),
        });
    }
    failure
}

async fn list(global: &Global) -> anyhow::Result<Exit> {
    door::through(global, Need::Read, async |door| {
        let answer = door.get(&["channels"], &[]).await?;
        terminal::data(global.json, &answer, || {
            let rows: Vec<_> = door::rows(&answer).iter().map(row).collect();
            terminal::table(&["CHANNEL", "KIND", "LIMIT", "RECEIPTS", "STATE"], &rows)
        })?;
        Ok(Exit::Done)
    })
    .await
}

fn row(channel: &Value) -> Vec<String> {
    let limit = channel.get("limit_per_second").and_then(Value::as_f64);
    let receipts = channel
        .get("receipts")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let line = |key: &str| {
        channel
            .get(key)
            .and_then(|paused| paused.get("line"))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let held = channel
        .get("held")
        .and_then(Value::as_str)
        .map(|why| format!("held: {why}"));
    vec![
        terminal::word(channel, "name"),
        kinds_of(channel),
        limit.map_or_else(|| "–".to_owned(), |limit| format!("{limit}/s")),
        if receipts { "yes" } else { "no" }.to_owned(),
        held.or_else(|| line("paused"))
            .unwrap_or_else(|| "ready".to_owned()),
    ]
}

/// Its kind, or those of its providers in their order.
fn kinds_of(channel: &Value) -> String {
    let providers = channel.get("providers").and_then(Value::as_array);
    let all: Vec<_> = providers
        .into_iter()
        .flatten()
        .map(|provider| terminal::word(provider, "kind"))
        .collect();
    if all.is_empty() {
        terminal::word(channel, "kind")
    } else {
        all.join(", ")
    }
}

/// One kind as programs see it.
#[derive(Debug, Serialize)]
struct Kind {
    kind: &'static str,
    family: &'static str,
    unit: &'static str,
    limit: Option<u32>,
    receipts: bool,
    idempotency: &'static str,
    needs: &'static [&'static str],
}

impl From<&Capabilities> for Kind {
    fn from(capabilities: &Capabilities) -> Self {
        Self {
            kind: capabilities.kind,
            family: capabilities.family.code(),
            unit: capabilities.unit.code(),
            limit: capabilities.limit,
            receipts: capabilities.receipts,
            idempotency: capabilities.idempotency.code(),
            needs: capabilities.needs,
        }
    }
}

fn kinds(json: bool) -> anyhow::Result<Exit> {
    let kinds: Vec<Kind> = KINDS.iter().map(Kind::from).collect();
    terminal::data(json, &kinds, || {
        let row = |kind: &Kind| {
            vec![
                kind.kind.to_owned(),
                kind.family.to_owned(),
                kind.limit.map_or_else(
                    || "–".to_owned(),
                    |limit| format!("{} {}s", terminal::count(u64::from(limit)), kind.unit),
                ),
                if kind.receipts { "yes" } else { "no" }.to_owned(),
                kind.idempotency.to_owned(),
                kind.needs.join(", "),
            ]
        };
        let rows: Vec<_> = kinds.iter().map(row).collect();
        terminal::table(
            &[
                "KIND",
                "FAMILY",
                "LIMIT",
                "RECEIPTS",
                "SECOND COPIES",
                "NEEDS",
            ],
            &rows,
        )
    })?;
    Ok(Exit::Done)
}
