//! People, partners, and addresses never to be used.

use super::state::{Known, Partner, State, Subscription};
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::id::BroadcastId;
use oyez_domain::inbound::Wish;
use oyez_domain::ledger::{EndpointView, KeyChange, NewEndpoint, OLDER_SECRETS, Stop, WrittenBack};
use oyez_domain::miss::{MISSED_WITHIN, MISSES, is_a_miss};
use oyez_domain::outcome::Reason;
use oyez_domain::subscriber::{Heard, Imported, NewSubscriber, SuppressionCause};
use oyez_domain::time::Wall;
use oyez_domain::{LedgerError, LedgerResult, Refusal};
use std::sync::Arc;

fn missing(name: &str) -> LedgerError {
    LedgerError::NotFound(format!("endpoint {name}"))
}

impl State {
    /// The row of an address, made when it is missing.
    pub(super) fn row_of(&mut self, address: &Address) -> i64 {
        if let Some(row) = self.rows.get(address) {
            return *row;
        }
        self.addresses.push(Known {
            address: address.clone(),
            partner: None,
        });
        let row = i64::try_from(self.addresses.len()).unwrap();
        self.rows.insert(address.clone(), row);
        row
    }

    /// The address of a row.
    pub(super) fn known(&self, row: i64) -> LedgerResult<&Known> {
        let at = usize::try_from(row).unwrap_or(0).checked_sub(1);
        at.and_then(|at| self.addresses.get(at))
            .ok_or_else(|| LedgerError::NotFound(format!("address {row}")))
    }

    /// Why an address must not be used, if so.
    pub(super) fn stopped(&self, row: i64) -> Option<(SuppressionCause, Wall)> {
        let known = self.known(row).ok()?;
        self.suppressed.get(&known.address).copied()
    }

    fn is_subscribed(&self, kind: AddressKind, row: i64) -> bool {
        self.subscriptions
            .get(&(kind, row))
            .is_some_and(|subscription| subscription.to.is_none())
    }

    pub(super) fn stage_import(
        &mut self,
        import: u64,
        people: &[NewSubscriber],
    ) -> LedgerResult<()> {
        refuse_strangers(people)?;
        self.staged
            .entry(import)
            .or_default()
            .extend_from_slice(people);
        Ok(())
    }

    pub(super) fn commit_import(&mut self, import: u64, keep: bool) -> LedgerResult<Imported> {
        let people = self
            .staged
            .remove(&import)
            .ok_or_else(|| LedgerError::NotFound(format!("import {import}")))?;
        if keep {
            self.add_subscribers(&people)
        } else {
            Ok(Imported {
                rows: people.len() as u64,
                ..Imported::default()
            })
        }
    }

    pub(super) fn add_subscribers(&mut self, people: &[NewSubscriber]) -> LedgerResult<Imported> {
        refuse_strangers(people)?;
        self.sequence += 1;
        let mut imported = Imported::default();
        for person in people {
            imported.rows += 1;
            let language = Arc::from(person.language.as_str());
            for address in &person.addresses {
                let is_new = !self.rows.contains_key(address);
                let (kind, row) = (address.kind(), self.row_of(address));
                imported.added += u64::from(is_new);
                imported.known += u64::from(!is_new);
                imported.landlines += u64::from(kind == AddressKind::Landline);
                imported.suppressed += u64::from(self.suppressed.contains_key(address));
                if !self.is_subscribed(kind, row) {
                    let subscription = Subscription {
                        from: self.sequence,
                        to: None,
                        topics: person.topics.clone(),
                        language: Arc::clone(&language),
                    };
                    self.subscriptions.insert((kind, row), subscription);
                }
            }
        }
        Ok(imported)
    }

    pub(super) fn put_endpoints(&mut self, endpoints: &[NewEndpoint]) -> LedgerResult<()> {
        self.sequence += 1;
        for NewEndpoint { name, url, secret } in endpoints {
            let row = self.row_of(url);
            let owner = self.known(row)?.partner.as_ref();
            if owner.is_some_and(|owner| owner.current && owner.name != *name) {
                let why = "this address belongs to another endpoint already";
                return Err(Refusal::new("url", "taken", why).into());
            }
            self.move_away(name, Some(row));
            if let Some(known) = self
                .addresses
                .iter_mut()
                .find(|known| known.address == *url)
            {
                known.partner = Some(Partner {
                    name: name.clone(),
                    secret: secret.clone(),
                    previous: None,
                    current: true,
                });
            }
            let gone =
                |known: &mut (SuppressionCause, Wall)| known.0 == SuppressionCause::EndpointGone;
            if self.suppressed.get_mut(url).is_some_and(gone) {
                self.suppressed.remove(url);
            }
            if !self.is_subscribed(AddressKind::Endpoint, row) {
                let subscription = Subscription {
                    from: self.sequence,
                    to: None,
                    topics: Vec::new(),
                    language: Arc::from("en"),
                };
                let key = (AddressKind::Endpoint, row);
                self.subscriptions.insert(key, subscription);
            }
        }
        Ok(())
    }

    pub(super) fn change_key(&mut self, change: &KeyChange, now: Wall) -> LedgerResult<()> {
        let mut partners = self.addresses.iter_mut().filter_map(|a| a.partner.as_mut());
        let partner = partners.find(|p| p.current && p.name == change.name);
        let partner = partner.ok_or_else(|| missing(&change.name))?;
        let older = partner.signs(now).newest(OLDER_SECRETS);
        partner.previous = Some((older, change.both_until));
        partner.secret = change.secret.clone();
        Ok(())
    }

