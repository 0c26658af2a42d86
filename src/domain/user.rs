//! A person of the organisation who may sign in, and what each may do.

use crate::Refusal;
use crate::address::Address;
use crate::id::UserId;
use crate::text::Line;
use crate::time::Wall;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Something a user may do. Whoever may sign in may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Write updates and hand them in for approval.
    Write,
    /// Approve what others wrote, and put it out.
    Approve,
    /// Stop and hold. Whoever writes or approves may do it too: a stop must never wait for somebody.
    Stop,
    /// Look after the people who get messages.
    Subscribers,
    /// Look after services.
    Services,
    /// Look after users, channels and the system.
    Settings,
    /// Make keys for programs.
    Api,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 7] = [
        Self::Write,
        Self::Approve,
        Self::Stop,
        Self::Subscribers,
        Self::Services,
        Self::Settings,
        Self::Api,
    ];

    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Approve => "approve",
            Self::Stop => "stop",
            Self::Subscribers => "subscribers",
            Self::Services => "services",
            Self::Settings => "settings",
            Self::Api => "api",
        }
    }
}

impl std::str::FromStr for Permission {
    type Err = Refusal;
    fn from_str(code: &str) -> Result<Self, Refusal> {
        let found = Self::ALL.into_iter().find(|known| known.code() == code);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::code).join(", ");
            Refusal::new(
                "permissions",
                "unknown_permission",
                format!("{code:?} is none of {known}"),
            )
        })
    }
}

/// What one user may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// All there are.
    pub fn all() -> Self {
        Self(Permission::ALL.into_iter().collect())
    }

    /// Those with these codes; every unknown one is named.
    pub fn parse<'a>(codes: impl IntoIterator<Item = &'a str>) -> Result<Self, Vec<Refusal>> {
        let (mut given, mut faults) = (BTreeSet::new(), Vec::new());
        for code in codes {
            match code.trim().parse() {
                Ok(permission) => drop(given.insert(permission)),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() {
            Ok(Self(given))
        } else {
            Err(faults)
        }
    }

    /// Their codes, in order.
    pub fn codes(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|permission| permission.code())
    }

    /// Whether this may be done.
    pub fn allow(&self, permission: Permission) -> bool {
        let speaks = self.0.contains(&Permission::Write) || self.0.contains(&Permission::Approve);
        self.0.contains(&permission) || (permission == Permission::Stop && speaks)
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("view only");
        }
        f.write_str(&self.codes().collect::<Vec<_>>().join(", "))
    }
}

/// A person of the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Identifier.
    pub id: UserId,
    /// Signs in with it.
    pub email: Address,
    /// What colleagues call the person, at most 60 characters.
    pub name: Line,
    /// What the person may do.
    pub permissions: Permissions,
    /// Whether the person may no longer sign in.
    pub disabled: bool,
    /// Whether password and second factor are set up.
    pub ready: bool,
    /// Since when there is an account.
    pub created_at: Wall,
}

impl User {
    /// The name in the audit trail. It has no personal data in it.
    pub fn actor(&self) -> String {
        format!("user:{}", self.id)
    }

    /// Whether the person may do this now.
    pub fn may(&self, permission: Permission) -> bool {
        !self.disabled && self.permissions.allow(permission)
    }
}

/// A new user as somebody hands it in: nothing checked yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserDraft {
    /// Email address, unique.
    pub email: String,
    /// What colleagues call the person.
    pub name: String,
    /// Codes of permissions; none means that the person may look only.
    #[serde(default)]
    pub permissions: Vec<String>,
}

impl UserDraft {
    /// The user, or every fault found.
    pub fn check(self, id: UserId, now: Wall) -> Result<User, Vec<Refusal>> {
        let mut faults = Vec::new();
        let email = crate::text::keep(Address::email(&self.email), &mut faults);
        let name = crate::text::keep(Line::parse("name", &self.name, 60), &mut faults);
        let permissions = Permissions::parse(self.permissions.iter().map(String::as_str))
            .map_err(|more| faults.extend(more))
            .ok();
        match (email, name, permissions) {
            (Some(email), Some(name), Some(permissions)) => Ok(User {
                id,
                email,
                name,
                permissions,
                disabled: false,
                ready: false,
                created_at: now,
            }),
            _ => Err(faults),
        }
    }
}

