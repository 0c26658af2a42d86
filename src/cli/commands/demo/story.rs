//! The story of the demonstration: the update, the local providers, and settings that join the two.

use super::{Release, kinds, town};
use crate::app::App;
use crate::args::Demo;
use crate::clock::SystemRandom;
use crate::settings::{Settings, Sources};
use crate::terminal::say;
use anyhow::Context;
use oyez_dispatch::Desk;
use oyez_domain::Random;
use oyez_domain::incident::IncidentDraft;
use oyez_domain::parcel::Secret;
use oyez_domain::service::Service;
use oyez_domain::time::Wall;
use oyez_domain::update::UpdateDraft;
use oyez_sandbox::{DemoScript, Sandbox, SandboxSettings, Scenario};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Facts of the Westminster incident of November 2025, and one update written from them.
const FACTS: &str = include_str!("../../../../config/demo.json");
/// What the demonstration runs with.
const SETTINGS: &str = include_str!("../../../../config/demo.toml");
/// The neighbouring boroughs that share the council's IT, as endpoints.
pub(super) const NEIGHBOURS: [&str; 2] = ["kensington_and_chelsea", "hammersmith_and_fulham"];
pub(super) const EMAIL: &str = "residents_email";
pub(super) const SMS: &str = "residents_sms";
pub(super) const SOCIAL: &str = "council_mastodon";
pub(super) const PARTNERS: &str = "partner_boroughs";
pub(super) const FOLDER: &str = "drill_folder";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    incident: IncidentDraft,
    services: Vec<Service>,
    update: UpdateDraft,
}

/// Where the pages of the demonstration are.
pub(super) struct Web {
    pub(super) base: String,
}

/// Everything the demonstration is made of.
pub(super) struct Story {
    pub(super) settings: Settings,
    pub(super) sandbox: Sandbox,
    pub(super) scenario: Scenario,
    /// Folder of the `file` channel, where every kind is shown.
    pub(super) folder: Option<PathBuf>,
    facts: Facts,
    endpoints: BTreeMap<String, String>,
    listener: TcpListener,
    token: String,
}

impl Story {
    /// Starts the local providers and makes settings that lead to them.
    pub(super) async fn new(args: &Demo, folder: &Path) -> anyhow::Result<Self> {
        let facts: Facts =
            serde_json::from_str(FACTS).context("the demonstration's facts cannot be read")?;
        let endpoints: BTreeMap<String, String> = NEIGHBOURS
            .iter()
            .map(|name| ((*name).to_owned(), webhook_secret()))
            .collect();
        let (receipt_token, social_token, token) = (random_text(), random_text(), random_text());
        let script = DemoScript {
            recipients: u64::from(args.recipients),
            email: EMAIL.to_owned(),
            sms: SMS.to_owned(),
            social: SOCIAL.to_owned(),
            partners: PARTNERS.to_owned(),
            receipt_token: oyez_sandbox::Secret::new(receipt_token.clone()),
            social_token: oyez_sandbox::Secret::new(social_token.clone()),
            endpoints: endpoints
                .iter()
                .map(|(name, secret)| (name.clone(), oyez_sandbox::Secret::new(secret.clone())))
                .collect(),
        };
        let mut scenario = script.scenario();
        if args.every_kind {
            kinds::join(&mut scenario);
        }
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let sandbox = Sandbox::start(SandboxSettings {
            smtp: any,
            http: any,
            log: folder.join("sandbox.jsonl"),
            scenario: scenario.clone(),
        })
        .await
        .context("the local providers could not be started")?;
        let listener = TcpListener::bind(any).context("no free port on this machine")?;
        let parcels = args.every_kind.then(|| folder.join("parcels"));
        if let Some(parcels) = &parcels {
            std::fs::create_dir(parcels)?;
        }
        let own = Own {
            data_dir: folder.join("store"),
            web: listener.local_addr()?,
            smtp: sandbox.smtp_addr(),
            http: sandbox.http_addr(),
            parcels: parcels.as_deref(),
            rate: args.rate,
            token: &token,
            receipt_token: &receipt_token,
            social_token: &social_token,
        };
        let sources = Sources {
            overlays: vec![SETTINGS.to_owned(), own.toml()?],
            ..Sources::default()
        };
        let settings = sources.read()?;
        Ok(Self {
            settings,
            sandbox,
            scenario,
            folder: parcels,
            facts,
            endpoints,
            listener,
            token,
        })
    }

    /// Serves console, API, public page and callbacks.
    pub(super) fn serve_pages(
        &self,
        app: &App,
        tasks: &TaskTracker,
        end: CancellationToken,
    ) -> anyhow::Result<Web> {
        let listener = self.listener.try_clone()?;
        listener.set_nonblocking(true)?;
        let base = format!("http://{}", listener.local_addr()?);
        let network = vec![tokio::net::TcpListener::from_std(listener)?];
        let listeners = oyez_http::Listeners {
            network,
            socket: None,
        };
        tasks.spawn(oyez_http::serve(
            listeners,
            self.settings.http.clone(),
            app.desk.clone(),
            Arc::clone(&app.accounts),
            end,
        ));
        Ok(Web { base })
    }

