//! One statement on an incident; immutable once released.

use crate::Refusal;
use crate::audience::AudienceRule;
use crate::channel::ChannelName;
use crate::id::{IncidentId, UpdateId};
use crate::incident::Phase;
use crate::reference::UpdateReference;
use crate::service::ServiceState;
use crate::text::{self, Line, Prose};
use crate::time::Wall;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What sort of statement this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateKind {
    /// News.
    Update,
    /// Takes the place of something that was wrong.
    Correction,
    /// It is over.
    AllClear,
    /// Practice.
    Exercise,
}

impl UpdateKind {
    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Correction => "correction",
            Self::AllClear => "all_clear",
            Self::Exercise => "exercise",
        }
    }

    /// What stands before the headline, if anything.
    fn prefix(self) -> &'static str {
        match self {
            Self::Update | Self::AllClear => "",
            Self::Correction => "Correction: ",
            Self::Exercise => "EXERCISE: ",
        }
    }

    /// A text with what must stand before it, unless its author wrote that already.
    pub fn introduced(self, text: &str) -> String {
        let prefix = self.prefix();
        let head = text.get(..prefix.len()).unwrap_or_default();
        let prefix = if head.eq_ignore_ascii_case(prefix) {
            ""
        } else {
            prefix
        };
        format!("{prefix}{text}")
    }
}

impl std::str::FromStr for UpdateKind {
    type Err = Refusal;
    fn from_str(code: &str) -> Result<Self, Refusal> {
        [
            Self::Update,
            Self::Correction,
            Self::AllClear,
            Self::Exercise,
        ]
        .into_iter()
        .find(|kind| kind.code() == code)
        .ok_or_else(|| {
            Refusal::new(
                "kind",
                "unknown_kind",
                format!("{code:?} is none of update, correction, all_clear, exercise"),
            )
        })
    }
}

/// Where an update stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateState {
    /// Being written.
    Draft,
    /// Out; its text never changes again.
    Released,
    /// Its unsent rest was halted.
    Stopped,
}

impl UpdateState {
    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Released => "released",
            Self::Stopped => "stopped",
        }
    }
}

/// When the next update is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextUpdate {
    /// By this time.
    By(Wall),
    /// There will be none.
    None,
}

/// A statement ready to be released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// Identifier.
    pub id: UpdateId,
    /// What residents type to check a message.
    pub reference: UpdateReference,
    /// The incident it belongs to.
    pub incident: IncidentId,
    /// What sort of statement this is.
    pub kind: UpdateKind,
    /// The incident's phase from this update on.
    pub phase: Phase,
    /// Whether it overtakes everything else.
    #[serde(default)]
    pub urgent: bool,
    /// Whether its author wants it to take the place of older updates; see [`Update::takes_their_place`].
    #[serde(default)]
    pub supersedes: bool,
    /// The language it is written in, a BCP 47 tag.
    #[serde(default = "english")]
    pub language: String,
    /// One line, at most 80 characters.
    pub headline: Line,
    /// What to do, one action a line.
    pub what_to_do: Vec<Line>,
    /// What not to do, one a line.
    #[serde(default)]
    pub what_not_to_do: Vec<Line>,
    /// More detail, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Prose>,
    /// The author's own short text for channels that carry SMS; `{ref}` becomes the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms: Option<Line>,
    /// The author's own text for one channel by name; `{ref}` becomes the reference.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<ChannelName, Prose>,
    /// The author's own short version by BCP 47 tag, for channels that have no room for the whole and for readers of
    /// another language; `{ref}` becomes the reference.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub short: BTreeMap<String, Prose>,
    /// Whether a person has accepted that signs a gateway cannot carry, or that cost dear, become plainer ones.
    #[serde(default)]
    pub accept_folding: bool,
    /// Services whose state changes with this update.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<String, ServiceState>,
    /// The promised time of the next update.
    pub next_update_by: NextUpdate,
    /// Whom it concerns.
    #[serde(default)]
    pub audience: AudienceRule,
    /// Where it stands.
    pub state: UpdateState,
    /// When it was written.
    pub created_at: Wall,
    /// When it was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Wall>,
    /// When its unsent rest was halted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Wall>,
}

impl Update {
    /// The headline with what must stand before it (`Correction: `, `EXERCISE: `).
    pub fn introduced_headline(&self) -> String {
        self.kind.introduced(self.headline.as_str())
    }

