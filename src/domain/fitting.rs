//! Fitting: one update put into the room a channel has, never cut mid-word, never without its link and its reference.

use crate::Refusal;
use crate::channel::ChannelName;
use crate::notice::Notice;
use crate::rendered::{Fit, Offer};
use crate::text::fold::{Charset, Folding, fold, is_welsh, named};
use crate::text::gsm7::septets;
use crate::text::measure::{Limit, Measure};
use crate::text::sentence::sentences;
use crate::text::{sms, telephone};

/// The code of the refusal that goes away when a person accepts the foldings it names.
pub const UNCONFIRMED: &str = "folding_unconfirmed";

/// Signs that a refusal names before it stops.
const NAMED: usize = 8;

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

impl Room<'_> {
    /// Fits a text: as it is; else the author's own short version; else cut at the end of a sentence.
    ///
    /// # Errors
    /// `too_long` says by how much, `not_carried` which signs no gateway of this charset carries, [`UNCONFIRMED`] what
    /// would be folded if a person accepted it.
    pub fn fit(&self, notice: &Notice, whole: &str) -> Result<Fitted, Refusal> {
        let short = notice.short().filter(|short| short != whole);
        let dressed = self.dress(notice, whole);
        if self.excess(&dressed.text) == 0 {
            return self.finish(dressed);
        }
        let wording = short.as_deref().unwrap_or(whole);
        let cuts = [Anchors::AsWritten, Anchors::Appended]
            .map(|anchors| Cut::of(wording, notice, anchors));
        let shortest = cuts
            .iter()
            .map(|cut| self.excess(&self.dress(notice, &cut.to(1)).text))
            .min();
        for cut in cuts {
            let fits =
                |sentences: usize| self.excess(&self.dress(notice, &cut.to(sentences)).text) == 0;
            if let Some(sentences) = last_that(cut.sentences(), fits) {
                let mut dressed = self.dress(notice, &cut.to(sentences));
                dressed.fit.shortened = short.is_some();
                dressed.fit.left_out = cut.left_out(sentences);
                return self.finish(dressed);
            }
        }
        Err(self.too_long(notice, whole, shortest.unwrap_or(0), short.is_some()))
    }

    /// By how much a text is too long, by the limit that it misses most.
    fn excess(&self, text: &str) -> u32 {
        self.limits
            .iter()
            .map(|limit| limit.excess(text))
            .max()
            .unwrap_or(0)
    }

    /// The text as it would travel: telephone numbers held together, signs folded that are not carried, and those that
    /// cost dear where a person has accepted it. Never fails; what stands against sending it is found in `finish`.
    fn dress(&self, notice: &Notice, text: &str) -> Dressed {
        let numbers_held =
            telephone::has_right_to_left(text) && !telephone::telephones(text).is_empty();
        let text = if numbers_held {
            telephone::unbroken(text)
        } else {
            text.to_owned()
        };
        let mut dressed = Dressed {
            fit: Fit::plain(0, None, self.unit()),
            text,
            left: Vec::new(),
            needed: false,
        };
        dressed.fit.numbers_held = numbers_held;
        let Some(charset) = self.charset else {
            return dressed;
        };
        let needed = fold(&dressed.text, |sign| charset.carries(sign));
        dressed.needed = !needed.foldings.is_empty();
        (dressed.text, dressed.left, dressed.fit.foldings) =
            (needed.text, needed.left, needed.foldings);
        match cheaper(&dressed.text, notice) {
            Some((text, foldings, _)) if notice.update.accept_folding => {
                dressed.text = text;
                dressed.fit.foldings.extend(foldings);
            }
            Some((_, foldings, parts)) => dressed.fit.offer = Some(Offer { foldings, parts }),
            None => {}
        }
        dressed.needed &= !notice.update.accept_folding;
        dressed
    }

    fn unit(&self) -> crate::channel::LengthUnit {
        self.limits
            .first()
            .map_or(Measure::Bytes, |limit| limit.measure)
            .unit()
    }

    /// Measures a text that fits, and refuses what cannot be sent as it is.
    fn finish(&self, dressed: Dressed) -> Result<Fitted, Refusal> {
        if !dressed.left.is_empty() {
            return Err(self.not_carried(&dressed.left));
        }
        if dressed.needed {
            return Err(self.unconfirmed(&dressed.fit.foldings));
        }
        let Dressed { text, mut fit, .. } = dressed;
        let lengths = self
            .limits
            .iter()
            .map(|limit| (limit.measure.of(&text), limit));
        // Of several limits, the one that is nearest.
        let fullest = lengths.max_by_key(|(length, limit)| {
            u64::from(*length) * 10_000 / u64::from(limit.most.max(1))
        });
        if let Some((length, limit)) = fullest {
            (fit.length, fit.limit, fit.unit) = (length, Some(limit.most), limit.measure.unit());
        }
        fit.sms = self.charset.map(|_| sms::measure(&text));
        Ok(Fitted { text, fit })
    }

    fn not_carried(&self, left: &[char]) -> Refusal {
        let signs: Vec<_> = left.iter().take(NAMED).map(|sign| named(*sign)).collect();
        let more = if left.len() > NAMED {
            " and others"
        } else {
            ""
        };
        let why = format!(
            "{} cannot carry {}{more}; say it in other letters",
            self.channel,
            signs.join(" ")
        );
        Refusal::new("update", "not_carried", why)
    }

    fn unconfirmed(&self, foldings: &[Folding]) -> Refusal {
        let why = format!(
            "{} cannot carry every sign as it is: {}. Accept that, or change the text",
            self.channel,
            list(foldings)
        );
        Refusal::new("update", UNCONFIRMED, why)
    }

    fn too_long(&self, notice: &Notice, whole: &str, excess: u32, short: bool) -> Refusal {
        let characters = match (self.unit(), excess) {
            (crate::channel::LengthUnit::Byte, excess) => {
                crate::channel::LengthUnit::Byte.label(excess)
            }
            (_, excess) => crate::channel::LengthUnit::Grapheme.label(excess),
        };
        let cut = if sentences(whole).len() > 1 {
            ", even when it is cut to its first sentence"
        } else {
            ""
        };
        let advice = if short {
            "shorten its short version"
        } else {
            "shorten the text or write a short version"
        };
        let folded = self.dress(notice, whole).fit.offer.filter(|offer| {
            let parts = self
                .limits
                .iter()
                .find(|limit| limit.measure == Measure::Parts);
            parts.is_some_and(|limit| offer.parts <= limit.most)
        });
        let or = folded.map_or_else(String::new, |offer| {
            format!(", or accept that {}, and it fits", list(&offer.foldings))
        });
        let why = format!(
            "{excess} {characters} too long for {}{cut}; {advice}{or}",
            self.channel
        );
        Refusal::new("update", "too_long", why)
    }
}

