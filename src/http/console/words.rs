//! Numbers and times as people say them.

/// `18,432`.
pub(crate) fn many(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 3 == first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number that shows itself in groups of three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Many(pub(crate) u64);

impl std::fmt::Display for Many {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&many(self.0))
    }
}

/// How long something will last: `about 9 minutes`.
pub(crate) fn about(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 10.0 => "a few seconds".to_owned(),
        seconds if seconds < 90.0 => format!("about {:.0} seconds", (seconds / 10.0).ceil() * 10.0),
        seconds if seconds < 5400.0 => format!("about {:.0} minutes", (seconds / 60.0).ceil()),
        seconds => format!("about {:.0} hours", (seconds / 3600.0).ceil()),
    }
}

/// What is left: empty when nothing is, `working out` while nobody can say.
pub(crate) fn left(eta_seconds: Option<f64>, pending: u64) -> String {
    match eta_seconds {
        _ if pending == 0 => String::new(),
        None => "working out".to_owned(),
        Some(seconds) => about(seconds),
    }
}

/// A speed: `12.5`, `850`.
pub(crate) fn speed(per_second: f64) -> String {
    let whole = per_second >= 100.0 || (per_second - per_second.round()).abs() < 0.05;
    if whole {
        format!("{per_second:.0}")
    } else {
        format!("{per_second:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_in_threes() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (18_432, "18,432"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(many(number), text);
        }
    }

    #[test]
    fn time_left_is_rounded_up_and_never_invented() {
        assert_eq!(left(None, 5), "working out");
        assert_eq!(left(Some(3.0), 5), "a few seconds");
        assert_eq!(left(Some(61.0), 5), "about 70 seconds");
        assert_eq!(left(Some(510.0), 5), "about 9 minutes");
        assert_eq!(left(Some(0.0), 0), "");
    }
}
