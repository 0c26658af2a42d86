//! Six-digit codes that change every 30 seconds (RFC 6238 with HMAC-SHA-1, as every authenticator app makes them).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use oyez_domain::time::Wall;

/// Seconds that a code lasts.
const STEP_SECONDS: u64 = 30;
/// Steps before and after the present one whose codes are taken (RFC 6238 §5.2 advises one).
const DRIFT: u64 = 1;

/// The step of time that a moment belongs to.
fn step_at(now: Wall) -> u64 {
    u64::try_from(now.0 / 1_000_000).unwrap_or(0) / STEP_SECONDS
}

/// The code of one step.
fn code(key: &[u8], step: u64) -> u32 {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let at = usize::from(bytes.last().copied().unwrap_or(0) & 0xf);
    let mut four = [0; 4];
    four.copy_from_slice(bytes.get(at..at + 4).unwrap_or(&[0; 4]));
    (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000
}

/// The step whose code somebody typed, if it is one of now. Spaces and hyphens in it do not matter. Whether the step was
/// used before is for the store to say.
pub(crate) fn step_of(key: &str, typed: &str, now: Wall) -> Option<u64> {
    let key = BASE32_NOPAD.decode(key.as_bytes()).ok()?;
    let typed: String = typed.chars().filter(char::is_ascii_digit).collect();
    let present = step_at(now);
    let near = present.saturating_sub(DRIFT)..=present + DRIFT;
    near.into_iter().find(|step| {
        let right = format!("{:06}", code(&key, *step));
        verify_slices_are_equal(right.as_bytes(), typed.as_bytes()).is_ok()
    })
}

/// What an authenticator app reads (the Key Uri Format that they share).
pub(crate) fn uri(key: &str, organisation: &str, email: &str) -> String {
    let part = |text: &str| {
        url::form_urlencoded::byte_serialize(text.as_bytes())
            .collect::<String>()
            .replace('+', "%20")
    };
    let (issuer, account) = (part(&format!("oyez {organisation}")), part(email));
    format!(
        "otpauth://totp/{issuer}:{account}?secret={key}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
    )
}

/// The code that an app shows so many steps from `now`.
#[cfg(test)]
pub(crate) fn code_after(key: &str, now: Wall, steps: i64) -> String {
    let key = BASE32_NOPAD.decode(key.as_bytes()).unwrap();
    format!(
        "{:06}",
        code(&key, step_at(now).saturating_add_signed(steps))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, SHA-1 rows, cut to six digits.
    #[test]
    fn vector_rfc_6238_appendix_b() {
        let key = b"12345678901234567890";
        for (seconds, expected) in [
            (59, 287_082),
            (1_111_111_109, 81_804),
            (1_111_111_111, 50_471),
            (1_234_567_890, 5_924),
            (2_000_000_000, 279_037),
            (20_000_000_000, 353_130),
        ] {
            let now = Wall(seconds * 1_000_000);
            assert_eq!(code(key, step_at(now)), expected, "{seconds}");
        }
    }

    #[test]
    fn a_code_is_taken_half_a_minute_early_and_late_and_not_longer() {
        let key = BASE32_NOPAD.encode(b"12345678901234567890");
        let at = |seconds: i64| Wall(seconds * 1_000_000);
        assert_eq!(step_of(&key, "287 082", at(59)), Some(1));
        assert_eq!(step_of(&key, "287082", at(89)), Some(1), "a step late");
        assert_eq!(step_of(&key, "287082", at(0)), Some(1), "a step early");
        assert_eq!(step_of(&key, "287082", at(91)), None);
        assert_eq!(step_of(&key, "", at(59)), None);
    }
}
