//! How networks count length, and how much they take.

use super::link::links;
use super::mrkdwn::mrkdwn;
use super::{sms, weight};
use crate::channel::LengthUnit;
use unicode_segmentation::UnicodeSegmentation;

/// A way of counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// SMS parts.
    Parts,
    /// Grapheme clusters.
    Graphemes,
    /// Grapheme clusters as Mastodon counts them: every link with a scheme as `per_link`, and of `@who@server` only
    /// `@who`.
    Post {
        /// The instance's `characters_reserved_per_url`.
        per_link: u32,
    },
    /// X's weights.
    Weight,
    /// UTF-16 units.
    Utf16,
    /// UTF-16 units of the text once it is escaped for Slack.
    Mrkdwn,
    /// Bytes of UTF-8.
    Bytes,
    /// Bytes of JSON, every line that is not empty in a block of its own (a card in Teams).
    Blocks {
        /// What a block costs beside its text.
        per_line: u32,
    },
}

/// The most that a channel takes, in one way of counting; some networks set two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How it counts.
    pub measure: Measure,
    /// The most.
    pub most: u32,
}

impl Measure {
    /// The length of a text.
    pub fn of(self, text: &str) -> u32 {
        match self {
            Self::Parts => sms::measure(text).parts,
            Self::Graphemes => graphemes(text),
            Self::Post { per_link } => post(text, per_link),
            Self::Weight => weight::weight(text),
            Self::Utf16 => utf16(text),
            Self::Mrkdwn => utf16(&mrkdwn(text)),
            Self::Bytes => u32::try_from(text.len()).unwrap_or(u32::MAX),
            Self::Blocks { per_line } => blocks(text, per_line),
        }
    }

    /// The unit it counts in.
    pub fn unit(self) -> LengthUnit {
        match self {
            Self::Parts => LengthUnit::Part,
            Self::Graphemes | Self::Post { .. } => LengthUnit::Grapheme,
            Self::Weight => LengthUnit::Weight,
            Self::Utf16 | Self::Mrkdwn => LengthUnit::Utf16,
            Self::Bytes | Self::Blocks { .. } => LengthUnit::Byte,
        }
    }
}

impl Limit {
    /// By how much a text is too long: in units of the measure, for SMS in those that parts are made of.
    pub fn excess(self, text: &str) -> u32 {
        if self.measure == Measure::Parts {
            sms::excess(text, self.most)
        } else {
            self.measure.of(text).saturating_sub(self.most)
        }
    }
}

/// Grapheme clusters: what a person takes for one character.
pub fn graphemes(text: &str) -> u32 {
    u32::try_from(text.graphemes(true).count()).unwrap_or(u32::MAX)
}

fn utf16(text: &str) -> u32 {
    let units = text
        .chars()
        .map(|sign| if sign.len_utf16() == 2 { 2 } else { 1 });
    units.sum()
}

fn blocks(text: &str, per_line: u32) -> u32 {
    let lines = text.lines().filter(|line| !line.is_empty());
    let cost = |line: &str| {
        line.chars()
            .map(in_json)
            .sum::<u32>()
            .saturating_add(per_line)
    };
    lines.map(cost).fold(0, u32::saturating_add)
}

/// Bytes of a character in a JSON string; of a control character, the most that one takes.
fn in_json(sign: char) -> u32 {
    match sign {
        '"' | '\\' => 2,
        '\0'..='\u{1f}' => 6,
        _ => u32::try_from(sign.len_utf8()).unwrap_or(u32::MAX),
    }
}

fn post(text: &str, per_link: u32) -> u32 {
    let (mut length, mut seen) = (0u32, 0);
    for link in links(text).into_iter().filter(|link| link.scheme) {
        let before = text
            .get(seen..link.place.start)
            .map_or(0, with_short_mentions);
        length = length.saturating_add(before).saturating_add(per_link);
        seen = link.place.end;
    }
    length.saturating_add(text.get(seen..).map_or(0, with_short_mentions))
}

/// Counts `@who@server.example` as `@who`.
fn with_short_mentions(text: &str) -> u32 {
    let ats = text.match_indices('@');
    let servers = ats.filter_map(|(at, _)| server_of_mention(text.get(..at)?, text.get(at + 1..)?));
    graphemes(text).saturating_sub(servers.map(|server| graphemes(server) + 1).sum())
}

