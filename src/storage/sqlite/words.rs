//! How the domain's words stand in the tables, and small readers for columns.

use super::fault::{Fault, Step, corrupt};
use oyez_domain::address::AddressKind;
use oyez_domain::channel::ChannelName;
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::receipt::ReceiptStatus;
use oyez_domain::time::Wall;
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) fn kind_number(kind: AddressKind) -> u8 {
    match kind {
        AddressKind::Email => 1,
        AddressKind::Mobile => 2,
        AddressKind::Landline => 3,
        AddressKind::Account => 4,
        AddressKind::Endpoint => 5,
    }
}

pub(super) fn kind_from(number: u8) -> Step<AddressKind> {
    AddressKind::ALL
        .into_iter()
        .find(|kind| kind_number(*kind) == number)
        .ok_or_else(|| corrupt("address", "kind", &number))
}

pub(super) fn code_from(number: u8) -> Step<OutcomeCode> {
    OutcomeCode::from_number(number).ok_or_else(|| corrupt("attempt", "code", &number))
}

pub(super) fn status_from(number: u8) -> Step<ReceiptStatus> {
    ReceiptStatus::from_number(number).ok_or_else(|| corrupt("receipt", "status", &number))
}

pub(super) fn reason_from(number: Option<u8>) -> Step<Option<Reason>> {
    number
        .map(|n| Reason::from_number(n).ok_or_else(|| corrupt("attempt", "reason", &n)))
        .transpose()
}

pub(super) fn reason_number(reason: Option<Reason>) -> Option<u8> {
    reason.map(Reason::number)
}

/// A count; the tables hold none below zero.
pub(super) fn natural(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A count on its way into a table.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Milliseconds between a release and a later moment: three bytes instead of eight.
pub(super) fn milliseconds_after(release: Wall, at: Wall) -> i64 {
    (at.0 - release.0) / 1000
}

/// The moment so many milliseconds after a release.
pub(super) fn moment_after(release: Wall, milliseconds: i64) -> Wall {
    Wall(release.0 + milliseconds * 1000)
}

pub(super) fn to_json<T: Serialize>(table: &'static str, value: &T) -> Step<String> {
    serde_json::to_string(value).map_err(|error| corrupt(table, "body", &error))
}

pub(super) fn from_json<T: DeserializeOwned>(table: &'static str, text: &str) -> Step<T> {
    serde_json::from_str(text).map_err(|error| corrupt(table, "body", &error))
}

/// Turns rows into values where reading a value can find damage.
pub(super) fn collect<T>(
    mut rows: rusqlite::Rows<'_>,
    read: impl Fn(&Row<'_>) -> Step<T>,
) -> Step<Vec<T>> {
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(Fault::from)? {
        all.push(read(row)?);
    }
    Ok(all)
}

/// A channel's name, checked when it was configured.
pub(super) fn channel_name(table: &'static str, name: String) -> Step<ChannelName> {
    ChannelName::try_from(name).map_err(|refusal| corrupt(table, "channel", &refusal))
}
