//! A test message: what one address gets so that a person can see whether a channel works. No update is behind it.

use crate::Refusal;
use crate::address::Address;
use crate::audience::AudienceRule;
use crate::channel::ChannelName;
use crate::id::{BroadcastId, IncidentId, UpdateId};
use crate::incident::{Incident, Phase};
use crate::notice::Notice;
use crate::organisation::Organisation;
use crate::outcome::{Outcome, OutcomeCode, Reason, Verdict};
use crate::parcel::Secret;
use crate::reference::{Reference, UpdateReference};
use crate::text::{Line, Prose};
use crate::time::Wall;
use crate::update::{NextUpdate, Update, UpdateKind, UpdateState};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The broadcast that references of test messages name: broadcasts are counted from 1, so it is never an update's.
pub const TESTS: BroadcastId = BroadcastId(0);

/// Test messages on one channel within an hour, at most: a loop over a list of people ends here.
pub const TESTS_PER_HOUR: u32 = 20;

/// To whom a test message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestTo {
    /// A person's address, or an account on a social network.
    Address(Address),
    /// A partner, by the name of its endpoint.
    Partner(String),
}

/// A test message that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestOrder {
    /// The channel.
    pub channel: ChannelName,
    /// The kind of the provider that it goes through.
    pub via: &'static str,
    /// To whom.
    pub to: TestTo,
}

/// A test message that may be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestReady {
    /// Where it goes.
    pub address: Address,
    /// Row of the address, for the stop token; nothing when it is not known.
    pub address_id: Option<i64>,
    /// For endpoints, the partner's name; otherwise empty.
    pub destination: String,
    /// Signing secret of an endpoint, otherwise empty.
    pub secret: Secret,
}

/// What the ledger says to a test message that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestAnnounced {
    /// It is on record; send it.
    Ready(TestReady),
    /// An earlier request with this key sent it, and this came of it; nothing when nobody can tell.
    Before(Option<TestResult>),
}

/// What came of a test message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestResult {
    /// Its own name.
    pub reference: Option<Reference>,
    /// The outcome.
    pub outcome: OutcomeCode,
    /// Why, where there is a reason to give.
    pub reason: Option<Reason>,
    /// The provider's own words.
    pub reply: String,
    /// The provider's identifier of an accepted message.
    pub provider_id: Option<String>,
}

impl TestResult {
    /// What an adapter reported of the test message with this reference.
    pub fn of(reference: Reference, verdict: &Verdict) -> Self {
        let provider_id = match &verdict.outcome {
            Outcome::Accepted { reference } => reference.clone(),
            Outcome::Throttled { .. }
            | Outcome::Deferred { .. }
            | Outcome::Rejected { .. }
            | Outcome::BadMessage { .. }
            | Outcome::ChannelDown { .. }
            | Outcome::ChannelRefused { .. }
            | Outcome::Unknown { .. } => None,
        };
        Self {
            reference: Some(reference),
            outcome: verdict.outcome.code(),
            reason: verdict.outcome.reason(),
            reply: verdict.reply.clone(),
            provider_id,
        }
    }

    /// What is to be said when the program ended between announcing it and recording what came of it.
    pub fn lost() -> Self {
        Self {
            reference: None,
            outcome: OutcomeCode::Unknown,
            reason: Some(Reason::Interrupted),
            reply: String::new(),
            provider_id: None,
        }
    }
}

/// The mark and the one sentence of a test, in a language.
struct Words {
    language: &'static str,
    mark: &'static str,
    sentence: &'static str,
}

const WORDS: [Words; 7] = [
    Words {
        language: "en",
        mark: "TEST",
        sentence: "This is only a test. You need not do anything.",
    },
    Words {
        language: "cy",
        mark: "PRAWF",
        sentence: "Prawf yn unig yw hwn. Nid oes angen i chi wneud dim.",
    },
    Words {
        language: "ar",
        mark: "اختبار",
        sentence: "هذا اختبار فقط. لا يلزمك فعل أي شيء.",
    },
    Words {
        language: "bn",
        mark: "পরীক্ষা",
        sentence: "এটি শুধু একটি পরীক্ষা। আপনাকে কিছু করতে হবে না।",
    },
    Words {
        language: "pt",
        mark: "TESTE",
        sentence: "Isto é apenas um teste. Não precisa de fazer nada.",
    },
    Words {
        language: "es",
        mark: "PRUEBA",
        sentence: "Esto es solo una prueba. No tiene que hacer nada.",
    },
    Words {
        language: "fr",
        mark: "ESSAI",
        sentence: "Ceci n'est qu'un essai. Vous n'avez rien à faire.",
    },
];

