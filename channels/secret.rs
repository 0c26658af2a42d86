//! Secrets from settings: given in place or in a file that nobody else may read.

use aws_lc_rs::constant_time;
use oyez_domain::Refusal;
use oyez_domain::parcel::Secret;
use oyez_domain::receipt::Callback;
use secrecy::{ExposeSecret, SecretString};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Larger files are no secrets, in bytes.
const LARGEST: u64 = 64 * 1024;

/// The secret `field`, given in place or by `{field}_file`; nothing when neither is set.
///
/// # Errors
/// When both are set, when it is empty, or when the file cannot be read or can be read by others.
pub(crate) fn optional(
    field: &str,
    inline: Option<&SecretString>,
    file: Option<&PathBuf>,
) -> Result<Option<Secret>, Refusal> {
    let text = match (inline, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(Refusal::new(
                field,
                "given_twice",
                format!("both {field} and {field}_file are set; keep one of them"),
            ));
        }
        (Some(secret), None) => secret.expose_secret().to_owned(),
        (None, Some(path)) => read(&format!("{field}_file"), path)?,
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(Refusal::new(
            field,
            "malformed_secret",
            format!("{field} is empty or has control characters in it"),
        ));
    }
    Ok(Some(Secret::new(text)))
}

/// The secret `field`, which must be there.
///
/// # Errors
/// As [`optional`], and when it is missing.
pub(crate) fn required(
    field: &str,
    inline: Option<&SecretString>,
    file: Option<&PathBuf>,
) -> Result<Secret, Refusal> {
    optional(field, inline, file)?.ok_or_else(|| {
        Refusal::new(
            field,
            "missing",
            format!("set {field}, or {field}_file with the path of a file that holds it"),
        )
    })
}

/// Whether a callback carries this secret as `Authorization: Bearer SECRET`.
pub(crate) fn is_borne(secret: &Secret, callback: &Callback<'_>) -> bool {
    let mut headers = callback.headers.iter();
    let given = headers
        .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .and_then(|(_, value)| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    given.is_some_and(|(_, token)| {
        let (token, expected) = (token.trim().as_bytes(), secret.reveal().as_bytes());
        constant_time::verify_slices_are_equal(token, expected).is_ok()
    })
}

/// The text of a file that nobody else may read.
///
/// # Errors
/// When it cannot be read, is no small file, or is open to others.
pub(crate) fn read(field: &str, path: &Path) -> Result<String, Refusal> {
    let refuse = |code: &str, why: String| Refusal::new(field, code, why);
    let unreadable = |error: std::io::Error| {
        refuse(
            "unreadable",
            format!("{} cannot be read: {error}", path.display()),
        )
    };
    let file = File::open(path).map_err(unreadable)?;
    let facts = file.metadata().map_err(unreadable)?;
    if !facts.is_file() || facts.len() > LARGEST {
        let why = format!("{} is not a file with a secret in it", path.display());
        return Err(refuse("unreadable", why));
    }
    if is_open_to_others(&facts) {
        let path = path.display();
        let why = format!("{path} can be read by others; run: chmod 600 {path}");
        return Err(refuse("open_to_others", why));
    }
    let mut text = String::new();
    file.take(LARGEST)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(text)
}

#[cfg(unix)]
fn is_open_to_others(facts: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    facts.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Result<Option<Secret>, Refusal>) -> String {
        result.unwrap_err().code
    }

    #[cfg(unix)]
    fn file(folder: &Path, text: &str, mode: u32) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.join("secret");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o600, 0o400] {
            let path = file(folder.path(), "s3cret\r\n", mode);
            let secret = optional("token", None, Some(&path)).unwrap().unwrap();
            assert_eq!(secret.reveal(), "s3cret");
            std::fs::remove_file(path).unwrap();
        }
        for mode in [0o640, 0o604, 0o644, 0o660] {
            let path = file(folder.path(), "s3cret", mode);
            let refusal = optional("token", None, Some(&path)).unwrap_err();
            assert_eq!(
                (refusal.field.as_str(), refusal.code.as_str()),
                ("token_file", "open_to_others")
            );
            assert!(!refusal.why.contains("s3cret"));
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    #[cfg(unix)]
    fn an_empty_or_missing_secret_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "\n", 0o600);
        assert_eq!(
            code(optional("token", None, Some(&path))),
            "malformed_secret"
        );
        let nowhere = folder.path().join("nowhere");
        assert_eq!(code(optional("token", None, Some(&nowhere))), "unreadable");
        assert_eq!(
            code(optional("token", None, Some(&folder.path().to_owned()))),
            "unreadable"
        );
        assert_eq!(required("token", None, None).unwrap_err().code, "missing");
        let inline = SecretString::from("a\nb");
        assert_eq!(
            code(optional("token", Some(&inline), None)),
            "malformed_secret"
        );
        assert_eq!(
            code(optional("token", Some(&inline), Some(&path))),
            "given_twice"
        );
    }
}
