//! `oyez subscriber`: people who get messages, all or nothing.

use crate::args::{Global, Subscriber};
use crate::door::{self, Need};
use crate::exit::Exit;
use crate::input;
use crate::terminal::{self, count, say};
use oyez_domain::subscriber::Imported;
use serde_json::{Value, json};
use std::path::Path;

/// Warnings shown at most.
const SHOWN: usize = 20;

/// Runs one of the verbs.
pub(crate) async fn run(command: Subscriber, global: &Global) -> anyhow::Result<Exit> {
    match command {
        Subscriber::Import { file } => import(&file, global).await,
        Subscriber::Add {
            email,
            telephone,
            topics,
            language,
        } => {
            let person = json!({"email": email, "telephone": telephone, "topics": topics, "language": language});
            door::through(global, Need::Write, async |door| {
                let answer = door.post(&["subscribers"], &person, None).await?;
                let imported: Imported = door::read(&answer)?;
                terminal::data(global.json, &answer, || words(&imported))?;
                Ok(Exit::Done)
            })
            .await
        }
    }
}

async fn import(file: &Path, global: &Global) -> anyhow::Result<Exit> {
    let csv = input::bytes(file)?;
    door::through(global, Need::Write, async |door| {
        let answer = door
            .upload(&["subscribers", "import"], "text/csv", csv)
            .await?;
        let imported: Imported = door::read(&answer)?;
        warn(&answer);
        terminal::data(global.json, &answer, || words(&imported))?;
        Ok(Exit::Done)
    })
    .await
}

fn warn(answer: &Value) {
    let warnings = answer.get("warnings").map(door::rows).unwrap_or_default();
    for warning in warnings.iter().take(SHOWN) {
        let [row, column, why] =
            ["row", "column", "detail"].map(|key| terminal::word(warning, key));
        say(format!("warning: row {row}, {column}: {why}"));
    }
    if warnings.len() > SHOWN {
        say(format!("… and {} more warnings", warnings.len() - SHOWN));
    }
}

fn words(imported: &Imported) -> String {
    let Imported {
        rows,
        added,
        known,
        suppressed,
        landlines,
    } = *imported;
    format!(
        "{} people read: {} addresses added, {} known already, {} stay suppressed, {} landlines kept for the call sheet",
        count(rows),
        count(added),
        count(known),
        count(suppressed),
        count(landlines)
    )
}
