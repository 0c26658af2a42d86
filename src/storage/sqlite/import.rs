//! Adding people: put aside in slices, made visible at once with one sequence number.

use super::common::{audit, next_sequence};
use super::fault::Step;
use super::subscribers::{address_row, is_subscribed, is_suppressed, language_row};
use super::words::{integer, natural, to_json};
use crate::key::Keys;
use oyez_domain::address::AddressKind;
use oyez_domain::ledger::By;
use oyez_domain::subscriber::{Imported, NewSubscriber};
use oyez_domain::{LedgerError, Refusal};
use rusqlite::{Connection, OptionalExtension, params};

/// The import of people who are added directly; it begins and ends in one transaction.
const DIRECT: i64 = -1;

/// Adds people: all or none.
pub(super) fn add(
    connection: &Connection,
    keys: &Keys,
    people: &[NewSubscriber],
    by: &By,
) -> Step<Imported> {
    stage_in(connection, keys, DIRECT, people)?;
    commit_in(connection, DIRECT, by)
}

/// Puts a slice aside.
pub(super) fn stage(
    connection: &Connection,
    keys: &Keys,
    import: u64,
    people: &[NewSubscriber],
) -> Step<()> {
    stage_in(connection, keys, integer(import), people)
}

/// Makes an import visible, or throws it away.
pub(super) fn finish(connection: &Connection, import: u64, keep: bool, by: &By) -> Step<Imported> {
    let id = integer(import);
    if keep {
        return commit_in(connection, id, by);
    }
    let counted = counted(connection, id)?;
    discard(connection, id)?;
    audit(connection, by, "discard_import", &import.to_string(), "")?;
    Ok(counted)
}

/// Throws away what an interrupted program had put aside.
pub(super) fn discard_all(connection: &Connection) -> Step<()> {
    let mut statement = connection.prepare("SELECT id FROM import")?;
    let rows = statement.query([])?;
    for import in super::words::collect(rows, |row| Ok(row.get::<_, i64>(0)?))? {
        discard(connection, import)?;
    }
    Ok(())
}

fn stage_in(
    connection: &Connection,
    keys: &Keys,
    import: i64,
    people: &[NewSubscriber],
) -> Step<()> {
    connection.execute(
        "INSERT INTO import (id, people, added, known, suppressed, landlines)
         VALUES (?1, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING",
        [import],
    )?;
    let mut slice = Imported::default();
    for person in people {
        slice.rows += 1;
        stage_person(connection, keys, import, person, &mut slice)?;
    }
    connection.execute(
        "UPDATE import SET people = people + ?2, added = added + ?3, known = known + ?4,
             suppressed = suppressed + ?5, landlines = landlines + ?6 WHERE id = ?1",
        params![
            import,
            integer(slice.rows),
            integer(slice.added),
            integer(slice.known),
            integer(slice.suppressed),
            integer(slice.landlines)
        ],
    )?;
    Ok(())
}

fn stage_person(
    connection: &Connection,
    keys: &Keys,
    import: i64,
    person: &NewSubscriber,
    slice: &mut Imported,
) -> Step<()> {
    let topics = topics(&person.topics)?;
    let language = language_row(connection, &person.language)?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO staged (import_id, address_id, is_new, subscriber_id, language, topics)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
    )?;
    for address in &person.addresses {
        match address.kind() {
            AddressKind::Email | AddressKind::Mobile => {}
            AddressKind::Landline => slice.landlines += 1,
            AddressKind::Account | AddressKind::Endpoint => {
                let why = "a person has email addresses and telephone numbers only";
                return Err(Refusal::new("address", "not_a_persons", why).into());
            }
        }
        let (address_id, is_new) = address_row(connection, keys, address)?;
        if is_new {
            slice.added += 1;
        } else {
            slice.known += 1;
        }
        if is_suppressed(connection, &keys.hash(address))? {
            slice.suppressed += 1;
        }
        if is_new || !is_subscribed(connection, address.kind(), address_id)? {
            let subscriber = person.id.as_bytes();
            insert.execute(params![
                import, address_id, is_new, subscriber, language, topics
            ])?;
        }
    }
    Ok(())
}

/// Topics as one text, the same for the same set; none means all.
fn topics(topics: &[String]) -> Step<Option<String>> {
    if topics.is_empty() {
        return Ok(None);
    }
    let mut sorted: Vec<&String> = topics.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    to_json("subscription", &sorted).map(Some)
}

fn commit_in(connection: &Connection, import: i64, by: &By) -> Step<Imported> {
    let counted = counted(connection, import)?;
    let sequence = next_sequence(connection)?;
    connection.execute(
        "INSERT INTO subscription
             (kind, address_id, from_seq, subscriber_id, language, topics)
         SELECT a.kind, g.address_id, ?2, g.subscriber_id, g.language, g.topics
         FROM staged g JOIN address a ON a.id = g.address_id
         WHERE g.import_id = ?1 AND NOT EXISTS (SELECT 1 FROM subscription s
             WHERE s.kind = a.kind AND s.address_id = g.address_id AND s.to_seq IS NULL)",
        [import, sequence],
    )?;
    connection.execute("DELETE FROM staged WHERE import_id = ?1", [import])?;
    connection.execute("DELETE FROM import WHERE id = ?1", [import])?;
    let rows = format!("{} rows", counted.rows);
    audit(connection, by, "add_subscribers", "subscribers", &rows)?;
    Ok(counted)
}

fn counted(connection: &Connection, import: i64) -> Step<Imported> {
    let counted = connection
        .prepare_cached(
            "SELECT people, added, known, suppressed, landlines FROM import WHERE id = ?1",
        )?
        .query_row([import], |row| {
            Ok(Imported {
                rows: natural(row.get(0)?),
                added: natural(row.get(1)?),
                known: natural(row.get(2)?),
                suppressed: natural(row.get(3)?),
                landlines: natural(row.get(4)?),
            })
        })
        .optional()?;
    counted.ok_or_else(|| LedgerError::NotFound(format!("import {import}")).into())
}

/// Forgets an import and the addresses nobody else knows.
fn discard(connection: &Connection, import: i64) -> Step<()> {
    connection.execute(
        "CREATE TEMP TABLE IF NOT EXISTS forgotten (address_id INTEGER PRIMARY KEY)",
        [],
    )?;
    connection.execute("DELETE FROM forgotten", [])?;
    connection.execute(
        "INSERT INTO forgotten SELECT g.address_id FROM staged g
         JOIN address a ON a.id = g.address_id WHERE g.import_id = ?1 AND g.is_new = 1
         AND NOT EXISTS (SELECT 1 FROM subscription s
             WHERE s.kind = a.kind AND s.address_id = a.id)
         AND NOT EXISTS (SELECT 1 FROM staged o
             WHERE o.import_id <> ?1 AND o.address_id = a.id)",
        [import],
    )?;
    connection.execute("DELETE FROM staged WHERE import_id = ?1", [import])?;
    connection.execute("DELETE FROM import WHERE id = ?1", [import])?;
    connection.execute(
        "DELETE FROM address WHERE id IN (SELECT address_id FROM forgotten)",
        [],
    )?;
    Ok(())
}
