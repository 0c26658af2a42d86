//! Who runs this instance and how residents know that a message is theirs.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The organisation, as configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Full name, e.g. `Westminster City Council`.
    pub name: String,
    /// ONS nine-character area code, e.g. `E09000033`.
    #[serde(default)]
    pub gss: String,
    /// The number residents call when nothing else works.
    #[serde(default)]
    pub contact_telephone: String,
    /// Host name of the public site, without scheme.
    pub public_host: String,
    /// Base URL of the public site, without a slash at the end.
    pub public_url: String,
    /// IANA time zone in which times are shown, e.g. `Europe/London`.
    pub time_zone: String,
    /// Days on which no telephone is answered whatever its hours: bank holidays.
    #[serde(default)]
    pub closed_on: Vec<Date>,
}
