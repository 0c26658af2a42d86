//! Incidents, services and updates as people write them, kept as JSON with the columns that are searched.

use super::common::{answered, audit, remember};
use super::fault::Step;
use super::words::{from_json, to_json};
use oyez_domain::id::{IncidentId, UpdateId};
use oyez_domain::incident::Incident;
use oyez_domain::ledger::{By, Done, Idempotency, Statement};
use oyez_domain::reference::UpdateReference;
use oyez_domain::service::Service;
use oyez_domain::update::{Update, UpdateState};
use oyez_domain::{LedgerError, Refusal};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

/// Incident and services as they stood at a release.
#[derive(Serialize, Deserialize)]
struct Surroundings {
    incident: Incident,
    services: Vec<Service>,
}

pub(super) fn open_incident(
    connection: &Connection,
    incident: &Incident,
    key: Option<&Idempotency>,
    by: &By,
) -> Step<Done<IncidentId>> {
    if let Some(value) = answered(connection, key)? {
        let replayed = true;
        return Ok(Done { value, replayed });
    }
    write_incident(connection, incident)?;
    remember(connection, key, &incident.id, by.at)?;
    audit(
        connection,
        by,
        "open_incident",
        &incident.id.to_string(),
        "",
    )?;
    Ok(Done {
        value: incident.id,
        replayed: false,
    })
}

fn write_incident(connection: &Connection, incident: &Incident) -> Step<()> {
    connection.execute(
        "INSERT INTO incident (id, opened_at, body) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET body = excluded.body",
        params![
            incident.id.as_bytes(),
            incident.opened_at.0,
            to_json("incident", incident)?
        ],
    )?;
    Ok(())
}

