//! Everything that can go wrong on the way in, as RFC 9457 problems: one list, one shape.

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use oyez_dispatch::DeskError;
use oyez_dispatch::people_csv::CsvFault;
use oyez_domain::receipt::CallbackRefusal;
use oyez_domain::{LedgerError, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

/// Faults listed in one answer at most.
const LISTED: usize = 200;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $slug:literal, $title:literal, $cure:literal;)*) => {
        /// What sort of problem it is. The slug is what programs rely on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code used by programs, and the last part of the type URL.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// One line for people.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What to do about it.
            pub fn cure(self) -> &'static str {
                match self { $(Self::$name => $cure,)* }
            }
        }
    };
}

kinds! {
    /// Not readable at all.
    MalformedRequest = BAD_REQUEST, "malformed-request", "The request cannot be read",
        "Check that the body is complete, in UTF-8 and valid JSON. Nothing was changed.";
    /// Readable, but not right.
    ValidationFailed = UNPROCESSABLE_ENTITY, "validation-failed", "Something in the request is not right",
        "Each fault is listed under errors with the field it concerns. Mend them and send it again. Nothing was changed.";
    /// No credentials, or wrong ones.
    Unauthenticated = UNAUTHORIZED, "unauthenticated", "A valid token is needed",
        "Send the header Authorization: Bearer followed by the token of this instance.";
    /// Known, but not permitted.
    NotAllowed = FORBIDDEN, "not-allowed", "You may not do this",
        "Somebody with the permission settings can change what an account may do: oyez user list shows it.";
    /// More sign-ins than can be looked at, or too many failures.
    TooManySignIns = TOO_MANY_REQUESTS, "too-many-sign-ins", "Too many attempts to sign in",
        "Wait as long as it says, then try again. On the machine itself, oyez user recover makes a new link.";
    /// The request comes from a page of another site.
    CrossSite = FORBIDDEN, "cross-site", "This came from another site",
        "Open the console itself and do it there.";
    /// There is no such thing.
    NotFound = NOT_FOUND, "not-found", "There is no such thing here",
        "Check the address or the identifier.";
    /// Not with this method.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method-not-allowed", "This cannot be done with that method",
        "The documentation of the API names the methods of each address.";
    /// Took too long to arrive.
    RequestTimeout = REQUEST_TIMEOUT, "request-timeout", "The request took too long to arrive",
        "Send it again over a better connection. Nothing was changed.";
    /// The thing's state forbids it.
    StateConflict = CONFLICT, "state-conflict", "That is not possible in the present state",
        "Look at the present state first; somebody may have been quicker.";
    /// The same words went to the same people already.
    SaidAlready = CONFLICT, "said-already", "The same text went out already",
        "Nothing was sent. If it is meant to go out once more, send it with again = true.";
    /// Too big.
    TooLarge = PAYLOAD_TOO_LARGE, "too-large", "The request is too large",
        "Split it into smaller ones. Nothing was changed.";
    /// Not in this format.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "That format is not taken here",
        "Name the right format in the header Content-Type, and send the body uncompressed.";
    /// For a host we are not.
    Misdirected = MISDIRECTED_REQUEST, "misdirected", "This host name is not ours",
        "Use the configured address, or name the host in http.hosts of the configuration.";
    /// No idempotency key.
    KeyMissing = BAD_REQUEST, "idempotency-key-missing", "An idempotency key is needed",
        "Send a header Idempotency-Key with a new random value for each intended effect, and the same value again when repeating it.";
    /// Not a usable idempotency key.
    KeyMalformed = BAD_REQUEST, "idempotency-key-malformed", "The idempotency key cannot be used",
        "An idempotency key has 1 to 255 visible ASCII characters.";
    /// The key was used for something else.
    KeyReused = UNPROCESSABLE_ENTITY, "idempotency-key-reused", "The idempotency key was used for something else",
        "Use a new key for a new request. Nothing was changed.";
    /// All places in the audience are taken.
    TooManyStreams = SERVICE_UNAVAILABLE, "too-many-streams", "Too many people are watching",
        "Ask for the progress every few seconds instead.";
    /// The store is busy.
    Busy = SERVICE_UNAVAILABLE, "busy", "Busy at the moment",
        "Repeat the request in a moment, with the same idempotency key.";
    /// The disk is full, or nearly.
    NoRoom = INSUFFICIENT_STORAGE, "no-room", "There is too little room on the disk",
        "Nothing was changed, and what is released goes on. Make room on the disk of the data directory, then repeat the request with the same idempotency key.";
    /// The store cannot be written.
    StorageFailed = SERVICE_UNAVAILABLE, "storage-failed", "The record cannot be written",
        "Nothing is accepted that cannot be recorded. Look at the disk and at the log of the program.";
    /// Our fault.
    Internal = INTERNAL_SERVER_ERROR, "internal", "Something went wrong in oyez itself",
        "Look for the request identifier in the log of the program, and report it.";
}

impl Kind {
    /// The kind with this slug.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.slug() == slug)
    }
}

/// One fault and the field it concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fault {
    /// Where, as a JSON pointer into the request (RFC 6901); empty when the whole request is meant.
    pub pointer: String,
    /// What, for programs.
    pub code: String,
    /// What is wrong and what would be right, for people.
    pub detail: String,
    /// Row of a file, the header being row 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// Column of a file, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self {
            pointer: pointer(&refusal.field),
            code: refusal.code,
            detail: refusal.why,
            row: None,
            column: None,
        }
    }
}

impl From<CsvFault> for Fault {
    fn from(fault: CsvFault) -> Self {
        Self {
            pointer: String::new(),
            code: "csv".to_owned(),
            detail: fault.why,
            row: Some(fault.row),
            column: (!fault.column.is_empty()).then_some(fault.column),
        }
    }
}

