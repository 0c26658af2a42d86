//! Until when a certificate is valid, read from its DER form (RFC 5280 §4.1) without a library for the rest of it.

use oyez_domain::time::Wall;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of the validity of a certificate; nothing when this is no certificate.
pub(crate) fn not_after(der: &[u8]) -> Option<Wall> {
    let (certificate, _) = inside(der, SEQUENCE)?;
    let (mut fields, _) = inside(certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        fields = after(fields)?;
    }
    // Serial number, algorithm, issuer; then from when and until when.
    for _ in 0..3 {
        fields = after(fields)?;
    }
    let (validity, _) = inside(fields, SEQUENCE)?;
    let (tag, text, _) = element(after(validity)?)?;
    moment(tag, std::str::from_utf8(text).ok()?)
}

/// `491231235959Z` of this century until 2049, else of the last one; or with the whole year.
fn moment(tag: u8, text: &str) -> Option<Wall> {
    let whole = match tag {
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let civil = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", whole).ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Wall::from(zoned.timestamp()))
}

fn inside(bytes: &[u8], expected: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(bytes)?;
    (tag == expected).then_some((content, rest))
}

fn after(bytes: &[u8]) -> Option<&[u8]> {
    element(bytes).map(|(_, _, rest)| rest)
}

/// Tag, content and what follows of the first element.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        let length = digits
            .iter()
            .fold(0, |length, digit| (length << 8) | usize::from(*digit));
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use std::path::PathBuf;

    fn end(name: &str) -> Option<String> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus/tls");
        let certificate = CertificateDer::from_pem_file(folder.join(name)).unwrap();
        not_after(&certificate).map(Wall::rfc3339)
    }

    #[test]
    fn the_end_of_a_certificate_is_read_in_either_form_of_time() {
        for (name, until) in [
            ("good.pem", "2125-01-01T00:00:00Z"),
            ("expired.pem", "2025-01-01T00:00:00Z"),
            ("self_signed.pem", "2126-11-03T05:22:38Z"),
        ] {
            assert_eq!(end(name).as_deref(), Some(until), "{name}");
        }
    }

    #[test]
    fn nothing_that_is_cut_or_no_certificate_is_read_as_one() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus/tls");
        let whole = CertificateDer::from_pem_file(folder.join("expired.pem")).unwrap();
        for length in 0..whole.len() {
            let cut = whole.get(..length).unwrap();
            assert_eq!(not_after(cut), None, "{length} bytes");
        }
        assert_eq!(not_after(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(not_after(&[0x30, 0xff]), None);
    }
}
