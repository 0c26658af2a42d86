//! The port's traits, each verb handed to the thread that may do it.

use super::SqliteLedger;
use super::arm::Moment;
use super::seeded_bug::SeededBug;
use super::take::SealedTaken;
use super::vitals::Purpose;
use super::{
    boot, decide, deliveries, disarm, endpoints, evidence, fence, halt, import, incidents,
    left_over,
};
use super::{
    plan, receive, record, release, replies, retry, subscribers, take, test_message, views,
};
use oyez_domain::LedgerError;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::channel::ChannelName;
use oyez_domain::id::{BroadcastId, IncidentId, Ordinal, UpdateId};
use oyez_domain::incident::Incident;
use oyez_domain::ledger::{
    Answer, Ask, BroadcastEvidence, BroadcastView, By, Decision, DeliveryFilter, DeliveryView,
    Done, EndpointView, Endpoints, Idempotency, Incidents, KeyChange, NewEndpoint, Queue,
    ReceiptRecord, Received, Recorded, ReleaseOrder, Released, Releases, Reports, Statement,
    Subscribers, SystemEvidence, Taken, UnknownDelivery, UnknownFilter, UnknownGroup, WindowId,
    WrittenBack,
};
use oyez_domain::outcome::Reason;
use oyez_domain::reference::UpdateReference;
use oyez_domain::service::Service;
use oyez_domain::subscriber::{Heard, Imported, NewSubscriber, SuppressionCause};
use oyez_domain::test_message::{TestAnnounced, TestOrder, TestResult};
use oyez_domain::time::Wall;
use oyez_domain::update::Update;
use rusqlite::Connection;
use std::sync::Arc;

impl Incidents for SqliteLedger {
    fn open_incident<'a>(
        &'a self,
        incident: &'a Incident,
        key: Option<&'a Idempotency>,
        by: &'a By,
    ) -> Answer<'a, Done<IncidentId>> {
        let (incident, key, by) = (incident.clone(), key.cloned(), by.clone());
        Box::pin(self.write_for(Purpose::Add, move |c| {
            incidents::open_incident(c, &incident, key.as_ref(), &by)
        }))
    }

    fn incident(&self, id: IncidentId) -> Answer<'_, Incident> {
        Box::pin(self.read(move |c| incidents::read_incident(c, id)))
    }

    fn incidents(&self) -> Answer<'_, Vec<Incident>> {
        Box::pin(self.read(incidents::read_incidents))
    }

    fn put_services<'a>(&'a self, services: &'a [Service], by: &'a By) -> Answer<'a, ()> {
        let (services, by) = (services.to_vec(), by.clone());
        Box::pin(self.write_for(Purpose::Add, move |c| {
            incidents::put_services(c, &services, &by)
        }))
    }

    fn services(&self) -> Answer<'_, Vec<Service>> {
        Box::pin(self.read(incidents::read_services))
    }

    fn save_update<'a>(
        &'a self,
        update: &'a Update,
        key: Option<&'a Idempotency>,
        by: &'a By,
    ) -> Answer<'a, Done<UpdateId>> {
        let (update, key, by) = (update.clone(), key.cloned(), by.clone());
        Box::pin(self.write_for(Purpose::Add, move |c| {
            incidents::save_update(c, &update, key.as_ref(), &by)
        }))
    }

    fn update(&self, id: UpdateId) -> Answer<'_, Update> {
        Box::pin(self.read(move |c| incidents::read_update(c, id)))
    }

    fn update_by_reference<'a>(&'a self, reference: &'a UpdateReference) -> Answer<'a, Update> {
        let reference = reference.clone();
        Box::pin(self.read(move |c| incidents::update_by_reference(c, &reference)))
    }

    fn updates(&self, limit: u32) -> Answer<'_, Vec<Update>> {
        Box::pin(self.read(move |c| incidents::read_updates(c, limit)))
    }

    fn released_updates(&self, limit: u32) -> Answer<'_, Vec<Update>> {
        Box::pin(self.read(move |c| incidents::read_released(c, limit)))
    }

    fn statement(&self, id: UpdateId) -> Answer<'_, Statement> {
        Box::pin(self.read(move |c| incidents::statement(c, id)))
    }
}

