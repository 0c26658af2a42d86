//! One suite for every adapter that speaks HTTP and one for SMTP, against local servers that play a script.

mod http;
mod smtp;
