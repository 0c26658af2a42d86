//! The port's verbs, each one transaction or one look.

use super::SimLedger;
use super::state::Place;
use oyez_domain::BoxFuture;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::channel::ChannelName;
use oyez_domain::id::{BroadcastId, IncidentId, Ordinal, UpdateId};
use oyez_domain::incident::Incident;
use oyez_domain::ledger::{
    Answer, Ask, BroadcastEvidence, BroadcastView, By, Decision, DeliveryFilter, DeliveryView,
    Done, EndpointView, Endpoints, Idempotency, Incidents, KeyChange, NewEndpoint, Queue,
    ReceiptRecord, Received, Recorded, ReleaseOrder, Released, Releases, Reports, Statement,
    Subscribers, SystemEvidence, Taken, UnknownDelivery, UnknownFilter, UnknownGroup, Upkeep,
    WindowId, WrittenBack,
};
use oyez_domain::outcome::Reason;
use oyez_domain::reference::UpdateReference;
use oyez_domain::service::Service;
use oyez_domain::subscriber::{Heard, Imported, NewSubscriber, SuppressionCause};
use oyez_domain::test_message::{TestAnnounced, TestOrder, TestResult};
use oyez_domain::time::Wall;
use oyez_domain::update::Update;

impl Incidents for SimLedger {
    fn open_incident<'a>(
        &'a self,
        incident: &'a Incident,
        key: Option<&'a Idempotency>,
        _by: &'a By,
    ) -> Answer<'a, Done<IncidentId>> {
        Box::pin(self.write("open_incident", move |s| s.open_incident(incident, key)))
    }

    fn incident(&self, id: IncidentId) -> Answer<'_, Incident> {
        Box::pin(self.read("incident", move |s| s.incident(id)))
    }

    fn incidents(&self) -> Answer<'_, Vec<Incident>> {
        Box::pin(self.read("incidents", |s| Ok(s.incidents())))
    }

    fn put_services<'a>(&'a self, services: &'a [Service], _by: &'a By) -> Answer<'a, ()> {
        Box::pin(self.write("put_services", move |s| {
            s.services = services.to_vec();
            Ok(())
        }))
    }

    fn services(&self) -> Answer<'_, Vec<Service>> {
        Box::pin(self.read("services", |s| Ok(s.services.clone())))
    }

    fn save_update<'a>(
        &'a self,
        update: &'a Update,
        key: Option<&'a Idempotency>,
        _by: &'a By,
    ) -> Answer<'a, Done<UpdateId>> {
        Box::pin(self.write("save_update", move |s| s.save_update(update, key)))
    }

    fn update(&self, id: UpdateId) -> Answer<'_, Update> {
        Box::pin(self.read("update", move |s| s.update(id).cloned()))
    }

    fn update_by_reference<'a>(&'a self, reference: &'a UpdateReference) -> Answer<'a, Update> {
        Box::pin(self.read("update_by_reference", move |s| {
            s.update_by_reference(reference)
        }))
    }

    fn updates(&self, limit: u32) -> Answer<'_, Vec<Update>> {
        Box::pin(self.read("updates", move |s| Ok(s.updates(limit))))
    }

    fn released_updates(&self, limit: u32) -> Answer<'_, Vec<Update>> {
        Box::pin(self.read("released_updates", move |s| Ok(s.released_updates(limit))))
    }

    fn statement(&self, id: UpdateId) -> Answer<'_, Statement> {
        Box::pin(self.read("statement", move |s| s.statement(id)))
    }
}

impl Releases for SimLedger {
    fn release<'a>(&'a self, order: &'a ReleaseOrder) -> Answer<'a, Released> {
        Box::pin(self.write_whole("release", move |s| s.release(self.start, order)))
    }

