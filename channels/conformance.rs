//! One suite for every adapter that speaks HTTP and one for SMTP, against local servers that play a script.

mod corpus;
mod http;
mod mail;
mod provider;
mod readme;
mod relay;
mod requests;
mod rooms;
mod smtp;
mod stage;
mod table;
mod texts;
mod tls;