    /// Whether every word that goes out is the same.
    pub fn says_the_same(&self, other: &Self) -> bool {
        (self.kind, &self.headline, &self.detail) == (other.kind, &other.headline, &other.detail)
            && self.what_to_do == other.what_to_do
            && self.what_not_to_do == other.what_not_to_do
            && (&self.sms, &self.versions, &self.short)
                == (&other.sms, &other.versions, &other.short)
    }

    /// Whether it takes the place of what is unsent of older updates of its incident: what corrects them, ends them
    /// or cannot wait always does.
    pub fn takes_their_place(&self) -> bool {
        let by_kind = match self.kind {
            UpdateKind::Correction | UpdateKind::AllClear => true,
            UpdateKind::Update | UpdateKind::Exercise => false,
        };
        by_kind || self.urgent || self.supersedes
    }
}

/// An update as somebody hands it in: nothing checked yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateDraft {
    /// The incident's identifier.
    pub incident: String,
    /// `update`, `correction`, `all_clear` or `exercise`; `update` when left out.
    #[serde(default)]
    pub kind: Option<String>,
    /// Phase code; the incident's own when left out.
    #[serde(default)]
    pub phase: Option<String>,
    /// Whether it overtakes everything else.
    #[serde(default)]
    pub urgent: bool,
    /// Whether it takes the place of older updates of its incident that are still on their way.
    #[serde(default)]
    pub supersedes: bool,
    /// The language it is written in, a BCP 47 tag; `en` when left out.
    #[serde(default)]
    pub language: Option<String>,
    /// One line, at most 80 characters.
    #[serde(default)]
    pub headline: String,
    /// One action a line, 1 to 10 lines of at most 300 characters.
    #[serde(default)]
    pub what_to_do: Vec<String>,
    /// What not to do.
    #[serde(default)]
    pub what_not_to_do: Vec<String>,
    /// More detail, at most 4,000 characters.
    #[serde(default)]
    pub detail: Option<String>,
    /// Own short text, at most 918 characters.
    #[serde(default)]
    pub sms: Option<String>,
    /// Own text by channel name.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// Own short version by language, at most 2,000 characters each.
    #[serde(default)]
    pub short: BTreeMap<String, String>,
    /// Whether signs that a gateway cannot carry, or that cost dear, may become plainer ones.
    #[serde(default)]
    pub accept_folding: bool,
    /// Service states that change.
    #[serde(default)]
    pub services: BTreeMap<String, String>,
    /// RFC 3339 time, or `none` when there will be no further update.
    #[serde(default)]
    pub next_update_by: Option<String>,
    /// Whom it concerns.
    #[serde(default)]
    pub audience: AudienceRule,
}

impl UpdateDraft {
    /// The update, or every fault found: nothing half-read goes further.
    pub fn check(
        self,
        id: UpdateId,
        reference: UpdateReference,
        incident_phase: Phase,
        now: Wall,
    ) -> Result<Update, Vec<Refusal>> {
        let faults = &mut Vec::new();
        let incident = text::keep(self.incident.parse(), faults);
        let kind = text::keep(self.kind.as_deref().unwrap_or("update").parse(), faults);
        let phase = self.phase.map_or(Some(incident_phase), |code| {
            text::keep(code.parse(), faults)
        });
        let language = self.language.filter(|tag| !tag.trim().is_empty());
        let language = language.unwrap_or_else(english);
        text::keep(check_language("language", &language), faults);
        let headline = text::keep(Line::parse("headline", &self.headline, 80), faults);
        let what_to_do = text::lines("what_to_do", &self.what_to_do, faults);
        let what_not_to_do = text::lines("what_not_to_do", &self.what_not_to_do, faults);
        if self.what_to_do.is_empty() {
            faults.push(Refusal::new(
                "what_to_do",
                "empty",
                "say at least one thing people should do",
            ));
        }
        let detail = optional(
            self.detail,
            |text| Prose::parse("detail", text, 4000),
            faults,
        );
        let sms = optional(self.sms, |text| Line::parse("sms", text, 918), faults);
        let versions = versions(&self.versions, faults);
        let short = short(&self.short, faults);
        let services = services(&self.services, faults);
        let next = text::keep(next_update(self.next_update_by.as_deref(), now), faults);
        match (incident, kind, phase, headline, next) {
            (Some(incident), Some(kind), Some(phase), Some(headline), Some(next_update_by))
                if faults.is_empty() =>
            {
                Ok(Update {
                    id,
                    reference,
                    incident,
                    kind,
                    phase,
                    urgent: self.urgent,
                    supersedes: self.supersedes,
                    language,
                    headline,
                    what_to_do,
                    what_not_to_do,
                    detail,
                    sms,
                    versions,
                    short,
                    accept_folding: self.accept_folding,
                    services,
                    next_update_by,
                    audience: self.audience,
                    state: UpdateState::Draft,
                    created_at: now,
                    released_at: None,
                    stopped_at: None,
                })
            }
            _ => Err(std::mem::take(faults)),
        }
    }
}

