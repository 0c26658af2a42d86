//! Test messages: on record before they leave, few at a time, and never to who must not be written to.

use super::common::{answered, audit, remember};
use super::endpoints::Partner;
use super::fault::Step;
use super::halt;
use super::subscribers::{is_suppressed, row_with_hash};
use super::words::to_json;
use crate::key::{KeyedHash, Keys};
use oyez_domain::LedgerError;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::channel::ChannelName;
use oyez_domain::ledger::{By, Idempotency};
use oyez_domain::parcel::Secret;
use oyez_domain::test_message::{
    TESTS_PER_HOUR, TestAnnounced, TestOrder, TestReady, TestResult, TestTo,
};
use oyez_domain::time::Wall;
use rusqlite::{Connection, params};

const HOUR_US: i64 = 3_600_000_000;

/// Notes that a test message is about to leave.
pub(super) fn announce(
    connection: &Connection,
    keys: &Keys,
    test: &TestOrder,
    key: &Idempotency,
    by: &By,
) -> Step<TestAnnounced> {
    if let Some(result) = answered::<Option<TestResult>>(connection, Some(key))? {
        return Ok(TestAnnounced::Before(result));
    }
    let held = halt::holds(connection)?;
    if let Some((_, why)) = held.iter().find(|(channel, _)| channel.is_none()) {
        return Err(LedgerError::State(format!("everything is held: {why}")).into());
    }
    if many(connection, &test.channel, by.at)? >= TESTS_PER_HOUR {
        let why = format!("{TESTS_PER_HOUR} test messages within an hour are enough");
        return Err(LedgerError::State(why).into());
    }
    let (ready, hash) = match &test.to {
        TestTo::Address(address) => person(connection, keys, address)?,
        TestTo::Partner(name) => partner(connection, keys, name, by.at)?,
    };
    if is_suppressed(connection, &hash)? {
        let why = "this address must not be written to: it is suppressed".to_owned();
        return Err(LedgerError::State(why).into());
    }
    remember(connection, Some(key), &None::<TestResult>, by.at)?;
    audit(
        connection,
        by,
        "test_channel",
        test.channel.as_str(),
        test.via,
    )?;
    Ok(TestAnnounced::Ready(ready))
}

/// How many were announced on the channel within the last hour.
fn many(connection: &Connection, channel: &ChannelName, now: Wall) -> Step<u32> {
    Ok(connection
        .prepare_cached(
            "SELECT count(*) FROM audit WHERE action = 'test_channel' AND object = ?1 AND at > ?2",
        )?
        .query_row(params![channel.as_str(), now.0 - HOUR_US], |row| row.get(0))?)
}

fn person(connection: &Connection, keys: &Keys, address: &Address) -> Step<(TestReady, KeyedHash)> {
    let hash = keys.hash(address);
    let ready = TestReady {
        address: address.clone(),
        address_id: row_with_hash(connection, &hash)?,
        destination: String::new(),
        secret: Secret::default(),
    };
    Ok((ready, hash))
}

fn partner(
    connection: &Connection,
    keys: &Keys,
    name: &str,
    now: Wall,
) -> Step<(TestReady, KeyedHash)> {
    let partner = Partner::find(connection, keys, name, now)?;
    let kind = AddressKind::Endpoint;
    let ready = TestReady {
        address: keys.open_address(kind, &partner.hash, &partner.ciphertext)?,
        address_id: Some(partner.address_id),
        destination: name.to_owned(),
        secret: partner.secret,
    };
    Ok((ready, partner.hash))
}

/// Keeps what came of it.
pub(super) fn record(
    connection: &Connection,
    test: &TestOrder,
    result: &TestResult,
    key: &Idempotency,
    by: &By,
) -> Step<()> {
    connection
        .prepare_cached("UPDATE idempotency SET result = ?3 WHERE scope = ?1 AND key = ?2")?
        .execute(params![
            key.scope,
            key.key,
            to_json("idempotency", &Some(result))?
        ])?;
    let reason = result.reason.map_or("", |reason| reason.code());
    let detail = format!("{} {reason}", result.outcome.code());
    let object = test.channel.as_str();
    audit(connection, by, "test_outcome", object, detail.trim_end())
}
