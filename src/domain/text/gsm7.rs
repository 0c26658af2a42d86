//! The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038 §6.2.1); national tables are not used.

const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Signs behind an escape: two septets each.
const EXTENDED: &str = "\u{c}^{}\\[~]|€";

/// Septets of one sign, or nothing when the alphabet has no such sign.
pub fn septets(sign: char) -> Option<u32> {
    if sign.is_ascii_alphanumeric() || BASIC.contains(sign) {
        Some(1)
    } else {
        EXTENDED.contains(sign).then_some(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_the_alphabet_has_127_usable_signs_and_10_behind_an_escape() {
        assert_eq!(BASIC.chars().count(), 127);
        assert!(BASIC.chars().all(|sign| septets(sign) == Some(1)));
        assert_eq!(EXTENDED.chars().count(), 10);
        assert!(EXTENDED.chars().all(|sign| septets(sign) == Some(2)));
        let all = (0..=0xffff).filter_map(char::from_u32);
        assert_eq!(all.filter(|sign| septets(*sign).is_some()).count(), 137);
    }

    #[test]
    fn vector_signs_that_look_harmless_are_not_in_the_alphabet() {
        for sign in "ç`\t\u{1b}áíóúâêôŵŷ".chars() {
            assert_eq!(septets(sign), None, "{sign}");
        }
        assert_eq!(septets('Ç'), Some(1));
    }
}
