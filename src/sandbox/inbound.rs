//! Texts that residents send to the council's number, handed on as each provider does it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use crate::receipts::form::{self, Written};

/// Who hands a text on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// As many vendors build it: JSON with a bearer token.
    Generic,
    /// GOV.UK Notify: JSON with a bearer token.
    Notify,
    /// Twilio: a signed form.
    Twilio,
    /// Twilio with the account's own opt-out, which has read the text already: `STOP`, `START` or `HELP`.
    TwilioOptOut(&'static str),
    /// Kannel: a GET of the service's `get-url`, places filled in.
    Kannel,
    /// Vonage: JSON, signed field by field.
    Vonage,
}

/// A text that somebody sent in.
#[derive(Clone, Copy)]
pub struct TextIn<'a> {
    /// Who hands it on.
    pub gateway: Gateway,
    /// Where the receiver listens.
    pub at: SocketAddr,
    /// The receiver's address as the provider was given it.
    pub url: &'a str,
    /// What the provider proves itself with.
    pub secret: &'a str,
    /// Whose it is, `+` and the number.
    pub from: &'a str,
    /// What was written.
    pub text: &'a str,
    /// The provider's identifier of it.
    pub id: &'a str,
}

impl TextIn<'_> {
    pub(crate) fn written(&self, now_seconds: i64) -> Written {
        let path = self.path();
        let bearer = |body: Value| {
            let mut headers = form::json();
            headers.push(("authorization", format!("Bearer {}", self.secret)));
            form::post(path.clone(), headers, body.to_string().into_bytes())
        };
        match self.gateway {
            Gateway::Generic => {
                bearer(json!({"id": self.id, "from": self.from, "text": self.text}))
            }
            Gateway::Notify => bearer(json!({
                "id": self.id,
                "source_number": self.digits(),
                "destination_number": "447860099000",
                "message": self.text,
                "date_received": "2026-11-27T10:30:00.000000Z",
            })),
            Gateway::Twilio => self.form(path, None),
            Gateway::TwilioOptOut(word) => self.form(path, Some(word)),
            Gateway::Kannel => Written {
                method: Method::GET,
                path: self.filled_in(&path),
                headers: Vec::new(),
                body: Bytes::new(),
            },
            Gateway::Vonage => {
                let fields = self.fields(now_seconds);
                let body = serde_json::to_vec(&fields).unwrap_or_default();
                form::post(path, form::json(), body)
            }
        }
    }

    fn digits(&self) -> &str {
        self.from.trim_start_matches('+')
    }

    fn path(&self) -> String {
        let after_scheme = self.url.find("://").map_or(0, |at| at + 3);
        let rest = self.url.get(after_scheme..).unwrap_or("");
        let path = rest.find('/').and_then(|at| rest.get(at..));
        path.unwrap_or("/").to_owned()
    }

    fn form(&self, path: String, opt_out: Option<&str>) -> Written {
        let mut fields = BTreeMap::from([
            ("ApiVersion", "2010-04-01"),
            ("AccountSid", "AC00000000000000000000000000000000"),
            ("Body", self.text),
            ("From", self.from),
            ("MessageSid", self.id),
            ("NumMedia", "0"),
            ("NumSegments", "1"),
            ("SmsMessageSid", self.id),
            ("SmsSid", self.id),
            ("SmsStatus", "received"),
            ("To", "+447860099000"),
        ]);
        if let Some(word) = opt_out {
            fields.insert("OptOutType", word);
        }
        form::signed_form(path, self.url, &fields, self.secret)
    }

    /// Kannel knows `%p` for the sender, `%a` for all words, `%I` for its identifier, and knows no other proof than what
    /// stands in the address.
    fn filled_in(&self, path: &str) -> String {
        let written = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        path.replace("%p", &written(self.from))
            .replace("%a", &written(self.text))
            .replace("%I", &written(self.id))
    }

    fn fields(&self, now_seconds: i64) -> BTreeMap<&'static str, String> {
        let keyword = self.text.split_whitespace().next().unwrap_or("");
        let mut fields = BTreeMap::from([
            ("keyword", keyword.to_uppercase()),
            ("message-timestamp", "2026-11-27 10:30:00".to_owned()),
            ("messageId", self.id.to_owned()),
            ("msisdn", self.digits().to_owned()),
            ("text", self.text.to_owned()),
            ("timestamp", now_seconds.to_string()),
            ("to", "447860099000".to_owned()),
            ("type", "text".to_owned()),
        ]);
        form::sign_fields(&mut fields, self.secret);
        fields
    }
}
