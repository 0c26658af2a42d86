//! What stands in the form of an update, between one page and the next.

use crate::body::Form;
use crate::state::House;
use jiff::civil;
use jiff::tz::TimeZone;
use oyez_domain::audience::AudienceRule;
use oyez_domain::time::Wall;
use oyez_domain::update::{NextUpdate, Update, UpdateDraft};
use std::collections::BTreeMap;
use std::time::Duration;

/// How a time is written in a form.
const MINUTE: &str = "%Y-%m-%dT%H:%M";

/// What stands in the form.
#[derive(Debug, Clone, Default)]
pub(super) struct Values {
    /// Makes a second press of the button harmless.
    pub(super) key: String,
    pub(super) incident: String,
    pub(super) new_incident: String,
    pub(super) kind: String,
    pub(super) phase: String,
    pub(super) urgent: bool,
    pub(super) supersedes: bool,
    pub(super) language: String,
    /// The headline as typed.
    pub(super) headline: String,
    pub(super) what_to_do: String,
    pub(super) what_not_to_do: String,
    pub(super) detail: String,
    pub(super) sms: String,
    /// The short version in the languages that have one.
    pub(super) short: BTreeMap<String, String>,
    pub(super) accept_folding: bool,
    pub(super) next: String,
    pub(super) next_time: String,
    pub(super) channels: Vec<String>,
    pub(super) services: BTreeMap<String, String>,
}

impl Values {
    pub(super) fn read(form: &Form) -> Self {
        let text = |name| form.get(name).to_owned();
        let services = form
            .under("service.")
            .filter(|(_, state)| !state.is_empty());
        Self {
            key: text("key"),
            incident: text("incident"),
            new_incident: text("new_incident"),
            kind: text("kind"),
            phase: text("phase"),
            urgent: form.get("urgent") == "yes",
            supersedes: form.get("supersedes") == "yes",
            language: text("language"),
            headline: text("headline"),
            what_to_do: text("what_to_do"),
            what_not_to_do: text("what_not_to_do"),
            detail: text("detail"),
            sms: text("sms"),
            short: form
                .under("short.")
                .map(|(tag, text)| (tag.to_owned(), text.to_owned()))
                .collect(),
            accept_folding: form.get("accept_folding") == "yes",
            next: text("next"),
            next_time: text("next_time"),
            channels: form.all("channel").map(str::to_owned).collect(),
            services: services
                .map(|(id, state)| (id.to_owned(), state.to_owned()))
                .collect(),
        }
    }

    /// The form of a draft that is stored.
    pub(super) fn of(update: &Update, zone: &TimeZone, channels: &[String]) -> Self {
        let join = |lines: &[oyez_domain::text::Line]| {
            lines
                .iter()
                .map(|line| line.as_str())
                .collect::<Vec<_>>()
                .join("\n")
        };
        let named: Vec<String> = update
            .audience
            .channels
            .iter()
            .map(ToString::to_string)
            .collect();
        let (next, next_time) = match update.next_update_by {
            NextUpdate::By(by) => ("other", local(by, zone)),
            NextUpdate::None => ("none", String::new()),
        };
        Self {
            incident: update.incident.to_string(),
            kind: update.kind.code().to_owned(),
            phase: update.phase.code().to_owned(),
            urgent: update.urgent,
            supersedes: update.supersedes,
            language: update.language.clone(),
            headline: update.headline.to_string(),
            what_to_do: join(&update.what_to_do),
            what_not_to_do: join(&update.what_not_to_do),
            detail: update
                .detail
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            sms: update
                .sms
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            short: update
                .short
                .iter()
                .map(|(tag, text)| (tag.clone(), text.to_string()))
                .collect(),
            accept_folding: update.accept_folding,
            next: next.to_owned(),
            next_time,
            channels: if named.is_empty() {
                channels.to_vec()
            } else {
                named
            },
            services: update
                .services
                .iter()
                .map(|(id, state)| (id.clone(), state.code().to_owned()))
                .collect(),
            ..Self::default()
        }
    }

    /// The fields again, for the page after this one.
    pub(super) fn fields(&self) -> Vec<(String, String)> {
        let yes = |ticked| if ticked { "yes" } else { "" };
        let single = [
            ("key", self.key.as_str()),
            ("incident", &self.incident),
            ("new_incident", &self.new_incident),
            ("kind", &self.kind),
            ("phase", &self.phase),
            ("urgent", yes(self.urgent)),
            ("supersedes", yes(self.supersedes)),
            ("language", &self.language),
            ("headline", &self.headline),
            ("what_to_do", &self.what_to_do),
            ("what_not_to_do", &self.what_not_to_do),
            ("detail", &self.detail),
            ("sms", &self.sms),
            ("next", &self.next),
            ("next_time", &self.next_time),
        ];
        let single = single
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let channels = self
            .channels
            .iter()
            .map(|name| ("channel".to_owned(), name.clone()));
        let services = self
            .services
            .iter()
            .map(|(id, state)| (format!("service.{id}"), state.clone()));
        let short = self
            .short
            .iter()
            .map(|(tag, text)| (format!("short.{tag}"), text.clone()));
        let accepted = self
            .accept_folding
            .then(|| ("accept_folding".to_owned(), "yes".to_owned()));
        single
            .chain(channels)
            .chain(services)
            .chain(short)
            .chain(accepted)
            .collect()
    }

