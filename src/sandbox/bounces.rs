//! What comes back from a mail relay: delivery reports (RFC 3464) and complaints (RFC 5965), handed to a callback address.

use std::sync::Arc;

use bytes::Bytes;
use hyper::Method;

use crate::backstage::Backstage;
use crate::clock;
use crate::play::ChannelPlay;
use crate::receipts::{Callback, Form, Said, Taken, Written, dispatch_as};
use crate::scenario::{ReceiptOutcome, ReceiptRule, Secret};

/// Where the relay says that it stands.
const RELAY: &str = "relay.sandbox.invalid";
const BOUNDARY: &str = "=_sandbox/report";

/// A mail that the relay took.
pub(crate) struct Sent<'a> {
    pub(crate) channel: &'a str,
    /// The envelope's sender, where bounces go.
    pub(crate) sender: &'a str,
    pub(crate) to: &'a str,
    /// The left side of its Message-ID.
    pub(crate) key: &'a str,
    pub(crate) id: &'a str,
    pub(crate) message: &'a Bytes,
}

/// Plans what comes back of one mail: nothing, unless a rule says so and there is an address to hand it to.
pub(crate) fn dispatch(backstage: &Arc<Backstage>, play: &ChannelPlay, sent: &Sent<'_>) {
    let script = &play.script;
    let url = script.receipt_url.as_deref();
    let (Some(rule), Some(callback)) = (
        play.receipt_rule(sent.to, sent.key),
        url.and_then(Callback::read),
    ) else {
        return;
    };
    match rule.outcome {
        ReceiptOutcome::Undelivered | ReceiptOutcome::Delayed | ReceiptOutcome::Complained => {}
        ReceiptOutcome::Delivered | ReceiptOutcome::None => return,
    }
    let taken = Taken {
        channel: sent.channel.to_owned(),
        to: sent.to.to_owned(),
        id: sent.id.to_owned(),
        reference: sent.key.to_owned(),
        form: Form::Gateway,
    };
    let write = |token: Option<&Secret>, said: &Said<'_>| {
        // A forgery names a mail that never was, in place of the one that was sent.
        let reference = if said.reference == sent.key {
            sent.key.to_owned()
        } else {
            another(sent.key)
        };
        let sender = sent.sender.replace(sent.key, &reference);
        let head = head_of(sent.message).replace(sent.key, &reference);
        written(&callback, token, &report(rule, sent, &sender, &head))
    };
    let token = script.receipt_token.as_ref();
    dispatch_as(backstage, rule, token, &callback, &taken, None, &write);
}

/// What has the form of a reference, and is none.
fn another(reference: &str) -> String {
    let last = if reference.ends_with('0') { '1' } else { '0' };
    let mut forged = reference.to_owned();
    forged.pop();
    forged.push(last);
    forged
}

/// The headers of the mail that came back.
fn head_of(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let head = text.split("\r\n\r\n").next().unwrap_or("");
    format!("{head}\r\n")
}

fn written(callback: &Callback, token: Option<&Secret>, mail: &str) -> Written {
    let mut headers = vec![("content-type", "message/rfc822".to_owned())];
    if let Some(token) = token {
        headers.push(("authorization", format!("Bearer {}", token.reveal())));
    }
    Written {
        method: Method::POST,
        path: callback.path().to_owned(),
        headers,
        body: Bytes::from(mail.to_owned()),
    }
}

/// The mail that comes.
fn report(rule: &ReceiptRule, sent: &Sent<'_>, sender: &str, head: &str) -> String {
    let date = clock::wall().strftime("%a, %d %b %Y %H:%M:%S +0000");
    let (kind, words, part, returned) = if rule.outcome == ReceiptOutcome::Complained {
        let part = format!(
            "Feedback-Type: abuse\r\nUser-Agent: sandbox/1\r\nVersion: 1\r\nOriginal-Mail-From: <{sender}>\r\n"
        );
        let words = "A reader says that this mail is unwanted.";
        ("feedback-report", words, part, "message/rfc822")
    } else {
        let words = "Your mail could not be delivered, or not yet.";
        let part = delivery_status(rule, sent);
        ("delivery-status", words, part, "text/rfc822-headers")
    };
    format!(
        "Return-Path: <>\r\nFrom: Mail Delivery System <MAILER-DAEMON@{RELAY}>\r\nTo: <{sender}>\r\n\
         Subject: Undelivered Mail Returned to Sender\r\nDate: {date}\r\nAuto-Submitted: auto-replied\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type={kind};\r\n\tboundary=\"{BOUNDARY}\"\r\n\r\n\
         --{BOUNDARY}\r\nContent-Type: text/plain\r\n\r\n{words}\r\n\r\n\
         --{BOUNDARY}\r\nContent-Type: message/{kind}\r\n\r\n{part}\r\n\
         --{BOUNDARY}\r\nContent-Type: {returned}\r\n\r\n{head}\r\n--{BOUNDARY}--\r\n"
    )
}

fn delivery_status(rule: &ReceiptRule, sent: &Sent<'_>) -> String {
    let delayed = rule.outcome == ReceiptOutcome::Delayed;
    let usual = if delayed {
        "4.4.1 No answer"
    } else {
        "5.1.1 No such user"
    };
    let error = rule.error.as_deref().unwrap_or(usual);
    let status = error.split(' ').next().unwrap_or(error);
    let action = if delayed { "delayed" } else { "failed" };
    let code = if status.starts_with('4') { 451 } else { 550 };
    format!(
        "Reporting-MTA: dns; {RELAY}\r\n\r\nFinal-Recipient: rfc822; {}\r\nAction: {action}\r\nStatus: {status}\r\n\
         Diagnostic-Code: smtp; {code} {error}\r\n",
        sent.to
    )
}
