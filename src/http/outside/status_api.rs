//! What readers of other status pages get: the shapes that they know, saying what the page says.

use super::house::Fixture;
use hyper::StatusCode;
use serde_json::{Value, json};

/// A release as `released` makes it, of an update that says more.
async fn release(fixture: &Fixture, incident: &str, more: Value) -> String {
    let mut draft = json!({ "incident": incident, "headline": "Pay as usual", "what_to_do": ["Call 020 7641 6000."],
        "next_update_by": "none" });
    for (key, value) in more.as_object().unwrap() {
        draft[key] = value.clone();
    }
    let draft = fixture.api("POST", "/updates", Some(draft)).await.json();
    let reference = draft["reference"].as_str().unwrap();
    let path = format!("/updates/{reference}/send");
    let sent = fixture.keyed("POST", &path, None, Some(reference)).await;
    assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text);
    fixture.still.pass(60);
    reference.to_owned()
}

async fn document(fixture: &Fixture, name: &str) -> Value {
    let answer = fixture.get(&format!("/api/v2/{name}.json")).await;
    assert_eq!(answer.status, StatusCode::OK, "{name}");
    answer.json()
}

#[tokio::test]
async fn a_quiet_council_is_operational() {
    let fixture = Fixture::new();
    let services = json!([{ "id": "bins", "name": "Bins", "state": "ok" }]);
    fixture.api("PUT", "/services", Some(services)).await;
    let summary = document(&fixture, "summary").await;
    assert_eq!(summary["page"]["name"], "Westminster City Council");
    assert_eq!(summary["page"]["updated_at"], Value::Null);
    let status = json!({ "indicator": "none", "description": "All services are working" });
    assert_eq!(summary["status"], status);
    assert_eq!(document(&fixture, "status").await["status"], status);
    assert_eq!(summary["components"][0]["status"], "operational");
    for none in ["incidents", "scheduled_maintenances"] {
        assert_eq!(summary[none], json!([]));
    }
    assert_eq!(
        fixture.get("/api/v2/users.json").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn an_incident_is_told_with_its_updates_until_it_is_over() {
    let fixture = Fixture::new();
    let services = json!([{ "id": "debits", "name": "Direct Debits", "state": "ok", "note": "Do not cancel it." },
        { "id": "halls", "name": "Halls", "state": "planned" }]);
    fixture.api("PUT", "/services", Some(services)).await;
    let incident = fixture.incident().await;
    let first = json!({ "phase": "identified", "services": { "debits": "down" }, "what_not_to_do": ["Do not worry."] });
    release(&fixture, &incident, first).await;
    let summary = document(&fixture, "summary").await;
    assert_eq!(summary["status"]["indicator"], "major");
    let states = ["debits", "halls"].map(|id| {
        let all = summary["components"].as_array().unwrap();
        let one = all.iter().find(|one| one["id"] == id).unwrap();
        (one["status"].clone(), one["updated_at"].clone())
    });
    let changed = json!("2025-11-27T10:30:00Z");
    let expected = [
        (json!("major_outage"), changed),
        (json!("under_maintenance"), Value::Null),
    ];
    assert_eq!(states, expected);
    let told = &summary["incidents"][0];
    assert_eq!(
        (&told["status"], &told["impact"]),
        (&json!("identified"), &json!("major"))
    );
    let body = "Pay as usual\nWhat to do:\nCall 020 7641 6000.\nWhat not to do:\nDo not worry.";
    assert_eq!(told["incident_updates"][0]["body"], body);
    let over = json!({ "kind": "all_clear", "phase": "resolved", "headline": "It is over", "services": { "debits": "ok" } });
    release(&fixture, &incident, over).await;
    assert_eq!(
        document(&fixture, "incidents/unresolved").await["incidents"],
        json!([])
    );
    let all = document(&fixture, "incidents").await;
    let told = &all["incidents"][0];
    assert_eq!(
        (&told["status"], &told["resolved_at"]),
        (&json!("resolved"), &json!("2025-11-27T10:31:00Z"))
    );
    assert_eq!(told["incident_updates"].as_array().unwrap().len(), 2);
    assert_eq!(
        document(&fixture, "components").await["components"][0]["status"],
        "operational"
    );
}
