//! Mails that come back: what a report, a complaint or a mail server's letter says of one that we sent.

mod complaint;
mod delivery;
mod letter;
mod mime;
mod whose;

use crate::secret;
use mime::Entity;
use oyez_domain::Refusal;
use oyez_domain::outcome::Reason;
use oyez_domain::parcel::Secret;
use oyez_domain::receipt::{Callback, CallbackRefusal, Receipt, ReceiptKey, ReceiptStatus};
use secrecy::SecretString;
use serde::Deserialize;
use std::path::PathBuf;

pub(crate) use whose::PREFIX;

/// A token shorter than this could be guessed. In characters.
const SHORTEST_TOKEN: usize = 16;

/// Settings of `[channels.NAME.via.smtp.bounces]`: how mails that come back are taken in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What a mail server proves itself with that posts them to `/callbacks/NAME`, each mail as it is:
    /// `Authorization: Bearer TOKEN`.
    #[serde(default)]
    pub token: Option<SecretString>,
    /// A file that holds the token.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
}

impl Settings {
    /// Every fault in these settings.
    pub(crate) fn check(&self) -> Vec<Refusal> {
        self.token().err().into_iter().collect()
    }

    /// The token that a mail server has to bring.
    pub(crate) fn token(&self) -> Result<Secret, Refusal> {
        let (inline, file) = (self.token.as_ref(), self.token_file.as_ref());
        let token = secret::required("bounces.token", inline, file)?;
        if token.reveal().len() < SHORTEST_TOKEN {
            let why = format!(
                "it has fewer than {SHORTEST_TOKEN} characters, so it could be guessed; make one with: openssl rand -hex 32"
            );
            return Err(Refusal::new("bounces.token", "too_short", why));
        }
        Ok(token)
    }
}

/// What a mail server hands in that brings the token: one mail as it is, in the body of a POST. Where the mail itself
/// no longer says to which address it was sent, the parameter `to` may.
pub(crate) fn receive(
    token: &Secret,
    callback: &Callback<'_>,
) -> Result<Vec<Receipt>, CallbackRefusal> {
    if !secret::is_borne(token, callback) {
        return Err(CallbackRefusal::Unauthenticated);
    }
    if callback.method != "POST" || callback.body.is_empty() {
        return Err(CallbackRefusal::Malformed);
    }
    let (_, query) = callback.url.split_once('?').unwrap_or_default();
    let envelope = url::form_urlencoded::parse(query.as_bytes())
        .find_map(|(name, value)| (name == "to").then_some(value))
        // A plus that was not encoded reads as a space.
        .map(|address| address.trim().replace(' ', "+"));
    Ok(match read(callback.body, envelope.as_deref()) {
        Mail::About(receipt) => vec![receipt],
        // Refused, it would come back to its sender, which is nobody or a person's mail program.
        Mail::Machine | Mail::Letter => Vec::new(),
    })
}

/// Mails beyond this are not read: ours have at most 80 KB, and one that comes back has little beside it. In bytes.
pub(crate) const LARGEST: usize = 256 * 1024;

/// What a mail is that came to the address of bounces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mail {
    /// It says what became of one of ours. Whether the reference is genuine is for others to check.
    About(Receipt),
    /// A machine's, and nothing follows from it: an absence notice, a report about somebody else's mail.
    Machine,
    /// Somebody may want to read it.
    Letter,
}

/// What a part of a mail says, before it is known which of ours is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    status: ReceiptStatus,
    reason: Option<Reason>,
}

/// Reads a mail, bounded in time and space by its length. `envelope` is the address it was sent to, where the bearer
/// knows.
///
/// Which of ours is meant: the address that the mail was sent to names it (VERP); else the envelope identifier that we
/// gave it; else the Message-ID among the headers that came back. The reader's address is not looked at: anybody could
/// name another's.
pub(crate) fn read(mail: &[u8], envelope: Option<&str>) -> Mail {
    let text = String::from_utf8_lossy(mail.get(..LARGEST).unwrap_or(mail));
    let mail = Entity::read(&text);
    let leaves = mail.leaves();
    let sent_to = || whose::in_envelope(&mail, envelope);
    if let Some(report) = part(&leaves, "message/feedback-report") {
        let found = complaint::read(&report.text());
        let reference = || found.sender.as_deref().and_then(whose::in_address);
        return about(
            found.said,
            reference().or_else(|| whose::in_returned(&leaves)),
        );
    }
    if let Some(report) = part(&leaves, "message/delivery-status")
        .or_else(|| part(&leaves, "message/global-delivery-status"))
    {
        let found = delivery::read(&report.text());
        let reference = sent_to()
            .or_else(|| found.envelope.as_deref().and_then(whose::exact))
            .or_else(|| whose::in_returned(&leaves))
            .or_else(|| whose::in_reply(&mail));
        return about(found.said, reference);
    }
    let told = letter::read(&mail, &leaves);
    match told {
        letter::Told::Came(said) => {
            let reference = sent_to()
                .or_else(|| whose::in_returned(&leaves))
                .or_else(|| whose::in_reply(&mail));
            about(Some(said), reference)
        }
        letter::Told::Machine => Mail::Machine,
        letter::Told::Letter => Mail::Letter,
    }
}

fn about(said: Option<Said>, reference: Option<String>) -> Mail {
    match (said, reference) {
        (Some(said), Some(reference)) => Mail::About(Receipt {
            key: ReceiptKey::Reference(reference),
            status: said.status,
            reason: said.reason,
            provider_time: None,
        }),
        (Some(_), None) | (None, Some(_) | None) => Mail::Machine,
    }
}

fn part<'e, 'a>(leaves: &'e [Entity<'a>], kind: &str) -> Option<&'e Entity<'a>> {
    leaves.iter().find(|leaf| leaf.kind() == kind)
}

#[cfg(test)]
mod tests;
