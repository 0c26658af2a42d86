//! Why a text cannot be sent as it is, and what its author can do.

use super::Room;
use crate::Refusal;
use crate::channel::LengthUnit;
use crate::rendered::Offer;
use crate::text::fold::{Folding, list, named};
use crate::text::sentence::sentences;

/// The code of the refusal that goes away when a person accepts the foldings it names.
pub const UNCONFIRMED: &str = "folding_unconfirmed";

/// Signs that a refusal names before it stops.
const NAMED: usize = 8;

impl Room<'_> {
    /// `missed` is by how much the shortest form of `wording` is too long.
    pub(super) fn too_long(
        &self,
        missed: (u32, LengthUnit),
        wording: &str,
        short: bool,
        offer: Option<Offer>,
    ) -> Refusal {
        let (excess, unit) = missed;
        let unit = match unit {
            LengthUnit::Byte => LengthUnit::Byte,
            // The units that parts are made of are characters to their author.
            LengthUnit::Part | LengthUnit::Grapheme | LengthUnit::Weight | LengthUnit::Utf16 => {
                LengthUnit::Grapheme
            }
        };
        let mut why = format!(
            "{excess} {} too long for {}",
            unit.label(excess),
            self.channel
        );
        if sentences(wording).len() > 1 {
            why.push_str(", even when it is cut to its first sentence");
        }
        why.push_str(if short {
            "; shorten its short version"
        } else {
            "; shorten the text or write a short version"
        });
        if let Some(offer) = offer {
            why.push_str(&format!(
                ", or accept that {}, and it fits",
                list(&offer.foldings)
            ));
        }
        Refusal::new("update", "too_long", why)
    }

    /// `left` are signs that the gateway has no place for and that nothing plainer can stand for.
    pub(super) fn not_carried(&self, left: &[char]) -> Refusal {
        let signs: Vec<_> = left.iter().take(NAMED).map(|sign| named(*sign)).collect();
        let more = if left.len() > NAMED {
            " and others"
        } else {
            ""
        };
        let why = format!(
            "{} cannot carry {}{more}; say it in other letters",
            self.channel,
            signs.join(" ")
        );
        Refusal::new("update", "not_carried", why)
    }

    pub(super) fn unconfirmed(&self, foldings: &[Folding]) -> Refusal {
        let why = format!(
            "{} cannot carry every sign as it is: {}. Accept that (accept_folding), or change the text",
            self.channel,
            list(foldings)
        );
        Refusal::new("update", UNCONFIRMED, why)
    }
}
