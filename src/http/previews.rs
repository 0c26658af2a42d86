//! How an update looks on each channel, as programs read it.

use oyez_dispatch::preview::Preview;
use oyez_domain::rendered::Fit;
use oyez_domain::text::fold;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A sign that something plainer stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Folding {
    /// The sign as its author wrote it.
    pub sign: String,
    /// What stands in its place; empty when it is left out.
    pub becomes: String,
    /// How often it occurs.
    pub times: u32,
}

/// Foldings that would save parts, and that nobody has accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Offer {
    /// What would change.
    pub foldings: Vec<Folding>,
    /// Parts the text would need then.
    pub parts: u32,
}

/// How a text sits in a channel, and in what it differs from what its author wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FitView {
    /// Length in `unit`.
    pub length: u32,
    /// The most the channel takes, if it has a limit.
    pub limit: Option<u32>,
    /// `part`, `grapheme`, `weight`, `utf16` or `byte`.
    pub unit: String,
    /// For text messages `gsm7` or `ucs2`; empty elsewhere.
    pub encoding: String,
    /// For text messages, septets or UTF-16 units; null elsewhere.
    pub units: Option<u32>,
    /// For text messages, how many of those so many parts hold; null elsewhere.
    pub room: Option<u32>,
    /// Whether the author's short version stands for a text that was too long.
    pub shortened: bool,
    /// Sentences left out of a text that was too long.
    pub left_out: Vec<String>,
    /// Signs that something plainer stands for.
    pub foldings: Vec<Folding>,
    /// What would be cheaper.
    pub offer: Option<Offer>,
    /// Whether telephone numbers are held together beside right-to-left words.
    pub numbers_held: bool,
    /// All of this in words.
    pub notes: Vec<String>,
}

/// One channel's version of an update.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PreviewView {
    /// The channel.
    pub channel: String,
    /// The adapter's kind.
    pub kind: String,
    /// `email`, `sms`, `post`, `webhook` or `file`.
    pub family: String,
    /// Language of this version.
    pub language: String,
    /// The message as a person would read it; empty when it cannot be made.
    pub text: String,
    /// Its length and what was changed; null when it cannot be made.
    pub fit: Option<FitView>,
    /// What one message costs, in pence; null where the channel has no price.
    pub price_pence: Option<f64>,
    /// Why it cannot be sent like this, if so. With the code `folding_unconfirmed`, `text` and `fit` show what it will
    /// be once `accept_folding` is given.
    pub refusal: Option<crate::problem::Fault>,
}

impl From<fold::Folding> for Folding {
    fn from(folding: fold::Folding) -> Self {
        Self {
            sign: folding.sign.to_string(),
            becomes: folding.becomes,
            times: folding.times,
        }
    }
}

fn views(foldings: Vec<fold::Folding>) -> Vec<Folding> {
    foldings.into_iter().map(Into::into).collect()
}

impl From<Fit> for FitView {
    fn from(fit: Fit) -> Self {
        let encoding = fit.sms.map(|sms| sms.encoding);
        Self {
            notes: fit.notes(),
            length: fit.length,
            limit: fit.limit,
            unit: fit.unit.code().to_owned(),
            encoding: encoding.map_or("", |encoding| encoding.code()).to_owned(),
            units: fit.sms.map(|sms| sms.units),
            room: fit.sms.map(|sms| sms.encoding.room(sms.parts)),
            shortened: fit.shortened,
            left_out: fit.left_out,
            foldings: views(fit.foldings),
            offer: fit.offer.map(|offer| Offer {
                foldings: views(offer.foldings),
                parts: offer.parts,
            }),
            numbers_held: fit.numbers_held,
        }
    }
}

impl From<Preview> for PreviewView {
    fn from(preview: Preview) -> Self {
        Self {
            channel: preview.channel.into(),
            kind: preview.kind,
            family: preview.family.code().to_owned(),
            language: preview.language,
            text: preview.text,
            fit: preview.fit.map(Into::into),
            price_pence: preview.price_pence,
            refusal: preview.refusal.map(Into::into),
        }
    }
}
