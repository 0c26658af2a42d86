//! Alerts in front of `xmllint` with the schema that OASIS publishes (CAP-v1.2.xsd).

use super::feeds::{Site, told};
use super::{Judge, until};

#[expect(
    clippy::disallowed_methods,
    reason = "only the runner knows where the judges are"
)]
fn schema() -> String {
    std::env::var("OYEZ_TEST_CAP_SCHEMA").unwrap()
}

/// Whether each of these files passes.
async fn passes(files: &[String]) -> Vec<bool> {
    let (schema, mut verdicts) = (schema(), Vec::new());
    for file in files {
        let judge = Judge::start(
            "OYEZ_TEST_XMLLINT",
            &["--noout", "--nonet", "--schema", &schema, file],
        );
        let said = |what: &str| judge.count(&format!("{file} {what}")) > 0;
        let verdict = || match (said("validates"), said("fails to validate")) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            _ => None,
        };
        verdicts.push(until(&judge, "a verdict", verdict).await);
    }
    verdicts
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn every_alert_passes_the_schema_and_a_spoilt_one_does_not() {
    let site: Site = tokio::task::spawn_blocking(told).await.unwrap();
    let alerts = site.alerts();
    assert_eq!(alerts.len(), site.references.len());
    let verdicts = passes(&alerts).await;
    assert!(
        verdicts.iter().all(|passed| *passed),
        "{alerts:?}: {verdicts:?}"
    );
    let good = std::fs::read_to_string(&alerts[0]).unwrap();
    let spoilt = [
        good.replace("+00:00</sent>", "Z</sent>"),
        good.replace("<scope>Public</scope>", ""),
        good.replace("<urgency>", "<urgency>Very "),
    ];
    let mut files = Vec::new();
    for (at, text) in spoilt.iter().enumerate() {
        assert_ne!(text, &good);
        let file = site.folder.path().join(format!("spoilt-{at}.xml"));
        std::fs::write(&file, text).unwrap();
        files.push(file.display().to_string());
    }
    assert_eq!(passes(&files).await, [false; 3]);
}
