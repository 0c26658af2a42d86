//! What is happening: an incident and its phase.

use crate::id::IncidentId;
use crate::text::{self, Line};
use crate::time::Wall;
use crate::{Refusal, error};
use serde::{Deserialize, Serialize};

/// How far the organisation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The cause is being looked for.
    Investigating,
    /// The cause is known.
    Identified,
    /// Mended, being watched.
    Monitoring,
    /// Over.
    Resolved,
}

impl Phase {
    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Investigating => "investigating",
            Self::Identified => "identified",
            Self::Monitoring => "monitoring",
            Self::Resolved => "resolved",
        }
    }

    /// What people read.
    pub fn label(self) -> &'static str {
        match self {
            Self::Investigating => "We are looking into it",
            Self::Identified => "We know the cause",
            Self::Monitoring => "Fixed, we are checking",
            Self::Resolved => "Over",
        }
    }
}

impl std::str::FromStr for Phase {
    type Err = Refusal;
    fn from_str(code: &str) -> Result<Self, Refusal> {
        [
            Self::Investigating,
            Self::Identified,
            Self::Monitoring,
            Self::Resolved,
        ]
        .into_iter()
        .find(|phase| phase.code() == code)
        .ok_or_else(|| {
            error::Refusal::new(
                "phase",
                "unknown_phase",
                format!("{code:?} is none of investigating, identified, monitoring, resolved"),
            )
        })
    }
}

/// Another organisation that the incident touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AffectedBody {
    /// Its name.
    pub name: Line,
    /// What its residents should do, e.g. `Contact your own council.`
    pub advice: Line,
}

/// An incident with what is known, not known and being done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Identifier.
    pub id: IncidentId,
    /// Public title.
    pub title: Line,
    /// How far the organisation has come.
    pub phase: Phase,
    /// When it was opened.
    pub opened_at: Wall,
    /// What is known.
    #[serde(default)]
    pub known: Vec<Line>,
    /// What is not known yet.
    #[serde(default)]
    pub not_known: Vec<Line>,
    /// What is being done.
    #[serde(default)]
    pub doing: Vec<Line>,
    /// What residents can rely on.
    #[serde(default)]
    pub assurances: Vec<Line>,
    /// Other organisations it touches.
    #[serde(default)]
    pub affected: Vec<AffectedBody>,
}

/// An incident as somebody hands it in: nothing checked yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentDraft {
    /// Public title, at most 80 characters.
    pub title: String,
    /// Phase code; `investigating` when left out.
    #[serde(default)]
    pub phase: Option<String>,
    /// What is known.
    #[serde(default)]
    pub known: Vec<String>,
    /// What is not known yet.
    #[serde(default)]
    pub not_known: Vec<String>,
    /// What is being done.
    #[serde(default)]
    pub doing: Vec<String>,
    /// What residents can rely on.
    #[serde(default)]
    pub assurances: Vec<String>,
    /// Other organisations it touches: name and advice.
    #[serde(default)]
    pub affected: Vec<(String, String)>,
}

impl IncidentDraft {
    /// The incident, or every fault found.
    pub fn check(self, id: IncidentId, opened_at: Wall) -> Result<Incident, Vec<Refusal>> {
        let mut faults = Vec::new();
        let title = text::keep(Line::parse("title", &self.title, 80), &mut faults);
        let phase = match self.phase {
            None => Some(Phase::Investigating),
            Some(code) => text::keep(code.parse(), &mut faults),
        };
        let mut lines = |field, texts: Vec<String>| text::lines(field, &texts, &mut faults);
        let known = lines("known", self.known);
        let not_known = lines("not_known", self.not_known);
        let doing = lines("doing", self.doing);
        let assurances = lines("assurances", self.assurances);
        let mut affected = Vec::new();
        for (name, advice) in &self.affected {
            let name = text::keep(Line::parse("affected.name", name, 200), &mut faults);
            let advice = text::keep(Line::parse("affected.advice", advice, 500), &mut faults);
            affected.extend(
                name.zip(advice)
                    .map(|(name, advice)| AffectedBody { name, advice }),
            );
        }
        match (title, phase) {
            (Some(title), Some(phase)) if faults.is_empty() => Ok(Incident {
                id,
                title,
                phase,
                opened_at,
                known,
                not_known,
                doing,
                assurances,
                affected,
            }),
            _ => Err(faults),
        }
    }
}
