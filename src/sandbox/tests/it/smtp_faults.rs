//! Faults at each stage of an SMTP dialogue.

use crate::support::{Mail, play_json};
use oyez_sandbox::Scenario;

fn refusing(stage: &str, code: u16, text: &str) -> String {
    format!(
        r#"{{"channels":{{"e":{{"rules":[{{"times":1,"stage":"{stage}","do":{{"smtp":{{"code":{code},"text":"{text}"}}}}}}]}}}}}}"#
    )
}

#[tokio::test]
async fn a_refusal_at_any_stage_is_logged_and_the_next_try_succeeds() {
    for (stage_name, code) in [("mail", 451), ("rcpt", 550), ("data", 451), ("dot", 554)] {
        let stage = play_json(&refusing(stage_name, code, "5.7.1 not today")).await;
        let mut mail = Mail::greet(&stage, "e").await;
        assert_eq!(
            mail.send("a@x", "k").await,
            format!("{code} 5.7.1 not today"),
            "{stage_name}"
        );
        let expected = (format!("{code} 5.7.1"), false);
        assert_eq!(stage.replies(), vec![expected.clone()], "{stage_name}");
        mail.ask("RSET").await;
        assert!(
            mail.send("a@x", "k").await.starts_with("250 "),
            "{stage_name}"
        );
        assert_eq!(
            stage.replies(),
            [expected, ("250".to_owned(), true)],
            "{stage_name}"
        );
    }
}

#[tokio::test]
async fn a_421_closes_the_connection_even_as_the_banner() {
    let stage = play_json(&refusing("connect", 421, "4.3.2 shutting down")).await;
    let mut mail = stage.mail().await;
    assert_eq!(mail.reply().await, "421 4.3.2 shutting down");
    assert_eq!(mail.reply().await, "");
    let mut mail = Mail::greet(&stage, "e").await;
    assert!(mail.send("a@x", "k").await.starts_with("250 "));
}

#[tokio::test]
async fn a_drop_after_effect_leaves_the_effect_in_the_log_and_no_reply() {
    for (action, effect) in [("drop_before_effect", false), ("drop_after_effect", true)] {
        let stage = play_json(&format!(
            r#"{{"channels":{{"e":{{"rules":[{{"do":"{action}"}}]}}}}}}"#
        ))
        .await;
        let mut mail = Mail::greet(&stage, "e").await;
        assert_eq!(mail.send("a@x", "k").await, "");
        assert_eq!(stage.replies(), [("dropped".to_owned(), effect)]);
        assert_eq!(stage.records()[0].key, "k");
    }
}

#[tokio::test]
async fn a_greylist_refuses_each_address_once() {
    let stage = play_json(
        r#"{"channels":{"e":{"rules":[{"stage":"rcpt","times_each":1,"when":{"to":"*@grey.invalid"},
            "do":{"smtp":{"code":451,"text":"4.7.1 later"}}}]}}}"#,
    )
    .await;
    let mut mail = Mail::greet(&stage, "e").await;
    assert!(mail.send("a@white.invalid", "k").await.starts_with("250 "));
    for to in ["a@grey.invalid", "b@GREY.invalid"] {
        assert_eq!(mail.send(to, "k").await, "451 4.7.1 later");
        assert!(mail.send(to, "k").await.starts_with("250 "));
    }
}

#[tokio::test]
async fn a_multi_line_refusal_keeps_its_code_on_every_line() {
    let stage = play_json(&refusing(
        "rcpt",
        550,
        r"5.1.1 no such user\n5.1.1 ask the postmaster",
    ))
    .await;
    let mut mail = Mail::greet(&stage, "e").await;
    let reply = mail.send("a@x", "k").await;
    assert_eq!(
        reply,
        "550-5.1.1 no such user\r\n550 5.1.1 ask the postmaster"
    );
}

#[tokio::test]
async fn a_slow_reply_comes_whole_and_after_the_effect() {
    let stage = play_json(
        r#"{"channels":{"e":{"rules":[{"times":1,"do":{"slow_drip":{"ms_per_byte":1}}},{"latency_ms":50}]}}}"#,
    )
    .await;
    let mut mail = Mail::greet(&stage, "e").await;
    assert!(mail.send("a@x", "k1").await.starts_with("250 2.0.0 Ok"));
    assert!(mail.send("a@x", "k2").await.starts_with("250 2.0.0 Ok"));
    assert_eq!(stage.sandbox.counts()["e"].effects, 2);
}

#[tokio::test]
async fn a_new_scenario_counts_from_the_next_message_of_an_open_connection() {
    let stage = play_json("{}").await;
    let mut mail = Mail::greet(&stage, "e").await;
    assert!(mail.send("a@x", "k").await.starts_with("250 "));
    let scenario = Scenario::from_json(&refusing("mail", 450, "4.2.1 wait")).unwrap();
    stage.sandbox.set_scenario(&scenario).unwrap();
    assert_eq!(mail.send("a@x", "k").await, "450 4.2.1 wait");
}