impl Releases for SqliteLedger {
    fn release<'a>(&'a self, order: &'a ReleaseOrder) -> Answer<'a, Released> {
        Box::pin(async move {
            let (keys, order, now) = (Arc::clone(&self.keys), order.clone(), order.by.at);
            let sealed = self
                .announce(Purpose::Add, move |c, boot| {
                    release::release(c, &keys, boot, &order)
                })
                .await?;
            let mut broadcasts = Vec::with_capacity(sealed.broadcasts.len());
            for (id, channel, window) in sealed.broadcasts {
                let window = match window {
                    Some(sealed) => self.opened(sealed, now).await?,
                    None => None,
                };
                broadcasts.push((id, channel, window));
            }
            Ok(Released {
                update: sealed.update,
                broadcasts,
                replayed: sealed.replayed,
            })
        })
    }

    fn plan_page(&self, now: Wall) -> Answer<'_, Option<BroadcastId>> {
        Box::pin(self.announce(Purpose::Send, move |c, _| plan::plan_next(c, now)))
    }

    fn stop<'a>(
        &'a self,
        update: UpdateId,
        channel: Option<&'a ChannelName>,
        reason: &'a str,
        by: &'a By,
    ) -> Answer<'a, Vec<BroadcastView>> {
        let (channel, reason, by) = (channel.cloned(), reason.to_owned(), by.clone());
        Box::pin(self.write(move |c| halt::stop(c, update, channel.as_ref(), &reason, &by)))
    }

    fn hold_update<'a>(
        &'a self,
        update: UpdateId,
        channel: Option<&'a ChannelName>,
        held: bool,
        by: &'a By,
    ) -> Answer<'a, Vec<BroadcastView>> {
        let (channel, by) = (channel.cloned(), by.clone());
        Box::pin(self.write(move |c| halt::hold_update(c, update, channel.as_ref(), held, &by)))
    }

    fn hold_channel<'a>(
        &'a self,
        channel: Option<&'a ChannelName>,
        hold: Option<&'a str>,
        by: &'a By,
    ) -> Answer<'a, ()> {
        let (channel, hold, by) = (channel.cloned(), hold.map(str::to_owned), by.clone());
        Box::pin(self.write(move |c| halt::hold_channel(c, channel.as_ref(), hold.as_deref(), &by)))
    }

    fn retry_failed<'a>(
        &'a self,
        update: UpdateId,
        channel: Option<&'a ChannelName>,
        reasons: &'a [Reason],
        key: Option<&'a Idempotency>,
        by: &'a By,
    ) -> Answer<'a, Done<u64>> {
        let (channel, reasons) = (channel.cloned(), reasons.to_vec());
        let (key, by) = (key.cloned(), by.clone());
        Box::pin(self.write(move |c| {
            retry::retry_failed(c, update, channel.as_ref(), &reasons, key.as_ref(), &by)
        }))
    }

    fn failures(&self, update: UpdateId) -> Answer<'_, Vec<(ChannelName, Reason, u64)>> {
        Box::pin(self.read(move |c| left_over::failures(c, update)))
    }

    fn decide_unknown<'a>(
        &'a self,
        which: &'a UnknownFilter,
        decision: Decision,
        key: Option<&'a Idempotency>,
        by: &'a By,
    ) -> Answer<'a, Done<u64>> {
        let (which, key, by) = (which.clone(), key.cloned(), by.clone());
        Box::pin(
            self.write(move |c| decide::decide_unknown(c, &which, decision, key.as_ref(), &by)),
        )
    }

    fn unknowns<'a>(&'a self, which: &'a UnknownFilter) -> Answer<'a, Vec<UnknownGroup>> {
        let which = which.clone();
        Box::pin(self.read(move |c| left_over::unknowns(c, &which)))
    }

    fn announce_test<'a>(
        &'a self,
        test: &'a TestOrder,
        key: &'a Idempotency,
        by: &'a By,
    ) -> Answer<'a, TestAnnounced> {
        let (keys, test, key, by) = (
            Arc::clone(&self.keys),
            test.clone(),
            key.clone(),
            by.clone(),
        );
        Box::pin(self.announce(Purpose::Add, move |c, _| {
            test_message::announce(c, &keys, &test, &key, &by)
        }))
    }

    fn record_test<'a>(
        &'a self,
        test: &'a TestOrder,
        result: &'a TestResult,
        key: &'a Idempotency,
        by: &'a By,
    ) -> Answer<'a, ()> {
        let (test, result, key, by) = (test.clone(), result.clone(), key.clone(), by.clone());
        Box::pin(self.write(move |c| test_message::record(c, &test, &result, &key, &by)))
    }

    fn holds(&self) -> Answer<'_, Vec<(Option<ChannelName>, String)>> {
        Box::pin(self.read(halt::holds))
    }
}

