//! Telephone numbers keep their digits in order where a text is read from right to left.
//!
//! Between Arabic words, `020 7641 6000` is drawn as `6000 7641 020`: the Unicode bidirectional algorithm (UAX #9) sees
//! three numbers and sets them from right to left. Kept together, they are one.

use std::ops::Range;

/// Before a number: what follows is read from left to right, up to the next sign of another direction.
const LEFT_TO_RIGHT_MARK: char = '\u{200e}';
const ISOLATE: char = '\u{2066}';
const END_OF_ISOLATE: char = '\u{2069}';
const NO_BREAK_SPACE: char = '\u{a0}';

/// Whether a language is written from right to left, by its primary subtag.
pub fn is_right_to_left(language: &str) -> bool {
    let primary = language.split('-').next().unwrap_or("");
    ["ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"].contains(&primary)
}

/// Whether a text has letters that are written from right to left.
pub fn has_right_to_left(text: &str) -> bool {
    text.contains(|sign| matches!(sign, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}'))
}

/// Where telephone numbers stand that are written in groups: 7 to 15 digits that begin with 0 or a plus sign, and the
/// helplines 116 xxx.
pub fn telephones(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some((before, rest)) = text.split_at_checked(at) {
        let Some((skipped, run)) = next_run(rest) else {
            break;
        };
        let number = run.trim_end_matches(|sign| !is_digit(sign));
        let open = number.matches('(').count() > number.matches(')').count();
        let bracket = usize::from(open && number.starts_with('('));
        let number = number.get(bracket..).unwrap_or("");
        let start = at + skipped + bracket;
        let end = start + number.len();
        let joined = |sign: char| sign.is_alphanumeric() || "./-".contains(sign);
        let head = rest
            .get(..skipped)
            .filter(|head| !head.is_empty())
            .unwrap_or(before);
        let apart = !head.ends_with(joined)
            && !text
                .get(end..)
                .unwrap_or("")
                .starts_with(char::is_alphanumeric);
        if apart && is_telephone(number) {
            found.push(start..end);
        }
        at += skipped + run.len();
    }
    found
}

/// The next run of signs that numbers are made of, and how many bytes stand before it.
fn next_run(text: &str) -> Option<(usize, &str)> {
    let start = text.find(|sign| is_digit(sign) || sign == '+' || sign == '(')?;
    let rest = text.get(start..)?;
    let end = rest.find(|sign| !belongs(sign)).unwrap_or(rest.len());
    Some((start, rest.get(..end)?))
}

/// For text that programs draw: each number in an isolate of its own.
pub fn isolated(text: &str) -> String {
    rewritten(text, |number| format!("{ISOLATE}{number}{END_OF_ISOLATE}"))
}

/// For text messages and posts: the groups of each number are held together by no-break spaces. Nothing is longer,
/// but for numbers with other signs in them than digits and spaces, which take a mark.
pub fn unbroken(text: &str) -> String {
    rewritten(text, |number| {
        let plain = number.chars().all(|sign| is_digit(sign) || is_space(sign));
        let mark = (!plain).then_some(LEFT_TO_RIGHT_MARK);
        let together = number
            .chars()
            .map(|sign| if is_space(sign) { NO_BREAK_SPACE } else { sign });
        mark.into_iter().chain(together).collect()
    })
}

fn rewritten(text: &str, how: impl Fn(&str) -> String) -> String {
    let (mut written, mut seen) = (String::with_capacity(text.len() + 16), 0);
    for place in telephones(text) {
        let before = text.get(seen..place.start).unwrap_or("");
        let number = text.get(place.clone()).unwrap_or("");
        written.push_str(before);
        // An author who has put a mark there knows why.
        if before.ends_with([ISOLATE, LEFT_TO_RIGHT_MARK]) {
            written.push_str(number);
        } else {
            written.push_str(&how(number));
        }
        seen = place.end;
    }
    written.push_str(text.get(seen..).unwrap_or(""));
    written
}

fn belongs(sign: char) -> bool {
    is_digit(sign) || is_space(sign) || matches!(sign, '+' | '(' | ')' | '-' | '\u{2011}')
}

fn is_space(sign: char) -> bool {
    sign == ' ' || sign == NO_BREAK_SPACE
}

fn is_digit(sign: char) -> bool {
    matches!(sign, '0'..='9' | '\u{660}'..='\u{669}' | '\u{6f0}'..='\u{6f9}')
}

fn is_telephone(number: &str) -> bool {
    let digits: Vec<char> = number.chars().filter(|sign| is_digit(*sign)).collect();
    let zero = matches!(digits.first(), Some('0' | '\u{660}' | '\u{6f0}'));
    let alone = number.chars().skip(1).all(|sign| sign != '+');
    let helpline = number.starts_with("116") && digits.len() == 6;
    let grouped = number.contains(|sign| !is_digit(sign));
    grouped
        && alone
        && (helpline || ((zero || number.starts_with('+')) && (7..=15).contains(&digits.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_bidi::{BidiInfo, Level};

    /// The text as it is drawn, from left to right, in a paragraph of this direction.
    fn drawn(text: &str, paragraph: Level) -> String {
        let info = BidiInfo::new(text, Some(paragraph));
        let paragraph = &info.paragraphs[0];
        let visible = |sign: char| !matches!(sign, LEFT_TO_RIGHT_MARK | ISOLATE | END_OF_ISOLATE);
        let line = info.reorder_line(paragraph, paragraph.range.clone());
        line.replace(NO_BREAK_SPACE, " ")
            .chars()
            .filter(|sign| visible(*sign))
            .collect()
    }

    const NUMBERS: [&str; 8] = [
        "020 7641 6000",
        "0800 358 3783",
        "+44 20 7641 6000",
        "(020) 7641 6000",
        "020-7641-6000",
        "0800 1111",
        "116 123",
        "+44 (0)20 7641 6000",
    ];

    #[test]
    fn vector_a_number_between_arabic_words_is_drawn_wrong_as_it_stands() {
        assert!(drawn("اتصل 020 7641 6000 الآن", Level::rtl()).contains("6000 7641 020"));
        assert!(drawn("اتصل +44 20 7641 6000", Level::rtl()).contains("6000 7641 20 44+"));
    }

    #[test]
    fn digits_keep_their_order_in_right_to_left_text() {
        for number in NUMBERS {
            for text in [
                format!("اتصل {number} الآن"),
                format!("اتصل على {number}."),
                format!("{number} اتصل"),
                format!("Call التفاصيل {number}, or 101"),
                format!("({number}) חייגו"),
            ] {
                for paragraph in [Level::rtl(), Level::ltr()] {
                    let (text_drawn, post_drawn) = (
                        drawn(&isolated(&text), paragraph),
                        drawn(&unbroken(&text), paragraph),
                    );
                    assert!(text_drawn.contains(number), "{number} in {text_drawn}");
                    assert!(post_drawn.contains(number), "{number} in {post_drawn}");
                }
            }
        }
    }

    #[test]
    fn a_number_in_a_text_message_grows_by_nothing_but_a_mark_where_it_has_to() {
        assert_eq!(
            unbroken("اتصل 020 7641 6000"),
            "اتصل 020\u{a0}7641\u{a0}6000"
        );
        assert_eq!(
            unbroken("+44 20 7641 6000"),
            "\u{200e}+44\u{a0}20\u{a0}7641\u{a0}6000"
        );
        assert_eq!(
            unbroken(&unbroken("+44 20 7641 6000")),
            unbroken("+44 20 7641 6000")
        );
        assert_eq!(
            isolated(&isolated("020 7641 6000")),
            isolated("020 7641 6000")
        );
    }

    #[test]
    fn what_is_no_telephone_number_is_left_alone() {
        for text in [
            "24 11 2025",
            "call 999 24 hours",
            "7QX-4HM",
            "2025-11-24",
            "£1 000 000",
            "00 11",
            "07700900123",
            "9 to 5",
            "+",
            "(",
            "https://a.org/020 7641 6000b",
            "x020 7641 6000",
            "020 7641 6000 1234 5678 9",
        ] {
            assert_eq!(telephones(text), [], "{text}");
        }
        assert_eq!(telephones("a 020 7641 6000, b").first(), Some(&(2..15)));
    }
}
