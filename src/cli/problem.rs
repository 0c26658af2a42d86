//! What the API answers when it says no (RFC 9457), as a failure with the right exit code.

use crate::exit::{Exit, Failure};
use serde::Deserialize;

/// A problem as far as a command needs it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
    code: String,
    errors: Vec<Fault>,
}

/// One fault and the field it concerns.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fault {
    pointer: String,
    detail: String,
    row: Option<u64>,
    column: Option<String>,
}

impl Fault {
    /// `row 3, email: there is no @ in it`.
    fn line(&self) -> String {
        let field = self.pointer.trim_start_matches('/').replace('/', ".");
        let row = self.row.map(|row| format!("row {row}"));
        let place: Vec<_> = [row, self.column.clone(), Some(field)]
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect();
        if place.is_empty() {
            self.detail.clone()
        } else {
            format!("{}: {}", place.join(", "), self.detail)
        }
    }
}

/// The failure that an answer with this status stands for.
pub(crate) fn failure(status: u16, body: &[u8]) -> Failure {
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    let what = match (problem.detail.as_str(), problem.title.as_str()) {
        ("", "") => format!("the server answered {status}"),
        ("", title) => title.to_owned(),
        (detail, _) => detail.to_owned(),
    };
    let code = if problem.code.is_empty() {
        format!("http_{status}")
    } else {
        problem.code.clone()
    };
    let mut failure = Failure::new(exit(status, &problem), &code, what, "");
    failure.help = problem.errors.iter().map(Fault::line).collect();
    failure
        .help
        .extend(advice(&problem.code).map(str::to_owned));
    failure
}

fn exit(status: u16, problem: &Problem) -> Exit {
    match status {
        401 | 403 => Exit::NotAllowed,
        404 => Exit::NotFound,
        409 | 412 | 423 => Exit::RefusedByState,
        400 | 413 | 415 | 422 if !problem.errors.is_empty() => Exit::Problems,
        502 | 504 => Exit::Unreachable,
        500..=599 if matches!(problem.code.as_str(), "storage-failed" | "no-room") => {
            Exit::StorageFailed
        }
        _ => Exit::Error,
    }
}

fn advice(code: &str) -> Option<&'static str> {
    match code {
        "unauthenticated" => Some(
            "the token is in console.token in the server's data directory, or where http.token_file says",
        ),
        "too-many-sign-ins" => Some("wait as long as it says"),
        "no-room" => Some("make room on the server's disk; what is released goes on meanwhile"),
        "storage-failed" => {
            Some("look at the server's disk and log; nothing is accepted that cannot be recorded")
        }
        "busy" => Some("repeat the command in a moment"),
        "idempotency-key-reused" => {
            Some("use a new key for a new request, and the same key for repeating one")
        }
        "said-already" => Some("add --again if people are meant to get it once more"),
        "too-large" => Some("http.import_megabytes is the limit of an import"),
        _ => None,
    }
}

/// Nobody is there.
pub(crate) fn unreachable(error: &reqwest::Error, base: &str) -> Failure {
    let why = if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        innermost(error)
    };
    Failure::new(
        Exit::Unreachable,
        "unreachable",
        format!("{base} cannot be reached: {why}"),
        "is `oyez serve` running there? Whatever it was sending goes on without this command",
    )
}

/// The cause at the bottom says most.
fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_exit_code() {
        let body = br#"{"detail":"d","code":"validation-failed","errors":[{"pointer":"/headline","code":"empty","detail":"say something"}]}"#;
        let failed = br#"{"detail":"d","code":"storage-failed"}"#;
        let full = br#"{"detail":"d","code":"no-room"}"#;
        let table: [(u16, &[u8], Exit); 10] = [
            (507, full, Exit::StorageFailed),
            (401, b"", Exit::NotAllowed),
            (403, b"", Exit::NotAllowed),
            (404, b"", Exit::NotFound),
            (409, b"", Exit::RefusedByState),
            (423, b"", Exit::RefusedByState),
            (422, body, Exit::Problems),
            (400, b"", Exit::Error),
            (503, failed, Exit::StorageFailed),
            (500, b"", Exit::Error),
        ];
        for (status, body, exit) in table {
            assert_eq!(failure(status, body).exit, exit, "{status}");
        }
    }

    #[test]
    fn faults_say_where_they_are() {
        let body = br#"{"detail":"There are 2 faults.","code":"validation-failed","errors":[
            {"pointer":"/what_to_do/3","code":"too_long","detail":"7 characters too long"},
            {"pointer":"","code":"csv","detail":"there is no @ in it","row":3,"column":"email"}]}"#;
        assert_eq!(
            failure(422, body).help,
            [
                "what_to_do.3: 7 characters too long",
                "row 3, email: there is no @ in it"
            ]
        );
    }
}
