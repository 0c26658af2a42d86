//! Length as networks count it.

use unicode_segmentation::UnicodeSegmentation;

/// Grapheme clusters, with every `http(s)://` URL counted as `per_url` (Mastodon's rule: 23).
pub fn graphemes_with_urls(text: &str, per_url: u32) -> u32 {
    let mut length = 0u32;
    let mut rest = text;
    while let Some(at) = next_url(rest) {
        let (head, tail) = rest.split_at(at);
        let end = tail.find(char::is_whitespace).unwrap_or(tail.len());
        length = length
            .saturating_add(graphemes(head))
            .saturating_add(per_url);
        rest = tail.get(end..).unwrap_or("");
    }
    length.saturating_add(graphemes(rest))
}

/// Grapheme clusters: what a person takes for one character.
pub fn graphemes(text: &str) -> u32 {
    u32::try_from(text.graphemes(true).count()).unwrap_or(u32::MAX)
}

fn next_url(text: &str) -> Option<usize> {
    ["http://", "https://"]
        .iter()
        .filter_map(|scheme| text.find(scheme))
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_graphemes_are_what_people_take_for_one_character() {
        for text in ["👨‍👩‍👧‍👦", "e\u{301}", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇬🇧", "👍🏽"]
        {
            assert_eq!(graphemes(text), 1, "{text}");
        }
    }

    #[test]
    fn a_url_counts_the_same_however_long_it_is() {
        assert_eq!(
            graphemes_with_urls("see https://status.example.gov.uk/u/7QX-4HM now", 23),
            4 + 23 + 4
        );
        assert_eq!(
            graphemes_with_urls("status.example.gov.uk", 23),
            21,
            "without a scheme it is plain text"
        );
    }
}
