//! Fitting: one update put into the room a channel has, never cut mid-word, never without its link and its reference.

mod cut;
mod refusal;

use crate::Refusal;
use crate::channel::{ChannelName, LengthUnit};
use crate::notice::Notice;
use crate::rendered::{Fit, Offer};
use crate::text::fold::{Charset, Folding, fold, is_welsh};
use crate::text::gsm7::septets;
use crate::text::measure::{Limit, Measure};
use crate::text::{sms, telephone};
use cut::{Cut, last_that};
use std::borrow::Cow;

pub use refusal::UNCONFIRMED;

/// The room that a channel has for a text.
#[derive(Debug, Clone, Copy)]
pub struct Room<'a> {
    /// The channel.
    pub channel: &'a ChannelName,
    /// How much it takes. All limits hold at once.
    pub limits: &'a [Limit],
    /// For channels that carry SMS, the signs that the gateway carries; others carry every sign at the same price.
    pub charset: Option<Charset>,
}

/// A text that fits, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// The text as the channel is to carry it.
    pub text: String,
    /// Its length, and everything in which it differs from what the author wrote.
    pub fit: Fit,
}

/// A text as it would travel.
struct Dressed {
    text: String,
    /// What was done to it; not measured yet.
    fit: Fit,
    /// Signs that are neither carried nor foldable.
    left: Vec<char>,
    /// Whether signs were folded because they are not carried, and nobody has accepted it.
    unconfirmed: bool,
}

impl Room<'_> {
    /// Fits a text: as it is; else the author's own short version; else cut at the end of a sentence.
    ///
    /// # Errors
    /// `too_long` says by how much, `not_carried` which signs the gateway has no place for, [`UNCONFIRMED`] what would be
    /// folded if a person accepted it.
    pub fn fit(&self, notice: &Notice, whole: &str) -> Result<Fitted, Refusal> {
        let dressed = self.dress(notice, whole);
        if self.excess(&dressed).is_none() {
            return self.finish(dressed);
        }
        let short = notice.short().filter(|short| short != whole);
        let whole_folded = dressed.fit.offer.filter(|offer| self.takes(offer));
        let wording = short.as_deref().unwrap_or(whole);
        let cuts = Cut::ways(wording, notice);
        for cut in &cuts {
            let fits = |many| self.excess(&self.dress(notice, &cut.to(many))).is_none();
            if let Some(many) = last_that(cut.sentences(), fits) {
                let mut dressed = self.dress(notice, &cut.to(many));
                dressed.fit.shortened = short.is_some();
                dressed.fit.left_out = cut.left_out(many);
                dressed.fit.offer = whole_folded.or(dressed.fit.offer);
                return self.finish(dressed);
            }
        }
        let shortest = cuts.iter().map(|cut| self.dress(notice, &cut.to(1)));
        let missed = shortest.filter_map(|dressed| self.excess(&dressed)).min();
        let missed = missed.unwrap_or((0, LengthUnit::Byte));
        Err(self.too_long(missed, wording, short.is_some(), whole_folded))
    }

    /// By how much a text misses the limit that it misses most, and in what. Signs that are not carried have no length:
    /// they are a fault of their own.
    fn excess(&self, dressed: &Dressed) -> Option<(u32, LengthUnit)> {
        let carried = |sign: &char| !dressed.left.contains(sign);
        let text = if dressed.left.is_empty() {
            Cow::from(&dressed.text)
        } else {
            dressed.text.chars().filter(carried).collect()
        };
        let missed = self
            .limits
            .iter()
            .map(|limit| (limit.excess(&text), limit.measure.unit()));
        missed
            .filter(|(excess, _)| *excess > 0)
            .max_by_key(|(excess, _)| *excess)
    }

    /// Whether there is room for what folding would make of a text.
    fn takes(&self, offer: &Offer) -> bool {
        let mut parts = self
            .limits
            .iter()
            .filter(|limit| limit.measure == Measure::Parts);
        parts.all(|limit| offer.parts <= limit.most)
    }

    /// Telephone numbers are held together, signs that are not carried folded, and those that cost dear too where a
    /// person has accepted it. What stands against sending the result is found in `finish`.
    fn dress(&self, notice: &Notice, text: &str) -> Dressed {
        let numbers_held =
            telephone::has_right_to_left(text) && !telephone::telephones(text).is_empty();
        let mut dressed = Dressed {
            text: if numbers_held {
                telephone::unbroken(text)
            } else {
                text.to_owned()
            },
            fit: Fit {
                numbers_held,
                ..Fit::plain(0, None, LengthUnit::Byte)
            },
            left: Vec::new(),
            unconfirmed: false,
        };
        let Some(charset) = self.charset else {
            return dressed;
        };
        let accepted = notice.update.accept_folding;
        let carried = fold(&dressed.text, |sign| charset.carries(sign));
        dressed.unconfirmed = !carried.foldings.is_empty() && !accepted;
        (dressed.text, dressed.left, dressed.fit.foldings) =
            (carried.text, carried.left, carried.foldings);
        match cheaper(&dressed.text, &notice.language) {
            Some((text, foldings, _)) if accepted => {
                dressed.text = text;
                dressed.fit.foldings.extend(foldings);
            }
            Some((_, foldings, parts)) => dressed.fit.offer = Some(Offer { foldings, parts }),
            None => {}
        }
        dressed
    }

    /// Measures a text that is short enough, and refuses what cannot be sent as it is.
    fn finish(&self, dressed: Dressed) -> Result<Fitted, Refusal> {
        if !dressed.left.is_empty() {
            return Err(self.not_carried(&dressed.left));
        }
        if dressed.unconfirmed {
            return Err(self.unconfirmed(&dressed.fit.foldings));
        }
        let Dressed { text, mut fit, .. } = dressed;
        let lengths = self
            .limits
            .iter()
            .map(|limit| (limit.measure.of(&text), limit));
        let share = |length, most: u32| u64::from(length) * 10_000 / u64::from(most.max(1));
        // Of several limits, the one that is nearest.
        if let Some((length, limit)) =
            lengths.max_by_key(|(length, limit)| share(*length, limit.most))
        {
            (fit.length, fit.limit, fit.unit) = (length, Some(limit.most), limit.measure.unit());
        }
        fit.sms = self.charset.map(|_| sms::measure(&text));
        Ok(Fitted { text, fit })
    }
}

/// A text in the GSM 7-bit alphabet, what that changes, and its parts, where those are fewer. The letters of Welsh are no
/// ornament in a Welsh text.
fn cheaper(text: &str, language: &str) -> Option<(String, Vec<Folding>, u32)> {
    let welsh = language.split('-').next() == Some("cy");
    let folded = fold(text, |sign| {
        septets(sign).is_some() || (welsh && is_welsh(sign))
    });
    let parts = sms::measure(&folded.text).parts;
    let gains = folded.left.is_empty() && parts < sms::measure(text).parts;
    gains.then_some((folded.text, folded.foldings, parts))
}

#[cfg(test)]
mod tests;
