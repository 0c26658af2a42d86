//! What a person writes back by text: whether it says stop, start, or anything else.

use std::fmt;

/// Words that stop messages when they are all that was written, joined where they were written apart.
const STOP: [&str; 10] = [
    "STOP",
    "STOPALL",
    "UNSUBSCRIBE",
    "CANCEL",
    "END",
    "QUIT",
    "OPTOUT",
    "REVOKE",
    "ARRET",
    "ARRÊT",
];
/// Words that let messages come again.
const START: [&str; 3] = ["START", "UNSTOP", "YES"];
/// People write `STOP please` and `stop it now`; more words than this are a letter.
const FEW_WORDS: usize = 3;

/// What a person wants by what they wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// No more messages.
    Stop,
    /// Messages again.
    Start,
    /// Something that a person would have to read.
    Other,
}

impl Wish {
    /// What a text says. Stopping too much is the safe error, so `STOP` counts before up to two more words.
    pub fn of(text: &str) -> Self {
        let upper: String = text.chars().flat_map(char::to_uppercase).collect();
        let mut words: Vec<String> = upper
            .split(|sign: char| !sign.is_alphanumeric() && sign != '-')
            .map(|word| word.replace('-', ""))
            .filter(|word| !word.is_empty())
            .take(FEW_WORDS + 1)
            .collect();
        if words.len() > FEW_WORDS {
            return Self::Other;
        }
        if words.first().is_some_and(|word| word == "STOP") {
            return Self::Stop;
        }
        let joined = words.concat();
        if STOP.contains(&joined.as_str()) {
            return Self::Stop;
        }
        match words.pop() {
            Some(word) if words.is_empty() && START.contains(&word.as_str()) => Self::Start,
            Some(_) | None => Self::Other,
        }
    }
}

/// A text that somebody sent to one of our numbers, as an adapter read it from a verified callback. What was written is
/// not kept: only what it asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Inbound {
    /// The telephone number that it came from, as the provider writes it.
    pub from: String,
    /// The provider's identifier, the same when it is reported again.
    pub id: String,
    /// What it asks for.
    pub wish: Wish,
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound")
            .field("id", &self.id)
            .field("wish", &self.wish)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Wish;

    #[test]
    fn vector_stop_is_understood_however_it_is_written() {
        let long = format!("stop {}", "and read this letter ".repeat(70));
        for text in [
            "STOP",
            "Stop.",
            " sTOP please",
            "STOP ALL",
            "stopall",
            "Unsubscribe!",
            "cancel",
            "End",
            "quit",
            "opt-out",
            "OPT OUT",
            "Revoke",
            "stop it now",
            "\u{feff}STOP\r\n",
            "\"STOP\"",
            "Arrêt",
        ] {
            assert_eq!(Wish::of(text), Wish::Stop, "{text:?}");
        }
        for text in ["START", "unstop", " Yes. "] {
            assert_eq!(Wish::of(text), Wish::Start, "{text:?}");
        }
        for text in [
            "",
            "...",
            "yes please",
            "Why did the phones stop",
            "the end is near",
            "stopping",
            "cancel my appointment",
            "HELP",
            "do not start",
            &long,
        ] {
            assert_eq!(Wish::of(text), Wish::Other, "{text:?}");
        }
    }

    #[test]
    fn what_was_written_and_by_whom_is_not_printed() {
        let inbound = super::Inbound {
            from: "447700900123".to_owned(),
            id: "1".to_owned(),
            wish: Wish::Stop,
        };
        assert_eq!(
            format!("{inbound:?}"),
            "Inbound { id: \"1\", wish: Stop, .. }"
        );
    }
}
