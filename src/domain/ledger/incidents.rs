//! Incidents, services and updates as people write them.

use super::{Answer, By, Done, Idempotency};
use crate::id::{IncidentId, UpdateId};
use crate::incident::Incident;
use crate::reference::UpdateReference;
use crate::service::Service;
use crate::update::Update;

/// Incidents, services and updates as people write them.
pub trait Incidents {
    /// Stores a new incident.
    fn open_incident<'a>(
        &'a self,
        incident: &'a Incident,
        key: Option<&'a Idempotency>,
        by: &'a By,
    ) -> Answer<'a, Done<IncidentId>>;
    /// One incident.
    fn incident(&self, id: IncidentId) -> Answer<'_, Incident>;
    /// All incidents, newest first.
    fn incidents(&self) -> Answer<'_, Vec<Incident>>;
    /// Replaces the list of services.
    fn put_services<'a>(&'a self, services: &'a [Service], by: &'a By) -> Answer<'a, ()>;
    /// The services in order.
    fn services(&self) -> Answer<'_, Vec<Service>>;
    /// Stores a draft; a released update is refused with `State`.
    fn save_update<'a>(
        &'a self,
        update: &'a Update,
        key: Option<&'a Idempotency>,
        by: &'a By,
    ) -> Answer<'a, Done<UpdateId>>;
    /// One update by its identifier.
    fn update(&self, id: UpdateId) -> Answer<'_, Update>;
    /// One update by its reference.
    fn update_by_reference<'a>(&'a self, reference: &'a UpdateReference) -> Answer<'a, Update>;
    /// The newest updates first.
    fn updates(&self, limit: u32) -> Answer<'_, Vec<Update>>;
    /// What was put out, stopped since or not, the newest release first. However many drafts there are, they crowd out none.
    fn released_updates(&self, limit: u32) -> Answer<'_, Vec<Update>>;
    /// An update with its incident and services as they stood at its release (now, for a draft).
    fn statement(&self, id: UpdateId) -> Answer<'_, Statement>;
}

/// An update with its surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The update.
    pub update: Update,
    /// The incident.
    pub incident: Incident,
    /// Services, with the states the update gives them.
    pub services: Vec<Service>,
}
