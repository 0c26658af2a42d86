//! Incidents, services and updates as people write them, and requests that are repeated.

use super::state::{Answer, State, Written};
use oyez_domain::id::{IncidentId, UpdateId};
use oyez_domain::incident::Incident;
use oyez_domain::ledger::{Done, Idempotency, Statement};
use oyez_domain::reference::UpdateReference;
use oyez_domain::service::Service;
use oyez_domain::update::{Update, UpdateState};
use oyez_domain::{LedgerError, LedgerResult, Refusal};

impl State {
    /// What an earlier request with this key was answered.
    pub(super) fn answered(&self, key: Option<&Idempotency>) -> LedgerResult<Option<&Answer>> {
        let known = key.and_then(|key| {
            let known = self.answers.get(&(key.scope.clone(), key.key.clone()))?;
            Some((key.request_hash, known))
        });
        match known {
            None => Ok(None),
            Some((asked, (request, _))) if asked != *request => Err(LedgerError::KeyReused),
            Some((_, (_, answer))) => Ok(Some(answer)),
        }
    }

    /// Keeps the answer for a repeat.
    pub(super) fn remember(&mut self, key: Option<&Idempotency>, answer: Answer) {
        if let Some(key) = key {
            let place = (key.scope.clone(), key.key.clone());
            self.answers.insert(place, (key.request_hash, answer));
        }
    }

    pub(super) fn open_incident(
        &mut self,
        incident: &Incident,
        key: Option<&Idempotency>,
    ) -> LedgerResult<Done<IncidentId>> {
        if let Some(Answer::Incident(id)) = self.answered(key)? {
            return Ok(replayed(*id));
        }
        self.incidents.insert(incident.id, incident.clone());
        self.remember(key, Answer::Incident(incident.id));
        Ok(done(incident.id))
    }

    pub(super) fn incident(&self, id: IncidentId) -> LedgerResult<Incident> {
        let known = self.incidents.get(&id).cloned();
        known.ok_or_else(|| LedgerError::NotFound(format!("incident {id}")))
    }

    pub(super) fn incidents(&self) -> Vec<Incident> {
        let mut all: Vec<_> = self.incidents.values().cloned().collect();
        all.sort_by_key(|incident| std::cmp::Reverse((incident.opened_at, incident.id)));
        all
    }

    pub(super) fn save_update(
        &mut self,
        update: &Update,
        key: Option<&Idempotency>,
    ) -> LedgerResult<Done<UpdateId>> {
        if let Some(Answer::Update(id)) = self.answered(key)? {
            return Ok(replayed(*id));
        }
        self.incident(update.incident)?;
        let known = self.updates.get(&update.id);
        if known.is_some_and(|known| known.update.state != UpdateState::Draft) {
            let why = format!("{} is released and cannot change", update.reference);
            return Err(LedgerError::State(why));
        }
        let mut others = self.updates.values().map(|written| &written.update);
        if others.any(|other| other.reference == update.reference && other.id != update.id) {
            let why = format!("{} names another update", update.reference);
            return Err(Refusal::new("reference", "taken", why).into());
        }
        let written = Written {
            update: update.clone(),
            frozen: None,
        };
        self.updates.insert(update.id, written);
        self.remember(key, Answer::Update(update.id));
        Ok(done(update.id))
    }

    pub(super) fn update(&self, id: UpdateId) -> LedgerResult<&Update> {
        let known = self.updates.get(&id).map(|written| &written.update);
        known.ok_or_else(|| LedgerError::NotFound(format!("update {id}")))
    }

    pub(super) fn update_by_reference(&self, reference: &UpdateReference) -> LedgerResult<Update> {
        let mut all = self.updates.values().map(|written| &written.update);
        let known = all.find(|update| update.reference == *reference).cloned();
        known.ok_or_else(|| LedgerError::NotFound(format!("update {reference}")))
    }

    pub(super) fn updates(&self, limit: u32) -> Vec<Update> {
        let mut all: Vec<_> = self.updates.values().map(|w| w.update.clone()).collect();
        all.sort_by_key(|update| std::cmp::Reverse((update.created_at, update.id)));
        all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        all
    }

    pub(super) fn released_updates(&self, limit: u32) -> Vec<Update> {
        let all = self.updates.values().map(|w| w.update.clone());
        let mut out: Vec<_> = all.filter(|update| update.released_at.is_some()).collect();
        out.sort_by_key(|update| std::cmp::Reverse((update.released_at, update.id)));
        out.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        out
    }

    pub(super) fn statement(&self, id: UpdateId) -> LedgerResult<Statement> {
        let update = self.update(id)?.clone();
        let frozen = self.updates.get(&id).and_then(|w| w.frozen.clone());
        let (incident, services) = match frozen {
            Some(surroundings) => surroundings,
            None => self.surroundings(&update)?,
        };
        Ok(Statement {
            update,
            incident,
            services,
        })
    }

    /// Incident and services with what the update changes in them.
    fn surroundings(&self, update: &Update) -> LedgerResult<(Incident, Vec<Service>)> {
        let mut incident = self.incident(update.incident)?;
        incident.phase = update.phase;
        let mut services = self.services.clone();
        for service in &mut services {
            if let Some(state) = update.services.get(&service.id) {
                service.state = *state;
            }
        }
        Ok((incident, services))
    }

    /// Puts a released update into force and keeps its surroundings as they are now.
    pub(super) fn freeze(&mut self, update: Update) -> LedgerResult<()> {
        let (incident, services) = self.surroundings(&update)?;
        self.incidents.insert(incident.id, incident.clone());
        self.services.clone_from(&services);
        let frozen = Some((incident, services));
        self.updates.insert(update.id, Written { update, frozen });
        Ok(())
    }
}

pub(super) fn done<T>(value: T) -> Done<T> {
    Done {
        value,
        replayed: false,
    }
}

pub(super) fn replayed<T>(value: T) -> Done<T> {
    Done {
        value,
        replayed: true,
    }
}