    fn plan_page(&self, now: Wall) -> Answer<'_, Option<BroadcastId>> {
        Box::pin(self.write("plan_page", move |s| {
            s.fence(self.start)?;
            Ok(s.plan_page(now))
        }))
    }

    fn stop<'a>(
        &'a self,
        update: UpdateId,
        channel: Option<&'a ChannelName>,
        _reason: &'a str,
        by: &'a By,
    ) -> Answer<'a, Vec<BroadcastView>> {
        Box::pin(self.write("stop", move |s| s.stop(update, channel, by)))
    }

    fn hold_update<'a>(
        &'a self,
        update: UpdateId,
        channel: Option<&'a ChannelName>,
        held: bool,
        by: &'a By,
    ) -> Answer<'a, Vec<BroadcastView>> {
        Box::pin(self.write("hold_update", move |s| {
            s.hold_update(update, channel, held, by)
        }))
    }

    fn hold_channel<'a>(
        &'a self,
        channel: Option<&'a ChannelName>,
        hold: Option<&'a str>,
        by: &'a By,
    ) -> Answer<'a, ()> {
        Box::pin(self.write("hold_channel", move |s| {
            s.hold_channel(channel, hold, by);
            Ok(())
        }))
    }

    fn retry_failed<'a>(
        &'a self,
        update: UpdateId,
        channel: Option<&'a ChannelName>,
        reasons: &'a [Reason],
        key: Option<&'a Idempotency>,
        by: &'a By,
    ) -> Answer<'a, Done<u64>> {
        Box::pin(self.write("retry_failed", move |s| {
            s.retry_failed(update, channel, reasons, key, by)
        }))
    }

    fn failures(&self, update: UpdateId) -> Answer<'_, Vec<(ChannelName, Reason, u64)>> {
        Box::pin(self.read("failures", move |s| s.failures(update)))
    }

    fn decide_unknown<'a>(
        &'a self,
        which: &'a UnknownFilter,
        decision: Decision,
        key: Option<&'a Idempotency>,
        by: &'a By,
    ) -> Answer<'a, Done<u64>> {
        Box::pin(self.write("decide_unknown", move |s| {
            s.decide_unknown(which, decision, key, by)
        }))
    }

    fn unknowns<'a>(&'a self, which: &'a UnknownFilter) -> Answer<'a, Vec<UnknownGroup>> {
        Box::pin(self.read("unknowns", move |s| Ok(s.unknowns(which))))
    }

    fn announce_test<'a>(
        &'a self,
        test: &'a TestOrder,
        key: &'a Idempotency,
        by: &'a By,
    ) -> Answer<'a, TestAnnounced> {
        Box::pin(self.write("announce_test", move |s| {
            s.fence(self.start)?;
            s.announce_test(test, key, by.at)
        }))
    }

    fn record_test<'a>(
        &'a self,
        _: &'a TestOrder,
        result: &'a TestResult,
        key: &'a Idempotency,
        _: &'a By,
    ) -> Answer<'a, ()> {
        Box::pin(self.write("record_test", move |s| {
            s.remember(Some(key), super::state::Answer::Test(Some(result.clone())));
            Ok(())
        }))
    }

    fn holds(&self) -> Answer<'_, Vec<(Option<ChannelName>, String)>> {
        Box::pin(self.read("holds", |s| Ok(s.holds.clone().into_iter().collect())))
    }
}

impl Queue for SimLedger {
    fn take<'a>(&'a self, ask: &'a Ask<'a>) -> Answer<'a, Taken> {
        let bugs = self.disk.bugs;
        let fence = (bugs.unlocked_fence).then(|| self.disk.images().live.fence(self.start));
        Box::pin(self.write("take", move |s| {
            match fence {
                _ if bugs.unfenced_arm => {}
                Some(looked_at_before) => looked_at_before?,
                None => s.fence(self.start)?,
            }
            if bugs.provider_changed {
                s.forget_providers();
            }
            s.take(self.start, ask, ask.may_expire || bugs.expiry_on_jump)
        }))
    }

    fn disarm(&self, window: WindowId, from: Ordinal, now: Wall) -> Answer<'_, ()> {
        Box::pin(self.write("disarm", move |s| {
            s.fence(self.start)?;
            s.disarm(window, from, now)
        }))
    }

    fn record<'a>(&'a self, batch: u64, outcomes: &'a [Recorded]) -> Answer<'a, ()> {
        Box::pin(async move {
            let kept = self.write("record", |s| {
                s.record(self.start, batch, outcomes)?;
                if self.disk.bugs.outcomes_forgotten {
                    s.forget(outcomes);
                }
                Ok(s.fence(self.start))
            });
            kept.await?
        })
    }

    fn receive<'a>(&'a self, receipts: &'a [ReceiptRecord]) -> Answer<'a, Received> {
        let last_wins = self.disk.bugs.last_receipt_wins;
        Box::pin(self.write("receive", move |s| s.receive(receipts, last_wins)))
    }

    fn end_cleanly(&self, _now: Wall) -> Answer<'_, ()> {
        Box::pin(self.write("end_cleanly", |s| {
            s.fence(self.start)?;
            let at = usize::try_from(self.start - 1).unwrap();
            let mut deliveries = s.broadcasts.iter().flat_map(|b| &b.deliveries);
            s.starts[at].ended = !deliveries.any(|d| matches!(d.place, Place::Armed(_)));
            Ok(())
        }))
    }
}

