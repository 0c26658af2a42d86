//! `oyez verify`: the ledger against a sandbox log, invariant by invariant.

use crate::args::{Global, RateOf, Verify};
use crate::exit::{Exit, Failure};
use crate::settings::{Settings, Sources};
use crate::terminal;
use oyez_channels::registry::KINDS;
use oyez_dispatch::settings::{ChannelSettings, EngineSettings, PaceSettings};
use oyez_domain::channel::{Capabilities, IdempotencyClass};
use oyez_domain::invariants::{
    ChannelRules, Evidence, Finding, Judgement, Request, Verdict, judge,
};
use oyez_domain::ledger::{BroadcastView, Reports};
use oyez_domain::reference::ReferenceKey;
use oyez_domain::test_message::TESTS;
use oyez_domain::time::{Boot, Wall};
use oyez_storage::StorageSettings;
use std::path::Path;
use std::time::Duration;

/// Judges and prints. Exit 0 when nothing is violated, 3 otherwise.
pub(crate) async fn run(args: &Verify, global: &Global) -> anyhow::Result<Exit> {
    let (store, configured) = sources(args, global)?;
    let ledger =
        oyez_storage::open_read_only(&store).map_err(|error| crate::app::store_failure(&error))?;
    let key = ReferenceKey::new(&ledger.reference_secret());
    let log = args.log.as_deref();
    let log = log.map(|log| requests(log, &key)).transpose()?;
    let (requests, without_reference) = log.unzip();
    let without_reference = without_reference.unwrap_or_default();
    let mut evidence = Evidence {
        system: ledger.system_evidence().await?,
        requests,
        without_reference,
        unclean_ends: ledger.unclean_ends().await?,
        ended: args.ended,
        ..Evidence::default()
    };
    for id in ledger.broadcast_ids().await? {
        let broadcast = ledger.evidence(id).await?;
        let view = &broadcast.view;
        let logged = evidence.requests.iter().flatten();
        let named = logged
            .filter_map(|request| request.place)
            .any(|(of, _)| of == id);
        // Files never pass through the sandbox, so its log cannot know them; nor what carries no reference.
        if view.kind == "file" || (without_reference > 0 && !named) {
            evidence.not_logged.push(id);
        }
        let rules = rules(view, configured.as_ref(), &args.rate);
        evidence.rules.insert(view.channel.clone(), rules);
        evidence.broadcasts.push(broadcast);
    }
    let verdict = judge(&evidence);
    terminal::data(global.json, &verdict, || text(&verdict))?;
    Ok(if verdict.violations.is_empty() {
        Exit::Done
    } else {
        Exit::Problems
    })
}

/// Where the ledger is, and the configuration where there is one to read.
fn sources(args: &Verify, global: &Global) -> Result<(StorageSettings, Option<Settings>), Failure> {
    let read = || Sources::from_process(&global.config).read();
    match &args.data_dir {
        Some(dir) => {
            let given = !global.config.is_empty();
            let settings = given.then(read).transpose()?;
            Ok((StorageSettings::in_directory(dir), settings))
        }
        None => {
            let settings = read()?;
            Ok((settings.store.clone(), Some(settings)))
        }
    }
}

/// What a broadcast's channel was allowed, as far as kind, configuration and command line say it.
fn rules(view: &BroadcastView, configured: Option<&Settings>, rates: &[RateOf]) -> ChannelRules {
    let name = view.channel.as_str();
    let Some(kind) = KINDS.iter().find(|kind| kind.kind == view.kind) else {
        return ChannelRules::default();
    };
    let channel = configured.and_then(|settings| settings.channels.get(name).zip(Some(settings)));
    let mut rules = match channel {
        Some((channel, settings)) => {
            let rules = channel.engine().rules(kind, &settings.engine);
            let keyed = |kind: &Capabilities| kind.idempotency == IdempotencyClass::NativeKey;
            ChannelRules {
                keyed: channel.kinds().all(keyed),
                by_provider: channel.via.len() > 1,
                ..rules
            }
        }
        // What a kind is like is known without any configuration, what it was allowed is not.
        None => ChannelRules {
            pace: None,
            retry: None,
            hourly_cap: None,
            ..ChannelSettings::default().rules(kind, &EngineSettings::default())
        },
    };
    if let Some(rate) = rates.iter().find(|rate| rate.channel == view.channel) {
        let known = channel.map_or_else(PaceSettings::default, |(channel, _)| channel.pace);
        let said = PaceSettings {
            rate_per_second: Some(rate.per_second),
            burst: rate.burst,
            ..known
        };
        rules.pace = Some(said.rules());
    }
    rules
}

