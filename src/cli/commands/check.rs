//! `oyez check`: one line for each thing that must be right, with what to do about it. Sends nothing.

use crate::app;
use crate::args::{CheckArgs, Global};
use crate::clock::SystemClock;
use crate::door;
use crate::exit::{Exit, Failure};
use crate::settings::{Settings, Sources};
use crate::terminal;
use oyez_dispatch::settings::ConfiguredChannel;
use oyez_domain::Clock;
use oyez_domain::ledger::Subscribers;
use oyez_domain::remark::{Level, Remark};
use oyez_storage::OpenError;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// The longest one provider may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// One line of the answer.
#[derive(Debug, Serialize)]
struct Line {
    thing: String,
    level: Level,
    detail: String,
    /// What to do, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Line {
    fn new(thing: &str, level: Level, detail: impl Into<String>, fix: &str) -> Self {
        let fix = (!fix.is_empty()).then(|| fix.to_owned());
        Self {
            thing: thing.to_owned(),
            level,
            detail: detail.into(),
            fix,
        }
    }

    /// What a channel says of itself.
    fn of(name: &str, remark: Remark) -> Self {
        let see = format!("see [channels.{name}] in the configuration");
        let fix = match (remark.level, remark.fix) {
            (Level::Fail, fix) if fix.is_empty() => see,
            (Level::Ok | Level::Warn | Level::Fail, fix) => fix,
        };
        Self::new(name, remark.level, remark.what, &fix)
    }

    fn text(&self, width: usize) -> String {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        let fix = self
            .fix
            .as_ref()
            .map_or_else(String::new, |fix| format!("\n{:width$} fix   {fix}", ""));
        format!("{:width$} {level:5} {}{fix}", self.thing, self.detail)
    }
}

/// Checks everything that can be checked without sending.
pub(crate) async fn run(args: &CheckArgs, global: &Global) -> anyhow::Result<Exit> {
    let (settings, channels, mut lines) = configuration(global);
    let sound = channels.is_some();
    if let Some(settings) = &settings {
        lines.extend(store(settings).await);
        lines.push(address(settings).await);
        let token = crate::token::fault(settings);
        lines.extend(
            token.map(|fault| Line::new("token", Level::Fail, fault.what, &fault.help.join("; "))),
        );
        lines.extend(public(settings));
    }
    if let Some(channels) = channels {
        lines.extend(providers(channels, args.offline).await);
    }
    let many = |level| lines.iter().filter(|line| line.level == level).count();
    let failed = many(Level::Fail);
    terminal::data(global.json, &lines, || {
        let width = lines.iter().map(|line| line.thing.chars().count()).max();
        let width = width.unwrap_or_default().max(18);
        let mut text: Vec<_> = lines.iter().map(|line| line.text(width)).collect();
        let warnings = match many(Level::Warn) {
            1 => "1 warning".to_owned(),
            many => format!("{many} warnings"),
        };
        text.push(format!(
            "{} ok, {warnings}, {failed} failed",
            many(Level::Ok)
        ));
        text.join("\n")
    })?;
    Ok(match (sound, failed) {
        (false, _) => Exit::BadConfiguration,
        (true, 0) => Exit::Done,
        (true, _) => Exit::Problems,
    })
}