pub(super) fn read_incident(connection: &Connection, id: IncidentId) -> Step<Incident> {
    let body: Option<String> = connection
        .prepare_cached("SELECT body FROM incident WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    let body = body.ok_or_else(|| LedgerError::NotFound(format!("incident {id}")))?;
    from_json("incident", &body)
}

pub(super) fn read_incidents(connection: &Connection) -> Step<Vec<Incident>> {
    let mut statement =
        connection.prepare_cached("SELECT body FROM incident ORDER BY opened_at DESC, id DESC")?;
    let rows = statement.query([])?;
    super::words::collect(rows, |row| from_json("incident", &row.get::<_, String>(0)?))
}

pub(super) fn put_services(connection: &Connection, services: &[Service], by: &By) -> Step<()> {
    write_services(connection, services)?;
    audit(connection, by, "put_services", "services", "")
}

fn write_services(connection: &Connection, services: &[Service]) -> Step<()> {
    connection.execute("DELETE FROM service", [])?;
    let mut insert =
        connection.prepare_cached("INSERT INTO service (id, place, body) VALUES (?1, ?2, ?3)")?;
    for (place, service) in services.iter().enumerate() {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        insert.execute(params![service.id, place, to_json("service", service)?])?;
    }
    Ok(())
}

pub(super) fn read_services(connection: &Connection) -> Step<Vec<Service>> {
    let mut statement = connection.prepare_cached("SELECT body FROM service ORDER BY place")?;
    let rows = statement.query([])?;
    super::words::collect(rows, |row| from_json("service", &row.get::<_, String>(0)?))
}

/// Stores a draft; what is out never changes.
pub(super) fn save_update(
    connection: &Connection,
    update: &Update,
    key: Option<&Idempotency>,
    by: &By,
) -> Step<Done<UpdateId>> {
    if let Some(value) = answered(connection, key)? {
        let replayed = true;
        return Ok(Done { value, replayed });
    }
    read_incident(connection, update.incident)?;
    let known = find_update(connection, update.id)?;
    if known.is_some_and(|known| known.state != UpdateState::Draft) {
        let why = format!("{} is released and cannot change", update.reference);
        return Err(LedgerError::State(why).into());
    }
    refuse_taken_reference(connection, update)?;
    write_update(connection, update)?;
    remember(connection, key, &update.id, by.at)?;
    let reference = update.reference.as_str();
    audit(
        connection,
        by,
        "save_update",
        &update.id.to_string(),
        reference,
    )?;
    Ok(Done {
        value: update.id,
        replayed: false,
    })
}

fn refuse_taken_reference(connection: &Connection, update: &Update) -> Step<()> {
    let taken = connection
        .prepare_cached("SELECT 1 FROM update_ WHERE reference = ?1 AND id <> ?2")?
        .query_row(
            params![update.reference.as_str(), update.id.as_bytes()],
            |_| Ok(()),
        )
        .optional()?;
    if taken.is_some() {
        let why = format!("{} names another update; draw a new one", update.reference);
        return Err(Refusal::new("reference", "taken", why).into());
    }
    Ok(())
}

pub(super) fn write_update(connection: &Connection, update: &Update) -> Step<()> {
    connection.execute(
        "INSERT INTO update_ (id, reference, incident_id, state, created_at, body, released_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id) DO UPDATE SET reference = excluded.reference,
             incident_id = excluded.incident_id, state = excluded.state, body = excluded.body,
             released_at = excluded.released_at",
        params![
            update.id.as_bytes(),
            update.reference.as_str(),
            update.incident.as_bytes(),
            update.state.code(),
            update.created_at.0,
            to_json("update_", update)?,
            update.released_at.map(|at| at.0)
        ],
    )?;
    Ok(())
}

fn find_update(connection: &Connection, id: UpdateId) -> Step<Option<Update>> {
    connection
        .prepare_cached("SELECT body FROM update_ WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| row.get::<_, String>(0))
        .optional()?
        .map(|body| from_json("update_", &body))
        .transpose()
}

pub(super) fn read_update(connection: &Connection, id: UpdateId) -> Step<Update> {
    find_update(connection, id)?.ok_or_else(|| LedgerError::NotFound(format!("update {id}")).into())
}

pub(super) fn update_by_reference(
    connection: &Connection,
    reference: &UpdateReference,
) -> Step<Update> {
    connection
        .prepare_cached("SELECT body FROM update_ WHERE reference = ?1")?
        .query_row([reference.as_str()], |row| row.get::<_, String>(0))
        .optional()?
        .map(|body| from_json("update_", &body))
        .transpose()?
        .ok_or_else(|| LedgerError::NotFound(format!("update {reference}")).into())
}

pub(super) fn read_updates(connection: &Connection, limit: u32) -> Step<Vec<Update>> {
    let mut statement = connection
        .prepare_cached("SELECT body FROM update_ ORDER BY created_at DESC, id DESC LIMIT ?1")?;
    let rows = statement.query([limit])?;
    super::words::collect(rows, |row| from_json("update_", &row.get::<_, String>(0)?))
}

pub(super) fn read_released(connection: &Connection, limit: u32) -> Step<Vec<Update>> {
    let mut statement = connection.prepare_cached(
        "SELECT body FROM update_ WHERE released_at IS NOT NULL
         ORDER BY released_at DESC, id DESC LIMIT ?1",
    )?;
    let rows = statement.query([limit])?;
    super::words::collect(rows, |row| from_json("update_", &row.get::<_, String>(0)?))
}

/// An update in its surroundings: frozen once it is out, as they are now while it is a draft.
pub(super) fn statement(connection: &Connection, id: UpdateId) -> Step<Statement> {
    let update = read_update(connection, id)?;
    let frozen: Option<String> = connection
        .prepare_cached("SELECT surroundings FROM update_ WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| row.get(0))?;
    let Surroundings { incident, services } = match frozen {
        Some(body) => from_json("update_", &body)?,
        None => surroundings(connection, &update)?,
    };
    Ok(Statement {
        update,
        incident,
        services,
    })
}

/// Incident and services with what the update changes in them.
fn surroundings(connection: &Connection, update: &Update) -> Step<Surroundings> {
    let mut incident = read_incident(connection, update.incident)?;
    incident.phase = update.phase;
    let mut services = read_services(connection)?;
    for service in &mut services {
        if let Some(state) = update.services.get(&service.id) {
            service.state = *state;
        }
    }
    Ok(Surroundings { incident, services })
}

/// Puts a released update's changes into force and keeps its surroundings as they are now.
pub(super) fn freeze(connection: &Connection, update: &Update) -> Step<()> {
    let now = surroundings(connection, update)?;
    write_incident(connection, &now.incident)?;
    write_services(connection, &now.services)?;
    write_update(connection, update)?;
    connection.execute(
        "UPDATE update_ SET surroundings = ?2 WHERE id = ?1",
        params![update.id.as_bytes(), to_json("update_", &now)?],
    )?;
    Ok(())
}
