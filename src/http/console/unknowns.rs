//! What may have been sent: listed by update, channel and reason, with the three things a person can decide.

use super::session::Officer;
use super::words::Many;
use crate::body::Form;
use crate::idempotency::request_hash;
use crate::page;
use crate::problem::Problem;
use crate::state::House;
use crate::unknowns::{WhichBody, filter};
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use oyez_dispatch::DeskError;
use oyez_dispatch::desk::unknown::UnknownRow;
use oyez_domain::Refusal;
use oyez_domain::ledger::{Decision, Idempotency, UnknownFilter};
use oyez_domain::text::spoken_time;
use oyez_domain::user::Permission;

/// One row of an update.
struct Row {
    channel: String,
    reason: &'static str,
    label: String,
    many: Many,
    since: String,
}

/// One update with something unknown.
struct Group {
    reference: String,
    headline: String,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "console/unknowns.html")]
struct UnknownsPage<'a> {
    organisation: &'a str,
    groups: Vec<Group>,
    /// Makes a second press of a button harmless.
    key: String,
}

/// The page.
pub(super) async fn show(State(house): State<House>, _: Officer) -> Result<Response, Problem> {
    let rows = house.desk.unknowns(&UnknownFilter::default()).await?;
    page::html(&UnknownsPage {
        organisation: &house.desk.organisation.name,
        groups: grouped(rows, &house.desk.organisation.time_zone),
        key: house.random_text::<16>(),
    })
}

fn grouped(rows: Vec<UnknownRow>, zone: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let reference = row.reference.to_string();
        let shown = Row {
            channel: row.channel.into(),
            reason: row.reason.map_or("", |reason| reason.code()),
            label: row.label,
            many: Many(row.count),
            since: spoken_time(row.since, zone),
        };
        match groups.last_mut() {
            Some(group) if group.reference == reference => group.rows.push(shown),
            Some(_) | None => groups.push(Group {
                reference,
                headline: row.headline,
                rows: vec![shown],
            }),
        }
    }
    groups
}

/// Settles one row as the button says.
pub(super) async fn decide(
    State(house): State<House>,
    officer: Officer,
    form: Form,
) -> Result<Response, Problem> {
    officer.may(Permission::Approve)?;
    let said = |name| Some(form.get(name).to_owned()).filter(|text| !text.is_empty());
    let decision = decision(form.get("decision"))?;
    let which = WhichBody {
        update: said("update"),
        channel: said("channel"),
        reason: said("reason"),
        to: None,
    };
    let subject = ["update", "channel", "reason", "decision"].map(|name| form.get(name));
    let subject = subject.join(" ");
    let key = Idempotency {
        scope: "console unknown".to_owned(),
        key: format!("{} {subject}", form.get("key")),
        request_hash: request_hash(&subject, b""),
    };
    let which = filter(&house, &which).await?;
    house
        .desk
        .decide_unknown(&which, decision, Some(&key), officer.actor())
        .await?;
    Ok(Redirect::to("/console/unknowns").into_response())
}

fn decision(code: &str) -> Result<Decision, Problem> {
    match code {
        "was_sent" => Ok(Decision::WasSent),
        "send_again" => Ok(Decision::SendAgain),
        "give_up" => Ok(Decision::GiveUp),
        _ => {
            let why = "say was_sent, send_again or give_up";
            let refusal = Refusal::new("decision", "unknown_decision", why);
            Err(DeskError::from(refusal).into())
        }
    }
}
