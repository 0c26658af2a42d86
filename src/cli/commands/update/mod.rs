//! `oyez update`: writing, sending, watching and halting statements.

mod audience;
mod halt;
mod render;
mod report;
mod retry;
mod send;
mod watch;

use crate::args::{Global, Update, UpdateNew};
use crate::door::{self, Need};
use crate::exit::{Exit, Failure};
use crate::terminal::say;
use crate::{input, terminal};
use oyez_domain::audience::AudienceRule;
use oyez_domain::update::UpdateDraft;
use serde_json::Value;

/// Runs one of the verbs.
pub(crate) async fn run(command: Update, global: &Global) -> anyhow::Result<Exit> {
    match command {
        Update::New(args) => new(args, global).await,
        Update::Render { update } => render::run(&update, global).await,
        Update::Send(args) => send::run(&args, global).await,
        Update::Watch { update, timeout } => watch::run(&update, timeout, global).await,
        Update::Stop(args) => halt::stop(&args, global).await,
        Update::Hold { update, channel } => {
            halt::hold(&update, channel.as_deref(), true, global).await
        }
        Update::Resume { update, channel } => {
            halt::hold(&update, channel.as_deref(), false, global).await
        }
        Update::Retry(args) => retry::run(&args, global).await,
        Update::Report { update, to } => report::run(&update, to.as_deref(), global).await,
        Update::List => list(global).await,
    }
}

async fn new(args: UpdateNew, global: &Global) -> anyhow::Result<Exit> {
    let draft = draft(args)?;
    door::through(global, Need::Write, async |door| {
        let update = door.post(&["updates"], &draft, None).await?;
        terminal::data(global.json, &update, || {
            terminal::word(&update, "reference")
        })?;
        if !global.json && terminal::is_terminal() {
            let reference = terminal::word(&update, "reference");
            say(format!(
                "Next: oyez update render {reference}, then oyez update send {reference} --watch"
            ));
        }
        Ok(Exit::Done)
    })
    .await
}

/// The draft of a file, or of the options.
fn draft(args: UpdateNew) -> anyhow::Result<UpdateDraft> {
    if let Some(file) = &args.file {
        // Names in the file are checked by the server, all at once; here it only has to be JSON of the right shape.
        let mut value: Value = input::json(file)?;
        let named = value
            .get("incident")
            .and_then(Value::as_str)
            .is_some_and(|incident| !incident.is_empty());
        if let (false, Some(members), Some(incident)) =
            (named, value.as_object_mut(), args.incident)
        {
            members.insert("incident".to_owned(), incident.into());
        }
        for (flag, name) in [
            (args.accept_folding, "accept_folding"),
            (args.supersede, "supersedes"),
        ] {
            if let (true, Some(members)) = (flag, value.as_object_mut()) {
                members.insert(name.to_owned(), true.into());
            }
        }
        return Ok(input::shaped(file, value)?);
    }
    let channels = args
        .channels
        .iter()
        .map(|name| name.parse())
        .collect::<Result<_, _>>()?;
    Ok(UpdateDraft {
        incident: args.incident.unwrap_or_default(),
        kind: args.kind,
        urgent: args.urgent,
        supersedes: args.supersede,
        language: args.language,
        headline: args.headline.unwrap_or_default(),
        what_to_do: args.what_to_do,
        what_not_to_do: args.what_not_to_do,
        detail: args.detail,
        sms: args.sms,
        short: args
            .short
            .iter()
            .map(|text| short(text))
            .collect::<Result<_, _>>()?,
        accept_folding: args.accept_folding,
        next_update_by: args.next_update_by,
        audience: AudienceRule {
            channels,
            ..AudienceRule::default()
        },
        ..UpdateDraft::default()
    })
}

/// `cy=Peidiwch â …`: the language before the first equals sign.
fn short(text: &str) -> Result<(String, String), Failure> {
    let parts = text.split_once('=');
    let parts = parts.map(|(tag, text)| (tag.trim().to_owned(), text.to_owned()));
    parts.ok_or_else(|| {
        let help = "write --short en='…', with the language's tag before the equals sign";
        let what = format!("{text:?} names no language, so nothing was written");
        Failure::new(Exit::Usage, "no_language", what, help)
    })
}

async fn list(global: &Global) -> anyhow::Result<Exit> {
    door::through(global, Need::Read, async |door| {
        let answer = door.get(&["updates"], &[]).await?;
        terminal::data(global.json, &answer, || {
            let row = |update: &Value| {
                ["reference", "state", "kind", "released_at", "headline"]
                    .map(|key| terminal::word(update, key))
                    .to_vec()
            };
            let rows: Vec<_> = door::rows(&answer).iter().map(row).collect();
            terminal::table(&["UPDATE", "STATE", "KIND", "RELEASED", "HEADLINE"], &rows)
        })?;
        Ok(Exit::Done)
    })
    .await
}
