//! Configuration: embedded defaults, then files, then `OYEZ__…`; every fault at once, with file and key.

use crate::exit::{Exit, Failure};
use crate::network::NetworkSettings;
use crate::sections;
use crate::telemetry::LogSettings;
use config::{Config, Environment, File, FileFormat};
use oyez_channels::registry::Via;
use oyez_dispatch::settings::{ChannelSettings, EngineSettings, PaceSettings, check_on_unknown};
use oyez_domain::Refusal;
use oyez_domain::channel::{Capabilities, OnUnknown};
use oyez_domain::organisation::Organisation;
use oyez_domain::retry::RetryPolicy;
use oyez_http::{HttpSettings, PublicSettings};
use oyez_storage::StorageSettings;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every key with its default and what it means.
pub(crate) const DEFAULTS: &str = include_str!("../../config/default.toml");

/// The whole configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) organisation: Organisation,
    pub(crate) http: HttpSettings,
    pub(crate) public: PublicSettings,
    pub(crate) store: StorageSettings,
    pub(crate) engine: EngineSettings,
    pub(crate) network: NetworkSettings,
    pub(crate) log: LogSettings,
    #[serde(default)]
    pub(crate) channels: BTreeMap<String, ChannelConfig>,
}

/// One channel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChannelConfig {
    /// Switched off channels are checked and never used.
    #[serde(default = "on")]
    pub(crate) enabled: bool,
    #[serde(default)]
    pub(crate) pace: PaceSettings,
    #[serde(default)]
    pub(crate) retry: Option<RetryPolicy>,
    #[serde(default)]
    pub(crate) on_unknown: Option<OnUnknown>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) languages: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) price_pence: Option<f64>,
    /// With several providers: the first that works sends.
    #[serde(default, deserialize_with = "list")]
    pub(crate) failover: Option<Vec<String>>,
    /// With several providers: how much of what is sent each gets, compared with the others.
    #[serde(default)]
    pub(crate) split: Option<BTreeMap<String, u32>>,
    /// Its providers, in no order; read apart, because one that is wrong is not to hide the others.
    #[serde(skip)]
    pub(crate) via: Vec<Via>,
}

fn on() -> bool {
    true
}

/// A list, or a comma-separated text as the environment gives it.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        List(Vec<String>),
        Text(String),
    }
    Ok(Some(match Either::deserialize(deserializer)? {
        Either::List(list) => list,
        Either::Text(text) => text.split(',').map(|part| part.trim().to_owned()).collect(),
    }))
}

impl ChannelConfig {
    /// The engine's part, with the defaults of the kind's family.
    pub(crate) fn engine(&self) -> ChannelSettings {
        let usual = ChannelSettings::default();
        ChannelSettings {
            pace: self.pace,
            retry: self.retry.unwrap_or(usual.retry),
            on_unknown: self.on_unknown,
            languages: self.languages.clone().unwrap_or(usual.languages),
            price_pence: self.price_pence,
        }
    }
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// Files in order; a later one wins.
    pub(crate) files: Vec<PathBuf>,
    /// Further layers of TOML, e.g. the ports a demonstration found free.
    pub(crate) overlays: Vec<String>,
    /// The environment, as it is handed in.
    pub(crate) environment: BTreeMap<String, String>,
}

impl Sources {
    /// Files named on the command line and the real environment.
    #[expect(
        clippy::disallowed_methods,
        reason = "this file is the one place that reads the environment"
    )]
    pub(crate) fn from_process(files: &[PathBuf]) -> Self {
        Self {
            files: files.to_vec(),
            overlays: vec![],
            environment: std::env::vars().collect(),
        }
    }

    /// Reads every layer. Unknown keys, wrong types and missing files are faults.
    pub(crate) fn read(&self) -> Result<Settings, Failure> {
        let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        let mut files = Vec::new();
        for file in &self.files {
            let text = read_file(file)?;
            // Parsed here first, for an error that names file, line and column.
            Config::builder()
                .add_source(File::from_str(&text, FileFormat::Toml))
                .build()
                .map_err(|error| {
                    bad(
                        format!("{}: {error}", file.display()),
                        "mend the file; nothing was started",
                    )
                })?;
            builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
            files.push((file.clone(), text));
        }
        for overlay in &self.overlays {
            builder = builder.add_source(File::from_str(overlay, FileFormat::Toml));
        }
        let environment = self
            .environment
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let environment = Environment::with_prefix("OYEZ")
            .prefix_separator("__")
            .separator("__")
            .ignore_empty(true)
            .source(Some(environment));
        let config = builder
            .add_source(environment)
            .build()
            .map_err(|error| bad(error.to_string(), "config/default.toml explains every key"))?;
        sections::read(&config, &files)
    }
}

