//! Reading a mail as mail programs do: headers unfolded, parts found and decoded.

/// A mail or one part of it.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    headers: Vec<(String, String)>,
    body: String,
}

impl Mail {
    /// Reads a whole mail, lines ended by CRLF or LF.
    pub(crate) fn read(raw: &str) -> Self {
        let raw = raw.replace("\r\n", "\n");
        let (head, body) = raw.split_once("\n\n").unwrap();
        let head = head.replace("\n ", " ").replace("\n\t", " ");
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Self {
            headers: head.lines().map(header).collect(),
            body: body.to_owned(),
        }
    }

    /// Every value of a header, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let same = |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        let found = self.headers.iter().filter(same);
        found.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header that must stand there exactly once.
    pub(crate) fn header(&self, name: &str) -> &str {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name} stands {} times", all.len());
        all[0]
    }

    /// The decoded text of the one part of this kind, e.g. `text/plain`.
    pub(crate) fn part(&self, kind: &str) -> String {
        let mut parts = self.leaves();
        parts.retain(|part| part.header("content-type").starts_with(kind));
        assert_eq!(parts.len(), 1, "{} parts are {kind}", parts.len());
        parts[0].decoded()
    }

    fn leaves(&self) -> Vec<Self> {
        let kind = self.header("content-type");
        if !kind.starts_with("multipart/") {
            return vec![self.clone()];
        }
        let (_, boundary) = kind.split_once("boundary=").unwrap();
        let boundary = boundary.split(';').next().unwrap().trim_matches('"');
        let (body, line) = (format!("\n{}", self.body), format!("\n--{boundary}"));
        let (inside, _) = body.split_once(&format!("{line}--")).unwrap();
        let parts = inside.split(&line).skip(1);
        parts
            .flat_map(|part| Self::read(part.trim_start_matches('\n')).leaves())
            .collect()
    }

    fn decoded(&self) -> String {
        let bytes = match self.header("content-transfer-encoding") {
            "quoted-printable" => quoted_printable(&self.body),
            "base64" => {
                let body: String = self.body.split_whitespace().collect();
                data_encoding::BASE64.decode(body.as_bytes()).unwrap()
            }
            _ => self.body.clone().into_bytes(),
        };
        String::from_utf8(bytes).unwrap()
    }
}

/// RFC 2045 §6.7.
fn quoted_printable(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line.trim_end(), "\n"),
            None => (line.trim_end(), ""),
        };
        let (line, end) = line
            .strip_suffix('=')
            .map_or((line, end), |line| (line, ""));
        let mut stretches = line.split('=');
        bytes.extend_from_slice(stretches.next().unwrap().as_bytes());
        for stretch in stretches {
            let (code, rest) = stretch.split_at(2);
            bytes.push(u8::from_str_radix(code, 16).unwrap());
            bytes.extend_from_slice(rest.as_bytes());
        }
        bytes.extend_from_slice(end.as_bytes());
    }
    bytes
}

#[test]
fn a_mail_of_another_program_is_read() {
    let raw = "Subject: a\r\n b\r\nContent-Type: multipart/mixed; boundary=\"x y\"\r\n\r\nignored\r\n--x y\r\n\
               Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
               caf=C3=A9 =3D =\r\nlong\r\n.\r\n--x y\r\nContent-Type: text/html\r\n\
               Content-Transfer-Encoding: base64\r\n\r\nPGI+\r\nb2s8L2I+\r\n--x y--\r\n";
    let mail = Mail::read(raw);
    assert_eq!(mail.header("subject"), "a b");
    assert_eq!(mail.part("text/plain"), "café = long\n.");
    assert_eq!(mail.part("text/html"), "<b>ok</b>");
}