impl Queue for SqliteLedger {
    fn take<'a>(&'a self, ask: &'a Ask<'a>) -> Answer<'a, Taken> {
        Box::pin(async move {
            let (channel, rows, seeded) = (ask.channel.clone(), ask.rows, self.seeded);
            let may_expire = ask.may_expire || seeded.has(SeededBug::ExpiryOnJump);
            let (now, shut) = (ask.now, ask.shut_destinations.to_vec());
            let (provider, only_its_own) = (ask.provider.to_owned(), ask.only_its_own);
            let sealed = self
                .announce(Purpose::Send, move |c, boot| {
                    let moment = Moment {
                        boot,
                        now,
                        provider: &provider,
                        only_its_own,
                        shut: &shut,
                        seeded,
                    };
                    take::take(c, channel.as_str(), rows, may_expire, moment)
                })
                .await?;
            Ok(match sealed {
                SealedTaken::Window(window) => match self.opened(*window, now).await? {
                    Some(window) => Taken::Window(window),
                    None => Taken::Idle(Some(now)),
                },
                SealedTaken::Idle(until) => Taken::Idle(until),
                SealedTaken::Held(reason) => Taken::Held(reason),
            })
        })
    }

    fn disarm(&self, window: WindowId, from: Ordinal, now: Wall) -> Answer<'_, ()> {
        let take_back = move |c: &Connection, _| disarm::disarm(c, window, from, now);
        Box::pin(self.announce(Purpose::Keep, take_back))
    }

    fn record<'a>(&'a self, batch: u64, outcomes: &'a [Recorded]) -> Answer<'a, ()> {
        Box::pin(async move {
            let (boot, outcomes) = (self.own_boot()?, outcomes.to_vec());
            let is_taken_over = self
                .write(move |c| {
                    record::record(c, boot, batch, &outcomes)?;
                    fence::is_taken_over(c, boot)
                })
                .await?;
            // What happened is kept, whoever tells it; only then is the teller told that it is over.
            if is_taken_over {
                Err(LedgerError::Fenced)
            } else {
                Ok(())
            }
        })
    }

    fn receive<'a>(&'a self, receipts: &'a [ReceiptRecord]) -> Answer<'a, Received> {
        let (receipts, seeded) = (receipts.to_vec(), self.seeded);
        Box::pin(self.write_for(Purpose::Take, move |c| {
            receive::receive(c, &receipts, seeded)
        }))
    }

    fn end_cleanly(&self, now: Wall) -> Answer<'_, ()> {
        Box::pin(async move {
            let boot = self.own_boot()?;
            self.write(move |c| boot::end(c, boot, now)).await
        })
    }
}

impl Subscribers for SqliteLedger {
    fn add_subscribers<'a>(
        &'a self,
        people: &'a [NewSubscriber],
        by: &'a By,
    ) -> Answer<'a, Imported> {
        let (keys, people, by) = (Arc::clone(&self.keys), people.to_vec(), by.clone());
        Box::pin(self.write_for(Purpose::Add, move |c| import::add(c, &keys, &people, &by)))
    }

    fn stage_import<'a>(&'a self, import: u64, people: &'a [NewSubscriber]) -> Answer<'a, ()> {
        let (keys, people) = (Arc::clone(&self.keys), people.to_vec());
        Box::pin(self.write_for(Purpose::Add, move |c| {
            import::stage(c, &keys, import, &people)
        }))
    }

    fn commit_import<'a>(&'a self, import: u64, keep: bool, by: &'a By) -> Answer<'a, Imported> {
        // Throwing an import away makes room.
        let purpose = if keep { Purpose::Add } else { Purpose::Keep };
        let by = by.clone();
        Box::pin(self.write_for(purpose, move |c| import::finish(c, import, keep, &by)))
    }

    fn suppress<'a>(
        &'a self,
        address: &'a Address,
        cause: SuppressionCause,
        by: &'a By,
    ) -> Answer<'a, ()> {
        let (keys, address, by) = (Arc::clone(&self.keys), address.clone(), by.clone());
        Box::pin(self.write(move |c| subscribers::suppress(c, &keys, &address, cause, &by)))
    }

    fn opt_out<'a>(&'a self, address_id: i64, by: &'a By) -> Answer<'a, ()> {
        let by = by.clone();
        Box::pin(self.write(move |c| subscribers::opt_out(c, address_id, &by)))
    }

    fn hear<'a>(&'a self, text: &'a WrittenBack, by: &'a By) -> Answer<'a, Heard> {
        let (keys, text, by) = (Arc::clone(&self.keys), text.clone(), by.clone());
        Box::pin(self.write(move |c| replies::hear(c, &keys, &text, &by)))
    }

    fn is_stopped(&self, address_id: i64) -> Answer<'_, bool> {
        Box::pin(self.read(move |c| subscribers::is_stopped(c, address_id)))
    }

    fn subscriber_counts(&self) -> Answer<'_, Vec<(AddressKind, u64, u64)>> {
        Box::pin(self.read(subscribers::subscriber_counts))
    }
}