    /// Says where the pages are.
    pub(super) fn say_addresses(&self, web: &Web) {
        say(format!("  public page  {}/", web.base));
        say(format!(
            "  console      {}/console   token: {}",
            web.base, self.token
        ));
    }

    /// Fills the town, writes the update and puts it out.
    pub(super) async fn release(&self, desk: &Desk, residents: u32) -> anyhow::Result<Release> {
        town::populate(desk, residents).await?;
        let http = self.sandbox.http_addr();
        for (name, secret) in &self.endpoints {
            let url = format!("http://{http}/{PARTNERS}/hook/{name}");
            desk.put_endpoint(name, &url, &Secret::new(secret.clone()), "demo")
                .await?;
        }
        desk.put_services(&self.facts.services, "demo").await?;
        let incident = desk
            .open_incident(self.facts.incident.clone(), None, "demo")
            .await?
            .value;
        let draft = UpdateDraft {
            incident: incident.id.to_string(),
            next_update_by: Some(promise(desk.clock.wall()).rfc3339()),
            ..self.facts.update.clone()
        };
        let update = desk.write_update(draft, None, "demo").await?.value;
        let asked_at_us = u64::try_from(desk.clock.now().0.as_micros()).unwrap_or(u64::MAX);
        desk.release(update.id, None, "demo").await?;
        Ok(Release {
            update: update.id,
            asked_at_us,
        })
    }
}

/// The next full hour that is at least four hours away.
fn promise(now: Wall) -> Wall {
    let hour = 3_600_000_000;
    Wall((now.plus(Duration::from_secs(4 * 3600)).0 / hour + 1) * hour)
}

/// What only this run knows.
struct Own<'a> {
    data_dir: PathBuf,
    web: SocketAddr,
    smtp: SocketAddr,
    http: SocketAddr,
    parcels: Option<&'a Path>,
    rate: Option<f64>,
    token: &'a str,
    receipt_token: &'a str,
    social_token: &'a str,
}

impl Own<'_> {
    /// A layer of configuration.
    fn toml(&self) -> anyhow::Result<String> {
        let mut toml = String::new();
        let (web, http) = (self.web, self.http);
        writeln!(toml, "[store]\ndata_dir = {:?}", self.data_dir)?;
        writeln!(toml, "[http]\nlisten = \"{web}\"\ntoken = {:?}", self.token)?;
        writeln!(
            toml,
            "[channels.{EMAIL}.via.smtp]\nport = {}",
            self.smtp.port()
        )?;
        writeln!(
            toml,
            "[channels.{SMS}.via.sms_http]\nurl = \"http://{http}/{SMS}/sms/messages\""
        )?;
        writeln!(toml, "callback_url = \"http://{web}/callbacks/{SMS}\"")?;
        writeln!(
            toml,
            "[channels.{SMS}.via.sms_http.callback]\nsecret = {:?}",
            self.receipt_token
        )?;
        writeln!(
            toml,
            "[channels.{SOCIAL}.via.mastodon]\nserver = \"http://{http}/{SOCIAL}/mastodon\"\ntoken = {:?}",
            self.social_token
        )?;
        if let Some(rate) = self.rate {
            for channel in [EMAIL, SMS] {
                writeln!(
                    toml,
                    "[channels.{channel}.pace]\nrate_per_second = {rate:?}"
                )?;
            }
        }
        if let Some(parcels) = self.parcels {
            writeln!(
                toml,
                "[channels.{FOLDER}.via.file]\nfolder = {parcels:?}\ncarries = \"email\""
            )?;
            toml.push_str(&kinds::toml(http, self.rate)?);
        }
        Ok(toml)
    }
}

fn random_text() -> String {
    let mut bytes = [0; 16];
    SystemRandom.fill(&mut bytes);
    data_encoding::BASE32_NOPAD
        .encode(&bytes)
        .to_ascii_lowercase()
}

fn webhook_secret() -> String {
    let mut bytes = [0; 32];
    SystemRandom.fill(&mut bytes);
    format!("whsec_{}", data_encoding::BASE64.encode(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use oyez_channels::registry::{KINDS, Via};
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_means_every_kind_in_the_registry() {
        let folder = tempfile::tempdir().unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let own = Own {
            data_dir: folder.path().join("store"),
            web: any,
            smtp: any,
            http: any,
            parcels: Some(folder.path()),
            rate: None,
            token: "0123456789abcdef",
            receipt_token: "r",
            social_token: "s",
        };
        let sources = Sources {
            overlays: vec![SETTINGS.to_owned(), own.toml().unwrap()],
            ..Sources::default()
        };
        let settings = sources.read().unwrap();
        let via = || settings.channels.values().flat_map(|one| &one.via);
        let faults = via().flat_map(Via::check);
        assert_eq!(faults.collect::<Vec<_>>(), []);
        let shown = via().map(Via::kind);
        let known = KINDS.iter().map(|kind| kind.kind);
        assert_eq!(
            shown.collect::<BTreeSet<_>>(),
            known.collect::<BTreeSet<_>>()
        );
    }
}
