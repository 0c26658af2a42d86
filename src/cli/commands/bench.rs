//! `oyez bench`: the real engine with full durability against somebody else's server.

use crate::app::{Access, App, storage_failed};
use crate::args::{Bench, BenchChannel, Global};
use crate::exit::{Exit, Failure};
use crate::settings::Sources;
use crate::terminal;
use anyhow::Context;
use oyez_dispatch::Desk;
use oyez_domain::address::Address;
use oyez_domain::id::{IncidentId, SubscriberId, UpdateId};
use oyez_domain::incident::IncidentDraft;
use oyez_domain::ledger::NewEndpoint;
use oyez_domain::parcel::Secret;
use oyez_domain::subscriber::NewSubscriber;
use oyez_domain::time::Wall;
use oyez_domain::update::UpdateDraft;
use serde::Serialize;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// People added in one transaction.
const SLICE: u32 = 5000;
const CHANNEL: &str = "bench";

/// What was measured.
#[derive(Debug, Serialize)]
struct Measured {
    channel: &'static str,
    recipients: u32,
    /// (n − 1) ÷ (last − first outcome).
    messages_per_second: f64,
    first_delivery_ms: f64,
    first_delivery_p50_ms: f64,
    first_delivery_p99_ms: f64,
    last_delivery_ms: f64,
    cpu_seconds: f64,
    cpu_us_per_delivery: f64,
    peak_rss_bytes: u64,
    ledger_bytes_per_delivery: f64,
    accepted: u64,
    failed: u64,
    unknown: u64,
}

/// One release as it was timed.
struct Timed {
    first_ms: f64,
    last_ms: f64,
    per_second: f64,
    cpu: Duration,
    accepted: u64,
    failed: u64,
    unknown: u64,
}

/// Measures and prints.
pub(crate) async fn run(args: &Bench, global: &Global) -> anyhow::Result<Exit> {
    let target = target(args)?;
    let folder = tempfile::tempdir()?;
    let data_dir = args
        .data_dir
        .clone()
        .unwrap_or_else(|| folder.path().join("store"));
    let sources = Sources {
        overlays: vec![overlay(args, target, &data_dir)?],
        ..Sources::default()
    };
    let settings = sources.read()?;
    crate::telemetry::start(&settings.log);
    let (desk, engine) = App::open(&settings, Access::Write)?.start().await?;
    populate(&desk, args, target).await?;
    let incident = desk
        .open_incident(
            IncidentDraft {
                title: "Bench".to_owned(),
                ..IncidentDraft::default()
            },
            None,
            "bench",
        )
        .await?;
    let before = desk.ledger.size_bytes().await?;
    let mut timed = Vec::new();
    for _ in 0..args.releases {
        timed.push(tokio::select! {
            timed = release(&desk, incident.value.id, args.releases > 1) => timed?,
            why = engine.failed() => return Err(storage_failed(&why).into()),
        });
    }
    let after = desk.ledger.size_bytes().await?;
    let measured = sum_up(args, &timed, after.saturating_sub(before));
    terminal::data(global.json, &measured, || text(&measured))?;
    let ended = engine.shut_down().await;
    ended.map_err(|error| storage_failed(&error.to_string()))?;
    let missed = args.releases == 1 && measured.accepted != u64::from(args.recipients);
    Ok(if missed { Exit::SomeFailed } else { Exit::Done })
}

fn target(args: &Bench) -> anyhow::Result<SocketAddr> {
    let (address, flag) = match args.channel {
        BenchChannel::Smtp => (args.smtp, "--smtp"),
        BenchChannel::Webhook | BenchChannel::Sms => (args.http, "--http"),
    };
    let missing = || {
        Failure::new(
            Exit::Usage,
            "usage",
            format!("this channel needs {flag} ADDR"),
            "start a receiving server first",
        )
    };
    let address = address.ok_or_else(missing)?;
    if !address.ip().is_loopback() {
        let what = "load is sent to this machine only: ADDR must be a loopback address";
        return Err(Failure::new(Exit::Usage, "not_loopback", what, "use 127.0.0.1:PORT").into());
    }
    Ok(address)
}

fn kind(channel: BenchChannel) -> &'static str {
    match channel {
        BenchChannel::Smtp => "smtp",
        BenchChannel::Webhook => "webhook",
        BenchChannel::Sms => "sms",
    }
}

