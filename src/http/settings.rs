//! Where this instance listens, under which names, and with which token.

use oyez_domain::Refusal;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The shortest token that can be called one: 128 bits in base64.
const SHORTEST_TOKEN: usize = 22;

/// The `[http]` table of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSettings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How people reach the console and programs the API, without a slash at the end; empty means `http://{listen}`.
    pub base_url: String,
    /// Further host names under which requests are answered, e.g. a container's name.
    pub hosts: Vec<String>,
    /// The token that opens API and console. Without one, only the control socket does.
    pub token: Option<SecretString>,
    /// A file that holds the token, instead of `token`.
    pub token_file: Option<PathBuf>,
    /// Connections at a time, without those kept for console, API and what providers tell (see [`crate::connections_at_most`]).
    pub connections: usize,
    /// The largest import taken, in megabytes.
    pub import_megabytes: usize,
    /// The `[public]` table, put here by whoever serves.
    #[serde(skip)]
    pub public: PublicSettings,
}

/// The `[public]` table of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PublicSettings {
    /// The folder into which the public site is written as files after every change, if any.
    pub export_dir: Option<PathBuf>,
}

impl PublicSettings {
    /// Every fault, with `public.` as the prefix. What stands in `data_dir` must never be published.
    pub fn check(&self, data_dir: &Path) -> Vec<Refusal> {
        let Some(folder) = &self.export_dir else {
            return Vec::new();
        };
        let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let (there, secret) = (whole(folder), whole(data_dir));
        let why = if folder.as_os_str().is_empty() {
            "name a folder, or leave the key out"
        } else if there.starts_with(&secret) || secret.starts_with(&there) {
            "it holds store.data_dir or lies within it: a web server that shows one would show the other; choose another folder"
        } else {
            return Vec::new();
        };
        vec![Refusal::new("public.export_dir", "unusable", why)]
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            base_url: String::new(),
            hosts: Vec::new(),
            token: None,
            token_file: None,
            connections: 2048,
            import_megabytes: 64,
            public: PublicSettings::default(),
        }
    }
}

impl HttpSettings {
    /// Every fault, with `http.` as the prefix. Whoever reads `token_file` puts the secret into `token` afterwards.
    pub fn check(&self) -> Vec<Refusal> {
        let mut faults = Vec::new();
        let mut refuse = |key: &str, code: &str, why: &str| {
            faults.push(Refusal::new(format!("http.{key}"), code, why));
        };
        if !self.base_url.is_empty() {
            match url::Url::parse(&self.base_url) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                    if self.base_url.ends_with('/') || url.path() != "/" || url.query().is_some() {
                        refuse(
                            "base_url",
                            "malformed_url",
                            "leave out everything after the host and port",
                        );
                    }
                }
                Ok(_) | Err(_) => {
                    refuse(
                        "base_url",
                        "malformed_url",
                        "it must look like https://console.example.gov.uk",
                    );
                }
            }
        }
        if self.token.is_some() && self.token_file.is_some() {
            refuse(
                "token",
                "given_twice",
                "both token and token_file are set; keep one of them",
            );
        }
        if self
            .token
            .as_ref()
            .is_some_and(|token| token.expose_secret().len() < SHORTEST_TOKEN)
        {
            refuse(
                "token",
                "too_short",
                "use at least 22 random characters, e.g. from: openssl rand -base64 24",
            );
        }
        if !(1..=100_000).contains(&self.connections) {
            refuse(
                "connections",
                "out_of_range",
                "must be between 1 and 100000",
            );
        }
        if !(1..=1024).contains(&self.import_megabytes) {
            refuse(
                "import_megabytes",
                "out_of_range",
                "must be between 1 and 1024",
            );
        }
        faults
    }

    /// The base URL in force.
    pub fn base(&self) -> String {
        if self.base_url.is_empty() {
            format!("http://{}", self.listen)
        } else {
            self.base_url.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(json: &str) -> Vec<String> {
        let settings: HttpSettings = serde_json::from_str(json).unwrap();
        settings
            .check()
            .into_iter()
            .map(|fault| fault.field)
            .collect()
    }

    #[test]
    fn all_faults_are_named_at_once() {
        assert_eq!(
            faults(r#"{"base_url":"https://x.uk/","token":"short","connections":0}"#),
            ["http.base_url", "http.token", "http.connections"]
        );
        assert!(faults("{}").is_empty());
        assert!(faults(r#"{"base_url":"https://console.example.gov.uk"}"#).is_empty());
    }

    #[test]
    fn the_public_folder_is_no_place_for_secrets() {
        let refused = |folder: &str, data: &str| {
            let settings = PublicSettings {
                export_dir: Some(folder.into()),
            };
            !settings.check(Path::new(data)).is_empty()
        };
        assert!(refused("", "/var/lib/oyez"));
        assert!(refused("/var/lib/oyez", "/var/lib/oyez"));
        assert!(refused("/var/lib/oyez/public", "/var/lib/oyez"));
        assert!(refused("/var/lib", "/var/lib/oyez"));
        assert!(!refused("/var/lib/oyez-public", "/var/lib/oyez"));
    }

    #[test]
    fn a_token_is_never_printed() {
        let settings: HttpSettings =
            serde_json::from_str(r#"{"token":"wE3nqk0pS3cretS3cretS3cret"}"#).unwrap();
        assert!(!format!("{settings:?}").contains("S3cret"));
    }
}
