//! Twilio, Kannel and Vonage: how each takes a text, and how each refuses one.

use crate::support::{Stage, play};
use oyez_sandbox::Scenario;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
/// `AC…0` and any password.
const BASIC: &str = "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDpw";

fn effects(stage: &Stage) -> Vec<(String, String)> {
    let records = stage.records().into_iter().filter(|record| record.effect);
    records.map(|record| (record.to, record.key)).collect()
}

#[tokio::test]
async fn twilio_queues_a_text_and_says_why_it_does_not() {
    let stage = play(Scenario::default()).await;
    let path = format!(
        "/t/twilio/2010-04-01/Accounts/AC{}/Messages.json",
        "0".repeat(32)
    );
    let whole = "To=%2B447700900001&From=Council&Body=hear+ye&StatusCallback=http%3A%2F%2Fx.example%2Fcb%3Fref%3Dr1";
    for (auth, body, status, code) in [
        (BASIC, whole.to_owned(), 201, None),
        ("", whole.to_owned(), 401, Some(20003)),
        (BASIC, whole.replace("%2B44", "0"), 400, Some(21211)),
        (BASIC, whole.replace("hear+ye", ""), 400, Some(21602)),
        (
            BASIC,
            whole.replace("hear+ye", &"a".repeat(1601)),
            400,
            Some(21617),
        ),
    ] {
        let headers = [FORM, ("authorization", auth)];
        let reply = stage.post(&path, &headers, &body).await.unwrap();
        assert_eq!(reply.status, status);
        assert_eq!(reply.json()["code"].as_u64(), code);
    }
    assert_eq!(
        effects(&stage),
        [("+447700900001".to_owned(), "r1".to_owned())]
    );
}

#[tokio::test]
async fn kannel_takes_a_text_from_the_address_alone() {
    let stage = play(Scenario::default()).await;
    let page = "/k/kannel/cgi-bin/sendsms";
    let query = "username=u&password=p&to=%2B447700900001&text=hear+ye&dlr-url=http%3A%2F%2Fx%2Fcb%3Fref%3Dr1%26status%3D%25d";
    for (query, status) in [
        (query.to_owned(), 202),
        (query.replace("username=u&", ""), 403),
        (query.replace("hear+ye", ""), 400),
    ] {
        let reply = stage.get(&format!("{page}?{query}"), &[]).await.unwrap();
        assert_eq!(reply.status, status);
    }
    assert_eq!(
        effects(&stage),
        [("+447700900001".to_owned(), "r1".to_owned())]
    );
}

#[tokio::test]
async fn vonage_says_everything_with_200() {
    let stage = play(Scenario::default()).await;
    let whole = "api_key=k&api_secret=s&from=Council&to=447700900001&text=hear+ye&client-ref=r1";
    for (body, status) in [
        (whole.to_owned(), "0"),
        (whole.replace("api_key=k", ""), "4"),
        (whole.replace("hear+ye", ""), "2"),
        (whole.replace("4477", "%2B4477"), "6"),
    ] {
        let reply = stage
            .post("/v/vonage/sms/json", &[FORM], &body)
            .await
            .unwrap();
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json()["messages"][0]["status"], status);
    }
    assert_eq!(
        effects(&stage),
        [("447700900001".to_owned(), "r1".to_owned())]
    );
}
