//! One long-lived conversation with a relay: a message a time, in two round trips where the relay offers pipelining.

use crate::classify::smtp::{Broken, Stage};
use crate::smtp::dial::{Failure, Offers};
use crate::smtp::message::Envelope;
use crate::smtp::wire::{Reply, Waits, Wire};
use oyez_domain::time::Wall;
use std::fmt::Write;
use std::time::Duration;

/// How long to look for the reason when a relay hangs up.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// A conversation that can take messages.
pub(crate) struct Session {
    wire: Wire,
    offers: Offers,
    waits: Waits,
    sent: u32,
    usable: bool,
    commands: String,
}

impl Session {
    /// A session that is greeted and signed in.
    pub(crate) fn new(wire: Wire, offers: Offers, waits: Waits) -> Self {
        Self {
            wire,
            offers,
            waits,
            sent: 0,
            usable: true,
            commands: String::with_capacity(256),
        }
    }

    /// Messages tried over this connection.
    pub(crate) fn sent(&self) -> u32 {
        self.sent
    }

    /// Whether another message may be tried: no command unanswered, nothing unasked for, not closing.
    pub(crate) fn is_usable(&self) -> bool {
        self.usable && !self.wire.is_dirty()
    }

    /// Until when the relay's certificate is valid; nothing in clear text.
    pub(crate) fn certificate(&self) -> Option<Wall> {
        self.wire.certificate()
    }

    /// What the relay offers.
    pub(crate) fn offers(&self) -> Offers {
        self.offers
    }

    /// Says goodbye without waiting for an answer.
    pub(crate) async fn quit(mut self) {
        // Whether the relay hears it makes no difference.
        self.wire
            .write(b"QUIT\r\n", self.waits.connect)
            .await
            .unwrap_or_default();
    }

    /// Sends one message; the reply after its final dot, or where it ended.
    ///
    /// While this runs the session counts as unusable, so that dropping the future half-way, with a reply
    /// still to come, can never give that reply to the next message.
    pub(crate) async fn deliver(&mut self, letter: &Envelope<'_>) -> Result<Reply, Failure> {
        self.usable = false;
        self.sent += 1;
        let result = self.transaction(letter).await;
        let closing = matches!(&result, Err(Failure::Refused(_, reply)) if reply.code == 421);
        self.usable = match &result {
            Ok(_) => true,
            Err(Failure::Refused(Stage::Dot, _)) => !closing,
            Err(Failure::Refused(Stage::Body, _)) => false,
            Err(Failure::Refused(stage, reply)) if reply.is_about_too_many(*stage) => false,
            Err(Failure::Refused(_, _)) => !closing && self.reset().await.is_ok(),
            Err(Failure::Broken(_, _)) => false,
        };
        result
    }

    async fn transaction(&mut self, letter: &Envelope<'_>) -> Result<Reply, Failure> {
        if self.offers.pipelining {
            self.envelope_at_once(letter).await?;
        } else {
            self.envelope_step_by_step(letter).await?;
        }
        // The final dot is the last thing written: a write that fails cannot have completed the message.
        if let Err(broken) = self.wire.write(&letter.message, self.waits.reply).await {
            return Err(self.early_refusal(broken).await);
        }
        let dot = |broken| Failure::Broken(Stage::Dot, broken);
        let reply = self.wire.reply(self.waits.dot).await.map_err(dot)?;
        if reply.is_positive() {
            Ok(reply)
        } else {
            Err(Failure::Refused(Stage::Dot, reply))
        }
    }

    /// A relay that hangs up in the middle of a message has often said why.
    async fn early_refusal(&mut self, broken: Broken) -> Failure {
        match self.wire.reply(LAST_WORDS).await {
            Ok(reply) if !reply.is_positive() => Failure::Refused(Stage::Body, reply),
            Ok(_) | Err(_) => Failure::Broken(Stage::Body, broken),
        }
    }

