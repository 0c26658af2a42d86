//! X's weighted length (the configuration v3 of twitter-text): of 280, most letters of Europe weigh 1, all else 2.

use super::link::links;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// What every link weighs, however long it is.
const LINK: u32 = 23;
/// What an emoji weighs, of however many code points it is made.
const EMOJI: u32 = 2;
const JOINER: char = '\u{200d}';

/// The weight of a text.
pub fn weight(text: &str) -> u32 {
    let text: String = text.nfc().collect();
    let (mut sum, mut seen) = (0u32, 0);
    for link in links(&text) {
        let own = text.get(link.place.clone()).map_or(0, of_words);
        // Whether X knows the top-level domain of a bare name cannot be known here: the dearer case counts.
        let link_weight = if link.known { LINK } else { own.max(LINK) };
        let before = text.get(seen..link.place.start).map_or(0, of_words);
        sum = sum.saturating_add(before).saturating_add(link_weight);
        seen = link.place.end;
    }
    sum.saturating_add(text.get(seen..).map_or(0, of_words))
}

fn of_words(text: &str) -> u32 {
    text.graphemes(true).map(of_cluster).sum()
}

fn of_cluster(cluster: &str) -> u32 {
    let signs: Vec<char> = cluster.chars().collect();
    let (mut sum, mut rest) = (0, signs.as_slice());
    while let Some((first, others)) = rest.split_first() {
        let length = emoji_length(rest);
        (sum, rest) = match length {
            0 => (sum + of_sign(*first), others),
            length => (sum + EMOJI, rest.get(length..).unwrap_or_default()),
        };
    }
    sum
}

fn of_sign(sign: char) -> u32 {
    match sign {
        '\0'..='\u{10ff}'
        | '\u{2000}'..='\u{200d}'
        | '\u{2010}'..='\u{201f}'
        | '\u{2032}'..='\u{2037}' => 1,
        _ => 2,
    }
}

/// Code points of the emoji at the beginning, or 0 when there is none of more than one.
fn emoji_length(signs: &[char]) -> usize {
    match signs {
        ['0'..='9' | '#' | '*', '\u{20e3}', ..] => 2,
        ['0'..='9' | '#' | '*', '\u{fe0f}', '\u{20e3}', ..] => 3,
        [first, second, ..] if is_regional(*first) && is_regional(*second) => 2,
        ['🏴', '\u{e0061}'..='\u{e007a}', ..] => {
            1 + signs
                .iter()
                .skip(1)
                .take_while(|sign| matches!(sign, '\u{e0020}'..='\u{e007f}'))
                .count()
        }
        [first, ..] if is_pictograph(*first) => joined_length(signs),
        _ => 0,
    }
}

/// One pictograph with its variation or skin tone, and those that are joined to it.
fn joined_length(signs: &[char]) -> usize {
    let mut length = dressed_length(signs);
    loop {
        match signs.get(length..) {
            Some([JOINER, next, ..]) if JOINED.contains(*next) => {
                length += 1 + signs.get(length + 1..).map_or(0, dressed_length);
            }
            Some(_) | None => return length,
        }
    }
}

fn dressed_length(signs: &[char]) -> usize {
    match signs {
        [_, '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}', ..] => 2,
        [_, ..] => 1,
        [] => 0,
    }
}

fn is_regional(sign: char) -> bool {
    matches!(sign, '\u{1f1e6}'..='\u{1f1ff}')
}

