//! Cutting a text at the ends of sentences so that its link and its reference stay.

use crate::notice::Notice;
use crate::text::sentence::sentences;

/// A text that can end after each of its sentences.
pub(super) struct Cut<'a> {
    sentences: Vec<&'a str>,
    /// Whether each sentence always stays.
    anchored: Vec<bool>,
    notice: &'a Notice,
}

impl<'a> Cut<'a> {
    /// The ways to cut a text, the better first: the author's sentences with link and reference stay where they are; or
    /// they go like others, and the link is put at the end.
    pub(super) fn ways(text: &'a str, notice: &'a Notice) -> [Self; 2] {
        let sentences = sentences(text);
        let anchor =
            |sentence: &&str| has_link(sentence, notice) || has_reference(sentence, notice);
        let anchored = sentences.iter().map(anchor).collect();
        let free = vec![false; sentences.len()];
        [anchored, free].map(|anchored| Self {
            sentences: sentences.clone(),
            anchored,
            notice,
        })
    }

    /// How many sentences may go.
    pub(super) fn sentences(&self) -> usize {
        self.anchored.iter().filter(|anchored| !**anchored).count()
    }

    /// The text with the first so many of the sentences that may go, and with link and reference if any is gone.
    pub(super) fn to(&self, many: usize) -> String {
        let stay = self.split(many).filter(|(_, stays)| *stays);
        let kept: String = stay.map(|(sentence, _)| sentence).collect();
        let kept = kept.trim_end();
        let whole = self.split(many).all(|(_, stays)| stays);
        if whole || (has_link(kept, self.notice) && has_reference(kept, self.notice)) {
            return kept.to_owned();
        }
        let gap = if kept.contains('\n') { "\n\n" } else { " " };
        format!("{kept}{gap}{}", self.notice.url())
    }

    /// What is gone then.
    pub(super) fn left_out(&self, many: usize) -> Vec<String> {
        let gone = self.split(many).filter(|(_, stays)| !stays);
        gone.map(|(sentence, _)| sentence.trim().to_owned())
            .collect()
    }

    /// Each sentence, and whether it stays.
    fn split(&self, many: usize) -> impl Iterator<Item = (&'a str, bool)> {
        let mut passed = 0;
        let sentences = self.sentences.iter().zip(&self.anchored);
        sentences.map(move |(sentence, anchored)| {
            passed += usize::from(!anchored);
            (*sentence, *anchored || passed <= many)
        })
    }
}

pub(super) fn has_link(text: &str, notice: &Notice) -> bool {
    let organisation = &notice.organisation;
    text.contains(&organisation.public_host) || text.contains(&organisation.public_url)
}

pub(super) fn has_reference(text: &str, notice: &Notice) -> bool {
    text.contains(notice.update.reference.as_str())
}

/// The greatest number from 1 to `end` for which something holds that holds for every smaller one too. Looks at small
/// numbers first: what fits is short, however long the text.
pub(super) fn last_that(end: usize, holds: impl Fn(usize) -> bool) -> Option<usize> {
    let (mut known, mut beyond) = (0, 1);
    while beyond <= end && holds(beyond) {
        (known, beyond) = (beyond, beyond * 2);
    }
    beyond = beyond.min(end + 1);
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