/// The requests of a log that name a delivery of ours, and whatever else reached somebody; how many of that name nothing
/// at all is told apart.
fn requests(log: &Path, key: &ReferenceKey) -> anyhow::Result<(Vec<Request>, u64)> {
    let records = oyez_sandbox::read_log(log).map_err(|error| {
        let what = format!("the log {} cannot be read: {error}", log.display());
        Failure::new(
            Exit::NotFound,
            "log_unreadable",
            what,
            "give the file that `oyez sandbox --log` writes",
        )
    })?;
    let (named, others): (Vec<_>, Vec<_>) = records
        .into_iter()
        .partition(|record| !record.key.is_empty());
    let without_reference = others.iter().filter(|record| record.effect).count() as u64;
    let request = |record: oyez_sandbox::LogRecord| Request {
        place: key.open(&record.key),
        at: Wall::from(record.wall),
        since_boot: Boot(Duration::from_micros(record.t_us)),
        effect: record.effect,
        refused_us: refuses_us(&record.reply),
        not_before: None,
        provider: record.channel,
        to: record.to,
    };
    let requests = named.into_iter().map(request);
    // A test message is no delivery of the ledger.
    let is_test = |r: &Request| r.place.is_some_and(|(broadcast, _)| broadcast == TESTS);
    let requests = requests.filter(|r| (r.effect || r.place.is_some()) && !is_test(r));
    Ok((requests.collect(), without_reference))
}

/// Whether a reply is about our password, credit or permission: HTTP 401 to 403, SMTP 530 and 535.
fn refuses_us(reply: &str) -> bool {
    let code = reply.split(' ').next().unwrap_or_default();
    matches!(code, "401" | "402" | "403" | "530" | "535")
}

fn text(verdict: &Verdict) -> String {
    let lines: Vec<_> = verdict.invariants.iter().map(line).collect();
    let many = |finding| {
        let found = verdict.invariants.iter().filter(|j| j.finding == finding);
        found.count()
    };
    let unreadable = match verdict.unreadable {
        0 => String::new(),
        many => format!(
            "\n{} stored addresses cannot be opened with this key: whether what was sent for them went to them is not judged.",
            terminal::count(many)
        ),
    };
    let without_reference = match verdict.without_reference {
        0 => String::new(),
        many => format!(
            "\n{} requests in the log carry no reference (a gateway without a callback address has no place for one): whom \
             they reached, and copies among them, are not judged.",
            terminal::count(many)
        ),
    };
    format!(
        "{}\n\n{} recipients: {} accepted, {} lost, {} unknown, {} duplicates of at most {}.\n\
         {} of {} held, {} violated, {} not checkable from this evidence.{unreadable}{without_reference}",
        lines.join("\n"),
        terminal::count(verdict.recipients),
        terminal::count(verdict.accepted),
        terminal::count(verdict.lost),
        terminal::count(verdict.unknown),
        terminal::count(verdict.duplicates),
        terminal::count(verdict.duplicate_bound),
        many(Finding::Held),
        verdict.invariants.len(),
        many(Finding::Violated),
        many(Finding::NotCheckable),
    )
}

/// One invariant on one line, its finding first.
fn line(judged: &Judgement) -> String {
    let Judgement {
        id,
        says,
        finding,
        why,
    } = judged;
    let head = match finding {
        Finding::Held => "held",
        Finding::Violated => "VIOLATED",
        Finding::NotCheckable => "not checkable",
    };
    let tail = match finding {
        _ if why.is_empty() => String::new(),
        Finding::Violated => format!(": {why}"),
        Finding::Held | Finding::NotCheckable => format!(" ({why})"),
    };
    format!("{head:<13}  {id:<3}  {says}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(finding: Finding, why: &str) -> Judgement {
        Judgement {
            id: "I8".to_owned(),
            says: "no channel was faster than its limit".to_owned(),
            finding,
            why: why.to_owned(),
        }
    }

    #[test]
    fn each_finding_is_one_line_in_plain_words() {
        let lines = [
            (
                Finding::Held,
                "",
                "held           I8   no channel was faster than its limit",
            ),
            (
                Finding::Violated,
                "sms: 9 requests in 1 s",
                "VIOLATED       I8   no channel was faster than its limit: sms: 9 requests in 1 s",
            ),
            (
                Finding::NotCheckable,
                "needs a log",
                "not checkable  I8   no channel was faster than its limit (needs a log)",
            ),
        ];
        for (finding, why, words) in lines {
            assert_eq!(line(&judged(finding, why)), words);
        }
    }

    #[test]
    fn a_program_reads_id_says_verdict_and_why() {
        let json = serde_json::to_value(judged(Finding::NotCheckable, "needs a log")).unwrap();
        let expected = serde_json::json!({
            "id": "I8",
            "says": "no channel was faster than its limit",
            "verdict": "not_checkable",
            "why": "needs a log",
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn only_replies_about_ourselves_are_refusals_of_us() {
        for (reply, about_us) in [
            ("401", true),
            ("535 5.7.8 no", true),
            ("550 5.1.1", false),
            ("429", false),
            ("dropped", false),
        ] {
            assert_eq!(refuses_us(reply), about_us, "{reply}");
        }
    }
}
