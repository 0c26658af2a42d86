//! The connection under an SMTP dialogue: replies are gathered and leave together, as pipelining asks (RFC 2920).

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MIN_READ: usize = 16 * 1024;

/// A connection with what was read and not yet understood, and what was said and not yet sent.
pub(crate) struct Line {
    stream: TcpStream,
    pub(crate) input: BytesMut,
    output: Vec<u8>,
}

impl Line {
    pub(crate) fn new(stream: TcpStream) -> Self {
        let (input, output) = (
            BytesMut::with_capacity(64 * 1024),
            Vec::with_capacity(4 * 1024),
        );
        Self {
            stream,
            input,
            output,
        }
    }

    /// Sends what was said, then waits for more input; false when the client has left.
    pub(crate) async fn hear(&mut self) -> io::Result<bool> {
        self.flush().await?;
        // Without room asked for, a buffer that is nearly full is read into by a few bytes at a time.
        self.input.reserve(MIN_READ);
        Ok(self.stream.read_buf(&mut self.input).await? > 0)
    }

    /// Puts a reply into the output; a line feed in it makes a multi-line reply.
    pub(crate) fn say(&mut self, reply: &str) {
        let code = reply.get(..3).unwrap_or("");
        let mut lines = reply.split('\n').enumerate().peekable();
        while let Some((index, line)) = lines.next() {
            if index > 0 {
                self.output.extend_from_slice(code.as_bytes());
                self.output
                    .push(if lines.peek().is_some() { b'-' } else { b' ' });
                self.output.extend_from_slice(line.as_bytes());
            } else if lines.peek().is_some() {
                self.output
                    .extend_from_slice(line.replacen(' ', "-", 1).as_bytes());
            } else {
                self.output.extend_from_slice(line.as_bytes());
            }
            self.output.extend_from_slice(b"\r\n");
        }
    }

    pub(crate) async fn drip(&mut self, reply: &str, ms_per_byte: u64) -> io::Result<()> {
        self.flush().await?;
        self.say(reply);
        for byte in std::mem::take(&mut self.output) {
            self.stream.write_all(&[byte]).await?;
            tokio::time::sleep(Duration::from_millis(ms_per_byte)).await;
        }
        Ok(())
    }

    /// Waits, with the replies to earlier commands sent first.
    pub(crate) async fn pause(&mut self, latency_ms: u64) -> io::Result<()> {
        if latency_ms > 0 {
            self.flush().await?;
            tokio::time::sleep(Duration::from_millis(latency_ms)).await;
        }
        Ok(())
    }

    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.output).await?;
        self.output.clear();
        Ok(())
    }
}

/// What the log says of a reply: the code, and the enhanced code if there is one.
pub(crate) fn short(reply: &str) -> &str {
    let mut words = reply.split([' ', '\n']);
    let code = words.next().unwrap_or("");
    let enhanced = words
        .next()
        .filter(|word| word.split('.').count() == 3 && word.starts_with(['2', '4', '5']));
    reply
        .get(..enhanced.map_or(code.len(), |word| code.len() + 1 + word.len()))
        .unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_gets_the_codes_of_a_reply_and_no_prose() {
        assert_eq!(short("550 5.1.1 No such mailbox"), "550 5.1.1");
        assert_eq!(short("421 too busy"), "421");
        assert_eq!(short("250"), "250");
        assert_eq!(short("451 4.7.1\nand more"), "451 4.7.1");
    }
}
