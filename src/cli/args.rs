//! The words of the command line: `oyez <noun> <verb>`.

mod unknown;
mod update;
mod user;
mod verify;

pub(crate) use unknown::{Unknown, UnknownDecide, UnknownWhich};
pub(crate) use update::{Update, UpdateNew, UpdateRetry, UpdateSend, UpdateStop};
pub(crate) use user::User;
pub(crate) use verify::{RateOf, Verify};

use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// One update, every channel, and an exact account of what happened.
#[derive(Debug, Parser)]
#[command(
    name = "oyez",
    version,
    about,
    max_term_width = 100,
    after_help = "Examples:
  oyez demo                                      see it work, on this machine only
  oyez serve --config oyez.toml                  run the service
  oyez update new --file update.json             write an update
  oyez update send 7QX-4HM --watch               put it out and watch
  oyez update stop 7QX-4HM --reason 'wrong number'

Exit codes: 0 done, 1 error, 2 usage, 3 problems found and nothing sent, 4 not allowed, 5 not found,
6 refused by state, 7 finished but some failed, 8 still running, 9 stopped or held, 10 unreachable,
74 storage failed, 78 bad configuration, 130 interrupted (sending goes on)."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// Whether data is to be printed as JSON.
    pub(crate) fn json(&self) -> bool {
        self.global.json
    }
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Configuration file; may be given several times, later ones win.
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) config: Vec<PathBuf>,
    /// Speak to this server instead of the one on this machine.
    #[arg(long, global = true, value_name = "URL", requires = "token_file")]
    pub(crate) server: Option<String>,
    /// File with the token for --server.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Print data as JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show everything at work on this machine: made-up residents, local providers, real SMTP and HTTP.
    Demo(Demo),
    /// Play the providers locally, with faults on request and a log of every request.
    Sandbox(SandboxArgs),
    /// Run the service: console, API, public page and the engine.
    #[command(
        after_help = "Examples:\n  oyez serve --config oyez.toml\n  OYEZ__HTTP__LISTEN=127.0.0.1:9000 oyez serve --config oyez.toml\n\nCtrl-C or SIGTERM ends it in good order: what is on its way ends and is recorded. A second one ends it at once."
    )]
    Serve,
    /// Check the configuration and talk to each provider without sending.
    Check(CheckArgs),
    /// What is waiting on each channel, in which order, and why.
    #[command(after_help = "Examples:\n  oyez queue\n  oyez queue --json")]
    Queue,
    /// Measure the real engine against a receiving server.
    Bench(Bench),
    /// Compare the ledger with a sandbox log and judge every invariant.
    Verify(Verify),
    /// Incidents.
    #[command(subcommand)]
    Incident(Incident),
    /// Updates.
    #[command(subcommand)]
    Update(Update),
    /// What may have been sent.
    #[command(subcommand)]
    Unknown(Unknown),
    /// Services that residents use.
    #[command(subcommand)]
    Service(Service),
    /// The public site.
    #[command(subcommand)]
    Public(Public),
    /// People of the organisation who may sign in to the console.
    #[command(subcommand)]
    User(User),
    /// People who get messages.
    #[command(subcommand)]
    Subscriber(Subscriber),
    /// Partners' webhooks.
    #[command(subcommand)]
    Endpoint(Endpoint),
    /// Ways out.
    #[command(subcommand)]
    Channel(Channel),
    /// The whole system.
    #[command(subcommand)]
    System(System),
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  oyez demo\n  oyez demo --recipients 200 --exit --json")]
pub(crate) struct Demo {
    /// Made-up residents, each with an email address and a mobile number.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) recipients: u32,
    /// Messages a second on email and SMS, instead of paces that make it last about 20 s.
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Show every kind of channel there is.
    #[arg(long)]
    pub(crate) every_kind: bool,
    /// End after the table, also on a terminal.
    #[arg(long)]
    pub(crate) exit: bool,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  oyez sandbox --smtp 127.0.0.1:2525 --http 127.0.0.1:8090 --log sandbox.jsonl\n
Where channels find it, CHANNEL being the channel's name in your configuration:
  mail      the SMTP address, tls = \"none\", hello = \"CHANNEL\"
  texts     http://127.0.0.1:8090/CHANNEL/sms/messages
  Mastodon  http://127.0.0.1:8090/CHANNEL/mastodon
  partners  http://127.0.0.1:8090/CHANNEL/hook/PARTNER
Also needed: network.allow_networks = [\"127.0.0.0/8\"]. docker/oyez.toml is a whole example."
)]
pub(crate) struct SandboxArgs {
    /// Where the SMTP server listens.
    #[arg(long, value_name = "ADDR")]
    pub(crate) smtp: SocketAddr,
    /// Where the HTTP providers listen.
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: SocketAddr,
    /// One JSON line for each request is appended here.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: PathBuf,
    /// Faults, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Every line is ok, warn or FAIL, with what to do about it. Exit 0: nothing failed, 3: something did,
78: the configuration is wrong.\n\nExamples:\n  oyez check --config oyez.toml\n  oyez check --config oyez.toml --offline"
)]
pub(crate) struct CheckArgs {
    /// Check the configuration only; talk to nobody.
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  oyez bench --channel smtp --recipients 100000 --concurrency 32 --smtp 127.0.0.1:2525"
)]
pub(crate) struct Bench {
    /// smtp, webhook or sms.
    #[arg(long)]
    pub(crate) channel: BenchChannel,
    /// Recipients of each release.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) recipients: u32,
    /// Releases; with more than one, each is stopped after its first delivery.
    #[arg(long, default_value_t = 1)]
    pub(crate) releases: u32,
    /// Requests in flight.
    #[arg(long, default_value_t = 32)]
    pub(crate) concurrency: u32,
    /// Messages a second; none means no limit.
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// The receiving SMTP server.
    #[arg(long, value_name = "ADDR")]
    pub(crate) smtp: Option<SocketAddr>,
    /// The receiving HTTP server.
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// Where the store is made, instead of a temporary directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BenchChannel {
    Smtp,
    Webhook,
    Sms,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Incident {
    /// Open an incident. Publishes nothing.
    New(IncidentNew),
    /// List incidents, newest first.
    List,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  oyez incident new --title 'Cyber security incident'\n  oyez incident new --file incident.json"
)]
pub(crate) struct IncidentNew {
    /// Public title, at most 80 characters.
    #[arg(long, required_unless_present = "file")]
    pub(crate) title: Option<String>,
    /// The whole incident as JSON: title, phase, known, not_known, doing, assurances, affected.
    #[arg(long, value_name = "FILE", conflicts_with = "title")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Service {
    /// List services with their states.
    List,
    /// Replace the list of services from a JSON file.
    Put {
        /// An array of {id, name, state, note, telephone, hours}.
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Public {
    /// Write the public site as static files, with feeds and alerts, for any web server.
    #[command(
        after_help = "A folder that is not there or is empty gets the whole site at once; in one that holds a site each file is\nreplaced in one step. Files of older updates stay. Set public.export_dir to have it done after every change.\n\nExample:\n  oyez public export /var/www/status"
    )]
    Export {
        /// The folder.
        folder: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Subscriber {
    /// Import people from CSV: all or nothing.
    #[command(
        after_help = "Columns: email, telephone, topics (a;b), language. Example:\n  oyez subscriber import people.csv"
    )]
    Import {
        /// The file, UTF-8.
        file: PathBuf,
    },
    /// Add one person.
    Add {
        /// Email address.
        #[arg(long)]
        email: Option<String>,
        /// UK telephone number.
        #[arg(long)]
        telephone: Option<String>,
        /// Topic; once for each. None means all.
        #[arg(long = "topic", value_name = "TOPIC")]
        topics: Vec<String>,
        /// Language tag.
        #[arg(long, default_value = "en")]
        language: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Endpoint {
    /// Every partner's webhook, and whether it is still there.
    List,
    /// Register or replace a partner's webhook.
    #[command(
        after_help = "Example:\n  oyez endpoint put kensington https://rbkc.example.gov.uk/hooks/oyez --secret-file whsec.txt"
    )]
    Put {
        /// The partner's short name.
        name: String,
        /// Its URL.
        url: String,
        /// File with the signing secret: whsec_… (shared with the partner) or whsk_… (a pair of keys).
        #[arg(long, value_name = "FILE")]
        secret_file: PathBuf,
    },
    /// Sign with a new key, and for a while with the present one, too. Prints what the partner needs, once.
    #[command(
        after_help = "Examples:\n  oyez endpoint key kensington\n  oyez endpoint key kensington --version v1 --overlap-hours 72"
    )]
    Key {
        /// The partner's short name.
        name: String,
        /// v1a: a pair of keys, of which the partner gets the public one; v1: a secret that both sides know.
        #[arg(long, default_value = "v1a", value_parser = ["v1a", "v1"])]
        version: String,
        /// For how many hours the present key signs, too.
        #[arg(long, default_value_t = 24, value_name = "HOURS")]
        overlap_hours: u32,
    },
    /// Send a partner nothing more from the next release on.
    Remove {
        /// The partner's short name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Channel {
    /// The configured channels and how they are.
    List,
    /// Every kind there is and what it can do.
    Kinds,
    /// Send one message, marked as a test, to one address, and say what the provider answered.
    #[command(
        after_help = "Examples:\n  oyez channel test residents_sms --to 07700900123\n  oyez channel test council_mastodon --to @press@social.example.org\n  oyez channel test partners --to kensington\n  oyez channel test residents_sms --via twilio --to 07700900123\n\nOn Mastodon it is a direct post to that account; a partner gets an event of the type channel.tested. A room of staff is named by the channel itself.\nExit 0: taken, 7: not taken or not known, 10: nobody answers."
    )]
    Test(ChannelTest),
    /// Hold a channel: nothing leaves on it until it is resumed.
    Hold {
        /// Its name.
        name: String,
        /// Why.
        #[arg(long, default_value = "held by a person")]
        reason: String,
    },
    /// Go on with a channel.
    Resume {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ChannelTest {
    /// The channel's name.
    pub(crate) name: String,
    /// One email address, telephone number or account, or the name of a partner's endpoint.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: String,
    /// The kind of the provider to test, where the channel has several; otherwise the first is tested.
    #[arg(long, value_name = "KIND")]
    pub(crate) via: Option<String>,
    /// Repeating the command with the same key sends nothing again.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum System {
    /// Hold everything.
    Hold {
        /// Why.
        #[arg(long, default_value = "held by a person")]
        reason: String,
    },
    /// Go on with everything.
    Resume,
    /// Show what stands in the way of the whole instance, if anything does.
    Status,
    /// Say that the machine's clock is right after it jumped, so that what is too late expires again.
    TrustClock,
}
