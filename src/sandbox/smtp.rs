//! The mail relay: a plain SMTP server (RFC 5321, pipelining of RFC 2920) that logs each recipient of each message.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpStream;

use crate::backstage::Backstage;
use crate::bounces::{self, Sent};
use crate::clock;
use crate::log::Entry;
use crate::play::{Ask, ChannelPlay, Point, Turn};
use crate::scenario::{Action, Login, Stage};
use crate::smtp_line::{Line, short};
use crate::smtp_wire::{Command, MessageEnd, message_key};

/// Largest message taken, in bytes, as announced by SIZE.
const MAX_MESSAGE: usize = 10 * 1024 * 1024;
/// Longest command line; the standard asks for 512, extensions for more.
const MAX_LINE: usize = 4 * 1024;
/// A transaction must take at least 100 recipients (RFC 5321 §4.5.3.1.8).
const MAX_RECIPIENTS: usize = 1_000;
const TOO_BIG: &str = "552 5.3.4 Message too big";

/// Serves one connection until the client leaves or the script cuts it.
pub(crate) async fn serve(stream: TcpStream, backstage: Arc<Backstage>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let play = backstage.play().channel("");
    let mut session = Session {
        line: Line::new(stream),
        backstage,
        channel: String::new(),
        play,
        signed_in: false,
        mode: Mode::Commands,
        envelope: None,
    };
    session.run().await
}

struct Session {
    line: Line,
    backstage: Arc<Backstage>,
    channel: String,
    play: Arc<ChannelPlay>,
    signed_in: bool,
    mode: Mode,
    envelope: Option<Envelope>,
}

enum Mode {
    Commands,
    /// AUTH PLAIN was sent without its response.
    Signing,
    Message {
        end: MessageEnd,
        oversized: bool,
    },
}

#[derive(Default)]
struct Envelope {
    number: u64,
    sender: String,
    recipients: Vec<String>,
}

/// What becomes of a command or message.
enum Verdict {
    Usual,
    Drip(u64),
    Refuse(String),
    Drop { taken: bool },
}

/// How a point of the dialogue was answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answered {
    AsUsual,
    Refused,
    Cut,
}

/// Whether the connection goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Close,
}

impl Session {
    async fn run(&mut self) -> io::Result<()> {
        let mut flow = self.greet().await?;
        while flow == Flow::On {
            match self.step().await? {
                Some(next) => flow = next,
                None if self.line.hear().await? => {}
                None => return Ok(()),
            }
        }
        self.line.flush().await
    }

    async fn greet(&mut self) -> io::Result<Flow> {
        let turn = self
            .backstage
            .play()
            .at_connect(clock::boottime_us())
            .map(|(channel, turn)| {
                channel.clone_into(&mut self.channel);
                turn
            });
        Ok(self.answer(turn, "220 sandbox ESMTP", "").await?.flow())
    }

    /// Plays one command or message from the buffer; `None` when the buffer holds none that is whole.
    async fn step(&mut self) -> io::Result<Option<Flow>> {
        if let Mode::Message { end, oversized } = &mut self.mode {
            let Some(message) = end.take(&mut self.line.input) else {
                if self.line.input.len() > MAX_MESSAGE {
                    *oversized = true;
                    end.discard(&mut self.line.input);
                }
                return Ok(None);
            };
            let oversized = *oversized;
            self.mode = Mode::Commands;
            return self.take_message(message, oversized).await.map(Some);
        }
        let Some(length) = self.line.input.iter().position(|&byte| byte == b'\n') else {
            if self.line.input.len() <= MAX_LINE {
                return Ok(None);
            }
            self.line.say("500 5.5.2 Line too long");
            return Ok(Some(Flow::Close));
        };
        let line = self.line.input.split_to(length + 1);
        let Ok(line) = std::str::from_utf8(&line) else {
            self.line.say("500 5.5.2 Not text");
            return Ok(Some(Flow::On));
        };
        if matches!(self.mode, Mode::Signing) {
            self.mode = Mode::Commands;
            self.sign_in(line.trim());
            return Ok(Some(Flow::On));
        }
        self.obey(Command::read(line.trim_end())).await.map(Some)
    }

