//! The words and rules of oyez, with no sockets, no SQL and no runtime behind them.
//!
//! An **organisation** writes an **update** on an **incident**. Released, it becomes one **broadcast** per
//! **channel**: a frozen **audience** of **deliveries**, each named by its ordinal. A delivery has
//! **attempts**, an attempt ends in an **outcome**, and a provider may send a **receipt** later. Everything
//! that happened stands in the **ledger**, and every state is folded from it.

pub mod accounts;
pub mod address;
pub mod audience;
pub mod broadcast;
pub mod channel;
pub mod delivery;
pub mod error;
pub mod fitting;
pub mod id;
pub mod inbound;
pub mod incident;
pub mod invariants;
pub mod ledger;
pub mod miss;
pub mod notice;
pub mod opening;
pub mod organisation;
pub mod outcome;
pub mod parcel;
pub mod ports;
pub mod receipt;
pub mod reference;
pub mod remark;
pub mod rendered;
pub mod retry;
pub mod service;
pub mod signing;
pub mod subscriber;
pub mod test_message;
pub mod text;
pub mod time;
pub mod trouble;
pub mod update;
pub mod user;

pub use error::{LedgerError, LedgerResult, Refusal};
pub use ports::{BoxFuture, Channel, Clock, Random};
