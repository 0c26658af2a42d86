//! Writing: incidents, drafts, and how a draft will look.

use super::{Desk, DeskResult};
use crate::preview::{Preview, previews};
use crate::settings::ConfiguredChannel;
use oyez_domain::id::{IncidentId, UpdateId};
use oyez_domain::incident::{Incident, IncidentDraft};
use oyez_domain::ledger::{Done, Idempotency, Statement};
use oyez_domain::notice::Notice;
use oyez_domain::reference::UpdateReference;
use oyez_domain::update::{Update, UpdateDraft};
use oyez_domain::{LedgerError, Refusal};

/// Draws of a reference before an update is refused for want of a free one: only a store that is full of them needs more.
const REFERENCE_DRAWS: usize = 16;

fn is_taken(fault: &Refusal) -> bool {
    fault.field == "reference" && fault.code == "taken"
}

impl Desk {
    /// Opens an incident. Publishes nothing: the public site shows what was released.
    pub async fn open_incident(
        &self,
        draft: IncidentDraft,
        key: Option<&Idempotency>,
        actor: &str,
    ) -> DeskResult<Done<Incident>> {
        let now = self.clock.wall();
        let incident = draft.check(IncidentId::new(now, self.bytes()), now)?;
        let done = self
            .ledger
            .open_incident(&incident, key, &self.by(actor))
            .await?;
        let value = if done.replayed {
            self.ledger.incident(done.value).await?
        } else {
            incident
        };
        Ok(Done {
            value,
            replayed: done.replayed,
        })
    }

    /// Writes a draft.
    pub async fn write_update(
        &self,
        draft: UpdateDraft,
        key: Option<&Idempotency>,
        actor: &str,
    ) -> DeskResult<Done<Update>> {
        let now = self.clock.wall();
        let incident: IncidentId = draft.incident.parse().map_err(|_| {
            Refusal::new(
                "incident",
                "malformed_id",
                "name the incident this update belongs to, e.g. inc_01k…",
            )
        })?;
        let incident = self.ledger.incident(incident).await?;
        let (id, reference) = (
            UpdateId::new(now, self.bytes()),
            UpdateReference::new(self.bytes()),
        );
        let mut update = draft.check(id, reference, incident.phase, now)?;
        let mut faults = self.unknown_channels(&update);
        faults.extend(self.unknown_services(&update).await?);
        if !faults.is_empty() {
            return Err(faults.into());
        }
        let done = self.save_draft(&mut update, key, actor).await?;
        let value = if done.replayed {
            self.ledger.update(done.value).await?
        } else {
            update
        };
        Ok(Done {
            value,
            replayed: done.replayed,
        })
    }

    /// Keeps a new draft. Its reference is short, so that people can read it out, and therefore now and then drawn twice.
    async fn save_draft(
        &self,
        update: &mut Update,
        key: Option<&Idempotency>,
        actor: &str,
    ) -> DeskResult<Done<UpdateId>> {
        let by = self.by(actor);
        for _ in 0..REFERENCE_DRAWS {
            match self.ledger.save_update(update, key, &by).await {
                Err(LedgerError::Refused(fault)) if is_taken(&fault) => {
                    update.reference = UpdateReference::new(self.bytes());
                }
                saved => return Ok(saved?),
            }
        }
        Ok(self.ledger.save_update(update, key, &by).await?)
    }

    fn unknown_channels(&self, update: &Update) -> Vec<Refusal> {
        let named = update
            .audience
            .channels
            .iter()
            .map(|name| ("audience.channels", name));
        let versions = update.versions.keys().map(|name| ("versions", name));
        let known: Vec<_> = self.lives.names().collect();
        named
            .chain(versions)
            .filter(|(_, name)| self.lives.get(name).is_none())
            .map(|(field, name)| {
                let names = known
                    .iter()
                    .map(|name| name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ");
                Refusal::new(
                    field,
                    "unknown_channel",
                    format!("there is no channel {name}; there are: {names}"),
                )
            })
            .collect()
    }

    async fn unknown_services(&self, update: &Update) -> DeskResult<Vec<Refusal>> {
        if update.services.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.ledger.services().await?;
        let unknown = |id: &&String| !known.iter().any(|service| service.id == **id);
        let refuse = |id| {
            Refusal::new(
                "services",
                "unknown_service",
                format!("there is no service {id}"),
            )
        };
        Ok(update.services.keys().filter(unknown).map(refuse).collect())
    }

    /// Finds an update by identifier or reference.
    pub async fn find_update(&self, text: &str) -> DeskResult<Update> {
        match text.parse::<UpdateId>() {
            Ok(id) => Ok(self.ledger.update(id).await?),
            Err(_) => {
                let reference: UpdateReference = text
                    .parse()
                    .map_err(|_| LedgerError::NotFound(format!("an update {text:?}")))?;
                Ok(self.ledger.update_by_reference(&reference).await?)
            }
        }
    }

    /// The update with its surroundings, as adapters and pages need it.
    pub fn notice(&self, statement: Statement) -> Notice {
        super::notice(&self.organisation, statement)
    }

    /// How an update will look on each of its channels, were its foldings accepted or as it stands. Changes nothing.
    pub async fn render(&self, update: UpdateId, accept_folding: bool) -> DeskResult<Vec<Preview>> {
        let mut notice = self.notice(self.ledger.statement(update).await?);
        notice.update.accept_folding |= accept_folding;
        Ok(self
            .channels_of(&notice.update)
            .iter()
            .flat_map(|channel| previews(channel, &notice))
            .collect())
    }

    /// How a draft that is not stored yet would look. Changes nothing.
    pub async fn render_draft(&self, draft: UpdateDraft) -> DeskResult<Vec<Preview>> {
        let incident: IncidentId = draft.incident.parse()?;
        let incident = self.ledger.incident(incident).await?;
        let services = self.ledger.services().await?;
        let now = self.clock.wall();
        // The reference of a preview stands in for the one that writing it will draw.
        let update = draft.check(
            UpdateId::new(now, self.bytes()),
            UpdateReference::new([0; 6]),
            incident.phase,
            now,
        )?;
        let notice = self.notice(Statement {
            update,
            incident,
            services,
        });
        Ok(self
            .channels_of(&notice.update)
            .iter()
            .flat_map(|channel| previews(channel, &notice))
            .collect())
    }

    /// The channels an update goes to: small, loud ones first, then bulk.
    pub(super) fn channels_of(&self, update: &Update) -> Vec<ConfiguredChannel> {
        let named = &update.audience.channels;
        let mut channels: Vec<_> = self
            .lives
            .all()
            .filter(|live| named.is_empty() || named.contains(&live.channel.name))
            .map(|live| live.channel.clone())
            .collect();
        channels.sort_by_key(|channel| channel.adapter.capabilities().family.is_bulk());
        channels
    }
}