fn optional<T>(
    text: Option<String>,
    parse: impl FnOnce(&str) -> Result<T, Refusal>,
    faults: &mut Vec<Refusal>,
) -> Option<T> {
    text.filter(|text| !text.trim().is_empty())
        .and_then(|text| text::keep(parse(&text), faults))
}

fn versions(
    texts: &BTreeMap<String, String>,
    faults: &mut Vec<Refusal>,
) -> BTreeMap<ChannelName, Prose> {
    let mut versions = BTreeMap::new();
    for (name, prose) in texts {
        let field = format!("versions.{name}");
        let name = text::keep(name.parse::<ChannelName>(), faults);
        let prose = text::keep(Prose::parse(&field, prose, 10_000), faults);
        versions.extend(name.zip(prose));
    }
    versions
}

fn english() -> String {
    "en".to_owned()
}

fn check_language(field: &str, tag: &str) -> Result<(), Refusal> {
    let signs = tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if signs && (2..=12).contains(&tag.len()) {
        return Ok(());
    }
    let why = format!("{tag:?} is no language; a language is a tag such as en or cy");
    Err(Refusal::new(field, "malformed_language", why))
}

fn short(texts: &BTreeMap<String, String>, faults: &mut Vec<Refusal>) -> BTreeMap<String, Prose> {
    let mut versions = BTreeMap::new();
    for (tag, prose) in texts.iter().filter(|(_, prose)| !prose.trim().is_empty()) {
        let field = format!("short.{tag}");
        text::keep(check_language("short", tag), faults);
        let prose = text::keep(Prose::parse(&field, prose, 2000), faults);
        versions.extend(prose.map(|prose| (tag.clone(), prose)));
    }
    versions
}

fn services(
    codes: &BTreeMap<String, String>,
    faults: &mut Vec<Refusal>,
) -> BTreeMap<String, ServiceState> {
    let mut services = BTreeMap::new();
    for (id, code) in codes {
        services.extend(text::keep(code.parse(), faults).map(|state| (id.clone(), state)));
    }
    services
}

fn next_update(text: Option<&str>, now: Wall) -> Result<NextUpdate, Refusal> {
    const FIELD: &str = "next_update_by";
    match text.map(str::trim) {
        None | Some("") => Err(Refusal::new(
            FIELD,
            "empty",
            "say when the next update comes (2025-11-27T16:00:00Z), or none if there will be none",
        )),
        Some("none") => Ok(NextUpdate::None),
        Some(time) => match Wall::parse(time) {
            None => Err(Refusal::new(
                FIELD,
                "malformed_time",
                format!("{time:?} is not a time with a zone, such as 2025-11-27T16:00:00Z"),
            )),
            Some(by) if by <= now => Err(Refusal::new(
                FIELD,
                "in_the_past",
                format!("{time} has passed"),
            )),
            Some(by) => Ok(NextUpdate::By(by)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_stand_before_a_text_stands_there_once() {
        for (kind, text, shown) in [
            (UpdateKind::Update, "Pay as usual", "Pay as usual"),
            (
                UpdateKind::Correction,
                "the number",
                "Correction: the number",
            ),
            (
                UpdateKind::Correction,
                "CORRECTION: the number",
                "CORRECTION: the number",
            ),
            (
                UpdateKind::Correction,
                "Corrections",
                "Correction: Corrections",
            ),
            (UpdateKind::Exercise, "دفع", "EXERCISE: دفع"),
        ] {
            assert_eq!(kind.introduced(text), shown);
        }
    }
}
