//! The bytes of an SMTP conversation: whole replies in, whole commands out, each under a time limit.

use crate::certificate;
use crate::classify::smtp::{Broken, Enhanced, Stage};
use oyez_domain::time::Wall;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

/// A reply longer than this is no reply.
const LONGEST_REPLY: usize = 16 * 1024;

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    /// For a connection.
    pub(crate) connect: Duration,
    /// For the reply to a command.
    pub(crate) reply: Duration,
    /// For the reply after the final dot.
    pub(crate) dot: Duration,
}

/// A connection, secured or not.
pub(crate) enum Stream {
    /// In clear text.
    Plain(TcpStream),
    /// Secured.
    Tls(Box<TlsStream<TcpStream>>),
}

/// A whole reply; several lines are joined by line feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The three digits.
    pub(crate) code: u16,
    /// What follows them.
    pub(crate) text: String,
}

/// A stream with what was read from it and not yet understood.
pub(crate) struct Wire {
    stream: Stream,
    inbox: Vec<u8>,
    read: usize,
}

impl Reply {
    /// 2xx.
    pub(crate) fn is_positive(&self) -> bool {
        (200..=299).contains(&self.code)
    }

    /// The enhanced status code, where there is one.
    pub(crate) fn enhanced(&self) -> Option<Enhanced> {
        Enhanced::read(self.code, &self.text)
    }

    /// Whether it says that this connection has had as many recipients as it may (RFC 3463 §3.6, x.5.3), which is no matter
    /// of this one: a new connection may take them.
    pub(crate) fn is_about_too_many(&self, stage: Stage) -> bool {
        stage == Stage::Rcpt && matches!(self.enhanced(), Some(Enhanced(_, 5, 3)))
    }

    /// What may be kept: the codes. The text may name an address.
    pub(crate) fn summary(&self) -> String {
        match self.enhanced() {
            Some(Enhanced(class, subject, detail)) => {
                format!("{} {class}.{subject}.{detail}", self.code)
            }
            None => self.code.to_string(),
        }
    }
}

impl Wire {
    /// A conversation over this stream.
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            inbox: Vec::with_capacity(512),
            read: 0,
        }
    }

    /// Until when the relay's certificate is valid; nothing in clear text.
    pub(crate) fn certificate(&self) -> Option<Wall> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => {
                let certificates = stream.get_ref().1.peer_certificates()?;
                certificate::not_after(certificates.first()?)
            }
        }
    }

    /// The stream, to be secured. Whatever was sent ahead in clear text is refused: it could be injected.
    pub(crate) fn into_plain(self) -> Result<TcpStream, Broken> {
        match self.stream {
            Stream::Plain(stream) if self.read == self.inbox.len() => Ok(stream),
            Stream::Plain(_) | Stream::Tls(_) => Err(Broken::Protocol),
        }
    }

    /// Whether something came that nobody asked for.
    pub(crate) fn is_dirty(&self) -> bool {
        self.read < self.inbox.len()
    }

    /// Writes everything or fails.
    pub(crate) async fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<(), Broken> {
        let whole = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout(wait, whole).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Broken::Closed),
            Err(_) => Err(Broken::Timeout),
        }
    }

    /// The next reply.
    pub(crate) async fn reply(&mut self, wait: Duration) -> Result<Reply, Broken> {
        if let Some(reply) = self.next()? {
            return Ok(reply);
        }
        timeout(wait, self.wait_for_reply())
            .await
            .unwrap_or(Err(Broken::Timeout))
    }

    async fn wait_for_reply(&mut self) -> Result<Reply, Broken> {
        loop {
            let read = self.stream.read_buf(&mut self.inbox).await;
            if read.map_err(|_| Broken::Closed)? == 0 {
                return Err(Broken::Closed);
            }
            if let Some(reply) = self.next()? {
                return Ok(reply);
            }
        }
    }

    /// Takes one whole reply out of what was read.
    fn next(&mut self) -> Result<Option<Reply>, Broken> {
        let unread = self.inbox.get(self.read..).unwrap_or(&[]);
        let Some((reply, taken)) = parse(unread)? else {
            let too_long = unread.len() > LONGEST_REPLY;
            return if too_long {
                Err(Broken::Protocol)
            } else {
                Ok(None)
            };
        };
        self.read += taken;
        if self.read == self.inbox.len() {
            self.inbox.clear();
            self.read = 0;
        }
        Ok(Some(reply))
    }
}

/// The first whole reply in `bytes` and its length; nothing while its last line is missing.
fn parse(bytes: &[u8]) -> Result<Option<(Reply, usize)>, Broken> {
    let (mut taken, mut code, mut text) = (0, None, String::new());
    while let Some(end) = bytes
        .get(taken..)
        .and_then(|rest| rest.iter().position(|byte| *byte == b'\n'))
    {
        let line = bytes.get(taken..taken + end).unwrap_or(&[]);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        taken += end + 1;
        let (number, more, rest) = read_line(line).ok_or(Broken::Protocol)?;
        if code.is_some_and(|code| code != number) {
            return Err(Broken::Protocol);
        }
        if code.is_some() {
            text.push('\n');
        }
        code = Some(number);
        text.push_str(&String::from_utf8_lossy(rest));
        if !more {
            return Ok(Some((Reply { code: number, text }, taken)));
        }
    }
    Ok(None)
}

/// Code, whether more lines follow, and text.
fn read_line(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code = digits.iter().try_fold(0u16, |code, digit| {
        digit
            .is_ascii_digit()
            .then(|| code * 10 + u16::from(digit - b'0'))
    })?;
    let known = (200..=599).contains(&code);
    match rest {
        [b'-', text @ ..] => known.then_some((code, true, text)),
        [b' ', text @ ..] => known.then_some((code, false, text)),
        [] => known.then_some((code, false, rest)),
        [_, ..] => None,
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<(u16, String, usize)>, Broken> {
        parse(text.as_bytes())
            .map(|found| found.map(|(reply, taken)| (reply.code, reply.text, taken)))
    }

    #[test]
    fn a_reply_is_read_whole_or_not_at_all() {
        assert_eq!(
            read("250 ok\r\n354 go"),
            Ok(Some((250, "ok".to_owned(), 8)))
        );
        assert_eq!(
            read("250-a\r\n250-b\r\n250 c\r\n"),
            Ok(Some((250, "a\nb\nc".to_owned(), 21)))
        );
        assert_eq!(read("250\r\n"), Ok(Some((250, String::new(), 5))));
        for unfinished in ["", "2", "250 ok", "250-a\r\n", "250-a\r\n250-b\r\n250"] {
            assert_eq!(read(unfinished), Ok(None), "{unfinished:?}");
        }
    }

    #[test]
    fn what_is_no_reply_is_a_broken_conversation() {
        for text in [
            "\r\n",
            "25\r\n",
            "HTTP/1.1 400 Bad\r\n",
            "250_x\r\n",
            "999 x\r\n",
            "100 x\r\n",
            "250-a\r\n550 b\r\n",
            "ab\u{0} x\r\n",
        ] {
            assert_eq!(read(text), Err(Broken::Protocol), "{text:?}");
        }
    }

    #[test]
    fn a_summary_never_names_an_address() {
        let reply = |text: &str| {
            Reply {
                code: 550,
                text: text.to_owned(),
            }
            .summary()
        };
        assert_eq!(
            reply("5.1.1 <jo@example.org>: Recipient address rejected"),
            "550 5.1.1"
        );
        assert_eq!(reply("<jo@example.org> unknown"), "550");
    }
}
