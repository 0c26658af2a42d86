//! The doors from outside: a real ledger in a temporary directory, channels made of paper.

mod accounts;
mod api;
mod callbacks;
mod connections;
mod console;
mod decisions;
mod endpoints;
mod feeds;
mod house;
mod public;
mod rush;
mod site;
mod status_api;
mod streams;
mod trouble;
