//! One mail, made once by lettre with marked places for the personal parts, ready for the wire.

use crate::letter::Letter;
use crate::smtp::dkim::Signer;
use lettre::Message;
use lettre::message::header::{self, ContentTransferEncoding, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use oyez_domain::Refusal;
use oyez_domain::channel::ChannelName;
use oyez_domain::notice::Notice;
use oyez_domain::parcel::Parcel;
use oyez_domain::rendered::{Fit, Personal, Rendered};
use oyez_domain::time::Wall;
use std::borrow::Cow;
use std::time::SystemTime;

const ADDRESS: &str = "zq7addressq7z@marker.invalid";
const REFERENCE: &str = "zq7000000000000reference7z";
const STOP: &str = "zq700000000000000000stopq7";
/// What lettre writes for the epoch, the placeholder of the time.
const TIME: &str = "Thu, 01 Jan 1970 00:00:00 +0000";

/// Neither quoted-printable text nor a header can contain it.
const BOUNDARY: &str = "=_oyez_alternative";

/// The largest mail, in bytes. Mail programs hide the end of one that is much larger, and the end is where readers find how
/// to check it and how to stop it.
pub(crate) const LARGEST: u32 = 80 * 1024;
/// So many of them are kept for what is different for each reader: address, links, signatures.
const PERSONAL: u32 = 4 * 1024;

/// What stands in every message of a channel.
pub(crate) struct Headers {
    /// Who writes.
    pub(crate) from: Mailbox,
    /// Where answers go, if elsewhere.
    pub(crate) reply_to: Option<Mailbox>,
    /// Domain of message identifiers.
    pub(crate) domain: String,
}

/// A message with its addresses, ready for the wire: dots stuffed, final dot included.
pub(crate) struct Envelope<'a> {
    /// The delivery's reference, the envelope's own name.
    pub(crate) reference: &'a str,
    /// Where bounces go; it names the delivery too.
    pub(crate) sender: String,
    /// The recipient.
    pub(crate) recipient: &'a str,
    /// Everything after DATA.
    pub(crate) message: Vec<u8>,
}

/// The message for one recipient. No personal part can contain a line end or begin a line with a dot.
pub(crate) fn splice(parcel: &Parcel) -> Vec<u8> {
    parcel.rendered.splice(|part| match part {
        Personal::Address => parcel.address.reveal().into(),
        Personal::Reference => parcel.reference.as_str().into(),
        Personal::StopToken => parcel.stop_token.as_str().into(),
        Personal::Time => date(parcel),
    })
}

/// The message with a signature of each key before it.
pub(crate) fn signed(message: Vec<u8>, signers: &[Signer], now: Wall) -> Vec<u8> {
    if signers.is_empty() {
        return message;
    }
    let wire = String::from_utf8_lossy(&message);
    let plain = unstuff(&wire);
    let mut signed: Vec<u8> = signers
        .iter()
        .filter_map(|signer| signer.header(&plain, now))
        .collect::<String>()
        .into_bytes();
    signed.extend_from_slice(&message);
    signed
}

/// What the receiver reads: no doubled dots, no final one.
fn unstuff(wire: &str) -> String {
    wire.strip_suffix(".\r\n")
        .unwrap_or(wire)
        .replace("\r\n..", "\r\n.")
}

fn date(parcel: &Parcel) -> Cow<'static, str> {
    let time = parcel.now.timestamp();
    // Years past 9999 are the only ones the format cannot say.
    jiff::fmt::rfc2822::to_string(&time.to_zoned(jiff::tz::TimeZone::UTC))
        .map_or(Cow::Borrowed(TIME), Cow::Owned)
}

/// The message for everybody who reads this language.
pub(crate) fn render(
    notice: &Notice,
    channel: &ChannelName,
    headers: &Headers,
) -> Result<Rendered, Refusal> {
    let own = notice.update.versions.get(channel);
    let letter = Letter {
        notice,
        detail: own.or(notice.update.detail.as_ref()),
        stop: Some(format!("{}/x/{STOP}", notice.organisation.public_url)),
    };
    let text = letter.text();
    let message = mime(notice, headers, &text, &letter.html())?;
    let message = String::from_utf8(message).map_err(|_| unrenderable("it is not plain ASCII"))?;
    let wire = stuff(&message);
    let marks = [
        (ADDRESS, Personal::Address),
        (REFERENCE, Personal::Reference),
        (STOP, Personal::StopToken),
        (TIME, Personal::Time),
    ];
    Ok(Rendered {
        pieces: Rendered::cut(&wire, &marks),
        preview: text.replace(STOP, "…"),
        fit: Fit::bytes(message.as_bytes(), Some(LARGEST - PERSONAL), "the mail")?,
    })
}

