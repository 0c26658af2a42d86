//! Whether a scenario makes sense: values in range, and no condition that can never hold where its rule acts.

use crate::scenario::{Action, Number, ReceiptRule, Rule, Scenario, ScenarioError, Since, Stage};

impl Scenario {
    /// Checks a scenario that was made in code.
    ///
    /// # Errors
    /// When a value is out of range or a condition can never hold where its rule acts.
    pub fn check(&self) -> Result<(), ScenarioError> {
        for (name, channel) in &self.channels {
            for (index, rule) in channel.rules.iter().enumerate() {
                rule.check()
                    .map_err(|(field, problem)| wrong(name, "rules", index, field, problem))?;
            }
            for (index, rule) in channel.receipts.iter().enumerate() {
                rule.check()
                    .map_err(|(field, problem)| wrong(name, "receipts", index, field, problem))?;
            }
            for (endpoint, secret) in &channel.endpoints {
                if crate::hook::checking_key(secret).is_none() {
                    let at = format!("channels.{name}.endpoints.{endpoint}");
                    return Err(ScenarioError::Wrong {
                        at,
                        problem: "must be whsec_ or whpk_, and base64",
                    });
                }
            }
        }
        Ok(())
    }
}

type Fault = (&'static str, &'static str);

fn wrong(
    channel: &str,
    list: &str,
    index: usize,
    field: &str,
    problem: &'static str,
) -> ScenarioError {
    ScenarioError::Wrong {
        at: format!("channels.{channel}.{list}[{index}].{field}"),
        problem,
    }
}

impl Rule {
    fn check(&self) -> Result<(), Fault> {
        check_share("when.fraction", self.when.fraction)?;
        check_number("when.number", self.when.number)?;
        if self.when.every == Some(0) || self.when.nth == Some(0) {
            return Err(("when", "every and nth count from 1"));
        }
        if let (Some(from), Some(to)) = (self.when.from_ms, self.when.to_ms)
            && from >= to
        {
            return Err(("when.to_ms", "must be later than from_ms"));
        }
        self.check_stage()?;
        self.action.as_ref().map_or(Ok(()), Action::check)
    }

    fn check_stage(&self) -> Result<(), Fault> {
        let early = matches!(self.stage, Some(Stage::Connect | Stage::Mail));
        let names_somebody = self.when.to.is_some()
            || self.when.number.is_some()
            || self.when.fraction.is_some()
            || self.when.since == Since::FirstOfAddress
            || self.times_each.is_some();
        if early && names_somebody {
            return Err((
                "stage",
                "there is no address or reference yet at connect and mail",
            ));
        }
        match (&self.action, self.stage) {
            (Some(Action::Http { .. }), Some(_)) => {
                Err(("stage", "an http answer has no SMTP stage"))
            }
            (Some(Action::DropAfterEffect), Some(stage)) if stage != Stage::Dot => {
                Err(("stage", "a message has its effect at dot"))
            }
            (_, _) => Ok(()),
        }
    }
}

impl ReceiptRule {
    fn check(&self) -> Result<(), Fault> {
        check_share("fraction", self.fraction)?;
        check_share("duplicate", Some(self.duplicate))?;
        check_share("reorder", Some(self.reorder))?;
        check_number("number", self.number)
    }
}

impl Action {
    fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Smtp { code, .. } if !(400..=599).contains(code) => {
                Err(("do.smtp.code", "must be from 400 to 599"))
            }
            Self::Smtp { text, .. }
                if !text
                    .bytes()
                    .all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)) =>
            {
                Err(("do.smtp.text", "must be printable ASCII"))
            }
            Self::Http { status, .. } if !(200..=599).contains(status) => {
                Err(("do.http.status", "must be from 200 to 599"))
            }
            Self::RateLimit {
                max_per_second: 0, ..
            } => Err(("do.rate_limit.max_per_second", "must be at least 1")),
            Self::Smtp { .. }
            | Self::Http { .. }
            | Self::DropBeforeEffect
            | Self::DropAfterEffect
            | Self::SlowDrip { .. }
            | Self::RateLimit { .. } => Ok(()),
        }
    }
}

fn check_share(field: &'static str, share: Option<f64>) -> Result<(), Fault> {
    match share {
        Some(share) if !(0.0..=1.0).contains(&share) => Err((field, "must be from 0 to 1")),
        Some(_) | None => Ok(()),
    }
}

fn check_number(field: &'static str, number: Option<Number>) -> Result<(), Fault> {
    match number {
        Some(number) if number.rest >= number.every => {
            Err((field, "rest must be smaller than every"))
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_survives_writing_and_reading() {
        let text = r#"{"channels":{"sms":{"receipt_token":"t","rules":[
            {"when":{"to":"+44*","fraction":0.01},"times_each":1,"latency_ms":5,"do":"drop_after_effect"},
            {"stage":"rcpt","do":{"smtp":{"code":550,"text":"5.1.1 gone"}}},
            {"do":{"http":{"status":429,"retry_after":"soon"}}},
            {"do":{"rate_limit":{"max_per_second":5}}}],
            "receipts":[{"outcome":"undelivered","duplicate":0.3}]}}}"#;
        let scenario = Scenario::from_json(text).unwrap();
        let again = Scenario::from_json(&serde_json::to_string(&scenario).unwrap()).unwrap();
        assert_eq!(scenario, again);
        assert!(!format!("{scenario:?}").contains("\"t\""));
    }

    #[test]
    fn a_wrong_value_is_named_with_its_place() {
        let cases = [
            (r#"{"channel":{}}"#, "unknown field `channel`"),
            (
                r#"{"channels":{"a":{"rules":[{"when":{"fractoin":1}}]}}}"#,
                "unknown field `fractoin`",
            ),
            (
                r#"{"channels":{"a":{"rules":[{"do":{"http":{"status":429,"retry":1}}}]}}}"#,
                "unknown field `retry`",
            ),
            (
                r#"{"channels":{"a":{"rules":[{"when":{"fraction":2}}]}}}"#,
                "channels.a.rules[0].when.fraction",
            ),
            (
                r#"{"channels":{"a":{"rules":[{"when":{"from_ms":5,"to_ms":5}}]}}}"#,
                "rules[0].when.to_ms",
            ),
            (
                r#"{"channels":{"a":{"rules":[{"stage":"mail","when":{"to":"x"}}]}}}"#,
                "rules[0].stage",
            ),
            (
                r#"{"channels":{"a":{"rules":[{"do":{"smtp":{"code":250,"text":""}}}]}}}"#,
                "do.smtp.code",
            ),
            (
                r#"{"channels":{"a":{"receipts":[{"number":{"every":0}}]}}}"#,
                "receipts[0].number",
            ),
            (
                r#"{"channels":{"a":{"endpoints":{"b":"whsec_%"}}}}"#,
                "channels.a.endpoints.b",
            ),
        ];
        for (text, expected) in cases {
            let error = Scenario::from_json(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn the_example_with_every_fault_is_a_scenario() {
        let scenario = Scenario::from_json(include_str!("example.json")).unwrap();
        assert_eq!(scenario.channels.len(), 4);
    }
}