    async fn obey(&mut self, command: Command<'_>) -> io::Result<Flow> {
        match command {
            Command::Ehlo(name) => self.hello(name, true),
            Command::Helo(name) => self.hello(name, false),
            Command::AuthPlain(None) => {
                self.mode = Mode::Signing;
                self.line.say("334 ");
            }
            Command::AuthPlain(Some(response)) => self.sign_in(response),
            Command::Mail { from, size } => return self.mail(from, size).await,
            Command::Rcpt(to) => return self.rcpt(to).await,
            Command::Data => return self.data().await,
            Command::Rset => {
                self.envelope = None;
                self.line.say("250 2.0.0 Ok");
            }
            Command::Noop => self.line.say("250 2.0.0 Ok"),
            Command::Quit => {
                self.line.say("221 2.0.0 Bye");
                return Ok(Flow::Close);
            }
            Command::Malformed => self.line.say("501 5.5.4 Syntax error in arguments"),
            Command::Unknown => self.line.say("500 5.5.1 Command not recognised"),
        }
        Ok(Flow::On)
    }

    fn hello(&mut self, name: &str, extended: bool) {
        name.clone_into(&mut self.channel);
        self.play = self.backstage.play().channel(name);
        self.envelope = None;
        if !extended {
            return self.line.say("250 sandbox");
        }
        self.line.say("250-sandbox");
        self.line.say("250-PIPELINING");
        self.line.say("250-8BITMIME");
        self.line.say(&format!("250-SIZE {MAX_MESSAGE}"));
        if self.play.script.smtp_login.is_some() {
            self.line.say("250-AUTH PLAIN");
        }
        self.line.say("250 ENHANCEDSTATUSCODES");
    }

    fn sign_in(&mut self, response: &str) {
        let accepted = self
            .play
            .script
            .smtp_login
            .as_ref()
            .map(|login| proves(response, login));
        self.signed_in = accepted == Some(true);
        self.line.say(match accepted {
            Some(true) => "235 2.7.0 Authentication succeeded",
            Some(false) => "535 5.7.8 Authentication credentials invalid",
            None => "503 5.5.1 AUTH is not offered",
        });
    }

    async fn mail(&mut self, from: &str, size: Option<usize>) -> io::Result<Flow> {
        // A scenario set while this connection is open counts from its next message on.
        self.play = self.backstage.play().channel(&self.channel);
        self.envelope = None;
        if self.play.script.smtp_login.is_some() && !self.signed_in {
            return self.refuse("530 5.7.0 Authentication required", "");
        }
        if size.is_some_and(|size| size > MAX_MESSAGE) {
            return self.refuse(TOO_BIG, "");
        }
        let number = self.play.begin(clock::boottime_us());
        let turn = self.decide(Stage::Mail, number, "", "");
        let answered = self.answer(turn, "250 2.1.0 Ok", "").await?;
        if answered == Answered::AsUsual {
            self.envelope = Some(Envelope {
                number,
                sender: from.to_owned(),
                recipients: Vec::new(),
            });
        }
        Ok(answered.flow())
    }

    async fn rcpt(&mut self, to: &str) -> io::Result<Flow> {
        let Some(envelope) = &self.envelope else {
            return self.refuse("503 5.5.1 MAIL first", to);
        };
        if envelope.recipients.len() >= MAX_RECIPIENTS {
            return self.refuse("452 4.5.3 Too many recipients", to);
        }
        let turn = self.decide(Stage::Rcpt, envelope.number, to, "");
        let answered = self.answer(turn, "250 2.1.5 Ok", to).await?;
        if let (Answered::AsUsual, Some(envelope)) = (answered, &mut self.envelope) {
            envelope.recipients.push(to.to_owned());
        }
        Ok(answered.flow())
    }

    async fn data(&mut self) -> io::Result<Flow> {
        let Some((number, to)) = self.envelope.as_ref().and_then(Envelope::first) else {
            self.line.say("503 5.5.1 No valid recipients");
            return Ok(Flow::On);
        };
        let turn = self.decide(Stage::Data, number, &to, "");
        let answered = self
            .answer(turn, "354 End data with <CR><LF>.<CR><LF>", &to)
            .await?;
        if answered == Answered::AsUsual {
            self.mode = Mode::Message {
                end: MessageEnd::default(),
                oversized: false,
            };
        } else {
            self.envelope = None;
        }
        Ok(answered.flow())
    }