/// The shortest password, in characters (OWASP ASVS 5.0, 6.2.1 and 6.2.9 ask for 8 and advise 15).
const SHORTEST: usize = 12;
/// The longest password, in characters (ASVS 6.2.9).
const LONGEST: usize = 128;
/// What makes a password easy to guess wherever it is most of it.
const COMMON: [&str; 14] = [
    "password",
    "passw0rd",
    "letmein",
    "welcome",
    "qwerty",
    "qwertyuiop",
    "iloveyou",
    "abc123",
    "123456",
    "1234567890",
    "admin",
    "council",
    "oyez",
    "monkey",
];

/// Whether a password may be used, judged by length and by what attackers try first; there are no rules about
/// which characters it is made of (ASVS 6.2.5). `context` is what belongs to the place: names, the organisation.
///
/// # Errors
/// Field `password`, in words that say what to do.
pub fn check_password(password: &str, context: &[&str]) -> Result<(), Refusal> {
    let refuse = |code: &str, why: String| Err(Refusal::new("password", code, why));
    let length = password.chars().count();
    if length < SHORTEST {
        let why = format!("use at least {SHORTEST} characters; three or four words are good");
        return refuse("too_short", why);
    }
    if length > LONGEST {
        return refuse("too_long", format!("use at most {LONGEST} characters"));
    }
    let plain = password.to_lowercase();
    let words = context
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let words = words
        .filter(|word| word.chars().count() > 3)
        .map(str::to_lowercase);
    let known = COMMON.into_iter().map(str::to_owned).chain(words);
    // What is left when every easy part is taken out has to be hard by itself.
    let rest = known.fold(plain, |rest, word| rest.replace(&word, ""));
    let different: BTreeSet<char> = rest.chars().filter(|c| !c.is_whitespace()).collect();
    if different.len() < 5 {
        let why = "it is easy to guess: it is made of common words, names of this place or few different characters";
        return refuse("easy_to_guess", why.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_writes_or_approves_may_stop() {
        for code in ["write", "approve", "stop"] {
            let permissions = Permissions::parse([code]).unwrap();
            assert!(permissions.allow(Permission::Stop), "{code}");
        }
        let others = Permissions::parse(["subscribers", "services", "settings", "api"]).unwrap();
        assert!(!others.allow(Permission::Stop));
        assert!(
            !Permissions::parse(["write"])
                .unwrap()
                .allow(Permission::Approve)
        );
        assert_eq!(
            Permissions::parse(["write", "fly", "sing"])
                .unwrap_err()
                .len(),
            2
        );
    }

    #[test]
    fn passwords_are_judged_by_length_and_by_how_soon_they_are_guessed() {
        let place = ["Westminster City Council", "Amina Khan"];
        for (password, code) in [
            ("short", "too_short"),
            ("aaaaaaaaaaaaaaaa", "easy_to_guess"),
            ("Password123456", "easy_to_guess"),
            ("WestminsterCouncil1", "easy_to_guess"),
            ("aminakhan2026", "easy_to_guess"),
        ] {
            let refused = check_password(password, &place).unwrap_err();
            assert_eq!(refused.code, code, "{password}");
        }
        for password in [
            "correct horse battery",
            "tr0ub4dor & three",
            "ŵyneb haul y bore",
        ] {
            assert_eq!(check_password(password, &place), Ok(()), "{password}");
        }
        assert_eq!(
            check_password(&"é".repeat(129), &[]).unwrap_err().code,
            "too_long"
        );
    }

    #[test]
    fn every_fault_of_a_new_user_is_named() {
        let id = UserId::new(Wall(0), [0; 10]);
        let draft = UserDraft {
            email: "nobody".to_owned(),
            name: String::new(),
            permissions: vec!["fly".to_owned()],
        };
        let faults = draft.check(id, Wall(0)).unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["email", "name", "permissions"]);
    }
}