    /// Whom it concerns: every channel ticked means every channel there is.
    pub(super) fn audience(&self, house: &House) -> AudienceRule {
        let all = house
            .desk
            .lives
            .names()
            .all(|name| self.channels.iter().any(|ticked| ticked == name.as_str()));
        let named = self.channels.iter().filter_map(|name| name.parse().ok());
        AudienceRule {
            channels: if all { Vec::new() } else { named.collect() },
            ..AudienceRule::default()
        }
    }

    /// Fixes a time that was chosen in words, so that it does not move while somebody reads the preview.
    pub(super) fn settle_time(&mut self, now: Wall, zone: &TimeZone) {
        let today = |hour, days: i64| {
            let date = now.timestamp().to_zoned(zone.clone()).date();
            let date = date
                .checked_add(jiff::Span::new().days(days))
                .unwrap_or(date);
            date.at(hour, 0, 0, 0).strftime(MINUTE).to_string()
        };
        // A minute more, because seconds are cut off.
        let hours = |many: u64| local(now.plus(Duration::from_secs(many * 3600 + 59)), zone);
        let time = match self.next.as_str() {
            "1h" => hours(1),
            "2h" => hours(2),
            "4pm" => today(16, 0),
            "10am" => today(10, 1),
            _ => return,
        };
        (self.next, self.next_time) = ("other".to_owned(), time);
    }

    fn next_update_by(&self, zone: &TimeZone) -> Option<String> {
        match self.next.as_str() {
            "none" => Some("none".to_owned()),
            "other" => {
                let typed = self.next_time.trim();
                let moment = typed
                    .parse::<civil::DateTime>()
                    .ok()
                    .and_then(|time| time.to_zoned(zone.clone()).ok());
                Some(
                    moment
                        .map_or_else(|| typed.to_owned(), |moment| moment.timestamp().to_string()),
                )
            }
            _ => None,
        }
    }

    pub(super) fn draft(&self, house: &House, zone: &TimeZone) -> UpdateDraft {
        let lines = |text: &str| {
            text.lines()
                .map(|line| {
                    line.trim()
                        .trim_start_matches(['-', '•', '*', ' '])
                        .to_owned()
                })
                .collect()
        };
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.trim().is_empty());
        UpdateDraft {
            incident: self.incident.clone(),
            kind: text(&self.kind),
            phase: text(&self.phase),
            urgent: self.urgent,
            supersedes: self.supersedes,
            language: text(&self.language),
            headline: self.headline.clone(),
            what_to_do: lines(&self.what_to_do),
            what_not_to_do: lines(&self.what_not_to_do),
            detail: text(&self.detail),
            // A text message is one line; a line break typed by habit is a space.
            sms: text(&self.sms.lines().collect::<Vec<_>>().join(" ")),
            versions: BTreeMap::new(),
            short: self.short.clone(),
            accept_folding: self.accept_folding,
            services: self.services.clone(),
            next_update_by: self.next_update_by(zone),
            audience: self.audience(house),
        }
    }
}

fn local(wall: Wall, zone: &TimeZone) -> String {
    wall.timestamp()
        .to_zoned(zone.clone())
        .strftime(MINUTE)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_chosen_in_words_is_one_moment_where_the_organisation_is() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let now = Wall::parse("2025-07-03T12:00:30Z").unwrap();
        for (choice, moment) in [
            ("1h", "2025-07-03T13:01:00Z"),
            ("4pm", "2025-07-03T15:00:00Z"),
            ("10am", "2025-07-04T09:00:00Z"),
        ] {
            let mut values = Values {
                next: choice.to_owned(),
                ..Values::default()
            };
            values.settle_time(now, &zone);
            assert_eq!(
                values.next_update_by(&zone).as_deref(),
                Some(moment),
                "{choice}"
            );
        }
        let none = Values {
            next: "none".to_owned(),
            ..Values::default()
        };
        assert_eq!(none.next_update_by(&zone).as_deref(), Some("none"));
        assert_eq!(
            Values::default().next_update_by(&zone),
            None,
            "saying nothing is not saying none"
        );
    }
}