fn bad(what: impl Into<String>, help: &str) -> Failure {
    Failure::new(Exit::BadConfiguration, "bad_configuration", what, help)
}

fn read_file(file: &Path) -> Result<String, Failure> {
    const LIMIT: u64 = 1024 * 1024;
    let fault = |why: &str| {
        bad(
            format!("the configuration file {}: {why}", file.display()),
            "give its path with --config",
        )
    };
    let meta = std::fs::metadata(file).map_err(|error| fault(&error.to_string()))?;
    if !meta.is_file() || meta.len() > LIMIT {
        return Err(fault("is not a regular file of at most 1 MiB"));
    }
    std::fs::read_to_string(file).map_err(|error| fault(&error.to_string()))
}

/// The known word nearest to a mistyped one, if any is near enough.
pub(crate) fn nearest<T: AsRef<str>>(word: &str, known: &[T]) -> Option<String> {
    known
        .iter()
        .map(|known| (distance(word, known.as_ref()), known.as_ref()))
        .filter(|(distance, known)| *distance <= (known.chars().count() / 3).max(1))
        .min()
        .map(|(_, known)| known.to_owned())
}

/// How many insertions, deletions, changes and swaps of neighbours lie between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let swap = if swapped {
                    rows[i - 2][j - 2] + 1
                } else {
                    changed
                };
                changed
                    .min(swap)
                    .min(rows[i - 1][j] + 1)
                    .min(rows[i][j - 1] + 1)
            };
        }
    }
    rows[a.len()][b.len()]
}

impl Settings {
    /// What the doors of whoever sends need: they write the public site as files, too, if that is asked for.
    pub(crate) fn doors(&self) -> HttpSettings {
        HttpSettings {
            public: self.public.clone(),
            ..self.http.clone()
        }
    }

    /// Every fault in what was read, with its key.
    pub(crate) fn check(&self) -> Vec<Refusal> {
        let mut faults = self.engine.check();
        faults.extend(self.http.check());
        faults.extend(self.public.check(&self.store.data_dir));
        if self.organisation.name.trim().is_empty() {
            faults.push(Refusal::new(
                "organisation.name",
                "empty",
                "say who runs this instance",
            ));
        }
        let public = url::Url::parse(&self.organisation.public_url);
        if !public.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
            faults.push(Refusal::new(
                "organisation.public_url",
                "malformed_url",
                "it begins with https:// and names the public site, such as https://status.example.gov.uk",
            ));
        }
        if jiff::tz::TimeZone::get(&self.organisation.time_zone).is_err() {
            faults.push(Refusal::new(
                "organisation.time_zone",
                "unknown",
                "use an IANA name such as Europe/London",
            ));
        }
        faults.extend(self.network.check());
        for (name, channel) in &self.channels {
            faults.extend(channel.check_providers(&format!("channels.{name}")));
            if let Err(fault) = name.parse::<oyez_domain::channel::ChannelName>() {
                faults.push(Refusal {
                    field: format!("channels.{name}"),
                    ..fault
                });
            }
            let field = format!("channels.{name}");
            faults.extend(channel.engine().check(&field));
            let unsafe_twice =
                |kind: &Capabilities| check_on_unknown(channel.on_unknown, kind, &field);
            faults.extend(channel.kinds().find_map(unsafe_twice));
        }
        faults
    }
}

