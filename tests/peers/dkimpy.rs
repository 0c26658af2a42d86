//! Signed mail to a relay that verifies it with `dkimpy`.

use super::{Judge, letter, until};
use crate::adapters::channel;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RsaKeyPair};
use data_encoding::BASE64;
use oyez_domain::outcome::Outcome;
use serde_json::{Value, json};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A private key in PEM, and what stands in DNS for it.
fn key_file(folder: &Path, name: &str, der: &[u8]) -> String {
    let path = folder.join(name);
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64.encode(der)
    );
    std::io::Write::write_all(&mut file, pem.as_bytes()).unwrap();
    path.display().to_string()
}

/// What a signature has to cover (RFC 6376 §5.4.1, RFC 8058 §4), and what once more than it occurs.
fn covers_what_it_should(headers: &[Value]) {
    let times = |name: &str| headers.iter().filter(|found| *found == name).count();
    for once in [
        "date",
        "message-id",
        "mime-version",
        "content-type",
        "list-id",
        "list-unsubscribe",
        "list-unsubscribe-post",
        "in-reply-to",
        "references",
    ] {
        assert_eq!(times(once), 1, "{once} among {headers:?}");
    }
    for once_more in ["from", "to", "subject"] {
        assert_eq!(times(once_more), 2, "{once_more} among {headers:?}");
    }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_signed_mail_verifies_with_either_key_and_nothing_changed_in_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let ed25519 = Ed25519KeyPair::generate().unwrap();
    let rsa_der = AsDer::<Pkcs8V1Der<'_>>::as_der(&rsa).unwrap();
    let rsa_public = AsDer::<PublicKeyX509Der<'_>>::as_der(rsa.public_key()).unwrap();
    let rsa_file = key_file(folder.path(), "rsa.pem", rsa_der.as_ref());
    let ed25519_file = key_file(
        folder.path(),
        "ed25519.pem",
        ed25519.to_pkcs8().unwrap().as_ref(),
    );
    let record =
        |kind: &str, public: &[u8]| format!("v=DKIM1; k={kind}; p={}", BASE64.encode(public));
    let dns = [
        format!(
            "r._domainkey.example.gov.uk.={}",
            record("rsa", rsa_public.as_ref())
        ),
        format!(
            "e._domainkey.example.gov.uk.={}",
            record("ed25519", ed25519.public_key().as_ref())
        ),
    ];
    let judge = Judge::script("judge_dkimpy.py", &[&dns[0], &dns[1]]);
    let port = judge.report("port").await["port"].as_u64().unwrap();
    let key = |selector: &str, file: &str| json!({"domain": "example.gov.uk", "selector": selector, "key_file": file});
    let channel = channel(
        "smtp",
        json!({
            "host": "127.0.0.1", "port": port, "tls": "none", "from": "Westminster <updates@example.gov.uk>",
            "dkim": [key("r", &rsa_file), key("e", &ed25519_file)]
        }),
    );
    let verdict = channel.send(&letter(&*channel, 1)).await;
    assert_eq!(
        verdict.outcome,
        Outcome::Accepted { reference: None },
        "{verdict:?}"
    );
    let report = until(&judge, "the mail", || {
        judge
            .reports()
            .into_iter()
            .find(|report| report.get("good").is_some())
    })
    .await;
    assert_eq!(report["good"], json!([true, true]), "{report}");
    for headers in report["headers"].as_array().unwrap() {
        covers_what_it_should(headers.as_array().unwrap());
    }
    for (what, verifies) in report["changed"].as_object().unwrap() {
        assert_eq!(
            report["touched"][what], true,
            "the judge did change the {what}"
        );
        assert_eq!(verifies, false, "another {what} still verifies");
    }
    assert_eq!(
        report["refolded"],
        json!([true, true]),
        "spaces may be changed on the way"
    );
}