impl Subscribers for SimLedger {
    fn add_subscribers<'a>(
        &'a self,
        people: &'a [NewSubscriber],
        _by: &'a By,
    ) -> Answer<'a, Imported> {
        Box::pin(self.write("add_subscribers", move |s| s.add_subscribers(people)))
    }

    fn stage_import<'a>(&'a self, import: u64, people: &'a [NewSubscriber]) -> Answer<'a, ()> {
        Box::pin(self.write("stage_import", move |s| s.stage_import(import, people)))
    }

    fn commit_import<'a>(&'a self, import: u64, keep: bool, _by: &'a By) -> Answer<'a, Imported> {
        Box::pin(self.write("commit_import", move |s| s.commit_import(import, keep)))
    }

    fn suppress<'a>(
        &'a self,
        address: &'a Address,
        cause: SuppressionCause,
        by: &'a By,
    ) -> Answer<'a, ()> {
        Box::pin(self.write("suppress", move |s| {
            s.suppress(address, cause, by.at);
            Ok(())
        }))
    }

    fn opt_out<'a>(&'a self, address_id: i64, by: &'a By) -> Answer<'a, ()> {
        Box::pin(self.write("opt_out", move |s| s.opt_out(address_id, by.at)))
    }

    fn hear<'a>(&'a self, text: &'a WrittenBack, by: &'a By) -> Answer<'a, Heard> {
        Box::pin(self.write("hear", move |s| Ok(s.hear(text, by.at))))
    }

    fn is_stopped(&self, address_id: i64) -> Answer<'_, bool> {
        Box::pin(self.read("is_stopped", move |s| {
            s.known(address_id)?;
            Ok(s.stopped(address_id).is_some())
        }))
    }

    fn subscriber_counts(&self) -> Answer<'_, Vec<(AddressKind, u64, u64)>> {
        Box::pin(self.read("subscriber_counts", |s| Ok(s.subscriber_counts())))
    }
}

impl Endpoints for SimLedger {
    fn put_endpoints<'a>(&'a self, endpoints: &'a [NewEndpoint], _by: &'a By) -> Answer<'a, ()> {
        Box::pin(self.write_whole("put_endpoints", move |s| s.put_endpoints(endpoints)))
    }

    fn change_key<'a>(&'a self, change: &'a KeyChange, by: &'a By) -> Answer<'a, ()> {
        Box::pin(self.write_whole("change_key", move |s| s.change_key(change, by.at)))
    }

    fn remove_endpoint<'a>(&'a self, name: &'a str, _by: &'a By) -> Answer<'a, ()> {
        Box::pin(self.write_whole("remove_endpoint", move |s| s.remove_endpoint(name)))
    }

    fn endpoints(&self, now: Wall) -> Answer<'_, Vec<EndpointView>> {
        Box::pin(self.read("endpoints", move |s| Ok(s.endpoints(now))))
    }
}

impl Reports for SimLedger {
    fn broadcasts(&self, update: Option<UpdateId>) -> Answer<'_, Vec<BroadcastView>> {
        Box::pin(self.read("broadcasts", move |s| s.broadcasts(update)))
    }

    fn deliveries<'a>(
        &'a self,
        update: UpdateId,
        filter: &'a DeliveryFilter,
    ) -> Answer<'a, Vec<DeliveryView>> {
        Box::pin(self.read("deliveries", move |s| s.deliveries(update, filter)))
    }

    fn unknown_deliveries<'a>(
        &'a self,
        which: &'a UnknownFilter,
        after: Option<(BroadcastId, Ordinal)>,
        limit: u32,
    ) -> Answer<'a, Vec<UnknownDelivery>> {
        Box::pin(self.read("unknown_deliveries", move |s| {
            s.unknown_deliveries(which, after, limit)
        }))
    }

    fn evidence(&self, broadcast: BroadcastId) -> Answer<'_, BroadcastEvidence> {
        Box::pin(self.read("evidence", move |s| s.evidence(broadcast)))
    }

    fn system_evidence(&self) -> Answer<'_, SystemEvidence> {
        Box::pin(self.read("system_evidence", |s| Ok(s.system_evidence())))
    }

    fn broadcast_ids(&self) -> Answer<'_, Vec<BroadcastId>> {
        Box::pin(self.read("broadcast_ids", |s| {
            Ok(s.broadcasts.iter().map(|broadcast| broadcast.id).collect())
        }))
    }

    fn unclean_ends(&self) -> Answer<'_, u64> {
        Box::pin(self.read("unclean_ends", |s| {
            let earlier = s.starts.iter().rev().skip(1);
            Ok(earlier.filter(|start| !start.ended).count() as u64)
        }))
    }

    fn size_bytes(&self) -> Answer<'_, u64> {
        Box::pin(self.read("size_bytes", |_| Ok(0)))
    }
}

impl Upkeep for SimLedger {
    fn failed(&self) -> BoxFuture<'_, String> {
        Box::pin(async {
            self.down.cancelled().await;
            "an I/O error".to_owned()
        })
    }
}
