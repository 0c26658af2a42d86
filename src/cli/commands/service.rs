//! `oyez service`: the services that residents use.

use crate::args::{Global, Service};
use crate::door::{self, Need};
use crate::exit::Exit;
use crate::{input, terminal};
use serde_json::Value;

/// Runs one of the verbs.
pub(crate) async fn run(command: Service, global: &Global) -> anyhow::Result<Exit> {
    match command {
        Service::List => list(global).await,
        Service::Put { file } => {
            let services: Value = input::json(&file)?;
            door::through(global, Need::Write, async |door| {
                let answer = door.put(&["services"], &services).await?;
                let many = services.as_array().map_or(0, Vec::len);
                terminal::data(global.json, &answer, || format!("{many} services"))?;
                Ok(Exit::Done)
            })
            .await
        }
    }
}

async fn list(global: &Global) -> anyhow::Result<Exit> {
    door::through(global, Need::Read, async |door| {
        let answer = door.get(&["services"], &[]).await?;
        terminal::data(global.json, &answer, || {
            let row = |service: &Value| {
                ["id", "state", "telephone", "name"]
                    .map(|key| terminal::word(service, key))
                    .to_vec()
            };
            let rows: Vec<_> = door::rows(&answer).iter().map(row).collect();
            terminal::table(&["SERVICE", "STATE", "TELEPHONE", "NAME"], &rows)
        })?;
        Ok(Exit::Done)
    })
    .await
}
