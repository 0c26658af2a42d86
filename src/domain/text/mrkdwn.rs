//! Plain text as Slack's mrkdwn: links stay links, and nothing else in it can become a link, a mention or a call to all.

use super::link::links;

/// The text with `&`, `<` and `>` escaped and every link that has a scheme between angle brackets
/// (Slack, "Formatting text for app surfaces").
pub fn mrkdwn(text: &str) -> String {
    let (mut written, mut seen) = (String::with_capacity(text.len()), 0);
    for link in links(text).into_iter().filter(|link| link.scheme) {
        let address = text.get(link.place.clone()).unwrap_or("");
        escape(text.get(seen..link.place.start), &mut written);
        written.push('<');
        escape(Some(address), &mut written);
        written.push('>');
        seen = link.place.end;
    }
    escape(text.get(seen..), &mut written);
    written
}

fn escape(text: Option<&str>, written: &mut String) {
    for sign in text.unwrap_or("").chars() {
        match sign {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            _ => written.push(sign),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::hostile::Hostile;

    #[test]
    fn vector_three_signs_are_escaped_and_links_are_marked() {
        for (text, expected) in [
            ("Phones & payments", "Phones &amp; payments"),
            (
                "<!channel> <@U024BE7LH>",
                "&lt;!channel&gt; &lt;@U024BE7LH&gt;",
            ),
            ("&amp;", "&amp;amp;"),
            (
                "See https://a.example/?x=1&y=2.",
                "See <https://a.example/?x=1&amp;y=2>.",
            ),
            ("a.example", "a.example"),
            ("https://a.example/x|y", "<https://a.example/x>|y"),
        ] {
            assert_eq!(mrkdwn(text), expected, "{text}");
        }
    }

    #[test]
    fn whatever_was_written_is_read_and_only_links_stand_in_brackets() {
        for seed in 0..300 {
            let text = Hostile::new(seed).text(300);
            let text = text.replace("! ", "<!here|all> & ");
            let written = mrkdwn(&text);
            for piece in written.split('<').skip(1) {
                let (inside, _) = piece.split_once('>').unwrap();
                let scheme = inside.get(..4).unwrap();
                assert!(scheme.eq_ignore_ascii_case("http"), "seed {seed}: {inside}");
                // Behind an upright stroke would stand what is shown in the link's place.
                assert!(!inside.contains('|'), "seed {seed}: {inside}");
            }
            let read = written.replace(['<', '>'], "");
            let read = read.replace("&lt;", "<").replace("&gt;", ">");
            assert_eq!(read.replace("&amp;", "&"), text, "seed {seed}");
        }
    }
}
