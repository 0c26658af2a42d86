//! Sentences: the only places where a text may be cut.

use super::link::links;
use unicode_segmentation::UnicodeSegmentation;

/// The text in pieces that can each be the last: whole sentences and whole lines. Put together, they are the text.
/// What ends in a colon goes with what follows it, and so do abbreviations and numbers of a list.
pub fn sentences(text: &str) -> Vec<&str> {
    let mut ends: Vec<usize> = text
        .split_sentence_bound_indices()
        .map(|(start, piece)| start + piece.len())
        .collect();
    // To the standard, `again. status.example.gov.uk` goes on: a small letter follows the full stop.
    ends.extend(links(text).into_iter().map(|link| link.place.start));
    ends.sort_unstable();
    let (mut sentences, mut start, mut seen, mut says) = (Vec::new(), 0, 0, false);
    for end in ends {
        let (Some(piece), Some(rest)) = (text.get(start..end), text.get(end..)) else {
            continue;
        };
        says |= text
            .get(seen..end)
            .is_some_and(|new| new.contains(char::is_alphabetic));
        seen = end;
        if rest.is_empty() || (says && ends_here(piece, rest)) {
            sentences.extend((!piece.is_empty()).then_some(piece));
            (start, says) = (end, false);
        }
    }
    sentences
}

/// Whether a reader who gets no further has read something whole. Looks at the end of the piece only.
fn ends_here(piece: &str, rest: &str) -> bool {
    let said = piece.trim_end();
    let gap = piece.get(said.len()..).unwrap_or("");
    let line_ends = gap.contains('\n');
    if said.ends_with(':') || is_marker(said) {
        return false;
    }
    let closed = said.trim_end_matches(|sign: char| "\"')]”’»".contains(sign));
    match closed.chars().next_back() {
        Some('.') => line_ends || (!gap.is_empty() && !is_abbreviation(closed)),
        Some('!' | '?' | '…') => !gap.is_empty(),
        Some('。' | '！' | '？' | '؟' | '۔' | '।') => true,
        Some(_) => line_ends && !goes_on(rest),
        None => false,
    }
}

/// A line that ends without a full stop is whole unless the next one begins small.
fn goes_on(rest: &str) -> bool {
    let rest = rest.trim_start();
    let word = rest.split_whitespace().next().unwrap_or("");
    let link = links(word)
        .first()
        .is_some_and(|link| link.place.start == 0);
    rest.starts_with(char::is_lowercase) && !link
}

/// Whether the last line is nothing but `-` or `1.`, to which the thing it marks belongs.
fn is_marker(said: &str) -> bool {
    let mut line = said.chars().rev().take_while(|sign| *sign != '\n');
    !line.any(char::is_alphabetic)
}

/// `Mr.`, `e.g.`, `J.`: what follows belongs to it.
fn is_abbreviation(said: &str) -> bool {
    let word = said
        .trim_end_matches('.')
        .split_whitespace()
        .next_back()
        .unwrap_or("");
    let word = word.trim_start_matches(|sign: char| "(\"'“‘".contains(sign));
    let initial = |part: &str| {
        let mut signs = part.chars();
        let first = signs
            .next()
            .is_some_and(|sign| sign.is_uppercase() || sign.is_lowercase());
        first && signs.next().is_none()
    };
    word.split('.').all(initial) || SHORT.contains(&word)
}

const SHORT: [&str; 45] = [
    "Mr", "Mrs", "Ms", "Mx", "Dr", "Prof", "Cllr", "Rev", "Revd", "St", "Rd", "Ave", "Sq", "No",
    "Nos", "Tel", "tel", "Ext", "ext", "etc", "vs", "approx", "Ltd", "Jan", "Feb", "Mar", "Apr",
    "Jun", "Jul", "Aug", "Sept", "Sep", "Oct", "Nov", "Dec", "Mon", "Tue", "Tues", "Wed", "Thu",
    "Thur", "Thurs", "Fri", "Sat", "Sun",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::hostile::Hostile;

    #[test]
    fn a_text_is_cut_between_sentences_and_lines_only() {
        for (text, expected) in [
            (
                "One. Two! Three? Four",
                vec!["One. ", "Two! ", "Three? ", "Four"],
            ),
            (
                "Ask Mr. Smith at St. James. Or J. Doe, e.g. Monday.",
                vec!["Ask Mr. Smith at St. James. ", "Or J. Doe, e.g. Monday."],
            ),
            (
                "Open to 4.30 p.m. Thursday. It costs £2.40.",
                vec!["Open to 4.30 p.m. Thursday. ", "It costs £2.40."],
            ),
            (
                "Once. status.example.gov.uk Ref 7QX-4HM",
                vec!["Once. ", "status.example.gov.uk Ref 7QX-4HM"],
            ),
            (
                "Details: status.example.gov.uk",
                vec!["Details: status.example.gov.uk"],
            ),
            (
                "Is it? See https://a.org/?q=A. Yes",
                vec!["Is it? ", "See https://a.org/?q=A. ", "Yes"],
            ),
            (
                "Head\n\nWhat to do:\n- a\n- b\n\nhttps://a.org/u",
                vec![
                    "Head\n",
                    "\nWhat to do:\n- a\n",
                    "- b\n",
                    "\nhttps://a.org/u",
                ],
            ),
            (
                "A line that goes\non below. End.",
                vec!["A line that goes\non below. ", "End."],
            ),
            (
                "1. First do this.\n2. Then that.",
                vec!["1. First do this.\n", "2. Then that."],
            ),
            (
                "He said \"Go.\" She went.",
                vec!["He said \"Go.\" ", "She went."],
            ),
            ("第一。第二。", vec!["第一。", "第二。"]),
            (
                "اتصل بنا. هل تحتاج مساعدة؟ نعم",
                vec!["اتصل بنا. ", "هل تحتاج مساعدة؟ ", "نعم"],
            ),
            ("", vec![]),
            (" \n", vec![" \n"]),
        ] {
            assert_eq!(sentences(text), expected, "{text}");
        }
    }

    #[test]
    fn sentences_put_together_are_the_text_and_no_word_and_no_link_is_cut() {
        for seed in 0..400 {
            let text = Hostile::new(seed).text(300);
            let pieces = sentences(&text);
            assert_eq!(pieces.concat(), text, "seed {seed}");
            let places: Vec<_> = links(&text).into_iter().map(|link| link.place).collect();
            let mut end = 0;
            for piece in &pieces {
                end += piece.len();
                let inside = |place: &std::ops::Range<usize>| place.start < end && end < place.end;
                assert!(!places.iter().any(inside), "seed {seed}: {piece}");
                let (before, after) = (text[..end].chars().next_back(), text[end..].chars().next());
                let mid_word = before.zip(after).is_some_and(|(before, after)| {
                    before.is_alphanumeric() && after.is_alphanumeric()
                });
                assert!(!mid_word, "seed {seed}: {piece}|{after:?}");
            }
        }
    }
}
