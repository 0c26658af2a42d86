//! Texts through a real Kannel: its bearerbox and smsbox, and a network played by its own `fakesmsc`.

use super::{Judge, free_port, serving, text, until};
use crate::adapters::{RealClock, changed, channel, parcel};
use crate::office::mobile;
use crate::support::{Serve, Town};
use data_encoding::HEXUPPER;
use oyez_domain::Clock;
use oyez_domain::address::Address;
use oyez_domain::outcome::{Outcome, Reason};
use oyez_domain::text::sms::Encoding;
use oyez_domain::time::Boot;
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

const CHANNEL: &str = "residents_kannel";
const USER: &str = "oyez";
const PASSWORD: &str = "made-up-password";
const TOKEN: &str = "made-up-inbound-token";
/// The number that residents answer to.
const SENDER: &str = "61234";

/// A gateway at work. Nobody gets its texts until a network is there.
struct Gateway {
    // The smsbox ends before the box that it hangs on.
    _smsbox: Judge,
    _bearerbox: Judge,
    sendsms: u16,
    smsc: u16,
}

impl Gateway {
    /// Its configuration files are written into `folder`; texts that come in go to the office at this port.
    async fn start(folder: &Path, office: u16) -> Self {
        let places = Cell::new((0, 0));
        let (bearerbox, _) = serving(|admin| {
            let (smsc, boxes) = (free_port(), free_port());
            places.set((smsc, boxes));
            let file = folder.join("bearerbox.conf");
            std::fs::write(&file, network_side(admin, boxes, smsc)).unwrap();
            Judge::configured("OYEZ_TEST_BEARERBOX", &file)
        })
        .await;
        let (smsc, boxes) = places.get();
        // A smsbox that finds no bearerbox gives up.
        let there = || TcpStream::connect((Ipv4Addr::LOCALHOST, boxes)).ok();
        until(&bearerbox, "the door for the smsbox", there).await;
        let (smsbox, sendsms) = serving(|sendsms| {
            let file = folder.join("smsbox.conf");
            std::fs::write(&file, our_side(boxes, sendsms, office)).unwrap();
            Judge::configured("OYEZ_TEST_SMSBOX", &file)
        })
        .await;
        Self {
            _smsbox: smsbox,
            _bearerbox: bearerbox,
            sendsms,
            smsc,
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/cgi-bin/sendsms", self.sendsms)
    }

    /// Connects a network, from which this text comes in at once: `FROM TO text BODY`.
    fn network(&self, text: Option<&str>) -> Network {
        let (port, many) = (self.smsc.to_string(), u8::from(text.is_some()).to_string());
        // Without a text it would ask for one on its terminal.
        let text = text.unwrap_or("0 0 text none");
        let arguments = ["-H", "127.0.0.1", "-r", &port, "-m", &many, text];
        Network(Judge::start("OYEZ_TEST_FAKESMSC", &arguments))
    }
}

fn network_side(admin: u16, boxes: u16, smsc: u16) -> String {
    format!(
        "group = core\nadmin-port = {admin}\nadmin-interface = 127.0.0.1\nadmin-password = made-up\n\
         smsbox-port = {boxes}\nsmsbox-interface = 127.0.0.1\ndlr-storage = internal\n\n\
         group = smsc\nsmsc = fake\nsmsc-id = network\nhost = 127.0.0.1\nport = {smsc}\n\
         connect-allow-ip = 127.0.0.1\nallowed-prefix = \"+4479\"\n\n\
         group = smsbox\nbearerbox-host = 127.0.0.1\n"
    )
}

fn our_side(boxes: u16, sendsms: u16, office: u16) -> String {
    format!(
        "group = core\nadmin-port = 1\nsmsbox-port = {boxes}\n\n\
         group = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = {sendsms}\nsendsms-interface = 127.0.0.1\n\
         global-sender = {SENDER}\n\n\
         group = sendsms-user\nusername = {USER}\npassword = {PASSWORD}\nmax-messages = 10\nconcatenation = true\n\n\
         group = sms-service\nkeyword = default\ncatch-all = true\nmax-messages = 0\n\
         get-url = \"http://127.0.0.1:{office}/callbacks/{CHANNEL}?token={TOKEN}&from=%p&text=%a&id=%I\"\n"
    )
}

/// `fakesmsc`, which says each part that it gets.
struct Network(Judge);

impl Network {
    /// The parts it has, as soon as there are so many.
    async fn parts(&self, many: usize) -> Vec<Part> {
        let enough = || Some(self.got()).filter(|parts| parts.len() >= many);
        until(&self.0, "the texts", enough).await
    }

