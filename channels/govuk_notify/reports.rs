//! The service's callbacks: what became of a message, complaints, and texts that came in. A bearer token proves them.

use super::Medium;
use crate::secret;
use oyez_domain::inbound::{Inbound, Wish};
use oyez_domain::outcome::Reason;
use oyez_domain::parcel::Secret;
use oyez_domain::receipt::{Callback, CallbackRefusal, Receipt, ReceiptKey, ReceiptStatus};
use oyez_domain::time::Wall;
use serde::Deserialize;

/// A report of either kind; a complaint has no status.
#[derive(Deserialize)]
struct Report {
    #[serde(alias = "notification_id")]
    id: String,
    #[serde(default)]
    complaint_id: Option<String>,
    #[serde(flatten)]
    news: News,
}

/// What became of a message, in a callback or in the service's list.
#[derive(Deserialize)]
pub(super) struct News {
    #[serde(default)]
    reference: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    completed_at: Option<String>,
}

impl News {
    /// The receipt for a message of ours that is on its way no more.
    pub(super) fn settled(self, medium: Medium) -> Option<Receipt> {
        let (status, reason) = self.said(medium)?;
        let reference = self.reference.filter(|reference| !reference.is_empty())?;
        (status != ReceiptStatus::Underway).then(|| Receipt {
            key: ReceiptKey::Reference(reference),
            status,
            reason,
            provider_time: self.completed_at.and_then(|time| Wall::parse(&time)),
        })
    }

    fn said(&self, medium: Medium) -> Option<(ReceiptStatus, Option<Reason>)> {
        let (dead, for_now) = match medium {
            Medium::Sms => (Reason::NumberInvalid, Reason::PhoneOff),
            Medium::Email => (Reason::AddressUnknown, Reason::InboxFull),
        };
        Some(match self.status.as_deref()? {
            "created" | "sending" | "pending" | "sent" => (ReceiptStatus::Underway, None),
            "delivered" => (ReceiptStatus::Delivered, None),
            "permanent-failure" => (ReceiptStatus::Undelivered, Some(dead)),
            "temporary-failure" => (ReceiptStatus::UndeliveredForNow, Some(for_now)),
            "technical-failure" => (ReceiptStatus::Undelivered, Some(Reason::ProviderDown)),
            _ => return None,
        })
    }
}

/// A text that somebody sent to the service's number.
#[derive(Deserialize)]
struct Received {
    id: String,
    source_number: String,
    message: String,
}

/// The text that somebody sent us; nothing where the callback is a report.
pub(super) fn read_inbound(
    token: &Secret,
    callback: &Callback<'_>,
) -> Result<Option<Inbound>, CallbackRefusal> {
    if !secret::is_borne(token, callback) {
        return Err(CallbackRefusal::Unauthenticated);
    }
    let received = serde_json::from_slice::<Received>(callback.body).ok();
    Ok(received.map(|received| Inbound {
        from: received.source_number,
        id: received.id,
        wish: Wish::of(&received.message),
    }))
}

/// The receipt in a callback; none for a status that says nothing new.
pub(super) fn read(
    medium: Medium,
    token: &Secret,
    callback: &Callback<'_>,
) -> Result<Vec<Receipt>, CallbackRefusal> {
    if !secret::is_borne(token, callback) {
        return Err(CallbackRefusal::Unauthenticated);
    }
    let report: Report =
        serde_json::from_slice(callback.body).map_err(|_| CallbackRefusal::Malformed)?;
    let said = match report.complaint_id {
        Some(_) => Some((ReceiptStatus::Complained, None)),
        None => report.news.said(medium),
    };
    let Some((status, reason)) = said else {
        return Ok(Vec::new());
    };
    let News {
        reference,
        completed_at,
        status: _,
    } = report.news;
    let key = match reference.filter(|reference| !reference.is_empty()) {
        Some(reference) => ReceiptKey::Reference(reference),
        None => ReceiptKey::ProviderId(report.id),
    };
    Ok(vec![Receipt {
        key,
        status,
        reason,
        provider_time: completed_at.and_then(|time| Wall::parse(&time)),
    }])
}
