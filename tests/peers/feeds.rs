//! A site with one update of every kind, made by the real program, for the judges of feeds and alerts.

use crate::support::{Serve, Town};
use serde_json::{Value, json};

/// What somebody may write.
pub(super) const HOSTILE: &str = "Wait <script>alert(1)</script> & \"listen\" ]]> é 日本 😀";

/// An exported site.
pub(super) struct Site {
    pub(super) folder: tempfile::TempDir,
    /// Its updates, the oldest first.
    pub(super) references: Vec<String>,
}

impl Site {
    /// Its alerts, by path.
    pub(super) fn alerts(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("site/u")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let alerts = paths.filter(|path| path.extension().is_some_and(|ending| ending == "cap"));
        alerts.map(|path| path.display().to_string()).collect()
    }
}

fn release(serve: &Serve, draft: &Value) -> String {
    let path = format!("/api/v1/updates?{}", draft["kind"].as_str().unwrap());
    let answer = serve.ask("POST", &path, &draft.to_string());
    assert_eq!(answer.status, 201, "{}", answer.body);
    let update: Value = serde_json::from_str(&answer.body).unwrap();
    let reference = update["reference"].as_str().unwrap().to_owned();
    let sent = serve.ask("POST", &format!("/api/v1/updates/{reference}/send"), "{}");
    assert_eq!(sent.status, 202, "{}", sent.body);
    reference
}

/// Writes one update of every kind, stops one, and exports.
pub(super) fn told() -> Site {
    let town = Town::new();
    town.people(1);
    let serve = town.serve();
    let services = json!([{ "id": "debits", "name": "Direct Debits", "state": "ok" }]);
    let services = town.write("services.json", services.to_string());
    town.oyez(&["service", "put", services.to_str().unwrap()])
        .exits(0);
    let incident = town
        .oyez(&["incident", "new", "--title", "Cyber & <other>"])
        .exits(0);
    let draft = |kind: &str, next: &str| {
        json!({ "incident": incident, "kind": kind, "headline": format!("{kind} & <b>"), "what_to_do": [HOSTILE],
            "what_not_to_do": [HOSTILE], "detail": format!("{HOSTILE}\n\nMore."), "next_update_by": next,
            "short": { "ar": "اتصل بنا {ref}" }, "services": { "debits": "down" },
            "audience": { "channels": ["residents_email"] } })
    };
    let mut references = Vec::new();
    for (kind, next) in [
        ("update", "2999-11-27T16:00:00Z"),
        ("correction", "none"),
        ("exercise", "none"),
        ("all_clear", "none"),
    ] {
        references.push(release(&serve, &draft(kind, next)));
    }
    town.oyez(&["update", "stop", &references[1], "--reason", "wrong number"])
        .exits(0);
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("site");
    town.oyez(&["public", "export", place.to_str().unwrap()])
        .exits(0);
    Site { folder, references }
}
