//! What stands on the wire of an SMTP dialogue (RFC 5321): commands, the end of a message, its Message-ID.

use bytes::{Bytes, BytesMut};

/// One command line, its verb recognised.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    Ehlo(&'a str),
    Helo(&'a str),
    AuthPlain(Option<&'a str>),
    Mail {
        from: &'a str,
        size: Option<usize>,
    },
    Rcpt(&'a str),
    Data,
    Rset,
    Noop,
    Quit,
    /// A known verb with an argument that is not understood.
    Malformed,
    Unknown,
}

impl<'a> Command<'a> {
    /// Reads one line without its line end.
    pub(crate) fn read(line: &'a str) -> Self {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => Self::Ehlo(rest),
            "HELO" => Self::Helo(rest),
            "AUTH" => Self::read_auth(rest),
            "MAIL" => Self::read_mail(rest),
            "RCPT" => path(rest, "TO:").map_or(Self::Malformed, |(to, _)| Self::Rcpt(to)),
            "DATA" => Self::Data,
            "RSET" => Self::Rset,
            "NOOP" => Self::Noop,
            "QUIT" => Self::Quit,
            _ => Self::Unknown,
        }
    }

    fn read_mail(rest: &'a str) -> Self {
        let Some((from, parameters)) = path(rest, "FROM:") else {
            return Self::Malformed;
        };
        let size = parameters
            .split_ascii_whitespace()
            .find_map(|parameter| strip_word(parameter, "SIZE="));
        Self::Mail {
            from,
            size: size.and_then(|size| size.parse().ok()),
        }
    }

    fn read_auth(rest: &'a str) -> Self {
        match strip_word(rest, "PLAIN").map(str::trim) {
            Some("") => Self::AuthPlain(None),
            Some(response) => Self::AuthPlain(Some(response)),
            None => Self::Malformed,
        }
    }
}

/// The address between `<` and `>` after a keyword, and what follows it.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    strip_word(rest, keyword)?
        .trim_start()
        .strip_prefix('<')?
        .split_once('>')
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    head.eq_ignore_ascii_case(word)
        .then(|| text.get(word.len()..).unwrap_or(""))
}

/// Finds the end of a message as it arrives, remembering how far it has looked.
#[derive(Default)]
pub(crate) struct MessageEnd {
    looked: usize,
    stuffed: bool,
}

impl MessageEnd {
    /// Takes the whole message off the front of the buffer once its final dot is there, with dots unstuffed.
    pub(crate) fn take(&mut self, buffer: &mut BytesMut) -> Option<Bytes> {
        loop {
            let unseen = buffer.get(self.looked..)?;
            let Some(dot) = unseen
                .iter()
                .position(|&byte| byte == b'.')
                .map(|at| self.looked + at)
            else {
                self.looked = buffer.len();
                return None;
            };
            let starts_line = dot == 0
                || buffer
                    .get(..dot)
                    .is_some_and(|before| before.ends_with(b"\r\n"));
            match buffer.get(dot + 1..).unwrap_or(&[]) {
                [] | [b'\r'] if starts_line => {
                    self.looked = dot;
                    return None;
                }
                [b'\r', b'\n', ..] if starts_line => return Some(self.cut(buffer, dot)),
                _ => self.stuffed |= starts_line,
            }
            self.looked = dot + 1;
        }
    }

    fn cut(&mut self, buffer: &mut BytesMut, dot: usize) -> Bytes {
        let message = buffer.split_to(dot).freeze();
        drop(buffer.split_to(3));
        let stuffed = std::mem::take(self).stuffed;
        if stuffed { unstuff(&message) } else { message }
    }

    /// Forgets the part of an oversized message that cannot hold its end.
    pub(crate) fn discard(&mut self, buffer: &mut BytesMut) {
        let kept = buffer.len().min(4);
        drop(buffer.split_to(buffer.len() - kept));
        // A dot that now stands first would look like the start of a line, which it need not be.
        self.looked = usize::from(buffer.first() == Some(&b'.'));
    }
}

fn unstuff(message: &[u8]) -> Bytes {
    let lines = message.split_inclusive(|&byte| byte == b'\n');
    lines
        .flat_map(|line| line.strip_prefix(b".").unwrap_or(line))
        .copied()
        .collect()
}

