//! An address of a person, an account or a partner's endpoint, never shown in full by accident.

use crate::Refusal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of address it is; each channel carries one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressKind {
    /// An email address.
    Email,
    /// A mobile telephone number, E.164.
    Mobile,
    /// A landline: kept for the call sheet, never texted.
    Landline,
    /// A public account of the organisation itself, e.g. its Mastodon account.
    Account,
    /// A partner's webhook endpoint; the address is its URL.
    Endpoint,
}

impl AddressKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Email,
        Self::Mobile,
        Self::Landline,
        Self::Account,
        Self::Endpoint,
    ];

    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Mobile => "mobile",
            Self::Landline => "landline",
            Self::Account => "account",
            Self::Endpoint => "endpoint",
        }
    }

    /// The kind with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// One address in canonical form. `Debug` and `Display` show it masked.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    kind: AddressKind,
    text: String,
}

impl Address {
    /// An email address: one `@`, a domain of at least two labels, nothing that could end a header line
    /// (RFC 5321 §4.5.3.1: local part at most 64 octets, 254 in all). The domain is put in lower case.
    pub fn email(text: &str) -> Result<Self, Refusal> {
        let refuse = |why: &str| Refusal::new("email", "malformed_email", why);
        let text = text.trim_matches([' ', '\u{a0}', '\u{200b}', '\u{feff}', '<', '>']);
        let (local, domain) = text
            .rsplit_once('@')
            .ok_or_else(|| refuse("there is no @ in it"))?;
        let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        if local.is_empty() || local.len() > 64 || !local.chars().all(atom) {
            return Err(refuse(
                "the part before the @ has a character that cannot be used, or is too long",
            ));
        }
        if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
            return Err(refuse(
                "the part before the @ has a full stop in the wrong place",
            ));
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let labels: Vec<&str> = domain.split('.').collect();
        if labels.len() < 2 || !labels.iter().all(|l| label(l)) || local.len() + domain.len() > 253
        {
            return Err(refuse(
                "the part after the @ is not a domain name such as example.org",
            ));
        }
        Ok(Self {
            kind: AddressKind::Email,
            text: format!("{local}@{}", domain.to_ascii_lowercase()),
        })
    }

    /// A UK telephone number in any usual spelling, as E.164: a mobile, or a landline for the call sheet.
    ///
    /// Personal numbers (070), pagers (076 but not 07624) and premium numbers are refused. Ofcom's drama
    /// range 07700 900000–900999 is taken, because documentation and tests use it.
    pub fn uk_telephone(text: &str) -> Result<Self, Refusal> {
        let refuse = |why: &str| Refusal::new("telephone", "malformed_telephone", why);
        let national = national_digits(text).ok_or_else(|| {
            refuse("it is not a UK telephone number; only digits, spaces, +, - and brackets can be used")
        })?;
        let digits = |range: std::ops::Range<usize>| national.get(range).unwrap_or("");
        let kind = match (digits(0..1), digits(0..2), national.len()) {
            ("7", "70", 10) => {
                return Err(refuse(
                    "070 numbers are personal numbers and cost the caller extra",
                ));
            }
            ("7", "76", 10) if digits(0..4) != "7624" => {
                return Err(refuse("076 numbers are pagers"));
            }
            ("7", _, 10) => AddressKind::Mobile,
            ("1" | "2" | "3", _, 9 | 10) => AddressKind::Landline,
            ("8", "80", 9 | 10) => AddressKind::Landline,
            ("8" | "9", _, _) => {
                return Err(refuse("08 and 09 numbers are not a person's telephone"));
            }
            _ => return Err(refuse("it has too few or too many digits for a UK number")),
        };
        Ok(Self {
            kind,
            text: format!("+44{national}"),
        })
    }

    /// The organisation's own account behind a channel.
    pub fn account(channel: &str) -> Self {
        Self {
            kind: AddressKind::Account,
            text: channel.to_owned(),
        }
    }

    /// Somebody's account on a social network, as people write it: `@name@server`.
    pub fn handle(text: &str) -> Result<Self, Refusal> {
        let refuse = || {
            let why = "an account is written @name@server, such as @press@social.example.org";
            Refusal::new("account", "malformed_account", why)
        };
        let bare = text.trim();
        let bare = bare.strip_prefix('@').unwrap_or(bare);
        let name = bare.split_once('@').map_or("", |(name, _)| name);
        let plain = |sign: char| sign.is_ascii_alphanumeric() || "_.-".contains(sign);
        if name.is_empty() || !name.chars().all(plain) {
            return Err(refuse());
        }
        let Self { text, .. } = Self::email(bare).map_err(|_| refuse())?;
        Ok(Self {
            kind: AddressKind::Account,
            text: format!("@{text}"),
        })
    }