    async fn take_message(&mut self, message: Bytes, oversized: bool) -> io::Result<Flow> {
        let Some(envelope) = self.envelope.take() else {
            return Ok(Flow::Close);
        };
        let key = message_key(&message);
        let to = envelope.recipients.first().map_or("", String::as_str);
        let turn = self
            .decide(Stage::Dot, envelope.number, to, key)
            .unwrap_or_default();
        let verdict = if oversized {
            Verdict::Refuse(TOO_BIG.to_owned())
        } else {
            Verdict::of(turn.action)
        };
        let id = self.backstage.next_id();
        let (reply, taken) = match &verdict {
            Verdict::Usual | Verdict::Drip(_) => ("250", true),
            Verdict::Refuse(reply) => (short(reply), false),
            Verdict::Drop { taken } => ("dropped", *taken),
        };
        for to in &envelope.recipients {
            let entry = Entry {
                channel: &self.channel,
                to,
                key,
                reply,
                effect: taken,
                provider_id: taken.then_some(id.as_str()),
                bytes: message.len(),
            };
            self.backstage.log.append(entry)?;
        }
        if taken {
            self.backstage.log.keep(&self.channel, message.clone());
            let sent = Sent {
                channel: &self.channel,
                sender: &envelope.sender,
                to,
                key,
                id: &id,
                message: &message,
            };
            bounces::dispatch(&self.backstage, &self.play, &sent);
        }
        self.line.pause(turn.latency_ms).await?;
        Ok(self
            .speak(verdict, &format!("250 2.0.0 Ok: queued as {id}"))
            .await?
            .flow())
    }

    fn decide(&self, stage: Stage, number: u64, to: &str, key: &str) -> Option<Turn> {
        self.play.decide(Ask {
            point: Point::Smtp(stage),
            number,
            to,
            key,
            at_us: clock::boottime_us(),
        })
    }

    /// Answers a point before the final dot, where only refusals and cuts are worth a line in the log.
    async fn answer(&mut self, turn: Option<Turn>, usual: &str, to: &str) -> io::Result<Answered> {
        let Some(turn) = turn else {
            self.line.say(usual);
            return Ok(Answered::AsUsual);
        };
        let verdict = Verdict::of(turn.action);
        match &verdict {
            Verdict::Usual | Verdict::Drip(_) => {}
            Verdict::Refuse(reply) => self.log_refusal(reply, to)?,
            Verdict::Drop { .. } => self.log_refusal("dropped", to)?,
        }
        self.line.pause(turn.latency_ms).await?;
        self.speak(verdict, usual).await
    }

    async fn speak(&mut self, verdict: Verdict, usual: &str) -> io::Result<Answered> {
        match verdict {
            Verdict::Usual => self.line.say(usual),
            Verdict::Drip(ms_per_byte) => self.line.drip(usual, ms_per_byte).await?,
            Verdict::Refuse(reply) => {
                self.line.say(&reply);
                return Ok(if reply.starts_with("421") {
                    Answered::Cut
                } else {
                    Answered::Refused
                });
            }
            Verdict::Drop { .. } => return Ok(Answered::Cut),
        }
        Ok(Answered::AsUsual)
    }

    /// A refusal that is in no script.
    fn refuse(&mut self, reply: &str, to: &str) -> io::Result<Flow> {
        self.log_refusal(reply, to)?;
        self.line.say(reply);
        Ok(Flow::On)
    }

    fn log_refusal(&self, reply: &str, to: &str) -> io::Result<()> {
        let channel = self.channel.as_str();
        let reply = short(reply);
        self.backstage.log.append(Entry {
            channel,
            to,
            key: "",
            reply,
            effect: false,
            provider_id: None,
            bytes: 0,
        })
    }
}

impl Envelope {
    fn first(&self) -> Option<(u64, String)> {
        self.recipients.first().map(|to| (self.number, to.clone()))
    }
}

impl Verdict {
    fn of(action: Option<Action>) -> Self {
        match action {
            None | Some(Action::Http { .. }) => Self::Usual,
            Some(Action::SlowDrip { ms_per_byte }) => Self::Drip(ms_per_byte),
            Some(Action::Smtp { code, text }) => Self::Refuse(format!("{code} {text}")),
            Some(Action::RateLimit { .. }) => {
                Self::Refuse("451 4.7.0 Too many messages, slow down".to_owned())
            }
            Some(Action::DropBeforeEffect) => Self::Drop { taken: false },
            Some(Action::DropAfterEffect) => Self::Drop { taken: true },
        }
    }
}

impl Answered {
    fn flow(self) -> Flow {
        match self {
            Self::AsUsual | Self::Refused => Flow::On,
            Self::Cut => Flow::Close,
        }
    }
}

/// Checks the response of AUTH PLAIN (RFC 4616): base64 of an unused name, the user and the password.
fn proves(response: &str, login: &Login) -> bool {
    let Ok(plain) = data_encoding::BASE64.decode(response.as_bytes()) else {
        return false;
    };
    let mut parts = plain.split(|&byte| byte == 0).skip(1);
    parts.next() == Some(login.user.as_bytes())
        && parts.next() == Some(login.password.reveal().as_bytes())
}
