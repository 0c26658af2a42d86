//! The desk: every use-case that HTTP and the command line share.

use crate::event::Events;
use crate::people_csv::{self, CsvFault};
use crate::preview::{Preview, previews};
use crate::progress::{BroadcastProgress, Progress};
use crate::queue::QueueRow;
use crate::settings::{ConfiguredChannel, EngineSettings};
use crate::supervisor::Lives;
use oyez_domain::address::Address;
use oyez_domain::broadcast::{BroadcastState, Counts};
use oyez_domain::channel::ChannelName;
use oyez_domain::id::{IncidentId, SubscriberId, UpdateId};
use oyez_domain::incident::{Incident, IncidentDraft};
use oyez_domain::ledger::{
    By, DeliveryFilter, DeliveryView, Done, Idempotency, Ledger, NewBroadcast, ReceiptRecord,
    Received, ReleaseOrder, Statement,
};
use oyez_domain::notice::Notice;
use oyez_domain::organisation::Organisation;
use oyez_domain::parcel::Secret;
use oyez_domain::receipt::{Callback, CallbackRefusal, ReceiptKey};
use oyez_domain::reference::{ReferenceKey, UpdateReference};
use oyez_domain::service::Service;
use oyez_domain::subscriber::{Imported, NewSubscriber};
use oyez_domain::update::{Update, UpdateDraft};
use oyez_domain::{Clock, LedgerError, Random, Refusal};
use std::sync::Arc;
use std::time::Duration;

/// Why a use-case was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The input is wrong: every fault found.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Refusal>),
    /// The import has faults: every one with its row and column. Nothing was imported.
    #[error("{} faults in the file; nothing was imported", .0.len())]
    Csv(Vec<CsvFault>),
    /// A provider's callback was not believed.
    #[error(transparent)]
    Callback(#[from] CallbackRefusal),
    /// The ledger said no.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<Vec<Refusal>> for DeskError {
    fn from(faults: Vec<Refusal>) -> Self {
        Self::Refused(faults)
    }
}

impl From<Refusal> for DeskError {
    fn from(fault: Refusal) -> Self {
        Self::Refused(vec![fault])
    }
}

/// What every use-case returns.
pub type DeskResult<T> = Result<T, DeskError>;

/// The desk. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    /// Who speaks.
    pub organisation: Arc<Organisation>,
    /// The record.
    pub ledger: Arc<dyn Ledger>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// Makes references and stop tokens.
    pub reference_key: ReferenceKey,
    /// The channels as the engine runs them, by name.
    pub lives: Lives,
    /// What happens.
    pub events: Events,
    /// Settings of the engine.
    pub settings: EngineSettings,
}

impl Desk {
    /// Who does something, now.
    pub fn by(&self, actor: &str) -> By {
        By {
            actor: actor.to_owned(),
            at: self.clock.wall(),
        }
    }

    fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }

    /// Opens an incident. Publishes nothing.
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
        let update = draft.check(id, reference, incident.phase, now)?;
        let mut faults = self.unknown_channels(&update);
        faults.extend(self.unknown_services(&update).await?);
        if !faults.is_empty() {
            return Err(faults.into());
        }
        let done = self
            .ledger
            .save_update(&update, key, &self.by(actor))
            .await?;
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
        notice(&self.organisation, statement)
    }

    /// How an update will look on each of its channels. Changes nothing.
    pub async fn render(&self, update: UpdateId) -> DeskResult<Vec<Preview>> {
        let notice = self.notice(self.ledger.statement(update).await?);
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
    fn channels_of(&self, update: &Update) -> Vec<ConfiguredChannel> {
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

    /// Puts an update out. It is durable when this returns.
    pub async fn release(
        &self,
        update: UpdateId,
        key: Option<Idempotency>,
        actor: &str,
    ) -> DeskResult<Done<Progress>> {
        let by = self.by(actor);
        let notice = self.notice(self.ledger.statement(update).await?);
        let channels = self.channels_of(&notice.update);
        let refusals: Vec<_> = channels
            .iter()
            .flat_map(|channel| previews(channel, &notice))
            .filter_map(|preview| preview.refusal)
            .collect();
        if !refusals.is_empty() {
            return Err(refusals.into());
        }
        let expires_at = by
            .at
            .plus(Duration::from_secs(self.settings.useful_seconds));
        let broadcasts = channels
            .iter()
            .map(|channel| new_broadcast(channel, expires_at))
            .collect();
        let (page_rows, chunk_rows) = (self.settings.page_rows, self.settings.chunk_rows);
        let order = ReleaseOrder {
            update,
            broadcasts,
            page_rows,
            chunk_rows,
            key,
            by,
        };
        let released = self.ledger.release(&order).await?;
        for (broadcast, channel, window) in released.broadcasts {
            tracing::info!(update.id = %update, channel.name = %channel, broadcast.id = broadcast.0, "released");
            self.lives.hand(&channel, window);
        }
        self.lives.ring_planner();
        Ok(Done {
            value: self.progress(update).await?,
            replayed: released.replayed,
        })
    }

    /// Halts what is unsent. What is in flight ends and is recorded.
    pub async fn stop(
        &self,
        update: UpdateId,
        channel: Option<&ChannelName>,
        reason: &str,
        actor: &str,
    ) -> DeskResult<Progress> {
        self.shut(update, channel, true).await?;
        self.ledger
            .stop(update, channel, reason, &self.by(actor))
            .await?;
        self.lives.ring_planner();
        self.progress(update).await
    }

    /// Holds (`held`) or resumes an update.
    pub async fn hold(
        &self,
        update: UpdateId,
        channel: Option<&ChannelName>,
        held: bool,
        actor: &str,
    ) -> DeskResult<Progress> {
        if held {
            self.shut(update, channel, true).await?;
        }
        self.ledger
            .hold_update(update, channel, held, &self.by(actor))
            .await?;
        if !held {
            self.shut(update, channel, false).await?;
            self.lives.ring_all();
        }
        self.progress(update).await
    }

    /// Shuts the gates first, so that nothing leaves while the ledger is still being told.
    async fn shut(
        &self,
        update: UpdateId,
        channel: Option<&ChannelName>,
        shut: bool,
    ) -> DeskResult<()> {
        for view in self.ledger.broadcasts(Some(update)).await? {
            if channel.is_none_or(|name| *name == view.channel)
                && view.state != BroadcastState::Done
            {
                self.lives.set_gate(&view.channel, view.id, shut);
            }
        }
        Ok(())
    }

    /// Holds a channel for `reason`, or resumes it; without a name, the whole system.
    pub async fn hold_channel(
        &self,
        channel: Option<&ChannelName>,
        reason: Option<&str>,
        actor: &str,
    ) -> DeskResult<()> {
        if let Some(name) = channel.filter(|name| self.lives.get(name).is_none()) {
            return Err(LedgerError::NotFound(format!("the channel {name}")).into());
        }
        self.ledger
            .hold_channel(channel, reason, &self.by(actor))
            .await?;
        let holds = self.ledger.holds().await?;
        for live in self.lives.all() {
            let name = &live.channel.name;
            live.gate.set_channel(
                holds
                    .iter()
                    .any(|(held, _)| held.as_ref().is_none_or(|held| held == name)),
            );
            if reason.is_none() && channel.is_none_or(|resumed| resumed == name) {
                live.health.clear();
            }
        }
        self.lives.ring_all();
        Ok(())
    }

    /// How one update goes.
    pub async fn progress(&self, update: UpdateId) -> DeskResult<Progress> {
        let statement = self.ledger.update(update).await?;
        let views = self.ledger.broadcasts(Some(update)).await?;
        let holds = self.ledger.holds().await?;
        let now = self.clock.wall();
        let counts = views
            .iter()
            .fold(Counts::default(), |sum, view| sum.plus(&view.counts));
        let finished = !views.is_empty()
            && views
                .iter()
                .all(|view| view.planned && view.counts.pending == 0);
        let broadcasts = views
            .into_iter()
            .map(|view| {
                let live = self.lives.get(&view.channel);
                let held = hold_of(&holds, &view.channel);
                BroadcastProgress::new(view, live, held, now)
            })
            .collect();
        Ok(Progress {
            update,
            reference: statement.reference,
            headline: statement.headline.to_string(),
            state: statement.state.code().to_owned(),
            finished,
            counts,
            broadcasts,
            as_of: now,
        })
    }

    /// What is waiting on each channel, in which order, and why.
    pub async fn queue(&self) -> DeskResult<Vec<QueueRow>> {
        let views = self.ledger.broadcasts(None).await?;
        let holds = self.ledger.holds().await?;
        let now = self.clock.wall();
        let row = |live: &crate::supervisor::Live| {
            let name = &live.channel.name;
            let held = hold_of(&holds, name);
            let mine = views.iter().filter(|view| view.channel == *name).cloned();
            let broadcasts = mine
                .map(|view| BroadcastProgress::new(view, Some(live), held, now))
                .collect();
            let kind = live.channel.adapter.capabilities().kind.to_owned();
            QueueRow::new(name.clone(), kind, live.rate_per_second(), broadcasts, now)
        };
        Ok(self.lives.all().map(row).collect())
    }

    /// Deliveries of one update.
    pub async fn deliveries(
        &self,
        update: UpdateId,
        filter: &DeliveryFilter,
    ) -> DeskResult<Vec<DeliveryView>> {
        Ok(self.ledger.deliveries(update, filter).await?)
    }

    /// Takes in a provider's callback, raw; the adapter verifies and reads it.
    pub async fn receive_callback(
        &self,
        channel: &ChannelName,
        callback: &Callback<'_>,
    ) -> DeskResult<Received> {
        let live = self
            .lives
            .get(channel)
            .ok_or_else(|| LedgerError::NotFound(format!("the channel {channel}")))?;
        let receipts = live.channel.adapter.read_receipts(callback)?;
        let mut records = Vec::with_capacity(receipts.len());
        let mut strangers = 0;
        for receipt in receipts {
            let place = match &receipt.key {
                ReceiptKey::Reference(text) => self.reference_key.open(text),
                ReceiptKey::ProviderId(id) => self.ledger.by_provider_id(channel, id).await?,
            };
            match place {
                Some((broadcast, ordinal)) => records.push(ReceiptRecord {
                    broadcast,
                    ordinal,
                    at: self.clock.wall(),
                    status: receipt.status,
                    reason: receipt.reason,
                }),
                None => strangers += 1,
            }
        }
        if strangers > 0 {
            tracing::warn!(channel.name = %channel, receipts = strangers, "receipts that name nothing we sent; ignored");
        }
        let mut received = self.ledger.receive(&records).await?;
        received.never_armed += strangers;
        Ok(received)
    }

    /// Reads people from CSV: all or nothing, with row and column of each fault.
    pub async fn import(
        &self,
        csv: impl std::io::Read + Send,
        actor: &str,
    ) -> DeskResult<(Imported, Vec<CsvFault>)> {
        let import = u64::from_be_bytes(self.bytes());
        let by = self.by(actor);
        let mut reader = people_csv::People::open(csv).map_err(DeskError::Csv)?;
        let mut rows = 0;
        loop {
            let new_id = || SubscriberId::new(by.at, self.bytes());
            let slice = reader.slice(2000, new_id);
            if slice.is_empty() {
                break;
            }
            rows += slice.len() as u64;
            if reader.faults.is_empty() {
                self.ledger.stage_import(import, &slice).await?;
            }
        }
        let keep = reader.faults.is_empty() && rows > 0;
        let mut imported = self.ledger.commit_import(import, keep, &by).await?;
        imported.rows = rows;
        match (reader.faults.is_empty(), rows) {
            (false, _) => Err(DeskError::Csv(reader.faults)),
            (true, 0) => {
                Err(Refusal::new("file", "empty", "the file has a header but nobody in it").into())
            }
            (true, _) => Ok((imported, reader.warnings)),
        }
    }

    /// Adds one person.
    pub async fn add_subscriber(
        &self,
        addresses: Vec<Address>,
        topics: Vec<String>,
        language: &str,
        actor: &str,
    ) -> DeskResult<Imported> {
        if addresses.is_empty() {
            return Err(Refusal::new(
                "address",
                "empty",
                "give an email address or a telephone number",
            )
            .into());
        }
        let by = self.by(actor);
        let person = NewSubscriber {
            id: SubscriberId::new(by.at, self.bytes()),
            addresses,
            topics,
            language: language.to_owned(),
        };
        Ok(self.ledger.add_subscribers(&[person], &by).await?)
    }

    /// Registers or replaces a partner's endpoint.
    pub async fn put_endpoint(
        &self,
        name: &str,
        url: &str,
        secret: &Secret,
        actor: &str,
    ) -> DeskResult<()> {
        let name: ChannelName = name.parse().map_err(|fault: Refusal| Refusal {
            field: "name".to_owned(),
            ..fault
        })?;
        let url = Address::endpoint(url)?;
        Ok(self
            .ledger
            .put_endpoint(name.as_str(), &url, secret, &self.by(actor))
            .await?)
    }

    /// Replaces the list of services.
    pub async fn put_services(&self, services: &[Service], actor: &str) -> DeskResult<()> {
        Ok(self.ledger.put_services(services, &self.by(actor)).await?)
    }

    /// Whether a stop token is ours, and whether its address is stopped already.
    pub async fn stop_token_state(&self, token: &str) -> DeskResult<bool> {
        Ok(self
            .ledger
            .is_stopped(self.stop_token_address(token)?)
            .await?)
    }

    /// Stops messages to the address of a stop token. Repeating it is harmless.
    pub async fn opt_out(&self, token: &str) -> DeskResult<()> {
        let address = self.stop_token_address(token)?;
        Ok(self.ledger.opt_out(address, &self.by("resident")).await?)
    }

    fn stop_token_address(&self, token: &str) -> DeskResult<i64> {
        let not_ours = || LedgerError::NotFound("this link".to_owned()).into();
        self.reference_key
            .open_stop_token(token)
            .ok_or_else(not_ours)
    }
}

/// The statement with who speaks, in English until another language is asked for.
pub fn notice(organisation: &Organisation, statement: Statement) -> Notice {
    Notice {
        organisation: organisation.clone(),
        incident: statement.incident,
        update: statement.update,
        services: statement.services,
        language: "en".to_owned(),
    }
}

fn hold_of<'a>(
    holds: &'a [(Option<ChannelName>, String)],
    channel: &ChannelName,
) -> Option<&'a str> {
    holds
        .iter()
        .find(|(name, _)| name.as_ref().is_none_or(|name| name == channel))
        .map(|(_, why)| why.as_str())
}

fn new_broadcast(channel: &ConfiguredChannel, expires_at: oyez_domain::time::Wall) -> NewBroadcast {
    let capabilities = channel.adapter.capabilities();
    let pace = &channel.settings.pace;
    NewBroadcast {
        channel: channel.name.clone(),
        kind: capabilities.kind.to_owned(),
        carries: capabilities.carries,
        duplicate_bound: pace.duplicate_bound(),
        window_rows: pace.window_rows(channel.holds_unknown()),
        holds_unknown: channel.holds_unknown(),
        expires_at,
    }
}