/// The settings as far as they can be read, the channels if nothing is wrong, and what is to be said about both.
fn configuration(global: &Global) -> (Option<Settings>, Option<Vec<ConfiguredChannel>>, Vec<Line>) {
    let settings = match Sources::from_process(&global.config).read() {
        Ok(settings) => settings,
        Err(failure) => return (None, None, failed(&failure)),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    match app::channels(&settings, &clock) {
        Ok(channels) => {
            let files: Vec<_> = global
                .config
                .iter()
                .map(|file| file.display().to_string())
                .collect();
            let read = if files.is_empty() {
                "the defaults alone; name a file with --config".to_owned()
            } else {
                files.join(", ")
            };
            (
                Some(settings),
                Some(channels),
                vec![Line::new("config", Level::Ok, read, "")],
            )
        }
        Err(failure) => (Some(settings), None, failed(&failure)),
    }
}

/// A line for each fault of the configuration.
fn failed(failure: &Failure) -> Vec<Line> {
    if failure.code != "configuration_faults" {
        let help = failure.help.join("; ");
        return vec![Line::new(
            "config",
            Level::Fail,
            failure.what.clone(),
            &help,
        )];
    }
    let line = |fault: &String| Line::new("config", Level::Fail, fault.clone(), "");
    failure.help.iter().map(line).collect()
}

async fn store(settings: &Settings) -> Vec<Line> {
    let directory = &settings.store.data_dir;
    let place = directory.display();
    match oyez_storage::open_read_only(&settings.store) {
        Ok(ledger) => {
            let mut lines = vec![match writable(directory) {
                Ok(()) => Line::new("store", Level::Ok, format!("{place}"), ""),
                Err(why) => not_writable(directory, &why),
            }];
            lines.extend(
                ledger
                    .subscriber_counts()
                    .await
                    .map(|counts| people(&counts)),
            );
            lines
        }
        Err(OpenError::Missing(_)) => vec![match writable(directory) {
            Ok(()) => Line::new(
                "store",
                Level::Ok,
                format!("{place}: empty, the first start makes it"),
                "",
            ),
            Err(why) => not_writable(directory, &why),
        }],
        Err(error) => {
            let failure = app::store_failure(&error);
            vec![Line::new(
                "store",
                Level::Fail,
                failure.what.clone(),
                &failure.help.join("; "),
            )]
        }
    }
}

fn people(counts: &[(oyez_domain::address::AddressKind, u64, u64)]) -> Line {
    let parts: Vec<_> = counts
        .iter()
        .filter(|(_, all, _)| *all > 0)
        .map(|(kind, all, suppressed)| {
            format!(
                "{} {}, {} of them not to be used",
                terminal::count(*all),
                kind.code(),
                terminal::count(*suppressed)
            )
        })
        .collect();
    if parts.is_empty() {
        Line::new(
            "people",
            Level::Warn,
            "nobody is subscribed",
            "oyez subscriber import people.csv",
        )
    } else {
        Line::new("people", Level::Ok, parts.join("; "), "")
    }
}

fn not_writable(directory: &Path, why: &str) -> Line {
    Line::new(
        "store",
        Level::Fail,
        format!("{} cannot be written: {why}", directory.display()),
        "give oyez a directory of its own with store.data_dir",
    )
}

/// Tries to write where the directory is, or where it would be made.
fn writable(directory: &Path) -> Result<(), String> {
    let absolute = std::path::absolute(directory).map_err(|error| error.to_string())?;
    let there = absolute
        .ancestors()
        .find(|place| place.exists())
        .unwrap_or(&absolute);
    tempfile::tempfile_in(there)
        .map(drop)
        .map_err(|error| error.to_string())
}

async fn address(settings: &Settings) -> Line {
    let listen = settings.http.listen;
    match tokio::net::TcpListener::bind(listen).await {
        Ok(_) => Line::new("http", Level::Ok, format!("{listen} is free"), ""),
        Err(_) if door::answers(&door::socket_path(settings)).await => Line::new(
            "http",
            Level::Ok,
            format!("{listen}: `oyez serve` runs"),
            "",
        ),
        Err(error) => Line::new(
            "http",
            Level::Fail,
            format!("http.listen = {listen}: {error}"),
            "end the program that listens there, or choose another port",
        ),
    }
}

fn public(settings: &Settings) -> Vec<Line> {
    let organisation = &settings.organisation;
    let mut lines = Vec::new();
    if organisation.public_url.contains("//localhost") || organisation.public_host == "localhost" {
        lines.push(Line::new(
            "public",
            Level::Warn,
            "links in messages lead to localhost",
            "set organisation.public_url and public_host to the site that residents can reach",
        ));
    }
    if organisation.contact_telephone.trim().is_empty() {
        lines.push(Line::new(
            "public",
            Level::Warn,
            "messages name no telephone number",
            "set organisation.contact_telephone",
        ));
    }
    lines
}

/// Asks all providers at the same time.
async fn providers(channels: Vec<ConfiguredChannel>, offline: bool) -> Vec<Line> {
    if channels.is_empty() {
        return vec![Line::new(
            "channels",
            Level::Warn,
            "no channel is switched on: an update would reach nobody",
            "config/example.toml shows one of every kind",
        )];
    }
    let several: Vec<_> = channels
        .iter()
        .filter(|channel| channels.iter().filter(|c| c.name == channel.name).count() > 1)
        .map(|channel| channel.name.clone())
        .collect();
    let mut asked = JoinSet::new();
    for channel in channels {
        let name = if several.contains(&channel.name) {
            format!("{}.via.{}", channel.name, channel.kind())
        } else {
            channel.name.to_string()
        };
        asked.spawn(async move {
            if offline {
                let kind = channel.adapter.capabilities().kind;
                return vec![Line::new(
                    &name,
                    Level::Ok,
                    format!("{kind}, not asked"),
                    "",
                )];
            }
            let examined = tokio::time::timeout(PATIENCE, channel.adapter.examine()).await;
            let remarks = examined.unwrap_or_else(|_| {
                vec![Remark::fail(
                    format!("no answer within {} s", PATIENCE.as_secs()),
                    "is the provider's address right, and reachable from here?",
                )]
            });
            let remarks = remarks.into_iter();
            remarks.map(|remark| Line::of(&name, remark)).collect()
        });
    }
    let mut lines: Vec<Line> = asked.join_all().await.into_iter().flatten().collect();
    lines.sort_by(|a, b| a.thing.cmp(&b.thing));
    lines
}