    /// A partner's endpoint. Whether the URL may be reached is decided by the outbound guard, not here.
    pub fn endpoint(url: &str) -> Result<Self, Refusal> {
        let refuse = |why: &str| Refusal::new("endpoint", "malformed_url", why);
        let parsed = url::Url::parse(url).map_err(|_| refuse("it is not a URL"))?;
        if !matches!(parsed.scheme(), "https" | "http") || parsed.host().is_none() {
            return Err(refuse("it must begin with https://"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(refuse("it must not carry a user name or password"));
        }
        Ok(Self {
            kind: AddressKind::Endpoint,
            text: parsed.to_string(),
        })
    }

    /// What the store decrypted: canonical by construction, checked when it was first read.
    pub fn stored(kind: AddressKind, text: String) -> Self {
        Self { kind, text }
    }

    /// What stands in place of a stored address that cannot be opened any more.
    pub fn unreadable(kind: AddressKind) -> Self {
        Self {
            kind,
            text: String::new(),
        }
    }

    /// Whether what was stored could not be opened.
    pub fn is_unreadable(&self) -> bool {
        self.text.is_empty()
    }

    /// Its kind.
    pub fn kind(&self) -> AddressKind {
        self.kind
    }

    /// The whole address: for sending, hashing and encrypting only.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Enough to recognise it, not enough to use it.
    pub fn masked(&self) -> String {
        match self.kind {
            AddressKind::Email => match self.text.rsplit_once('@') {
                Some((local, domain)) => {
                    format!("{}…@{domain}", local.chars().next().unwrap_or('…'))
                }
                None => "…".to_owned(),
            },
            AddressKind::Mobile | AddressKind::Landline => {
                let tail = self.text.len().saturating_sub(3);
                format!(
                    "{}…{}",
                    self.text.get(..5).unwrap_or(""),
                    self.text.get(tail..).unwrap_or("")
                )
            }
            AddressKind::Account => self.text.clone(),
            AddressKind::Endpoint => url::Url::parse(&self.text)
                .ok()
                .and_then(|url| {
                    url.host_str()
                        .map(|host| format!("{}://{host}/…", url.scheme()))
                })
                .unwrap_or_else(|| "…".to_owned()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.masked())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// The national significant number, or nothing when it is no UK number.
fn national_digits(text: &str) -> Option<String> {
    let blank = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}'
            )
    };
    let dash = |c: char| matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}');
    let mut plain = String::new();
    for sign in text.chars() {
        match sign {
            '0'..='9' | '+' => plain.push(sign),
            '(' | ')' | '.' => {}
            _ if blank(sign) || dash(sign) => {}
            _ => return None,
        }
    }
    // A plus anywhere but first, as in `0+447…`, is a slip of the keyboard; zeros before 44 are a dialling prefix.
    let digits: String = plain.chars().filter(char::is_ascii_digit).collect();
    let bare = digits.trim_start_matches('0');
    let foreign = plain.starts_with('+') && !bare.starts_with("44") && !bare.starts_with('7');
    let international = bare
        .strip_prefix("44")
        .filter(|rest| rest.trim_start_matches('0').len() >= 9);
    (!foreign).then(|| {
        international
            .unwrap_or(bare)
            .trim_start_matches('0')
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_of_a_mobile_is_one_number() {
        for text in [
            "07700 900123",
            "+44 (0)7700-900123",
            "0044 7700 900123",
            "447700900123",
            "7700900123",
            "0+447700900123",
            "000007700900123",
            "+07700900123",
            "07700\u{200b} 900\u{a0}123",
        ] {
            let address = Address::uk_telephone(text).unwrap();
            assert_eq!(
                (address.kind(), address.reveal()),
                (AddressKind::Mobile, "+447700900123"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_landline_is_kept_as_a_landline() {
        assert_eq!(
            Address::uk_telephone("020 7641 6000").unwrap().kind(),
            AddressKind::Landline
        );
        assert_eq!(
            Address::uk_telephone("07624 123456").unwrap().kind(),
            AddressKind::Mobile,
            "Isle of Man"
        );
    }

    #[test]
    fn numbers_nobody_should_be_texted_on_are_refused() {
        for text in [
            "070 1234 5678",
            "07600 123456",
            "0906 123 4567",
            "0871 123 4567",
            "60066",
            "+1 202 555 0123",
            "+371 2000 0000",
            "call me",
            "0770090012",
            "077009001234",
            "",
        ] {
            assert!(Address::uk_telephone(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_email_address_cannot_carry_a_second_header() {
        for text in [
            "a@x.uk\r\nBcc: v@y.uk",
            "a\n@x.uk",
            "a@b",
            "a..b@x.uk",
            ".a@x.uk",
            "\"q s\"@x.uk",
            "a@[127.0.0.1]",
            "a@-x.uk",
            "a b@x.uk",
            "@x.uk",
            "a@x..uk",
            "a@x.uk.",
            "ü@x.uk",
        ] {
            assert!(Address::email(text).is_err(), "{text:?}");
        }
        assert_eq!(
            Address::email(" Jo.Bloggs+list@Example.ORG ")
                .unwrap()
                .reveal(),
            "Jo.Bloggs+list@example.org"
        );
        assert!(Address::email(&format!("{}@x.uk", "a".repeat(65))).is_err());
    }

    #[test]
    fn an_address_is_masked_wherever_it_is_printed() {
        let email = Address::email("resident@example.org").unwrap();
        let mobile = Address::uk_telephone("07700900123").unwrap();
        let endpoint = Address::endpoint("https://partner.example.org/hooks/secret").unwrap();
        let printed = format!("{email} {email:?} {mobile} {mobile:?} {endpoint} {endpoint:?}");
        for secret in ["resident", "900123", "hooks"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
}