    /// MAIL, RCPT and DATA in one write (RFC 2920); every reply is read, whatever the first one says.
    async fn envelope_at_once(&mut self, letter: &Envelope<'_>) -> Result<(), Failure> {
        self.commands.clear();
        self.put_mail(letter);
        self.put_rcpt(letter);
        self.commands.push_str("DATA\r\n");
        self.write_commands(Stage::Mail).await?;
        let mail = self.reply(Stage::Mail).await?;
        let rcpt = self.reply(Stage::Rcpt).await?;
        let data = self.reply(Stage::Data).await?;
        let refused = if !mail.is_positive() {
            Some(Failure::Refused(Stage::Mail, mail))
        } else if !rcpt.is_positive() {
            Some(Failure::Refused(Stage::Rcpt, rcpt))
        } else {
            None
        };
        match refused {
            Some(refused) => {
                if data.code == 354 {
                    // The relay waits for a message all the same: an empty one, without a recipient.
                    self.wire
                        .write(b".\r\n", self.waits.reply)
                        .await
                        .map_err(|broken| Failure::Broken(Stage::Data, broken))?;
                    self.reply(Stage::Data).await?;
                }
                Err(refused)
            }
            None if data.code == 354 => Ok(()),
            None => Err(Failure::Refused(Stage::Data, data)),
        }
    }

    async fn envelope_step_by_step(&mut self, letter: &Envelope<'_>) -> Result<(), Failure> {
        self.commands.clear();
        self.put_mail(letter);
        self.ask(Stage::Mail).await?;
        self.put_rcpt(letter);
        self.ask(Stage::Rcpt).await?;
        self.commands.push_str("DATA\r\n");
        self.ask(Stage::Data).await
    }

    async fn ask(&mut self, stage: Stage) -> Result<(), Failure> {
        self.write_commands(stage).await?;
        self.commands.clear();
        let reply = self.reply(stage).await?;
        let good = match stage {
            Stage::Data => reply.code == 354,
            Stage::Connect
            | Stage::Ehlo
            | Stage::Tls
            | Stage::Auth
            | Stage::Mail
            | Stage::Rcpt
            | Stage::Body
            | Stage::Dot => reply.is_positive(),
        };
        if good {
            Ok(())
        } else {
            Err(Failure::Refused(stage, reply))
        }
    }

    /// Clears what a refused transaction left behind, so that the connection can go on.
    async fn reset(&mut self) -> Result<(), Broken> {
        self.wire.write(b"RSET\r\n", self.waits.reply).await?;
        let reply = self.wire.reply(self.waits.reply).await?;
        if reply.is_positive() {
            Ok(())
        } else {
            Err(Broken::Protocol)
        }
    }

    async fn write_commands(&mut self, stage: Stage) -> Result<(), Failure> {
        let written = self
            .wire
            .write(self.commands.as_bytes(), self.waits.reply)
            .await;
        written.map_err(|broken| Failure::Broken(stage, broken))
    }

    async fn reply(&mut self, stage: Stage) -> Result<Reply, Failure> {
        let reply = self.wire.reply(self.waits.reply).await;
        let reply = reply.map_err(|broken| Failure::Broken(stage, broken))?;
        // After 421 the relay hangs up; the remaining replies of the group never come.
        if reply.code == 421 {
            Err(Failure::Refused(stage, reply))
        } else {
            Ok(reply)
        }
    }

    fn put_mail(&mut self, letter: &Envelope<'_>) {
        // Writing to a string cannot fail.
        write!(self.commands, "MAIL FROM:<{}>", letter.sender).unwrap_or_default();
        if self.offers.size {
            write!(self.commands, " SIZE={}", letter.message.len()).unwrap_or_default();
        }
        if self.offers.dsn {
            // RFC 3461 §4.3, §4.4: a report shall bring the headers only, and the name we gave the envelope.
            write!(self.commands, " RET=HDRS ENVID={}", letter.reference).unwrap_or_default();
        }
        self.commands.push_str("\r\n");
    }

    fn put_rcpt(&mut self, letter: &Envelope<'_>) {
        write!(self.commands, "RCPT TO:<{}>\r\n", letter.recipient).unwrap_or_default();
    }
}
