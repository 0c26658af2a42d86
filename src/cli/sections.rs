//! Reads the configuration section by section, so that one fault does not hide the others.

use crate::exit::{Exit, Failure};
use crate::settings::{ChannelConfig, Settings, nearest};
use config::{Config, ConfigError, Map, Source, Value, ValueKind};
use oyez_channels::registry::{KINDS, Via};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The sections there are.
const SECTIONS: [&str; 8] = [
    "organisation",
    "http",
    "public",
    "store",
    "engine",
    "network",
    "log",
    "channels",
];

/// Keys whose numbers may have parts.
const IN_PARTS: [&str; 2] = ["rate_per_second", "price_pence"];

/// What was read and not yet understood, and the faults found on the way.
struct Sections<'a> {
    tables: Map<String, Value>,
    /// Files with their text, to say in which line a key stands.
    files: &'a [(PathBuf, String)],
    faults: Vec<String>,
}

/// The settings, or every section's fault: unknown keys with a suggestion, wrong types, missing keys.
pub(crate) fn read(config: &Config, files: &[(PathBuf, String)]) -> Result<Settings, Failure> {
    let tables = config
        .collect()
        .map_err(|error| failure(vec![error.to_string()]))?;
    let mut sections = Sections {
        tables,
        files,
        faults: Vec::new(),
    };
    let organisation = sections.take("organisation");
    let http = sections.take("http");
    let public = sections.take("public");
    let store = sections.take("store");
    let engine = sections.take("engine");
    let network = sections.take("network");
    let log = sections.take("log");
    let channels = sections.channels();
    sections.refuse_the_rest();
    match (organisation, http, public, store, engine, network, log) {
        (
            Some(organisation),
            Some(http),
            Some(public),
            Some(store),
            Some(engine),
            Some(network),
            Some(log),
        ) if sections.faults.is_empty() => Ok(Settings {
            organisation,
            http,
            public,
            store,
            engine,
            network,
            log,
            channels,
        }),
        _ => Err(failure(sections.faults)),
    }
}