fn overlay(args: &Bench, target: SocketAddr, data_dir: &Path) -> anyhow::Result<String> {
    let mut toml = String::new();
    writeln!(
        toml,
        "[store]\ndata_dir = {data_dir:?}\n[log]\nfilter = \"error\""
    )?;
    writeln!(toml, "[network]\nallow_networks = [\"127.0.0.0/8\"]")?;
    // The same made-up people get release after release.
    writeln!(toml, "[engine]\nmost_an_hour = 0\nmost_a_day = 0")?;
    writeln!(
        toml,
        "[channels.{CHANNEL}.pace]\nconcurrency = {}",
        args.concurrency
    )?;
    if let Some(rate) = args.rate {
        writeln!(toml, "rate_per_second = {rate:?}")?;
    }
    match args.channel {
        BenchChannel::Smtp => {
            writeln!(
                toml,
                "[channels.{CHANNEL}.via.smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"",
                target.port()
            )?;
            writeln!(
                toml,
                "from = \"Bench <bench@bench.test>\"\nconnections = {}",
                args.concurrency
            )?;
            writeln!(toml, "messages_per_connection = 100000")?;
        }
        BenchChannel::Webhook => writeln!(toml, "[channels.{CHANNEL}.via.webhook]")?,
        BenchChannel::Sms => {
            writeln!(
                toml,
                "[channels.{CHANNEL}.via.sms_http]\nurl = \"http://{target}/{CHANNEL}/sms/messages\"\nfrom = \"Bench\"\nid_pointer = \"/id\"\n\
                 body = {{ kind = \"json\", template = '{{\"to\":\"{{to}}\",\"from\":\"{{from}}\",\"text\":\"{{text}}\",\"reference\":\"{{ref}}\"}}' }}"
            )?;
        }
    }
    Ok(toml)
}

async fn populate(desk: &Desk, args: &Bench, target: SocketAddr) -> anyhow::Result<()> {
    let by = desk.by("bench");
    let mut first = 1;
    while first <= args.recipients {
        let last = args.recipients.min(first.saturating_add(SLICE - 1));
        match args.channel {
            BenchChannel::Webhook => {
                let endpoint = |number: u32| -> anyhow::Result<NewEndpoint> {
                    Ok(NewEndpoint {
                        name: format!("r{number:07}"),
                        url: Address::endpoint(&format!("http://{target}/r{number:07}"))?,
                        secret: Secret::new("whsec_b3llei1kb2NzLWV4YW1wbGUtc2VjcmV0LTMyYnl0ZXM="),
                    })
                };
                let endpoints = (first..=last)
                    .map(endpoint)
                    .collect::<Result<Vec<_>, _>>()?;
                desk.ledger.put_endpoints(&endpoints, &by).await?;
            }
            BenchChannel::Smtp | BenchChannel::Sms => {
                let people = (first..=last)
                    .map(|n| person(desk, args.channel, n))
                    .collect::<Result<Vec<_>, _>>()?;
                desk.ledger.add_subscribers(&people, &by).await?;
            }
        }
        first = last + 1;
    }
    Ok(())
}

fn person(desk: &Desk, channel: BenchChannel, number: u32) -> anyhow::Result<NewSubscriber> {
    let address = match channel {
        BenchChannel::Sms => Address::uk_telephone(&format!("+4479{number:08}"))?,
        BenchChannel::Smtp | BenchChannel::Webhook => {
            Address::email(&format!("r{number:07}@bench.test"))?
        }
    };
    let mut random = [0; 10];
    desk.random.fill(&mut random);
    let id = SubscriberId::new(desk.clock.wall(), random);
    Ok(NewSubscriber {
        id,
        addresses: vec![address],
        topics: Vec::new(),
        language: "en".to_owned(),
    })
}

/// One release, timed; with `first_only` it is stopped after its first delivery.
async fn release(desk: &Desk, incident: IncidentId, first_only: bool) -> anyhow::Result<Timed> {
    // About 4 KB of text and HTML, as the yardstick sends.
    let draft = UpdateDraft {
        incident: incident.to_string(),
        headline: "A message of about four kilobytes, to measure with".to_owned(),
        what_to_do: vec!["Nothing: this is a measurement on one machine.".to_owned()],
        detail: Some("This sentence is here to fill the message. ".repeat(12)),
        next_update_by: Some("none".to_owned()),
        ..UpdateDraft::default()
    };
    let update = desk.write_update(draft, None, "bench").await?.value.id;
    let (asked, cpu) = (desk.clock.wall(), cpu_time());
    desk.release(update, None, "bench").await?;
    let look = if first_only {
        Duration::from_millis(1)
    } else {
        Duration::from_millis(20)
    };
    loop {
        let progress = desk.progress(update).await?;
        if first_only && progress.counts.accepted > 0 {
            desk.stop(update, None, "measured", "bench").await?;
            break;
        }
        if progress.finished {
            break;
        }
        desk.clock.sleep_until(desk.clock.now().plus(look)).await;
    }
    let cpu = cpu_time().saturating_sub(cpu);
    settle(desk, update).await?;
    timed(desk, update, asked, cpu).await
}

