//! `oyez verify`: the ledger against a sandbox log, invariant by invariant.

use crate::args::{Global, Verify};
use crate::exit::{Exit, Failure};
use crate::settings::Sources;
use crate::terminal;
use oyez_domain::invariants::{Effect, Evidence, Finding, Verdict, judge};
use oyez_domain::ledger::Reports;
use oyez_domain::reference::ReferenceKey;
use oyez_domain::time::Wall;
use oyez_storage::StorageSettings;
use std::path::Path;

/// Judges and prints. Exit 0 when nothing is violated, 3 otherwise.
pub(crate) async fn run(args: &Verify, global: &Global) -> anyhow::Result<Exit> {
    let settings = match &args.data_dir {
        Some(dir) => StorageSettings::in_directory(dir),
        None => Sources::from_process(&global.config).read()?.store,
    };
    let ledger = oyez_storage::open_read_only(&settings)
        .map_err(|error| crate::app::store_failure(&error))?;
    let key = ReferenceKey::new(&ledger.reference_secret());
    let mut evidence = Evidence {
        broadcasts: Vec::new(),
        effects: args
            .log
            .as_deref()
            .map(|log| effects(log, &key))
            .transpose()?,
        not_logged: Vec::new(),
        unclean_ends: ledger.unclean_ends().await?,
    };
    for id in ledger.broadcast_ids().await? {
        let broadcast = ledger.evidence(id).await?;
        // Files never pass through the sandbox, so its log cannot know them.
        if broadcast.view.kind == "file" {
            evidence.not_logged.push(id);
        }
        evidence.broadcasts.push(broadcast);
    }
    let verdict = judge(&evidence);
    terminal::data(global.json, &verdict, || text(&verdict))?;
    Ok(if verdict.violations.is_empty() {
        Exit::Done
    } else {
        Exit::Problems
    })
}

fn effects(log: &Path, key: &ReferenceKey) -> anyhow::Result<Vec<Effect>> {
    let records = oyez_sandbox::read_log(log).map_err(|error| {
        let what = format!("the log {} cannot be read: {error}", log.display());
        Failure::new(
            Exit::NotFound,
            "log_unreadable",
            what,
            "give the file that `oyez sandbox --log` writes",
        )
    })?;
    let reached = records.into_iter().filter(|record| record.effect);
    let effect = |record: oyez_sandbox::LogRecord| Effect {
        place: key.open(&record.key),
        at: Wall::from(record.wall),
        to: record.to,
    };
    Ok(reached.map(effect).collect())
}

fn text(verdict: &Verdict) -> String {
    let row = |j: &oyez_domain::invariants::Judgement| {
        let (finding, more) = match &j.finding {
            Finding::Held => ("held", String::new()),
            Finding::Violated { cases } => ("VIOLATED", cases.join("; ")),
            Finding::NotCheckable { why } => ("not checkable here", why.clone()),
        };
        vec![
            j.invariant.clone(),
            finding.to_owned(),
            j.says.clone(),
            more,
        ]
    };
    let rows: Vec<_> = verdict.invariants.iter().map(row).collect();
    format!(
        "{}\n\n{} recipients, {} accepted, {} lost, {} unknown, {} duplicates of at most {}.",
        terminal::table(&["", "FINDING", "WHAT MUST HOLD", ""], &rows),
        terminal::count(verdict.recipients),
        terminal::count(verdict.accepted),
        verdict.lost,
        verdict.unknown,
        verdict.duplicates,
        verdict.duplicate_bound,
    )
}