fn mime(notice: &Notice, headers: &Headers, text: &str, html: &str) -> Result<Vec<u8>, Refusal> {
    let organisation = &notice.organisation;
    let to = ADDRESS
        .parse()
        .map_err(|_| unrenderable("the recipient's place"))?;
    // Signs with a meaning of their own in a header would have to be quoted, and quotes undo the encoding of others.
    let plain_name = organisation
        .name
        .replace(|c| "\"(),.:;<>@[\\]".contains(c), " ");
    let list = format!("{plain_name} updates <updates.{}>", headers.domain);
    let stop = format!("<{}/x/{STOP}>", organisation.public_url);
    // All mails of an incident answer one that nobody gets, so that they stand together in every reader's mailbox,
    // whichever of them came first there.
    let thread = format!("<{}@{}>", notice.update.incident, headers.domain);
    let mut builder = Message::builder()
        .from(headers.from.clone())
        .to(to)
        .subject(notice.headline())
        .date(SystemTime::UNIX_EPOCH)
        .message_id(Some(format!("<{REFERENCE}@{}>", headers.domain)));
    if let Some(reply_to) = &headers.reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    let name = HeaderName::new_from_ascii_str;
    let plain = [
        (name("Precedence"), "bulk".to_owned()),
        (name("X-Auto-Response-Suppress"), "All".to_owned()),
        (name("In-Reply-To"), thread.clone()),
        (name("References"), thread),
        (name("Content-Language"), notice.language.clone()),
        (name("List-Id"), list),
        (name("List-Unsubscribe"), stop),
        (
            name("List-Unsubscribe-Post"),
            "List-Unsubscribe=One-Click".to_owned(),
        ),
    ];
    for (name, value) in plain {
        builder = builder.raw_header(HeaderValue::new(name, value));
    }
    let parts = MultiPart::alternative()
        .boundary(BOUNDARY)
        .build()
        .singlepart(part(header::ContentType::TEXT_PLAIN, text)?)
        .singlepart(part(header::ContentType::TEXT_HTML, html)?);
    let message = builder
        .multipart(parts)
        .map_err(|error| unrenderable(&error.to_string()))?;
    Ok(message.formatted())
}

/// One part in quoted-printable. Its personal places stand on lines of their own between soft breaks, so that
/// no encoder can fold them.
fn part(kind: header::ContentType, text: &str) -> Result<SinglePart, Refusal> {
    let encoding = ContentTransferEncoding::QuotedPrintable;
    let mut encoded = Vec::with_capacity(text.len() * 3 / 2);
    for (at, stretch) in text.split(STOP).enumerate() {
        if at > 0 {
            encoded.extend_from_slice(b"=\r\n");
            encoded.extend_from_slice(STOP.as_bytes());
            encoded.extend_from_slice(b"=\r\n");
        }
        let body = Body::new_with_encoding(stretch.to_owned(), encoding)
            .map_err(|_| unrenderable("a part cannot be encoded"))?;
        encoded.extend(body.into_vec());
    }
    Ok(SinglePart::builder()
        .header(kind)
        .body(Body::dangerous_pre_encoded(encoded, encoding)))
}

/// Doubles dots at the beginning of lines and adds the final one (RFC 5321 §4.5.2).
fn stuff(message: &str) -> String {
    let stuffed = message.replace("\r\n.", "\r\n..");
    let end = if stuffed.ends_with("\r\n") {
        ".\r\n"
    } else {
        "\r\n.\r\n"
    };
    stuffed + end
}

fn unrenderable(why: &str) -> Refusal {
    Refusal::new(
        "update",
        "unrenderable",
        format!("the mail cannot be made: {why}"),
    )
}

#[cfg(test)]
mod tests;
