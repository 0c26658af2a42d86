//! XML documents: rendered, and rid of the few signs that no XML document may hold.

use crate::page::render;
use crate::problem::Problem;
use askama::Template;

/// A document as text. Signs outside of XML 1.0 §2.2 are left out: they cannot even be written as references.
pub(super) fn document(template: &impl Template) -> Result<String, Problem> {
    let mut text = render(template)?;
    text.retain(is_allowed);
    Ok(text)
}

fn is_allowed(sign: char) -> bool {
    matches!(sign, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_xml_10_section_2_2_which_signs_are_allowed() {
        for sign in [
            '\t',
            '\n',
            '\r',
            ' ',
            '\u{d7ff}',
            '\u{e000}',
            '\u{fffd}',
            '\u{10000}',
            '\u{10ffff}',
        ] {
            assert!(is_allowed(sign), "{sign:?}");
        }
        for sign in ['\0', '\u{b}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
            assert!(!is_allowed(sign), "{sign:?}");
        }
    }
}