impl Endpoints for SqliteLedger {
    fn put_endpoints<'a>(&'a self, endpoints: &'a [NewEndpoint], by: &'a By) -> Answer<'a, ()> {
        let (keys, endpoints, by) = (Arc::clone(&self.keys), endpoints.to_vec(), by.clone());
        Box::pin(self.write_for(Purpose::Add, move |c| {
            endpoints::put(c, &keys, &endpoints, &by)
        }))
    }

    fn change_key<'a>(&'a self, change: &'a KeyChange, by: &'a By) -> Answer<'a, ()> {
        let (keys, change, by) = (Arc::clone(&self.keys), change.clone(), by.clone());
        Box::pin(self.write(move |c| endpoints::change_key(c, &keys, &change, &by)))
    }

    fn remove_endpoint<'a>(&'a self, name: &'a str, by: &'a By) -> Answer<'a, ()> {
        let (name, by) = (name.to_owned(), by.clone());
        Box::pin(self.write(move |c| endpoints::remove(c, &name, &by)))
    }

    fn endpoints(&self, now: Wall) -> Answer<'_, Vec<EndpointView>> {
        let keys = Arc::clone(&self.keys);
        Box::pin(self.read(move |c| endpoints::list(c, &keys, now)))
    }
}

impl Reports for SqliteLedger {
    fn broadcasts(&self, update: Option<UpdateId>) -> Answer<'_, Vec<BroadcastView>> {
        Box::pin(self.read(move |c| views::broadcasts(c, update)))
    }

    fn deliveries<'a>(
        &'a self,
        update: UpdateId,
        filter: &'a DeliveryFilter,
    ) -> Answer<'a, Vec<DeliveryView>> {
        let (keys, filter) = (Arc::clone(&self.keys), filter.clone());
        Box::pin(self.read(move |c| deliveries::deliveries(c, &keys, update, &filter)))
    }

    fn unknown_deliveries<'a>(
        &'a self,
        which: &'a UnknownFilter,
        after: Option<(BroadcastId, Ordinal)>,
        limit: u32,
    ) -> Answer<'a, Vec<UnknownDelivery>> {
        let (keys, which) = (Arc::clone(&self.keys), which.clone());
        Box::pin(self.read(move |c| left_over::unknown_deliveries(c, &keys, &which, after, limit)))
    }

    fn evidence(&self, broadcast: BroadcastId) -> Answer<'_, BroadcastEvidence> {
        let keys = Arc::clone(&self.keys);
        Box::pin(self.read(move |c| evidence::evidence(c, &keys, broadcast)))
    }

    fn system_evidence(&self) -> Answer<'_, SystemEvidence> {
        Box::pin(self.read(evidence::system_evidence))
    }

    fn broadcast_ids(&self) -> Answer<'_, Vec<BroadcastId>> {
        Box::pin(self.read(evidence::broadcast_ids))
    }

    fn unclean_ends(&self) -> Answer<'_, u64> {
        Box::pin(async move {
            let probe = self.read(boot::newest).await?;
            let running = self.running_boot(probe);
            self.read(move |c| boot::unclean_ends(c, running)).await
        })
    }

    fn size_bytes(&self) -> Answer<'_, u64> {
        Box::pin(async move {
            self.checkpoint().await?;
            self.read(evidence::size_bytes).await
        })
    }
}
