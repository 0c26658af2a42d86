//! In which words, to which address and with which proof each provider reports what became of a message.

use aws_lc_rs::hmac;
use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use hyper::Method;
use serde::Serialize;
use std::collections::BTreeMap;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::receipts::Callback;
use crate::scenario::Secret;

/// Whose words a receipt is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A gateway's as many vendors build them: JSON with a bearer token.
    Gateway,
    /// GOV.UK Notify's: JSON with a bearer token.
    Notify,
    /// Twilio's: a form, signed with the account's token.
    Twilio,
    /// Kannel's: a GET of the address it was given, places filled in.
    Kannel,
    /// Vonage's: JSON, signed field by field.
    Vonage,
}

/// What a receipt says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'a> {
    pub(crate) id: &'a str,
    pub(crate) reference: &'a str,
    pub(crate) to: &'a str,
    /// Nothing when it was delivered, otherwise why not.
    pub(crate) error: Option<&'a str>,
}

/// The request that carries it.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

#[derive(Serialize)]
struct GatewayReport<'a> {
    id: &'a str,
    reference: &'a str,
    status: &'a str,
    error: Option<&'a str>,
}

impl Form {
    /// Whether anybody without the secret can be told from the provider.
    pub(crate) fn has_proof(self) -> bool {
        self != Self::Kannel
    }

    /// The request, proved with the provider's secret.
    pub(crate) fn write(
        self,
        callback: &Callback,
        secret: Option<&Secret>,
        said: &Said<'_>,
        now_seconds: i64,
    ) -> Written {
        let secret = secret.map_or("", Secret::reveal);
        match self {
            Self::Gateway | Self::Notify => {
                let report = GatewayReport {
                    id: said.id,
                    reference: said.reference,
                    status: self.status(said.error),
                    error: said.error,
                };
                let mut headers = json();
                if !secret.is_empty() {
                    headers.push(("authorization", format!("Bearer {secret}")));
                }
                let body = serde_json::to_vec(&report).unwrap_or_default();
                post(callback.path().to_owned(), headers, body)
            }
            Self::Twilio => self.twilio(callback, secret, said),
            Self::Kannel => Written {
                method: Method::GET,
                path: self.filled_in(callback.path(), said),
                headers: Vec::new(),
                body: Bytes::new(),
            },
            Self::Vonage => {
                let report = self.signed(secret, said, now_seconds);
                let body = serde_json::to_vec(&report).unwrap_or_default();
                post(callback.path().to_owned(), json(), body)
            }
        }
    }

    /// The provider's own word.
    fn status(self, error: Option<&str>) -> &'static str {
        match (self, error) {
            (Self::Gateway | Self::Notify | Self::Twilio | Self::Vonage, None) => "delivered",
            (Self::Gateway | Self::Vonage, Some(_)) => "failed",
            (Self::Notify, Some("phone_off")) => "temporary-failure",
            (Self::Notify, Some(_)) => "permanent-failure",
            (Self::Twilio, Some(_)) => "undelivered",
            (Self::Kannel, None) => "1",
            (Self::Kannel, Some(_)) => "2",
        }
    }

    fn twilio(self, callback: &Callback, token: &str, said: &Said<'_>) -> Written {
        let status = self.status(said.error);
        let mut fields = BTreeMap::from([
            ("ApiVersion", "2010-04-01"),
            ("MessageSid", said.id),
            ("MessageStatus", status),
            ("SmsSid", said.id),
            ("SmsStatus", status),
            ("To", said.to),
        ]);
        if said.error.is_some() {
            fields.insert("ErrorCode", "30003");
        }
        // A forged receipt names another delivery than the address does.
        let path = replaced(callback, said);
        let url = callback.url.replacen(callback.path(), &path, 1);
        signed_form(path, &url, &fields, token)
    }

    /// Kannel knows `%d` for the status, `%A` for the network's words, `%F` for its own name.
    fn filled_in(self, path: &str, said: &Said<'_>) -> String {
        let words: String = byte_serialize(said.error.unwrap_or("").as_bytes()).collect();
        path.replace("%d", self.status(said.error))
            .replace("%A", &words)
            .replace("%F", "sandbox")
    }

    fn signed(
        self,
        secret: &str,
        said: &Said<'_>,
        now_seconds: i64,
    ) -> BTreeMap<&'static str, String> {
        let code = if said.error.is_some() { "7" } else { "0" };
        let mut fields = BTreeMap::from([
            ("client-ref", said.reference.to_owned()),
            ("err-code", code.to_owned()),
            ("messageId", said.id.to_owned()),
            ("msisdn", said.to.to_owned()),
            ("status", self.status(said.error).to_owned()),
            ("timestamp", now_seconds.to_string()),
        ]);
        sign_fields(&mut fields, secret);
        fields
    }
}

