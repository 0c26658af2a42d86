//! `oyez update send`: renders, counts, asks, puts out.

use super::audience::Audience;
use super::{render, watch};
use crate::args::{Global, UpdateSend};
use crate::confirm;
use crate::door::{self, Door, Need};
use crate::exit::Exit;
use crate::terminal::{self, count, say};
use crate::wire;
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

/// Puts an update out, after the person has said how many it concerns.
pub(super) async fn run(args: &UpdateSend, global: &Global) -> anyhow::Result<Exit> {
    let help = "add --yes when you are sure; --dry-run shows what would be sent";
    confirm::possible(args.yes || args.dry_run, "nothing was sent", help)?;
    let need = if args.dry_run { Need::Read } else { Need::Send };
    door::through(global, need, async |door| send(door, args, global).await).await
}

async fn send(door: &Door, args: &UpdateSend, global: &Global) -> anyhow::Result<Exit> {
    let update = door.get(&["updates", &args.update], &[]).await?;
    let reference = terminal::word(&update, "reference");
    if args.dry_run {
        return dry_run(door, &update, args.accept_folding, global).await;
    }
    if !args.yes && !confirmed(door, &update).await? {
        say("Nothing was sent.");
        return Ok(Exit::Error);
    }
    let interrupted = crate::lifecycle::ending(&TaskTracker::new())?;
    let answer = door
        .post(
            &["updates", &reference, "send"],
            &json!({ "accept_folding": args.accept_folding, "again": args.again }),
            args.idempotency_key.as_deref(),
        )
        .await?;
    let progress = wire::progress(&answer)?;
    say(format!(
        "Reference {reference}  \"{}\"  released to {}",
        progress.headline,
        count(progress.counts.asked)
    ));
    if args.watch || door.sends_here() {
        return watch::follow(door, &reference, None, global.json, &interrupted).await;
    }
    terminal::data(global.json, &answer, || {
        format!(
            "It goes out now.  oyez update watch {reference} | oyez update stop {reference} --reason …"
        )
    })?;
    Ok(Exit::Done)
}

/// Each channel's text and how many would get it.
async fn dry_run(
    door: &Door,
    update: &Value,
    accept_folding: bool,
    global: &Global,
) -> anyhow::Result<Exit> {
    let reference = terminal::word(update, "reference");
    let consent = json!({ "accept_folding": accept_folding });
    let previews = door
        .post(&["updates", &reference, "render"], &consent, None)
        .await?;
    let audience = Audience::count(door, update).await?;
    let pence = audience.pence(&previews);
    let answer = json!({
        "update": update, "previews": door::rows(&previews), "audience": audience, "cost_pence": pence
    });
    let cost = pence.map_or_else(String::new, |pence| {
        format!(", about £{:.2} in all", pence / 100.0)
    });
    terminal::data(global.json, &answer, || {
        format!(
            "{}\n\n{}{cost}\nNothing was sent.",
            render::text(&previews),
            audience.words()
        )
    })?;
    Ok(render::verdict(&previews))
}

async fn confirmed(door: &Door, update: &Value) -> anyhow::Result<bool> {
    let audience = Audience::count(door, update).await?;
    // Where nobody is counted, the reference is as deliberate a thing to type.
    let many = audience.messages.map_or_else(
        || terminal::word(update, "reference"),
        |messages| messages.to_string(),
    );
    say(format!(
        "\"{}\"\n{}",
        terminal::word(update, "headline"),
        audience.words()
    ));
    Ok(confirm::typed(&many, "send")?)
}
