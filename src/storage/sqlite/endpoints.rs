//! Partners' webhooks: kept, moved, signed with another secret, given up.

use super::common::{audit, next_sequence};
use super::fault::Step;
use super::subscribers::{address_row, is_subscribed};
use super::words::kind_number;
use crate::key::{KeyedHash, Keys};
use oyez_domain::address::AddressKind;
use oyez_domain::ledger::{By, EndpointView, KeyChange, NewEndpoint, OLDER_SECRETS};
use oyez_domain::parcel::Secret;
use oyez_domain::subscriber::SuppressionCause;
use oyez_domain::time::Wall;
use oyez_domain::{LedgerError, Refusal};
use rusqlite::{Connection, OptionalExtension, params};

/// Registers or replaces endpoints.
pub(super) fn put(
    connection: &Connection,
    keys: &Keys,
    endpoints: &[NewEndpoint],
    by: &By,
) -> Step<()> {
    let sequence = next_sequence(connection)?;
    for endpoint in endpoints {
        put_one(connection, keys, endpoint, sequence)?;
        audit(connection, by, "put_endpoint", &endpoint.name, "")?;
    }
    Ok(())
}

fn put_one(
    connection: &Connection,
    keys: &Keys,
    NewEndpoint { name, url, secret }: &NewEndpoint,
    sequence: i64,
) -> Step<()> {
    let (address_id, _) = address_row(connection, keys, url)?;
    let taken: Option<String> = connection
        .prepare_cached(
            "SELECT name FROM endpoint WHERE address_id = ?1 AND current = 1 AND name <> ?2",
        )?
        .query_row(params![address_id, name], |row| row.get(0))
        .optional()?;
    if let Some(other) = taken {
        let why = format!("this address belongs to the endpoint {other} already");
        return Err(Refusal::new("url", "taken", why).into());
    }
    retire(connection, name, Some(address_id), sequence)?;
    let hash = keys.hash(url);
    connection.execute(
        "INSERT OR REPLACE INTO endpoint (address_id, name, current, secret)
         VALUES (?1, ?2, 1, ?3)",
        params![address_id, name, keys.seal_secret(secret, &hash)?],
    )?;
    connection.execute(
        "UPDATE address SET destination = ?2 WHERE id = ?1",
        params![address_id, name],
    )?;
    connection.execute(
        "DELETE FROM suppression WHERE keyed_hash = ?1 AND cause = ?2",
        params![hash, SuppressionCause::EndpointGone.code()],
    )?;
    if !is_subscribed(connection, AddressKind::Endpoint, address_id)? {
        connection.execute(
            "INSERT OR REPLACE INTO subscription (kind, address_id, from_seq, language)
             VALUES (?1, ?2, ?3, 1)",
            params![kind_number(AddressKind::Endpoint), address_id, sequence],
        )?;
    }
    Ok(())
}

/// The partner has moved away from every address but `kept`. Returns how many those were.
fn retire(connection: &Connection, name: &str, kept: Option<i64>, sequence: i64) -> Step<usize> {
    connection.execute(
        "UPDATE subscription SET to_seq = ?3 WHERE kind = ?4 AND to_seq IS NULL AND address_id IN
             (SELECT address_id FROM endpoint WHERE name = ?1 AND current = 1 AND address_id IS NOT ?2)",
        params![name, kept, sequence, kind_number(AddressKind::Endpoint)],
    )?;
    Ok(connection.execute(
        "UPDATE endpoint SET current = 0 WHERE name = ?1 AND current = 1 AND address_id IS NOT ?2",
        params![name, kept],
    )?)
}

/// A partner as it stands.
pub(super) struct Partner {
    pub(super) address_id: i64,
    pub(super) hash: KeyedHash,
    pub(super) ciphertext: Vec<u8>,
    /// What signs at the moment, newest first.
    pub(super) secret: Secret,
}

impl Partner {
    /// The partner of this name at `now`; `NotFound` when there is none.
    pub(super) fn find(connection: &Connection, keys: &Keys, name: &str, now: Wall) -> Step<Self> {
        let found = connection
            .prepare_cached(
                "SELECT a.id, a.keyed_hash, a.ciphertext, e.secret,
                     CASE WHEN e.previous_until > ?2 THEN e.previous END
                 FROM endpoint e JOIN address a ON a.id = e.address_id
                 WHERE e.name = ?1 AND e.current = 1",
            )?
            .query_row(params![name, now.0], |row| {
                let sealed: [Option<Vec<u8>>; 2] = [row.get(3)?, row.get(4)?];
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, sealed))
            })
            .optional()?;
        let (address_id, hash, ciphertext, sealed): (_, KeyedHash, _, _) =
            found.ok_or_else(|| missing(name))?;
        let mut secrets = Vec::new();
        for sealed in sealed.iter().flatten() {
            secrets.push(keys.open_secret(&hash, sealed)?);
        }
        Ok(Self {
            address_id,
            hash,
            ciphertext,
            secret: Secret::all(&secrets),
        })
    }
}

/// Signs with another secret, and for a while with those before it, too.
pub(super) fn change_key(
    connection: &Connection,
    keys: &Keys,
    change: &KeyChange,
    by: &By,
) -> Step<()> {
    let partner = Partner::find(connection, keys, &change.name, by.at)?;
    let older = partner.secret.newest(OLDER_SECRETS);
    connection.execute(
        "UPDATE endpoint SET previous = ?4, previous_until = ?2, secret = ?3 WHERE address_id = ?1",
        params![
            partner.address_id,
            change.both_until.0,
            keys.seal_secret(&change.secret, &partner.hash)?,
            keys.seal_secret(&older, &partner.hash)?
        ],
    )?;
    audit(connection, by, "change_endpoint_key", &change.name, "")
}

/// Sends a partner nothing more from the next release on.
pub(super) fn remove(connection: &Connection, name: &str, by: &By) -> Step<()> {
    let sequence = next_sequence(connection)?;
    if retire(connection, name, None, sequence)? == 0 {
        return Err(missing(name).into());
    }
    audit(connection, by, "remove_endpoint", name, "")
}

fn missing(name: &str) -> LedgerError {
    LedgerError::NotFound(format!("endpoint {name}"))
}

/// Every partner by name.
pub(super) fn list(connection: &Connection, keys: &Keys, now: Wall) -> Step<Vec<EndpointView>> {
    let mut statement = connection.prepare_cached(
        "SELECT e.name, a.keyed_hash, a.ciphertext, s.at, e.previous_until
         FROM endpoint e JOIN address a ON a.id = e.address_id
         LEFT JOIN suppression s ON s.keyed_hash = a.keyed_hash
         WHERE e.current = 1 ORDER BY e.name",
    )?;
    let rows = statement.query([])?;
    super::words::collect(rows, |row| {
        let (hash, sealed): (KeyedHash, Vec<u8>) = (row.get(1)?, row.get(2)?);
        let until: Option<i64> = row.get(4)?;
        Ok(EndpointView {
            name: row.get(0)?,
            url: keys
                .open_address(AddressKind::Endpoint, &hash, &sealed)
                .ok(),
            shut_at: row.get::<_, Option<i64>>(3)?.map(Wall),
            both_until: until.map(Wall).filter(|until| *until > now),
        })
    })
}