/// A form signed as Twilio signs it: with the account's token, over the address and every field by name.
pub(crate) fn signed_form(
    path: String,
    url: &str,
    fields: &BTreeMap<&str, &str>,
    token: &str,
) -> Written {
    let signed = fields
        .iter()
        .fold(url.to_owned(), |text, (name, value)| text + name + value);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    let tag = BASE64.encode(hmac::sign(&key, signed.as_bytes()).as_ref());
    let body = Serializer::new(String::new()).extend_pairs(fields).finish();
    let headers = vec![
        (
            "content-type",
            "application/x-www-form-urlencoded".to_owned(),
        ),
        ("x-twilio-signature", tag),
    ];
    post(path, headers, body.into_bytes())
}

/// Adds Vonage's `sig` over every field by name.
pub(crate) fn sign_fields(fields: &mut BTreeMap<&'static str, String>, secret: &str) {
    let text: String = fields
        .iter()
        .map(|(name, value)| format!("&{name}={}", value.replace(['&', '='], "_")))
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = HEXLOWER.encode(hmac::sign(&key, text.as_bytes()).as_ref());
    fields.insert("sig", tag);
}

/// The callback's path with the reference that the receipt is to be about.
fn replaced(callback: &Callback, said: &Said<'_>) -> String {
    match callback.path().split_once("ref=") {
        Some((before, _)) => format!("{before}ref={}", said.reference),
        None => callback.path().to_owned(),
    }
}

pub(crate) fn json() -> Vec<(&'static str, String)> {
    vec![("content-type", "application/json".to_owned())]
}

pub(crate) fn post(path: String, headers: Vec<(&'static str, String)>, body: Vec<u8>) -> Written {
    Written {
        method: Method::POST,
        path,
        headers,
        body: body.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: Said<'static> = Said {
        id: "id-1",
        reference: "r1",
        to: "+447700900001",
        error: None,
    };

    fn callback(url: &str) -> Callback {
        Callback::read(url).unwrap()
    }

    #[test]
    fn kannel_calls_the_address_it_was_given_with_its_places_filled_in() {
        let callback =
            callback("http://127.0.0.1:1/callbacks/sms?ref=r1&status=%d&answer=%A&smsc=%F");
        let written = Form::Kannel.write(&callback, None, &SAID, 0);
        assert_eq!(written.method, Method::GET);
        assert_eq!(
            written.path,
            "/callbacks/sms?ref=r1&status=1&answer=&smsc=sandbox"
        );
        let failed = Said {
            error: Some("no such phone"),
            ..SAID
        };
        let written = Form::Kannel.write(&callback, None, &failed, 0);
        assert!(
            written.path.contains("status=2&answer=no+such+phone"),
            "{}",
            written.path
        );
    }

    #[test]
    fn each_provider_fails_in_its_own_words() {
        let failed = Said {
            error: Some("phone_off"),
            ..SAID
        };
        let callback = callback("http://127.0.0.1:1/callbacks/sms?ref=r1");
        for (form, word) in [
            (Form::Gateway, "\"failed\""),
            (Form::Notify, "\"temporary-failure\""),
            (Form::Twilio, "MessageStatus=undelivered"),
            (Form::Vonage, "\"failed\""),
        ] {
            let written = form.write(&callback, Some(&Secret::new("s")), &failed, 0);
            let body = String::from_utf8(written.body.to_vec()).unwrap();
            assert!(body.contains(word), "{form:?}: {body}");
        }
    }
}
