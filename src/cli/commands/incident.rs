//! `oyez incident`: opens and lists incidents.

use crate::args::{Global, Incident, IncidentNew};
use crate::door::{self, Need};
use crate::exit::Exit;
use crate::{input, terminal};
use oyez_domain::incident::IncidentDraft;
use serde_json::Value;

/// Runs one of the verbs.
pub(crate) async fn run(command: Incident, global: &Global) -> anyhow::Result<Exit> {
    match command {
        Incident::New(args) => open(&args, global).await,
        Incident::List => list(global).await,
    }
}

async fn open(args: &IncidentNew, global: &Global) -> anyhow::Result<Exit> {
    let draft = match &args.file {
        Some(file) => input::json(file)?,
        None => IncidentDraft {
            title: args.title.clone().unwrap_or_default(),
            ..IncidentDraft::default()
        },
    };
    door::through(global, Need::Write, async |door| {
        let incident = door.post(&["incidents"], &draft, None).await?;
        terminal::data(global.json, &incident, || terminal::word(&incident, "id"))?;
        Ok(Exit::Done)
    })
    .await
}

async fn list(global: &Global) -> anyhow::Result<Exit> {
    door::through(global, Need::Read, async |door| {
        let answer = door.get(&["incidents"], &[]).await?;
        terminal::data(global.json, &answer, || {
            let row = |incident: &Value| {
                ["id", "phase", "opened_at", "title"]
                    .map(|key| terminal::word(incident, key))
                    .to_vec()
            };
            let rows: Vec<_> = door::rows(&answer).iter().map(row).collect();
            terminal::table(&["INCIDENT", "PHASE", "OPENED", "TITLE"], &rows)
        })?;
        Ok(Exit::Done)
    })
    .await
}