impl Sections<'_> {
    fn take<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let Some(value) = self.tables.remove(name) else {
            self.faults.push(format!("[{name}] is missing"));
            return None;
        };
        self.refuse_parts(name, "", &value);
        self.keep(name, value.try_deserialize())
    }

    /// Refuses parts of a number where whole ones are counted: what reads the value would drop them in silence.
    fn refuse_parts(&mut self, section: &str, key: &str, value: &Value) {
        match &value.kind {
            ValueKind::Float(number) if number.fract() != 0.0 && !IN_PARTS.contains(&key) => {
                let place = self.place(key);
                self.faults.push(format!(
                    "{place}[{section}] `{key}` is {number}, but must be a whole number"
                ));
            }
            ValueKind::Table(table) => {
                for (key, value) in table {
                    self.refuse_parts(section, key, value);
                }
            }
            ValueKind::Array(list) => {
                for value in list {
                    self.refuse_parts(section, key, value);
                }
            }
            ValueKind::Float(_)
            | ValueKind::Nil
            | ValueKind::Boolean(_)
            | ValueKind::I64(_)
            | ValueKind::I128(_)
            | ValueKind::U64(_)
            | ValueKind::U128(_)
            | ValueKind::String(_) => {}
        }
    }

    fn channels(&mut self) -> BTreeMap<String, ChannelConfig> {
        let mut channels = BTreeMap::new();
        let Some(value) = self.tables.remove("channels") else {
            return channels;
        };
        let tables: Option<BTreeMap<String, Value>> =
            self.keep("channels", value.try_deserialize());
        for (name, value) in tables.into_iter().flatten() {
            let section = format!("channels.{name}");
            self.refuse_parts(&section, "", &value);
            let (value, via) = self.providers(&section, value);
            let channel: Option<ChannelConfig> = self.keep(&section, value.try_deserialize());
            let channel = channel.map(|channel| ChannelConfig { via, ..channel });
            channels.extend(channel.map(|channel| (name, channel)));
        }
        channels
    }

    /// Takes a channel's providers out of its table, each read by itself.
    fn providers(&mut self, section: &str, channel: Value) -> (Value, Vec<Via>) {
        let origin = channel.origin().map(str::to_owned);
        let Ok(mut table) = channel.clone().into_table() else {
            return (channel, Vec::new());
        };
        let via = table.remove("via");
        let kinds = via.map(Value::into_table).transpose();
        let mut providers = Vec::new();
        match self.keep(section, kinds).flatten() {
            Some(kinds) if !kinds.is_empty() => {
                for (kind, settings) in kinds {
                    let one = Map::from_iter([(kind, settings)]);
                    let via = Value::new(origin.as_ref(), one).try_deserialize();
                    providers.extend(self.keep::<Via>(section, via));
                }
            }
            Some(_) | None => {
                let why = format!("[{section}] missing field `via`; set {section}.via.KIND");
                self.faults.push(why);
            }
        }
        (Value::new(origin.as_ref(), table), providers)
    }

    fn refuse_the_rest(&mut self) {
        for name in std::mem::take(&mut self.tables).into_keys() {
            let near = nearest(&name, &SECTIONS).map_or_else(
                || format!("there are: {}", SECTIONS.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let place = self.place(&name);
            self.faults
                .push(format!("{place}unknown section `{name}`; {near}"));
        }
    }

    fn keep<T>(&mut self, section: &str, read: Result<T, ConfigError>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                let fault = self.explain(section, &error.to_string());
                self.faults.push(fault);
                None
            }
        }
    }

    /// `oyez.toml:12: [engine] unknown field `page_row`, …; did you mean `page_rows`?`
    fn explain(&self, section: &str, what: &str) -> String {
        let unknown = quoted(what, "unknown field `");
        let missing = quoted(what, "missing field `")
            .or_else(|| quoted(what, "missing configuration field \""));
        let kind = quoted(what, "does not have variant constructor ")
            .or_else(|| quoted(what, "unknown variant `"));
        let key = quoted(what, "for key `").or_else(|| unknown.clone());
        let place = key.map(|key| self.place(&key)).unwrap_or_default();
        let known = all_quoted(what);
        let advice = match (unknown, kind, missing) {
            (Some(unknown), _, _) => {
                nearest(&unknown, &known).map(|near| format!("; did you mean `{near}`?"))
            }
            (None, Some(kind), _) if section.starts_with("channels.") => Some(unknown_kind(&kind)),
            (None, _, Some(missing)) => Some(format!("; set {section}.{missing}")),
            (None, _, None) => None,
        };
        format!("{place}[{section}] {what}{}", advice.unwrap_or_default())
    }

    /// File and line of a key, where a file has it; the last file wins, as it does for the value.
    fn place(&self, key: &str) -> String {
        let last = key.rsplit('.').next().unwrap_or(key);
        let line_of = |(file, text): &(PathBuf, String)| {
            let line = text.lines().position(|line| names(line, last))?;
            Some(format!("{}:{}: ", short(file), line + 1))
        };
        self.files
            .iter()
            .rev()
            .find_map(line_of)
            .unwrap_or_default()
    }
}

fn unknown_kind(kind: &str) -> String {
    let kinds: Vec<_> = KINDS.iter().map(|kind| kind.kind).collect();
    match nearest(kind, &kinds) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; kinds of channel are: {}", kinds.join(", ")),
    }
}

fn short(file: &Path) -> String {
    file.display().to_string()
}

/// Whether a line of TOML gives a value to `key`, or opens a table of that name.
fn names(line: &str, key: &str) -> bool {
    let line = line.trim_start();
    let value = line
        .split(['{', ',', ' '])
        .filter_map(|part| line.split_once(part).map(|(_, rest)| (part, rest)))
        .any(|(part, rest)| part.trim_matches('"') == key && rest.trim_start().starts_with('='));
    let table = line.starts_with('[')
        && line
            .trim_matches(['[', ']'])
            .split('.')
            .any(|part| part == key);
    value
        || table
        || line
            .strip_prefix(key)
            .is_some_and(|rest| rest.trim_start().starts_with('='))
}

fn quoted(text: &str, before: &str) -> Option<String> {
    let rest = text.split_once(before)?.1.trim_start_matches('`');
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
    rest.get(..end)
        .map(str::to_owned)
        .filter(|word| !word.is_empty())
}

fn all_quoted(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .skip(1)
        .map(str::to_owned)
        .collect()
}

/// One fault is the message itself; several are listed.
pub(crate) fn failure(faults: Vec<String>) -> Failure {
    let help =
        "config/default.toml explains every key, config/example.toml shows one of every kind";
    match <[String; 1]>::try_from(faults) {
        Ok([fault]) => Failure::new(Exit::BadConfiguration, "bad_configuration", fault, help),
        Err(faults) => {
            let what = format!("the configuration has {} faults", faults.len());
            let mut failure =
                Failure::new(Exit::BadConfiguration, "configuration_faults", what, "");
            failure.help = faults;
            failure
        }
    }
}