/// `what_to_do[3]` and `audience.channels` as JSON pointers.
fn pointer(field: &str) -> String {
    let parts = field.replace('[', ".").replace(']', "");
    parts.split('.').map(|part| format!("/{part}")).collect()
}

/// A problem on its way out. It becomes JSON or a page where the answer leaves the house, in `finish`.
#[derive(Debug, Clone)]
pub struct Problem {
    /// What sort.
    pub kind: Kind,
    /// What happened this time.
    pub detail: String,
    /// Every fault found.
    pub errors: Vec<Fault>,
    /// Seconds after which trying again can help.
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem without particulars.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// Nothing is there.
    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, "There is nothing at this address.")
    }

    fn faults<T: Into<Fault>>(detail: String, faults: Vec<T>) -> Self {
        let errors = faults.into_iter().take(LISTED).map(Into::into).collect();
        Self {
            errors,
            ..Self::new(Kind::ValidationFailed, detail)
        }
    }

    fn later(kind: Kind, detail: &str, seconds: u32) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(kind, detail)
        }
    }

    /// The body programs read.
    pub fn body(&self, base: &str, request_id: &str) -> ProblemBody {
        ProblemBody {
            type_url: format!("{base}/problems/{}", self.kind.slug()),
            title: self.kind.title().to_owned(),
            status: self.kind.status().as_u16(),
            detail: self.detail.clone(),
            instance: format!("/requests/{request_id}"),
            code: self.kind.slug().to_owned(),
            request_id: request_id.to_owned(),
            errors: self.errors.clone(),
            retry_after: self.retry_after,
        }
    }
}

/// A problem as programs read it (RFC 9457). Rely on `code` and `status`, never on the texts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemBody {
    /// A page of this very instance that explains it.
    #[serde(rename = "type")]
    pub type_url: String,
    /// One line for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// This occurrence.
    pub instance: String,
    /// What sort of problem, for programs.
    pub code: String,
    /// To find it in the log.
    pub request_id: String,
    /// Every fault found, at most 200.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
    /// Seconds after which trying again can help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The problem as a whole answer, for those who cannot read pages.
pub(crate) fn json(problem: &Problem, base: &str, request_id: &str) -> Response {
    let body = serde_json::to_vec(&problem.body(base, request_id)).unwrap_or_default();
    let kind = HeaderValue::from_static("application/problem+json");
    (problem.kind.status(), [(CONTENT_TYPE, kind)], body).into_response()
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        let count = |many: usize| match many {
            1 => "There is 1 fault. Nothing was changed.".to_owned(),
            many => format!("There are {many} faults. Nothing was changed."),
        };
        match error {
            DeskError::Refused(faults) => Self::faults(count(faults.len()), faults),
            DeskError::Csv(faults) => Self::faults(count(faults.len()), faults),
            DeskError::Callback(refusal) => refusal.into(),
            DeskError::Ledger(error) => error.into(),
        }
    }
}

impl From<CallbackRefusal> for Problem {
    fn from(refusal: CallbackRefusal) -> Self {
        let kind = match refusal {
            CallbackRefusal::Unauthenticated => Kind::Unauthenticated,
            CallbackRefusal::NotTaken => Kind::NotFound,
            CallbackRefusal::Malformed => Kind::MalformedRequest,
        };
        Self::new(kind, format!("{refusal}."))
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Busy(_) => {
                Self::later(Kind::Busy, "The record is busy. Nothing was changed.", 1)
            }
            LedgerError::Down(_) => {
                tracing::error!(%error, "a request found the ledger down");
                Self::later(
                    Kind::StorageFailed,
                    "The record cannot be written. Nothing was changed.",
                    5,
                )
            }
            LedgerError::Full(why) => {
                Self::later(Kind::NoRoom, &format!("{why}. Nothing was changed."), 60)
            }
            LedgerError::Fenced => {
                Self::new(Kind::StateConflict, "Somebody else has taken this over.")
            }
            LedgerError::NotFound(what) => {
                Self::new(Kind::NotFound, format!("{what} does not exist."))
            }
            LedgerError::State(why) => Self::new(Kind::StateConflict, why),
            LedgerError::KeyReused => Self::new(
                Kind::KeyReused,
                "This idempotency key was used before with a different request.",
            ),
            LedgerError::Refused(fault) => DeskError::Refused(vec![fault]).into(),
            LedgerError::Corrupt { .. } => {
                tracing::error!(%error, "stored data cannot be read");
                Self::new(Kind::Internal, "Stored data cannot be read.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_becomes_a_pointer() {
        assert_eq!(pointer("headline"), "/headline");
        assert_eq!(pointer("what_to_do[3]"), "/what_to_do/3");
        assert_eq!(pointer("audience.channels"), "/audience/channels");
    }

    #[test]
    fn slugs_are_unique_and_found_again() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_slug(kind.slug()), Some(*kind));
        }
    }

    #[test]
    fn a_broken_file_names_row_and_column() {
        let fault = CsvFault {
            row: 7,
            column: "email".to_owned(),
            why: "there is no @ in it".to_owned(),
        };
        let problem = Problem::from(DeskError::Csv(vec![fault]));
        let body = serde_json::to_value(problem.body("https://x.uk", "r1")).unwrap();
        assert_eq!(body["type"], "https://x.uk/problems/validation-failed");
        assert_eq!(body["status"], 422);
        assert_eq!(
            (&body["errors"][0]["row"], &body["errors"][0]["column"]),
            (&7.into(), &"email".into())
        );
    }
}