/// The server in `who@server.example`, where an `@` stood before it and nothing that would belong to it before that.
fn server_of_mention<'a>(before: &str, behind: &'a str) -> Option<&'a str> {
    let name = |text: &'a str| {
        let in_name = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-' | '.');
        let end = text.find(|sign| !in_name(sign)).unwrap_or(text.len());
        text.split_at_checked(end)
            .filter(|(name, _)| !name.is_empty())
    };
    if before.ends_with(|sign: char| sign.is_alphanumeric() || "_/=".contains(sign)) {
        return None;
    }
    let (_, rest) = name(behind)?;
    let (server, _) = name(rest.strip_prefix('@')?)?;
    Some(server.trim_end_matches(['.', '-'])).filter(|server| !server.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::hostile::Hostile;

    const POST: Measure = Measure::Post { per_link: 23 };
    /// What Bluesky takes: both at once.
    const BOTH: [Limit; 2] = [
        Limit {
            measure: Measure::Graphemes,
            most: 300,
        },
        Limit {
            measure: Measure::Bytes,
            most: 3000,
        },
    ];

    #[test]
    fn vector_graphemes_bytes_and_utf16_units() {
        for (text, bytes, utf16, code_points) in [
            ("👨\u{200d}👩\u{200d}👧\u{200d}👦", 25, 11, 7),
            ("e\u{301}", 3, 2, 2),
            (
                "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
                28,
                14,
                7,
            ),
            ("🇬🇧", 8, 4, 2),
            ("👍🏽", 8, 4, 2),
        ] {
            let counted = [Measure::Graphemes, Measure::Bytes, Measure::Utf16]
                .map(|measure| measure.of(text));
            assert_eq!(counted, [1, bytes, utf16], "{text}");
            assert_eq!(text.chars().count(), code_points, "{text}");
        }
    }

    #[test]
    fn vector_a_post_may_have_300_graphemes_and_3000_bytes_and_no_more_of_either() {
        let excess = |text: &str| BOTH.map(|limit| limit.excess(text));
        let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦";
        assert_eq!(excess(&"a".repeat(300)), [0, 0]);
        assert_eq!(excess(&"a".repeat(301)), [1, 0]);
        assert_eq!(excess(&family.repeat(120)), [0, 0]);
        assert_eq!(excess(&family.repeat(121)), [0, 25]);
        let example = "✨ example mentioning @atproto.com to share the URL 👨\u{200d}❤\u{fe0f}\u{200d}👨 https://en.wikipedia.org/wiki/CBOR.";
        let link = links(example).pop().unwrap();
        assert_eq!(link.place, 74..108);
    }

    #[test]
    fn vector_in_a_post_links_count_23_and_mentions_lose_their_server() {
        for (text, length) in [
            (
                "see https://status.example.gov.uk/u/7QX-4HM now",
                4 + 23 + 4,
            ),
            ("https://status.example.gov.uk/u/7QX-4HM.", 24),
            ("status.example.gov.uk", 21),
            ("https://", 8),
            ("@who@social.example hello", 4 + 6),
            ("by @who@social.example.", 3 + 4 + 1),
            ("mail jo@example.org", 19),
            ("👨\u{200d}👩\u{200d}👧\u{200d}👦 e\u{301}", 3),
            ("@@who @ @", 9),
        ] {
            assert_eq!(POST.of(text), length, "{text}");
        }
    }

    #[test]
    fn a_line_in_a_block_costs_its_json_and_the_block() {
        let blocks = Measure::Blocks { per_line: 10 };
        for (text, bytes) in [
            ("", 0),
            ("ŵy", 13),
            ("a \"b\" \\", 10 + 10),
            ("a\n\nb\n", 22),
        ] {
            assert_eq!(blocks.of(text), bytes, "{text}");
        }
    }

    #[test]
    fn nothing_is_in_excess_exactly_when_it_fits() {
        let measures = [
            Measure::Parts,
            Measure::Graphemes,
            POST,
            Measure::Weight,
            Measure::Utf16,
            Measure::Mrkdwn,
            Measure::Bytes,
            Measure::Blocks { per_line: 9 },
        ];
        for seed in 0..300 {
            let text = Hostile::new(seed).text(300);
            for measure in measures {
                let length = measure.of(&text);
                let excess = |most| Limit { measure, most }.excess(&text);
                assert_eq!(excess(length.max(1)), 0, "seed {seed} {measure:?}");
                assert!(
                    length <= 1 || excess(length - 1) > 0,
                    "seed {seed} {measure:?}"
                );
            }
        }
    }
}