/// The words of these languages in their order; in place of a language that has none here, the English ones.
fn words(languages: &[String]) -> Vec<&'static Words> {
    let [english, ..] = &WORDS;
    let mut chosen: Vec<&Words> = Vec::new();
    for tag in languages {
        let primary = tag.split('-').next().unwrap_or_default();
        let known = WORDS.iter().find(|words| words.language == primary);
        let words = known.unwrap_or(english);
        if chosen.iter().all(|known| known.language != words.language) {
            chosen.push(words);
        }
    }
    if chosen.is_empty() {
        chosen.push(english);
    }
    chosen
}

/// What a test on `channel` says, marked as a test in each of the channel's languages. `random` names it apart from others.
///
/// # Errors
/// When the organisation's name does not fit into a line.
pub fn notice(
    organisation: &Organisation,
    channel: &ChannelName,
    languages: &[String],
    random: [u8; 16],
    now: Wall,
) -> Result<Notice, Refusal> {
    let words = words(languages);
    let marks: Vec<_> = words.iter().map(|words| words.mark).collect();
    let marks = marks.join(" / ");
    let sentences: Vec<_> = words.iter().map(|words| words.sentence).collect();
    let headline = Line::parse("headline", &marks, 80)?;
    let name = organisation.name.trim();
    let whole = format!("{marks}: {name}. {}", sentences.join(" "));
    let lines = sentences.iter();
    let lines = lines.map(|sentence| Line::parse("what_to_do", sentence, 200));
    let language = languages
        .first()
        .cloned()
        .unwrap_or_else(|| "en".to_owned());
    let (incident, id) = named(random, now);
    let [a, b, c, d, e, f, ..] = random;
    Ok(Notice {
        organisation: organisation.clone(),
        incident: Incident {
            id: incident,
            title: headline.clone(),
            phase: Phase::Resolved,
            opened_at: now,
            known: Vec::new(),
            not_known: Vec::new(),
            doing: Vec::new(),
            assurances: Vec::new(),
            affected: Vec::new(),
        },
        update: Update {
            id,
            reference: UpdateReference::new([a, b, c, d, e, f]),
            incident,
            kind: UpdateKind::Update,
            phase: Phase::Resolved,
            urgent: false,
            supersedes: false,
            language: language.clone(),
            headline,
            what_to_do: lines.collect::<Result<_, _>>()?,
            what_not_to_do: Vec::new(),
            detail: None,
            sms: None,
            versions: BTreeMap::from([(channel.clone(), Prose::parse("headline", &whole, 2000)?)]),
            short: BTreeMap::new(),
            accept_folding: true,
            services: BTreeMap::new(),
            next_update_by: NextUpdate::None,
            audience: AudienceRule::default(),
            state: UpdateState::Released,
            created_at: now,
            released_at: Some(now),
            stopped_at: None,
        },
        services: Vec::new(),
        language,
    })
}

fn named(random: [u8; 16], now: Wall) -> (IncidentId, UpdateId) {
    let mut tail = [0; 10];
    for (to, from) in tail.iter_mut().zip(random) {
        *to = from;
    }
    (IncidentId::new(now, tail), UpdateId::new(now, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn council() -> Organisation {
        Organisation {
            name: "Westminster City Council".to_owned(),
            gss: String::new(),
            contact_telephone: String::new(),
            public_host: "status.example.gov.uk".to_owned(),
            public_url: "https://status.example.gov.uk".to_owned(),
            time_zone: "Europe/London".to_owned(),
            closed_on: Vec::new(),
        }
    }

    fn said(languages: &[&str]) -> Notice {
        let languages: Vec<_> = languages.iter().map(|tag| (*tag).to_owned()).collect();
        let channel = "residents_sms".parse().unwrap();
        notice(&council(), &channel, &languages, [7; 16], Wall(0)).unwrap()
    }

    #[test]
    fn a_test_is_marked_in_every_language_of_its_channel_before_anything_else() {
        let notice = said(&["en", "cy", "ar-EG", "ar"]);
        let channel = "residents_sms".parse().unwrap();
        let text = notice.own(&channel).unwrap();
        assert_eq!(
            text,
            "TEST / PRAWF / اختبار: Westminster City Council. This is only a test. You need not do anything. \
             Prawf yn unig yw hwn. Nid oes angen i chi wneud dim. هذا اختبار فقط. لا يلزمك فعل أي شيء."
        );
        assert_eq!(notice.headline(), "TEST / PRAWF / اختبار");
        assert_eq!(notice.update.what_to_do.len(), 3);
    }

    #[test]
    fn every_language_at_once_fits_and_an_unknown_one_is_english() {
        let all: Vec<_> = WORDS.iter().map(|words| words.language).collect();
        assert_eq!(said(&all).update.what_to_do.len(), WORDS.len());
        assert_eq!(said(&["so"]).headline(), "TEST");
        assert_eq!(said(&[]).headline(), "TEST");
    }
}