async fn settle(desk: &Desk, update: UpdateId) -> anyhow::Result<()> {
    while !desk.progress(update).await?.finished {
        desk.clock
            .sleep_until(desk.clock.now().plus(Duration::from_millis(2)))
            .await;
    }
    Ok(())
}

async fn timed(desk: &Desk, update: UpdateId, asked: Wall, cpu: Duration) -> anyhow::Result<Timed> {
    let views = desk.ledger.broadcasts(Some(update)).await?;
    let view = views.first().context("the release made no broadcast")?;
    let (first, last) = view
        .first_outcome_at
        .zip(view.last_outcome_at)
        .context("nothing was sent")?;
    let ms = |when: Wall| when.since(asked).as_secs_f64() * 1000.0;
    let settled = view.counts.accepted + view.counts.failed + view.counts.unknown;
    let span = last.since(first).as_secs_f64();
    Ok(Timed {
        first_ms: ms(first),
        last_ms: ms(last),
        per_second: if span > 0.0 {
            settled.saturating_sub(1) as f64 / span
        } else {
            0.0
        },
        cpu,
        accepted: view.counts.accepted,
        failed: view.counts.failed,
        unknown: view.counts.unknown,
    })
}

fn sum_up(args: &Bench, timed: &[Timed], ledger_bytes: u64) -> Measured {
    let mut firsts: Vec<f64> = timed.iter().map(|t| t.first_ms).collect();
    firsts.sort_by(f64::total_cmp);
    let rank = |share: f64| {
        let at = (share * firsts.len() as f64).ceil() as usize;
        firsts.get(at.saturating_sub(1)).copied().unwrap_or(0.0)
    };
    let sum = |of: fn(&Timed) -> u64| timed.iter().map(of).sum::<u64>();
    let sent = sum(|t| t.accepted + t.failed + t.unknown).max(1);
    let cpu: Duration = timed.iter().map(|t| t.cpu).sum();
    Measured {
        channel: kind(args.channel),
        recipients: args.recipients,
        messages_per_second: timed.iter().map(|t| t.per_second).fold(0.0, f64::max),
        first_delivery_ms: timed.first().map_or(0.0, |t| t.first_ms),
        first_delivery_p50_ms: rank(0.5),
        first_delivery_p99_ms: rank(0.99),
        last_delivery_ms: timed.iter().map(|t| t.last_ms).fold(0.0, f64::max),
        cpu_seconds: cpu.as_secs_f64(),
        cpu_us_per_delivery: cpu.as_secs_f64() * 1e6 / sent as f64,
        peak_rss_bytes: peak_rss_bytes(),
        ledger_bytes_per_delivery: ledger_bytes as f64
            / f64::from(args.recipients)
            / f64::from(args.releases.max(1)),
        accepted: sum(|t| t.accepted),
        failed: sum(|t| t.failed),
        unknown: sum(|t| t.unknown),
    }
}

fn text(measured: &Measured) -> String {
    format!(
        "{}: {} accepted, {} failed, {} unknown\n{:.0} messages a second\nfirst delivery after {:.2} ms (p50 {:.2}, p99 {:.2}), last after {:.0} ms\n{:.1} µs of CPU and {:.0} bytes of ledger a delivery, {:.0} MB of memory at most",
        measured.channel,
        terminal::count(measured.accepted),
        terminal::count(measured.failed),
        terminal::count(measured.unknown),
        measured.messages_per_second,
        measured.first_delivery_ms,
        measured.first_delivery_p50_ms,
        measured.first_delivery_p99_ms,
        measured.last_delivery_ms,
        measured.cpu_us_per_delivery,
        measured.ledger_bytes_per_delivery,
        measured.peak_rss_bytes as f64 / 1e6,
    )
}

/// CPU time of this process so far, all threads.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// The most memory this process held so far; 0 where the system does not say.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|n| n.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