fn is_pictograph(sign: char) -> bool {
    matches!(
        sign,
        '©' | '®' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2194}'..='\u{21aa}'
    ) || matches!(sign, '\u{231a}'..='\u{23ff}' | '\u{24c2}' | '\u{25aa}'..='\u{25fe}' | '\u{2600}'..='\u{27bf}')
        || matches!(
            sign,
            '\u{2934}' | '\u{2935}' | '\u{2b05}'..='\u{2b55}' | '\u{3030}' | '\u{303d}'
        )
        || matches!(sign, '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

/// What may follow a joiner in the sequences that Unicode recommends (UTS #51, emoji-zwj-sequences).
const JOINED: &str = "♀♂⚕⚖✈❤💋🔥🩹➡↔↕⬛❄🌈⚧☠💥💫💨🌫🗨🦺🟩🟫🧒👦👧👨👩🧑🤝👶🫲🌾🍳🍼🎓🎤🎨🏫🏭💻💼🔧🔬🚀🚒🦯🦰🦱🦲🦳🦼🦽🎄⛓";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::hostile::Hostile;

    const FAMILY: &str = "👨\u{200d}👩\u{200d}👧\u{200d}👦";

    #[test]
    fn vector_weights_are_those_of_the_published_conformance_cases() {
        let long = |chunks: usize| "xxxxxxxxxx-".repeat(chunks);
        let poem = "故人西辞黄鹤楼，烟花三月下扬州。孤帆远影碧空尽，唯见长江天际流。".repeat(5);
        let kana = "あいうえおかきくけこ";
        let label = |last: &str| format!("{} http://{}{last}.com", kana.repeat(12), kana.repeat(5));
        let marks = ('\u{2000}'..='\u{200d}')
            .map(String::from)
            .collect::<String>();
        let dashes = "‐ ‑ ‒ – — ― ‖  ‗ ‘ ’ ‚ ‛ “ ” „ ‟ ′ ″ ‴ ‵ ‶ ‷";
        for (text, weighs) in [
            ("Hi http://test.co".to_owned(), 26),
            ("http://test.co".to_owned(), 23),
            ("This is a test.".to_owned(), 15),
            ("https://test.com".to_owned(), 23),
            ("test.com".to_owned(), 23),
            ("Test https://test.com test https://test.com test.com test".to_owned(), 86),
            (format!("285 chars-{}", long(25)), 285),
            (format!("285 chars- http://www.twitter.com/jack {}", long(24)), 299),
            (format!("{} http://www.twitter.com/jack ", long(24)), 289),
            ("https://www.twitter.com/aloha ".repeat(10), 240),
            (poem, 320),
            ("😷".repeat(160), 320),
            ("A\u{301}B".to_owned(), 2),
            ("Aש\u{5bc}\u{5c1}".to_owned(), 4),
            (format!("H🐱☺{FAMILY}"), 7),
            ("😷👾😡🔥💩".to_owned(), 10),
            ("🙋🏽👨\u{200d}🎤".to_owned(), 4),
            ("1\u{20e3}".to_owned(), 2),
            (FAMILY.repeat(140), 280),
            ("Unicode 10.0 emoji: 🤪; 🧕; 🧕🏾; 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}".to_owned(), 34),
            ("Unicode 9.0 emoji: 🤠; 💃; 💃🏾".to_owned(), 29),
            (format!("This is a tweet with general punctuation characters: {marks} {dashes}"), 112),
            ("randomurl".repeat(7) + "s.com", 68),
            (label("あいう"), 358),
            (label("あい"), 264),
            ("ABC\u{202a}\u{ffff}ABC\u{fffe}".to_owned(), 12),
            ("\u{2066}\u{202a}http://foobar.پاکستان/\u{202c}\u{2069}".to_owned(), 31),
            ("字".repeat(140), 280),
            ("字".repeat(141), 282),
            ("a".repeat(172) + " https://status.example.gov.uk/u/7QX-4HM",
                196),
        ] {
            assert_eq!(weight(&text), weighs, "{text}");
        }
    }

    #[test]
    fn emoji_that_no_standard_joins_are_counted_one_by_one() {
        assert_eq!(weight("😀\u{200d}😀"), 5);
        assert_eq!(weight("e\u{301}\u{301}"), 2);
        assert_eq!(weight("❤\u{fe0f}\u{200d}🔥"), 2);
        assert_eq!(weight("👩🏽\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👩🏽"), 2);
        assert_eq!(weight("🏳\u{fe0f}\u{200d}🌈"), 2);
        assert_eq!(weight("🇬🇧🇬"), 4);
        assert_eq!(weight("© 2025"), 6 + 1);
    }

    #[test]
    fn a_longer_text_never_weighs_less() {
        for seed in 0..300 {
            let text = Hostile::new(seed).text(120);
            let longer = format!("{text} a");
            assert!(weight(&longer) >= weight(&text), "seed {seed}: {text}");
        }
    }
}