/// The local part of a message's Message-ID; empty when it has none.
pub(crate) fn message_key(message: &[u8]) -> &str {
    const NAME: &[u8] = b"message-id:";
    let mut lines = message.split(|&byte| byte == b'\n');
    let header = lines
        .by_ref()
        .take_while(|line| !matches!(line, [] | [b'\r']))
        .find_map(|line| {
            let (name, value) = line.split_at_checked(NAME.len())?;
            name.eq_ignore_ascii_case(NAME).then_some(value)
        });
    let Some(value) = header else { return "" };
    // A long Message-ID is folded onto the next line.
    let value = if value.trim_ascii().is_empty() {
        lines.next().unwrap_or(&[])
    } else {
        value
    };
    let id = std::str::from_utf8(value)
        .unwrap_or("")
        .trim()
        .trim_start_matches('<')
        .trim_end_matches('>');
    id.split_once('@').map_or(id, |(local, _)| local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_in_any_case() {
        assert_eq!(
            Command::read("ehlo residents_email"),
            Command::Ehlo("residents_email")
        );
        let mail = Command::read("mail from:<b+1@x.invalid> BODY=8BITMIME size=42");
        assert_eq!(
            mail,
            Command::Mail {
                from: "b+1@x.invalid",
                size: Some(42)
            }
        );
        assert_eq!(
            Command::read("MAIL FROM:<>"),
            Command::Mail {
                from: "",
                size: None
            }
        );
        assert_eq!(Command::read("RCPT TO:<a@b>"), Command::Rcpt("a@b"));
        assert_eq!(Command::read("RCPT TO:a@b"), Command::Malformed);
        assert_eq!(Command::read("AUTH PLAIN"), Command::AuthPlain(None));
        assert_eq!(
            Command::read("AUTH PLAIN AGEAYg=="),
            Command::AuthPlain(Some("AGEAYg=="))
        );
        assert_eq!(Command::read("VRFY x"), Command::Unknown);
    }

    #[test]
    fn the_final_dot_is_found_wherever_the_stream_is_cut() {
        let wire = b"Message-ID: <k@x>\r\n\r\n..two\r\n. \r\na.\r\n.b\r\n\r\n.\r\nQUIT\r\n";
        for cut in 0..wire.len() {
            let (mut end, mut buffer) = (MessageEnd::default(), BytesMut::from(&wire[..cut]));
            let early = end.take(&mut buffer);
            buffer.extend_from_slice(&wire[cut..]);
            let message = early.or_else(|| end.take(&mut buffer)).unwrap();
            assert_eq!(
                &message[..],
                b"Message-ID: <k@x>\r\n\r\n.two\r\n \r\na.\r\nb\r\n\r\n",
                "cut at {cut}"
            );
            assert_eq!(&buffer[..], b"QUIT\r\n");
        }
    }

    #[test]
    fn an_empty_message_ends_at_once() {
        let mut buffer = BytesMut::from(&b".\r\n"[..]);
        assert_eq!(MessageEnd::default().take(&mut buffer).unwrap().len(), 0);
    }

    #[test]
    fn an_oversized_message_still_ends_at_its_dot() {
        let mut end = MessageEnd::default();
        let mut buffer = BytesMut::from(&b"x.y\r\n..zz."[..]);
        assert!(end.take(&mut buffer).is_none());
        end.discard(&mut buffer);
        buffer.extend_from_slice(b"\r\n.\r\nNOOP\r\n");
        assert!(end.take(&mut buffer).is_some());
        assert_eq!(&buffer[..], b"NOOP\r\n");
    }

    #[test]
    fn the_key_is_the_local_part_of_the_message_id() {
        assert_eq!(
            message_key(b"A: b\r\nMESSAGE-ID: <7QX.1@oyez.invalid>\r\n\r\nx"),
            "7QX.1"
        );
        assert_eq!(message_key(b"Message-ID:\r\n <folded@x>\r\n\r\n"), "folded");
        assert_eq!(message_key(b"A: b\r\n\r\nMessage-ID: <body@x>\r\n"), "");
    }
}
