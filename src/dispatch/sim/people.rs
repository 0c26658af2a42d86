//! What people do at the desk while it sends: they write and release, hold and go on, stop, opt out, decide.

use super::chance::Chance;
use super::provider::Kind;
use super::run::Run;
use super::world::World;
use crate::desk::{Desk, DeskError, DeskResult};
use oyez_domain::audience::AudienceRule;
use oyez_domain::channel::ChannelName;
use oyez_domain::id::{IncidentId, UpdateId};
use oyez_domain::incident::IncidentDraft;
use oyez_domain::ledger::{Decision, Idempotency, UnknownFilter};
use oyez_domain::outcome::Reason;
use oyez_domain::update::UpdateDraft;
use oyez_domain::{Clock, LedgerError, LedgerResult};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Something a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Writes the update with this number and puts it out; tries again until somebody says that it is out.
    Release(usize),
    /// Holds an update on all channels.
    Hold(usize),
    /// Lets it go on.
    Resume(usize),
    /// Holds a channel; the whole system without one.
    HoldChannel(Option<Kind>),
    /// Lets it go on.
    ResumeChannel(Option<Kind>),
    /// Stops an update.
    Stop(usize),
    /// The resident whose address has this row says stop.
    OptOut(i64),
    /// Decides about everything on a channel that may have been sent.
    Decide(Kind, Decision),
    /// Lets what failed be tried again.
    RetryFailed(usize),
    /// Looks at the screens.
    Look,
}

/// One update to come.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) incident: usize,
    pub(crate) urgent: bool,
    /// Whether it corrects what was said before.
    pub(crate) correction: bool,
    pub(crate) channels: Vec<Kind>,
}

/// What people know.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) incidents: Vec<Option<IncidentId>>,
    pub(crate) updates: Vec<Option<UpdateId>>,
    /// Which updates somebody was told are out.
    pub(crate) out: Vec<UpdateId>,
    /// Counts that did not add up on a screen.
    pub(crate) untrue: Vec<String>,
}

/// The people.
pub(crate) struct People {
    pub(crate) wishes: Vec<Wish>,
    pub(crate) known: Mutex<Known>,
}

impl People {
    pub(crate) fn new(wishes: Vec<Wish>, incidents: usize) -> Self {
        let known = Known {
            incidents: vec![None; incidents],
            updates: vec![None; wishes.len()],
            ..Known::default()
        };
        Self {
            wishes,
            known: Mutex::new(known),
        }
    }

    fn update(&self, number: usize) -> Option<UpdateId> {
        self.known.lock().unwrap().updates[number]
    }

    /// The updates that nobody has been told are out.
    pub(crate) fn not_out(&self) -> Vec<usize> {
        let known = self.known.lock().unwrap();
        let out = |number: &usize| known.updates[*number].is_none_or(|id| !known.out.contains(&id));
        (0..self.wishes.len()).filter(out).collect()
    }
}

/// A few things that people do, drawn.
pub(crate) fn drawn(chance: &Chance, people: &People, rows: i64) -> Act {
    let update = || usize::try_from(chance.below(people.wishes.len() as u64)).unwrap();
    let kind = || chance.pick(&Kind::ALL);
    match chance.below(20) {
        0 | 1 => Act::Hold(update()),
        2..=4 => Act::Resume(update()),
        5 => Act::HoldChannel(Some(kind())),
        6 | 7 => Act::ResumeChannel(Some(kind())),
        8 if chance.one_in(3) => Act::HoldChannel(None),
        9 => Act::ResumeChannel(None),
        10 if chance.one_in(3) => Act::Stop(update()),
        11..=13 => Act::OptOut(i64::try_from(chance.between(1, rows.unsigned_abs())).unwrap()),
        14 => Act::Decide(
            kind(),
            chance.pick(&[Decision::WasSent, Decision::SendAgain, Decision::GiveUp]),
        ),
        15 => Act::RetryFailed(update()),
        _ => Act::Look,
    }
}

/// Does it, at this desk. Who is not answered, or has no patience and goes away, tries again.
pub(crate) async fn perform(act: Act, desk: Desk, people: Arc<People>, world: Arc<World>) {
    let tries = if matches!(act, Act::Release(_)) {
        100
    } else {
        10
    };
    let sleep = async |wait: Duration| world.clock.sleep_until(world.clock.now().plus(wait)).await;
    for _ in 0..tries {
        let patience = if world.chance.one_in(8) {
            world.chance.milliseconds(0, 20)
        } else {
            Duration::from_secs(60)
        };
        let answer = tokio::select! {
            biased;
            answer = attempt(act, &desk, &people) => Some(answer),
            () = sleep(patience) => None,
        };
        match answer {
            None | Some(Err(DeskError::Ledger(LedgerError::Busy(_)))) => {
                sleep(Duration::from_millis(500)).await;
            }
            Some(Ok(()) | Err(_)) => return,
        }
    }
}

/// Does it once, and is gone after so long.
pub(crate) fn perform_in_haste(run: &Run, act: Act, patience: Duration) {
    let Some(program) = run.program() else { return };
    let (desk, people) = (program.desk.clone(), Arc::clone(&run.people));
    let clock = Arc::clone(&run.world.clock);
    program.spawn(async move {
        tokio::select! {
            biased;
            _ = attempt(act, &desk, &people) => {}
            () = clock.sleep_until(clock.now().plus(patience)) => {}
        }
    });
}