    pub(super) fn remove_endpoint(&mut self, name: &str) -> LedgerResult<()> {
        self.sequence += 1;
        if self.move_away(name, None) {
            Ok(())
        } else {
            Err(missing(name))
        }
    }

    pub(super) fn endpoints(&self, now: Wall) -> Vec<EndpointView> {
        let view = |known: &Known| {
            let partner = known.partner.as_ref().filter(|partner| partner.current)?;
            let until = partner.previous.as_ref().map(|(_, until)| *until);
            Some(EndpointView {
                name: partner.name.clone(),
                url: Some(known.address.clone()),
                shut_at: self.suppressed.get(&known.address).map(|(_, at)| *at),
                both_until: until.filter(|until| *until > now),
            })
        };
        let mut all: Vec<_> = self.addresses.iter().filter_map(view).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// The partner is no longer at any other address. Returns whether it was at one.
    fn move_away(&mut self, name: &str, to: Option<i64>) -> bool {
        let mut was = false;
        for (row, known) in (1..).zip(&mut self.addresses) {
            let partner = known.partner.as_mut();
            let Some(partner) = partner.filter(|p| p.name == name && p.current && Some(row) != to)
            else {
                continue;
            };
            partner.current = false;
            was = true;
            let key = (AddressKind::Endpoint, row);
            if let Some(subscription) = self.subscriptions.get_mut(&key) {
                subscription.to = Some(self.sequence);
            }
        }
        was
    }

    pub(super) fn suppress(&mut self, address: &Address, cause: SuppressionCause, at: Wall) {
        let known = self.suppressed.entry(address.clone());
        let known = known.or_insert((cause, at));
        if known.0 == SuppressionCause::StopWord {
            known.0 = cause;
        }
    }

    /// Every time in which an address must not be used.
    pub(super) fn stops(&self, row: i64) -> Vec<Stop> {
        let since = self.stopped(row).map(|(cause, from)| Stop {
            from,
            until: None,
            concluded: cause.is_concluded(),
        });
        let address = self.known(row).ok().map(|known| &known.address);
        let lifted = address.and_then(|address| self.lifted.get(address));
        let ended = lifted.into_iter().flatten().map(|(from, until)| Stop {
            from: *from,
            until: Some(*until),
            concluded: false,
        });
        since.into_iter().chain(ended).collect()
    }

    pub(super) fn hear(&mut self, text: &WrittenBack, at: Wall) -> Heard {
        let id = (text.channel.clone(), text.provider_id.clone());
        if !self.heard.insert(id) {
            return Heard::Nothing;
        }
        let row = self.rows.get(&text.from).copied();
        match text.wish {
            Wish::Stop => {
                self.suppress(&text.from, SuppressionCause::StopWord, at);
                Heard::Stopped(row)
            }
            Wish::Start => match self.suppressed.get(&text.from) {
                Some((SuppressionCause::StopWord, from)) => {
                    let stop = (*from, at);
                    self.suppressed.remove(&text.from);
                    let lifted = self.lifted.entry(text.from.clone());
                    lifted.or_default().push(stop);
                    Heard::Lifted(row)
                }
                Some(_) | None => Heard::Nothing,
            },
            Wish::Other => Heard::Nothing,
        }
    }

    /// Counts a message that missed its address; the third within two weeks suppresses it.
    pub(super) fn note_miss(
        &mut self,
        (id, row): (BroadcastId, i64),
        reason: Option<Reason>,
        at: Wall,
    ) -> LedgerResult<()> {
        let carries = self.broadcast(id)?.rules.carries;
        if !reason.is_some_and(|reason| is_a_miss(carries, reason)) {
            return Ok(());
        }
        self.misses
            .retain(|_, missed| at.since(*missed) < MISSED_WITHIN);
        self.misses.entry((row, id)).or_insert(at);
        let of_row = self.misses.keys().filter(|(known, _)| *known == row);
        if of_row.count() >= usize::try_from(MISSES).unwrap() {
            let address = self.known(row)?.address.clone();
            self.suppress(&address, SuppressionCause::Unreachable, at);
        }
        Ok(())
    }

    pub(super) fn opt_out(&mut self, row: i64, at: Wall) -> LedgerResult<()> {
        let address = self.known(row)?.address.clone();
        self.suppress(&address, SuppressionCause::OptOut, at);
        Ok(())
    }

    pub(super) fn subscriber_counts(&self) -> Vec<(AddressKind, u64, u64)> {
        let counted = |kind: AddressKind| {
            let rows = self.subscriptions.iter();
            let rows = rows.filter(|((k, _), s)| *k == kind && s.to.is_none());
            let (mut all, mut stopped) = (0, 0);
            for ((_, row), _) in rows {
                all += 1;
                stopped += u64::from(self.stopped(*row).is_some());
            }
            (kind, all, stopped)
        };
        let counts = AddressKind::ALL.into_iter().map(counted);
        counts.filter(|(_, all, _)| *all > 0).collect()
    }
}

fn refuse_strangers(people: &[NewSubscriber]) -> LedgerResult<()> {
    let mut kinds = people.iter().flat_map(|p| &p.addresses).map(Address::kind);
    let stranger = |kind| match kind {
        AddressKind::Email | AddressKind::Mobile | AddressKind::Landline => false,
        AddressKind::Account | AddressKind::Endpoint => true,
    };
    if kinds.any(stranger) {
        let why = "a person has email addresses and telephone numbers only";
        return Err(Refusal::new("address", "not_a_persons", why).into());
    }
    Ok(())
}
