//! A small town for tests: made-up people, providers played in this process, and the real program as a child.

mod serve;

use oyez_sandbox::{Counts, Sandbox, SandboxSettings, Scenario};
use serde_json::Value;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) use serve::Serve;

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    /// Exit code.
    pub(crate) code: i32,
    /// Data.
    pub(crate) stdout: String,
    /// Everything else.
    pub(crate) stderr: String,
}

impl Done {
    /// Insists on an exit code; returns stdout without the line end.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> String {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self.stdout.trim_end().to_owned()
    }

    /// Insists on an exit code and on words in what it said.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, words: &[&str]) {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        for word in words {
            assert!(
                self.stderr.contains(word),
                "{word:?} is not in: {}",
                self.stderr
            );
        }
    }
}

/// A town with its own directory, configuration and providers.
pub(crate) struct Town {
    runtime: tokio::runtime::Runtime,
    sandbox: Sandbox,
    folder: tempfile::TempDir,
}

impl Town {
    /// A town whose providers do nothing wrong.
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let log = folder.path().join("sandbox.jsonl");
        let settings = SandboxSettings {
            smtp: any,
            http: any,
            log,
            scenario: Scenario::default(),
        };
        let sandbox = runtime.block_on(Sandbox::start(settings)).unwrap();
        let town = Self {
            runtime,
            sandbox,
            folder,
        };
        town.write("oyez.toml", town.configuration(""));
        town
    }

    /// What the providers shall do from now on, as in a scenario file.
    pub(crate) fn play(&self, scenario: Value) {
        self.sandbox
            .set_scenario(&serde_json::from_value(scenario).unwrap())
            .unwrap();
    }

    /// Where the providers that speak HTTP listen.
    pub(crate) fn providers(&self) -> SocketAddr {
        self.sandbox.http_addr()
    }

    /// The configuration with email, SMS and Mastodon, and `more` at its end.
    pub(crate) fn configuration(&self, more: &str) -> String {
        let (smtp, http) = (self.sandbox.smtp_addr().port(), self.sandbox.http_addr());
        let mut toml = String::new();
        let data_dir = self.path("store");
        write!(
            toml,
            r#"
            [organisation]
            name = "Westminster City Council"
            [http]
            listen = "127.0.0.1:0"
            [store]
            data_dir = {data_dir:?}
            [network]
            allow_networks = ["127.0.0.0/8"]
            [log]
            filter = "warn"
            [channels.residents_email.via.smtp]
            host = "127.0.0.1"
            port = {smtp}
            tls = "none"
            from = "Westminster City Council <updates@status.example.gov.uk>"
            hello = "residents_email"
            [channels.residents_sms.via.sms_http]
            url = "http://{http}/residents_sms/sms/messages"
            id_pointer = "/id"
            max_parts = 3
            [channels.residents_sms.via.sms_http.body]
            kind = "json"
            template = '{{"to":"{{to}}","text":"{{text}}","reference":"{{ref}}"}}'
            [channels.council_mastodon.via.mastodon]
            server = "http://{http}/council_mastodon/mastodon"
            token = "made-up"
            {more}
            "#
        )
        .unwrap();
        toml
    }

    /// What comes of something that is waited for outside of the town, such as a judge's word.
    pub(crate) fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    /// Where the town's HTTP providers listen.
    pub(crate) fn http(&self) -> SocketAddr {
        self.sandbox.http_addr()
    }

    /// A path in the town's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the town's directory.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Runs a command to its end.
    pub(crate) fn oyez(&self, arguments: &[&str]) -> Done {
        self.oyez_with("oyez.toml", arguments)
    }

    /// Runs a command with another configuration file.
    pub(crate) fn oyez_with(&self, configuration: &str, arguments: &[&str]) -> Done {
        let output = self
            .command(&self.path(configuration), arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Done {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Runs a command that must end well, and reads its JSON.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let text = self.oyez(&[arguments, &["--json"]].concat()).exits(0);
        serde_json::from_str(&text).unwrap()
    }

    /// Starts `serve` and waits until it answers.
    pub(crate) fn serve(&self) -> Serve {
        Serve::start(self.command(&self.path("oyez.toml"), &["serve", "--json"]))
    }

    /// The same with another configuration file.
    pub(crate) fn serve_with(&self, configuration: &str) -> Serve {
        Serve::start(self.command(&self.path(configuration), &["serve", "--json"]))
    }

    /// The same with no file larger than so many blocks of 512 bytes: a write beyond fails as a broken disk fails.
    pub(crate) fn serve_on_a_disk_that_breaks(&self, blocks: u64, log: std::fs::File) -> Serve {
        let mut command = Command::new("sh");
        let serve = self.command(&self.path("oyez.toml"), &["serve", "--json"]);
        command
            .arg("-c")
            .arg(format!(
                "trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""
            ))
            .arg(serve.get_program())
            .args(serve.get_args())
            .current_dir(self.folder.path())
            .stderr(log);
        Serve::start(command)
    }

    /// The same with its log in a file.
    pub(crate) fn serve_logging(&self, log: std::fs::File) -> Serve {
        let mut command = self.command(&self.path("oyez.toml"), &["serve", "--json"]);
        command.stderr(log);
        Serve::start(command)
    }

    fn command(&self, configuration: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oyez"));
        command
            .args(arguments)
            .arg("--config")
            .arg(configuration)
            .current_dir(self.folder.path());
        command
    }

    /// Adds numbered people with an email address each.
    pub(crate) fn people(&self, many: u32) {
        let mut csv = "email\n".to_owned();
        for number in 1..=many {
            writeln!(csv, "resident{number:04}@demo.invalid").unwrap();
        }
        let file = self.write("people.csv", csv);
        self.oyez(&["subscriber", "import", file.to_str().unwrap()])
            .exits(0);
    }

    /// Opens an incident and writes an update on it with further `options`; returns its reference.
    pub(crate) fn update(&self, options: &[&str]) -> String {
        let incident = self
            .oyez(&["incident", "new", "--title", "Cyber security incident"])
            .exits(0);
        let fixed = [
            "update",
            "new",
            "--incident",
            &incident,
            "--headline",
            "Do not cancel your Direct Debit",
        ];
        let promise = [
            "--do",
            "Keep enough money in your account.",
            "--next",
            "none",
        ];
        self.oyez(&[&fixed[..], &promise[..], options].concat())
            .exits(0)
    }

    /// How much one channel's provider has seen.
    pub(crate) fn seen(&self, channel: &str) -> Counts {
        self.sandbox
            .counts()
            .get(channel)
            .copied()
            .unwrap_or_default()
    }

    /// The last message that a channel's provider took.
    pub(crate) fn latest(&self, channel: &str) -> String {
        self.sandbox
            .latest(channel)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        // The servers' tasks end before the directory goes.
        let _inside = self.runtime.enter();
    }
}
