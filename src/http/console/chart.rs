//! The progress bar: parts whose widths add up, and the sentence that says the same.

use super::words::many;
use oyez_dispatch::progress::CountsView;

/// The width of a whole bar.
const WIDTH: u64 = 1000;

/// One part of a bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// What it stands for; the style sheet gives it a colour.
    pub(crate) class: &'static str,
    /// Where it begins.
    pub(crate) x: u64,
    /// How wide it is.
    pub(crate) width: u64,
}

/// A bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bar {
    /// The parts in order; the rest of the bar is what is pending.
    pub(crate) parts: Vec<Part>,
    /// The same in words.
    pub(crate) title: String,
}

impl Bar {
    /// The bar of `counts`.
    pub(crate) fn new(counts: &CountsView) -> Self {
        let (delivered, undelivered) = (
            counts.delivered.unwrap_or(0),
            counts.undelivered.unwrap_or(0),
        );
        let unsent = counts.suppressed + counts.stopped + counts.expired + counts.superseded;
        let shares = [
            ("delivered", "delivered", delivered),
            (
                "accepted",
                "accepted",
                counts.accepted.saturating_sub(delivered + undelivered),
            ),
            (
                "failed",
                "failed or not delivered",
                counts.failed + undelivered,
            ),
            ("unknown", "may have been sent", counts.unknown),
            ("unsent", "not sent", unsent),
        ];
        let mut x = 0;
        let mut parts = Vec::new();
        for (at, width) in widths(&shares.map(|(_, _, many)| many), counts.asked)
            .into_iter()
            .enumerate()
        {
            let class = shares.get(at).map_or("", |(class, _, _)| class);
            if width > 0 {
                parts.push(Part { class, x, width });
            }
            x += width;
        }
        let mut said: Vec<_> = shares
            .iter()
            .filter(|(_, _, share)| *share > 0)
            .map(|(_, word, share)| format!("{word} {}", many(*share)))
            .collect();
        said.push(format!("waiting {}", many(counts.pending)));
        Self {
            parts,
            title: format!("Of {}: {}", many(counts.asked), said.join(", ")),
        }
    }
}

/// Shares of the whole width: never more than it in sum, and never nothing for something.
fn widths(shares: &[u64], asked: u64) -> Vec<u64> {
    let width = |share: u64| match share {
        0 => 0,
        share => (share.saturating_mul(WIDTH) / asked.max(1)).max(4),
    };
    let mut widths: Vec<u64> = shares.iter().map(|share| width(*share)).collect();
    let over = widths.iter().sum::<u64>().saturating_sub(WIDTH);
    if let Some(widest) = widths.iter_mut().max() {
        *widest = widest.saturating_sub(over);
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;
    use oyez_domain::broadcast::Counts;
    use oyez_domain::receipt::Receipts;

    #[test]
    fn a_bar_is_never_longer_than_the_whole_and_shows_the_smallest_failure() {
        let counts = Counts {
            asked: 100_000,
            accepted: 99_998,
            failed: 1,
            unknown: 1,
            ..Counts::default()
        };
        let bar = Bar::new(&CountsView::new(&counts, Receipts::None));
        assert_eq!(bar.parts.iter().map(|part| part.width).sum::<u64>(), WIDTH);
        assert!(
            bar.parts
                .iter()
                .any(|part| part.class == "failed" && part.width >= 4)
        );
        assert_eq!(
            bar.title,
            "Of 100,000: accepted 99,998, failed or not delivered 1, may have been sent 1, waiting 0"
        );
    }

    #[test]
    fn an_empty_audience_has_an_empty_bar() {
        assert!(
            Bar::new(&CountsView::new(&Counts::default(), Receipts::OfAll))
                .parts
                .is_empty()
        );
    }
}