    fn got(&self) -> Vec<Part> {
        let said = self.0.said();
        let messages = said
            .iter()
            .filter_map(|line| line.split_once("Got message "));
        messages.map(|(_, message)| Part::read(message)).collect()
    }

    /// When the text that it was given is on its way to us.
    async fn sent(&self) -> Boot {
        let sent = || (self.0.count("sent message 1") > 0).then(|| RealClock.now());
        until(&self.0, "the text that comes in", sent).await
    }
}

/// One part of a text. `bytes` is UTF-8 where the text needs no more than GSM-7, else UTF-16.
#[derive(Debug)]
struct Part {
    to: String,
    number: u8,
    of: u8,
    bytes: Vec<u8>,
}

impl Part {
    /// Reads `N: <FROM TO udh HEADER data BODY>` of a part, or `N: <FROM TO text|data BODY>` of a whole.
    fn read(message: &str) -> Self {
        let (_, message) = message.split_once('<').unwrap();
        let message = message.strip_suffix('>').unwrap();
        let mut words = message.splitn(4, ' ');
        let mut next = || words.next().unwrap_or_default();
        let (from, to, kind, rest) = (next(), next(), next(), next());
        assert_eq!(from, SENDER, "{message}");
        let (header, body) = match (kind, rest.split_once(" data ")) {
            ("udh", Some((header, body))) => (unquoted(header), unquoted(body)),
            (_, _) => (vec![5, 0, 3, 0, 1, 1], rest.as_bytes().to_vec()),
        };
        let [5, 0, 3, _, of, number] = header[..] else {
            panic!("{message}: no header of a part with an 8-bit reference")
        };
        Self {
            to: to.to_owned(),
            number,
            of,
            bytes: body,
        }
    }
}

/// The bytes behind `%41` and `+`.
fn unquoted(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut pieces = text.split('%');
    let plain = |piece: &str| piece.replace('+', " ").into_bytes();
    bytes.extend(plain(pieces.next().unwrap()));
    for piece in pieces {
        let (hex, rest) = piece.split_at(2);
        bytes.extend(HEXUPPER.decode(hex.as_bytes()).unwrap());
        bytes.extend(plain(rest));
    }
    bytes
}

/// What one phone shows once it has all parts of a text.
fn put_together(mut parts: Vec<&Part>, encoding: Encoding) -> String {
    parts.sort_by_key(|part| part.number);
    let numbers: Vec<_> = parts.iter().map(|part| part.number).collect();
    let many = parts[0].of;
    assert_eq!(numbers, (1..=many).collect::<Vec<_>>(), "{parts:?}");
    let bytes: Vec<u8> = parts.iter().flat_map(|part| part.bytes.clone()).collect();
    match encoding {
        Encoding::Gsm7 => String::from_utf8(bytes).unwrap(),
        Encoding::Ucs2 => {
            let units = bytes
                .chunks(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            String::from_utf16(&units.collect::<Vec<_>>()).unwrap()
        }
    }
}

/// A town whose residents' texts go through a real gateway.
struct Council {
    gateway: Gateway,
    serve: Serve,
    town: Town,
}

impl Council {
    fn open(people: u32, pace: &str) -> Self {
        let town = Town::new();
        let office = free_port();
        let gateway = town.wait(Gateway::start(&town.path(""), office));
        let channel = format!(
            "[channels.{CHANNEL}]\npace = {{ {pace} }}\n[channels.{CHANNEL}.via.kannel]\nurl = \"{}\"\n\
             username = \"{USER}\"\npassword = \"{PASSWORD}\"\ninbound_token = \"{TOKEN}\"\n\
             callback_url = \"http://127.0.0.1:{office}/callbacks/{CHANNEL}\"\n",
            gateway.url()
        );
        let configuration = town.configuration(&channel);
        town.write(
            "oyez.toml",
            configuration.replace("127.0.0.1:0", &format!("127.0.0.1:{office}")),
        );
        let serve = town.serve();
        let mut csv = "mobile\n".to_owned();
        for number in 1..=people {
            writeln!(csv, "{}", mobile(number)).unwrap();
        }
        let file = town.write("people.csv", csv);
        town.oyez(&["subscriber", "import", file.to_str().unwrap()])
            .exits(0);
        Self {
            gateway,
            serve,
            town,
        }
    }

    /// Writes a text and lets it go.
    fn release(&self, text: &str) -> String {
        let update = self.town.update(&["--channel", CHANNEL, "--sms", text]);
        self.town
            .oyez(&["update", "send", &update, "--yes"])
            .exits(0);
        update
    }

    fn counts(&self, update: &str) -> Value {
        self.town.json(&["update", "report", update])["progress"]["counts"].clone()
    }

    /// Waits until a count of an update is this.
    fn until(&self, update: &str, count: &str, is: u64) {
        self.wait(update, count, is, |now| now == is);
    }

    /// Waits until a count that only grows is this or has passed it.
    fn until_at_least(&self, update: &str, count: &str, least: u64) {
        self.wait(update, count, least, |now| now >= least);
    }

    fn wait(&self, update: &str, count: &str, wanted: u64, enough: impl Fn(u64) -> bool) {
        let begun = RealClock.now();
        loop {
            let counts = self.counts(update);
            if enough(counts[count].as_u64().unwrap()) {
                return;
            }
            assert!(
                RealClock.now().since(begun) < super::PATIENCE,
                "{count} is not {wanted}: {counts}"
            );
        }
    }

    /// How many telephone numbers are not to be used.
    fn suppressed(&self) -> u64 {
        let said = self.town.oyez(&["check", "--offline"]).stdout;
        let (before, _) = said.split_once(" of them not to be used").unwrap();
        before.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// How long it takes from now until so many numbers are not to be used.
    fn suppressed_within(&self, many: u64, asked: Boot) -> Duration {
        while self.suppressed() != many {
            assert!(
                RealClock.now().since(asked) < super::PATIENCE,
                "{} are suppressed",
                self.suppressed()
            );
        }
        RealClock.now().since(asked)
    }
}

/// Two parts and a bit, with a sign of two septets where a part would end in the middle of it.
fn long_text() -> String {
    let mut text = "Do not cancel your Direct Debit. ".repeat(4);
    text.push_str(&"Keep £20 ".repeat(3)[..20]);
    text.push_str(&"€".repeat(20));
    text.push_str(
        &" Ring 020 7641 6000 if you cannot. We will never ask you for a password.".repeat(2),
    );
    text
}

/// The same in Welsh, which takes two bytes a letter.
const WELSH: &str = "Peidiwch â chanslo eich Debyd Uniongyrchol. Cadwch ddigon o arian yn eich cyfrif. \
                     Mae’r ffonau’n gweithio eto; ŵ ac ŷ hefyd. Ffoniwch 020 7641 6000 os na allwch.";

#[test]
#[ignore = "needs an outside judge: tests/run peers"]
fn long_texts_arrive_whole_in_the_parts_we_counted_and_are_delivered_once_the_network_says_so() {
    const PEOPLE: u32 = 3;
    let council = Council::open(PEOPLE, "rate_per_second = 20.0");
    let mut network = None;
    let mut seen = 0;
    for (text, encoding) in [
        (long_text(), Encoding::Gsm7),
        (WELSH.to_owned(), Encoding::Ucs2),
    ] {
        let update = council.release(&text);
        council.until(&update, "accepted", PEOPLE.into());
        if network.is_none() {
            // The gateway has them, and no phone: taken is not delivered.
            assert_eq!(council.counts(&update)["delivered"], 0);
            network = Some(council.gateway.network(None));
        }
        let network = network.as_ref().unwrap();
        let rendered = council.town.json(&["update", "render", &update]);
        let rendered = &rendered["data"][0];
        let counted = usize::try_from(rendered["fit"]["length"].as_u64().unwrap()).unwrap();
        assert!(counted > 2, "{rendered}");
        let all = seen + counted * PEOPLE as usize;
        let parts = council.town.wait(network.parts(all));
        let mut phones: BTreeMap<&str, Vec<&Part>> = BTreeMap::new();
        for part in &parts[seen..] {
            phones.entry(part.to.as_str()).or_default().push(part);
        }
        assert_eq!(phones.len(), PEOPLE as usize, "{phones:?}");
        for (phone, parts) in phones {
            assert_eq!(parts.len(), counted, "{phone}");
            assert_eq!(
                put_together(parts, encoding),
                rendered["text"].as_str().unwrap(),
                "{phone}"
            );
        }
        seen = all;
        council.until(&update, "delivered", PEOPLE.into());
        assert_eq!(network.got().len(), all, "a part too many");
    }
    assert_eq!(council.serve.end(), 0);
}

#[test]
#[ignore = "needs an outside judge: tests/run peers"]
fn who_texts_stop_is_left_alone_within_two_seconds_and_start_lifts_it() {
    const PEOPLE: u32 = 12;
    let council = Council::open(PEOPLE, "rate_per_second = 3.0");
    let last = mobile(PEOPLE).replace("+44", "44");
    let says = |word: &str| format!("{last} {SENDER} text {word}");
    let update = council.release("Phones are back. Ref {ref}");
    council.until_at_least(&update, "accepted", 1);
    let network = council.gateway.network(Some(&says("STOP")));
    let asked = council.town.wait(network.sent());
    let took = council.suppressed_within(1, asked);
    assert!(took < Duration::from_secs(2), "{took:?}");
    council
        .town
        .oyez(&["update", "watch", &update, "--timeout", "60"])
        .exits(0);
    council.until(&update, "delivered", 11);
    let counts = council.counts(&update);
    assert_eq!(
        (&counts["accepted"], &counts["suppressed"]),
        (&json!(11), &json!(1))
    );
    let phones: Vec<_> = network.got().into_iter().map(|part| part.to).collect();
    assert_eq!(phones.len(), 11, "{phones:?}");
    assert!(
        !phones.iter().any(|phone| phone.ends_with(&last)),
        "{phones:?}"
    );

    drop(network);
    let network = council.gateway.network(Some(&says("START")));
    let asked = council.town.wait(network.sent());
    council.suppressed_within(0, asked);
    assert_eq!(council.serve.end(), 0);
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_wrong_password_is_ours_and_a_number_that_no_network_takes_is_that_numbers_alone() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path(), 1).await;
    let settings = json!({ "url": gateway.url(), "username": USER, "password": PASSWORD });
    let ours = channel("kannel", settings.clone());
    ours.check().await.unwrap();
    let verdict = ours.send(&text(&*ours, 1)).await;
    assert_eq!(
        verdict.outcome,
        Outcome::Accepted { reference: None },
        "{verdict:?}"
    );
    let elsewhere = Address::uk_telephone("07400 900001").unwrap();
    let rendered = super::rendered(&*ours, json!({}));
    let verdict = ours.send(&parcel(&rendered, elsewhere, 2)).await;
    let (reason, suppress) = (Reason::Blocked, false);
    assert_eq!(
        verdict.outcome,
        Outcome::Rejected { reason, suppress },
        "{verdict:?}"
    );

    let stranger = channel(
        "kannel",
        changed(settings, json!({ "password": "a-guess" })),
    );
    stranger.check().await.unwrap_err();
    let verdict = stranger.send(&text(&*stranger, 3)).await;
    assert_eq!(
        verdict.outcome,
        super::refused(Reason::AuthFailed),
        "{verdict:?}"
    );
}