/// `’ becomes ', – becomes - (2 times)`.
pub(crate) fn list(foldings: &[Folding]) -> String {
    let words: Vec<_> = foldings.iter().map(ToString::to_string).collect();
    words.join(", ")
}

/// A text on its way to being measured.
struct Dressed {
    text: String,
    fit: Fit,
    /// Signs that are neither carried nor foldable.
    left: Vec<char>,
    /// Whether something had to be folded and nobody has accepted it.
    needed: bool,
}

/// The text in the GSM 7-bit alphabet with what that changes and its parts, where those are fewer. The letters of Welsh
/// are no ornament in a Welsh text.
fn cheaper(text: &str, notice: &Notice) -> Option<(String, Vec<Folding>, u32)> {
    let welsh = notice.language.split('-').next() == Some("cy");
    let folded = fold(text, |sign| {
        septets(sign).is_some() || (welsh && is_welsh(sign))
    });
    let parts = sms::measure(&folded.text).parts;
    let cheaper = folded.left.is_empty() && parts < sms::measure(text).parts;
    cheaper.then_some((folded.text, folded.foldings, parts))
}

/// The greatest number up to `end` for which something holds that holds for every smaller one too.
fn last_that(end: usize, holds: impl Fn(usize) -> bool) -> Option<usize> {
    let (mut known, mut beyond) = (0, end + 1);
    while beyond - known > 1 {
        let middle = known + (beyond - known) / 2;
        if holds(middle) {
            known = middle;
        } else {
            beyond = middle;
        }
    }
    (known > 0).then_some(known)
}

/// Where the link and the reference of a cut text stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Anchors {
    /// In the sentences in which the author put them, which are not cut.
    AsWritten,
    /// At the end, wherever they stood.
    Appended,
}

/// A text that can end after each of its sentences.
struct Cut<'a> {
    sentences: Vec<&'a str>,
    /// Whether each sentence always stays.
    anchored: Vec<bool>,
    notice: &'a Notice,
    /// What stands before a link that is added at the end.
    gap: &'static str,
}

impl<'a> Cut<'a> {
    fn of(text: &'a str, notice: &'a Notice, anchors: Anchors) -> Self {
        let sentences = sentences(text);
        let anchor = |sentence: &&str| {
            anchors == Anchors::AsWritten
                && (has_link(sentence, notice) || has_reference(sentence, notice))
        };
        Self {
            anchored: sentences.iter().map(anchor).collect(),
            sentences,
            notice,
            gap: if text.contains('\n') { "\n\n" } else { " " },
        }
    }

    /// Sentences that may go.
    fn sentences(&self) -> usize {
        self.anchored.iter().filter(|anchored| !**anchored).count()
    }

    /// Each sentence, and whether it stays when so many of those that may go do not.
    fn stays(&self, many: usize) -> impl Iterator<Item = (&'a str, bool)> {
        let mut passed = 0;
        self.sentences
            .iter()
            .zip(&self.anchored)
            .map(move |(sentence, anchored)| {
                passed += usize::from(!anchored);
                (*sentence, *anchored || passed <= many)
            })
    }

    /// The text with its first so many sentences, and its link and reference.
    fn to(&self, many: usize) -> String {
        let kept: String = self
            .stays(many)
            .filter(|(_, stays)| *stays)
            .map(|(sentence, _)| sentence)
            .collect();
        let kept = kept.trim_end();
        if self.stays(many).all(|(_, stays)| stays)
            || (has_link(kept, self.notice) && has_reference(kept, self.notice))
        {
            kept.to_owned()
        } else {
            format!("{kept}{}{}", self.gap, self.notice.url())
        }
    }

    fn left_out(&self, many: usize) -> Vec<String> {
        let gone = self.stays(many).filter(|(_, stays)| !stays);
        gone.map(|(sentence, _)| sentence.trim().to_owned())
            .collect()
    }
}

fn has_link(text: &str, notice: &Notice) -> bool {
    text.contains(&notice.organisation.public_host)
        || text.contains(&notice.organisation.public_url)
}

fn has_reference(text: &str, notice: &Notice) -> bool {
    text.contains(notice.update.reference.as_str())
}