async fn attempt(act: Act, desk: &Desk, people: &People) -> DeskResult<()> {
    match act {
        Act::Release(number) => put_out(number, desk, people).await?,
        Act::Hold(number) => {
            on_update(number, people, async |id| {
                desk.hold(id, None, true, "officer").await.map(drop)
            })
            .await?;
        }
        Act::Resume(number) => {
            on_update(number, people, async |id| {
                desk.hold(id, None, false, "officer").await.map(drop)
            })
            .await?;
        }
        Act::HoldChannel(kind) => {
            let name = kind.map(name_of);
            let why = Some("looking into it");
            desk.hold_channel(name.as_ref(), why, "officer").await?;
        }
        Act::ResumeChannel(kind) => {
            let name = kind.map(name_of);
            desk.hold_channel(name.as_ref(), None, "officer").await?;
        }
        Act::Stop(number) => {
            on_update(number, people, async |id| {
                desk.stop(id, None, "wrong", "officer").await.map(drop)
            })
            .await?;
        }
        Act::OptOut(row) => desk.opt_out(&desk.reference_key.stop_token(row)).await?,
        Act::Decide(kind, decision) => decide(kind, decision, desk).await?,
        Act::RetryFailed(number) => {
            on_update(number, people, async |id| {
                let (reasons, by) = ([Reason::Exhausted, Reason::TryLater], desk.by("officer"));
                let ledger = &desk.ledger;
                ledger.retry_failed(id, None, &reasons, None, &by).await?;
                desk.lives.ring_all();
                Ok(())
            })
            .await?;
        }
        Act::Look => look(desk, people).await?,
    }
    Ok(())
}

pub(crate) fn name_of(kind: Kind) -> ChannelName {
    kind.channel().parse().unwrap()
}

async fn on_update(
    number: usize,
    people: &People,
    deed: impl AsyncFnOnce(UpdateId) -> DeskResult<()>,
) -> DeskResult<()> {
    match people.update(number) {
        Some(id) => deed(id).await,
        None => Ok(()),
    }
}

async fn decide(kind: Kind, decision: Decision, desk: &Desk) -> LedgerResult<()> {
    let which = UnknownFilter {
        channel: Some(name_of(kind)),
        ..UnknownFilter::default()
    };
    let by = desk.by("officer");
    desk.ledger
        .decide_unknown(&which, decision, None, &by)
        .await?;
    desk.lives.ring_all();
    Ok(())
}

/// Every step has a key, so that a repeat of the whole is harmless wherever the last try ended.
async fn put_out(number: usize, desk: &Desk, people: &People) -> DeskResult<()> {
    let key = |step: &str| Idempotency {
        scope: format!("officer {step}"),
        key: number.to_string(),
        request_hash: [0; 32],
    };
    let wish = &people.wishes[number];
    let incident_key = Idempotency {
        key: wish.incident.to_string(),
        ..key("incident")
    };
    let draft = IncidentDraft {
        title: "Our systems are down".to_owned(),
        ..IncidentDraft::default()
    };
    let incident = desk
        .open_incident(draft, Some(&incident_key), "officer")
        .await?;
    let incident = incident.value.id;
    people.known.lock().unwrap().incidents[wish.incident] = Some(incident);
    let draft = UpdateDraft {
        incident: incident.to_string(),
        headline: format!("Update {number}"),
        what_to_do: vec!["Call us".to_owned()],
        next_update_by: Some("none".to_owned()),
        urgent: wish.urgent,
        kind: wish.correction.then(|| "correction".to_owned()),
        audience: AudienceRule {
            channels: wish.channels.iter().copied().map(name_of).collect(),
            ..AudienceRule::default()
        },
        ..UpdateDraft::default()
    };
    let written = desk
        .write_update(draft, Some(&key("write")), "officer")
        .await?;
    let update = written.value.id;
    people.known.lock().unwrap().updates[number] = Some(update);
    desk.release(update, Some(key("release")), "officer")
        .await?;
    people.known.lock().unwrap().out.push(update);
    Ok(())
}

/// Looks at every screen with counts on it.
async fn look(desk: &Desk, people: &People) -> DeskResult<()> {
    let queue = desk.queue().await?;
    let updates = people.known.lock().unwrap().updates.clone();
    let mut untrue = Vec::new();
    for row in queue.iter().flat_map(|row| &row.broadcasts) {
        let counts = &row.counts;
        let settled = counts.accepted
            + counts.failed
            + counts.unknown
            + counts.suppressed
            + counts.stopped
            + counts.expired
            + counts.superseded;
        if counts.asked != settled + counts.pending {
            untrue.push(format!("the queue shows {counts:?}"));
        }
    }
    for update in updates.into_iter().flatten() {
        let progress = desk.progress(update).await?;
        if !progress.counts.adds_up() {
            untrue.push(format!("the progress shows {:?}", progress.counts));
        }
    }
    people.known.lock().unwrap().untrue.extend(untrue);
    Ok(())
}
