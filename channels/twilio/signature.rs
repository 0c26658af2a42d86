//! `X-Twilio-Signature`: HMAC-SHA1 with the account's token over the URL and the form's fields in order of their names.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use data_encoding::{BASE64, HEXLOWER};
use oyez_domain::parcel::Secret;
use oyez_domain::receipt::Callback;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Whether a callback is signed with this token.
pub(super) fn is_genuine(token: &Secret, callback: &Callback<'_>) -> bool {
    let header = callback
        .headers
        .iter()
        .find(|(name, _)| name == "x-twilio-signature");
    let Some(tag) = header.and_then(|(_, value)| BASE64.decode(value.trim().as_bytes()).ok())
    else {
        return false;
    };
    let fields = fields(callback);
    let key = hmac::Key::new(
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        token.reveal().as_bytes(),
    );
    // Twilio signs the address as it was given, or with the port that it used.
    let addresses = [Cow::Borrowed(callback.url), with_port(callback.url)];
    body_is_whole(callback)
        && addresses.iter().any(|address| {
            let signed = format!("{address}{fields}");
            hmac::verify(&key, signed.as_bytes(), &tag).is_ok()
        })
}

/// Every name with each of its distinct values, both in order. A body that is no form has none.
fn fields(callback: &Callback<'_>) -> String {
    if digest_in_url(callback.url).is_some() {
        return String::new();
    }
    let pairs: BTreeSet<_> = url::form_urlencoded::parse(callback.body).collect();
    pairs
        .into_iter()
        .map(|(name, value)| format!("{name}{value}"))
        .collect()
}

/// A body that is no form is signed through its digest in the URL.
fn body_is_whole(callback: &Callback<'_>) -> bool {
    digest_in_url(callback.url)
        .is_none_or(|told| told == HEXLOWER.encode(digest(&SHA256, callback.body).as_ref()))
}

fn digest_in_url(url: &str) -> Option<Cow<'_, str>> {
    let (_, query) = url.split_once('?')?;
    url::form_urlencoded::parse(query.as_bytes())
        .find_map(|(name, value)| (name == "bodySHA256").then_some(value))
}

/// The URL with its scheme's port written out, or without a port when it has one.
fn with_port(url: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.into();
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{scheme}://{name}{path}").into()
        }
        Some(_) | None => {
            let port = if scheme == "http" { 80 } else { 443 };
            format!("{scheme}://{host}:{port}{path}").into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn genuine(token: &str, url: &str, body: &str, signature: &str) -> bool {
        let headers = [("x-twilio-signature".to_owned(), signature.to_owned())];
        let callback = Callback {
            method: "POST",
            url,
            headers: &headers,
            body: body.as_bytes(),
        };
        is_genuine(&Secret::new(token), &callback)
    }

    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    const FORM: &str = "CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309";
    const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

    #[test]
    fn vector_twilios_own_examples_are_genuine() {
        assert!(genuine("12345", URL, FORM, SIGNATURE));
        let repeated = "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234";
        assert!(genuine(
            "12345",
            URL,
            repeated,
            "IK+Dwps556ElfBT0I3Rgjkr1wJU="
        ));
        let url = format!(
            "{URL}&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
        );
        let json = r#"{"property": "value", "boolean": true}"#;
        assert!(genuine("12345", &url, json, "a9nBmqA0ju/hNViExpshrM61xv4="));
        assert!(!genuine(
            "12345",
            &url,
            "{}",
            "a9nBmqA0ju/hNViExpshrM61xv4="
        ));
    }

    #[test]
    fn vector_a_status_callback_is_genuine() {
        let sid = "SM00000000000000000000000000000001";
        let form = format!(
            "AccountSid=AC{0}&ApiVersion=2010-04-01&ErrorCode=30003&From=Council&MessageSid={sid}&SmsSid={sid}\
             &MessageStatus=undelivered&SmsStatus=undelivered&To=%2B447700900123",
            "0".repeat(32)
        );
        let url = "https://oyez.example/cb/twilio?c=sms-1";
        let token = "0123456789abcdef0123456789abcdef";
        assert!(genuine(token, url, &form, "Vmr234gyngsaQLytPDnIx0Ubb60="));
    }

    #[test]
    fn any_change_makes_it_a_forgery() {
        assert!(!genuine("12346", URL, FORM, SIGNATURE));
        assert!(!genuine(
            "12345",
            URL,
            &FORM.replace("1234", "1235"),
            SIGNATURE
        ));
        assert!(!genuine(
            "12345",
            "https://mycompany.com/myapp.php?foo=1",
            FORM,
            SIGNATURE
        ));
        assert!(!genuine("12345", URL, FORM, ""));
        assert!(!genuine("12345", URL, FORM, "AAAA"));
    }

    #[test]
    fn a_port_may_be_written_out_or_not() {
        assert_eq!(
            with_port("https://a.example/x?y"),
            "https://a.example:443/x?y"
        );
        assert_eq!(with_port("http://a.example"), "http://a.example:80");
        assert_eq!(with_port("https://a.example:8443/x"), "https://a.example/x");
    }
}