/// Many faults as one failure.
pub(crate) fn faults(faults: &[Refusal]) -> Failure {
    let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
    sections::failure(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str, environment: &[(&str, &str)]) -> Result<Settings, Failure> {
        let environment = environment
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Sources {
            files: vec![],
            overlays: vec![toml.to_owned()],
            environment,
        }
        .read()
    }

    #[test]
    fn the_defaults_alone_are_a_whole_configuration() {
        let settings = read("", &[]).unwrap();
        assert_eq!(
            settings.engine,
            EngineSettings::default(),
            "default.toml says what the code does"
        );
        assert!(settings.channels.is_empty());
    }

    #[test]
    fn an_unknown_key_is_an_error_with_a_suggestion() {
        let failure = read("[engine]\npage_row = 3\n", &[]).unwrap_err();
        assert_eq!(failure.exit, Exit::BadConfiguration);
        assert!(
            failure.what.contains("did you mean `page_rows`"),
            "{}",
            failure.what
        );
    }

    #[test]
    fn the_environment_wins_and_secrets_are_not_turned_into_numbers() {
        let settings = read(
            "",
            &[
                ("OYEZ__HTTP__TOKEN", "0012345678901234"),
                ("OYEZ__ENGINE__PAGE_ROWS", "7"),
            ],
        )
        .unwrap();
        assert_eq!(settings.engine.page_rows, 7);
    }

    #[test]
    fn a_wrong_type_names_its_key() {
        let failure = read("[engine]\npage_rows = \"many\"\n", &[]).unwrap_err();
        assert!(failure.what.contains("page_rows"), "{}", failure.what);
    }

    #[test]
    fn faults_in_different_sections_are_reported_at_once_with_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("oyez.toml");
        let toml = "[engine]\npage_row = 3\n[htpt]\n[channels.a.via.smpt]\n[channels.b]\npace = { rate = 3 }\nvia.webhook = {}\n";
        std::fs::write(&file, toml).unwrap();
        let failure = Sources {
            files: vec![file],
            ..Sources::default()
        }
        .read()
        .unwrap_err();
        let help = failure.help.join("\n");
        for words in [
            "oyez.toml:2: [engine] unknown field `page_row`",
            "oyez.toml:3: unknown section `htpt`; did you mean `http`?",
            "did you mean `smtp`?",
            "oyez.toml:6: [channels.b] unknown field `rate`",
        ] {
            assert!(help.contains(words), "{words:?} is not in: {help}");
        }
    }

    #[test]
    fn the_example_has_a_channel_of_every_kind_and_lacks_only_files() {
        let settings = read(include_str!("../../config/example.toml"), &[]).unwrap();
        assert!(settings.check().is_empty(), "{:?}", settings.check());
        for kind in oyez_channels::registry::KINDS {
            let via = settings
                .channels
                .values()
                .flat_map(|channel| &channel.via)
                .find(|via| via.kind() == kind.kind);
            let faults = via
                .unwrap_or_else(|| panic!("config/example.toml has no {}", kind.kind))
                .check();
            let other: Vec<_> = faults
                .iter()
                .filter(|fault| !matches!(fault.code.as_str(), "unreadable" | "not_a_folder"))
                .collect();
            assert!(other.is_empty(), "{other:?}");
        }
    }

    #[test]
    fn a_part_of_a_number_is_never_dropped_in_silence() {
        let with = |pace: &str| {
            let toml = format!("[channels.a]\npace = {pace}\n[channels.a.via.webhook]\n");
            read(&toml, &[]).map(|settings| settings.channels.len())
        };
        assert_eq!(
            with("{ rate_per_second = 1.5, concurrency = 2 }").unwrap(),
            1
        );
        let failure = with("{ rate_per_second = 1.5, concurrency = 1.5 }").unwrap_err();
        assert!(failure.what.contains("`concurrency`"), "{}", failure.what);
        let failure = read("[engine]\npage_rows = 7.5\n", &[]).unwrap_err();
        assert!(failure.what.contains("`page_rows`"), "{}", failure.what);
    }

    #[test]
    fn the_public_site_is_a_web_address() {
        for (url, right) in [
            ("https://status.example.gov.uk", true),
            ("http://localhost:8080", true),
            ("status.example.gov.uk", false),
            ("ftp://status.example.gov.uk", false),
            ("javascript:alert(1)", false),
            ("", false),
        ] {
            let toml = format!("[organisation]\npublic_url = {url:?}\n");
            let faults = read(&toml, &[]).unwrap().check();
            let named = faults
                .iter()
                .any(|fault| fault.field == "organisation.public_url");
            assert_eq!(named, !right, "{url}: {faults:?}");
        }
    }

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        assert_eq!(
            nearest("serv", &["serve", "queue"]),
            Some("serve".to_owned())
        );
        assert_eq!(
            nearest("smpt", &["smtp", "sms_http"]),
            Some("smtp".to_owned())
        );
        assert_eq!(nearest("xyz", &["serve", "queue"]), None);
    }
}
