//! People, partners and services.

use super::{Desk, DeskError, DeskResult};
use crate::people_csv::{CsvFault, People};
use oyez_domain::address::Address;
use oyez_domain::channel::ChannelName;
use oyez_domain::id::SubscriberId;
use oyez_domain::ledger::{EndpointView, KeyChange, NewEndpoint};
use oyez_domain::parcel::Secret;
use oyez_domain::service::Service;
use oyez_domain::signing::{KeyVersion, SigningKey};
use oyez_domain::subscriber::{Imported, NewSubscriber};
use oyez_domain::time::Wall;
use oyez_domain::{LedgerError, Refusal};
use std::time::Duration;

impl Desk {
    /// Reads people from CSV: all or nothing, with row and column of each fault.
    pub async fn import(
        &self,
        csv: impl std::io::Read + Send,
        actor: &str,
    ) -> DeskResult<(Imported, Vec<CsvFault>)> {
        // Engines keep signed numbers.
        let import = u64::from_be_bytes(self.bytes()) >> 1;
        let by = self.by(actor);
        let mut reader = People::open(csv).map_err(DeskError::Csv)?;
        let (mut rows, mut staged) = (0, false);
        loop {
            let new_id = || SubscriberId::new(by.at, self.bytes());
            let slice = reader.slice(2000, new_id);
            if slice.is_empty() {
                break;
            }
            rows += slice.len() as u64;
            if reader.faults.is_empty() {
                if let Err(error) = self.ledger.stage_import(import, &slice).await {
                    // Half an import would only take room; what cannot be thrown away now goes at the next start.
                    drop(self.ledger.commit_import(import, false, &by).await);
                    return Err(error.into());
                }
                staged = true;
            }
        }
        let mut imported = Imported::default();
        if staged {
            let keep = reader.faults.is_empty();
            imported = self.ledger.commit_import(import, keep, &by).await?;
        }
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
        SigningKey::check(secret)?;
        let endpoint = NewEndpoint {
            name: name.to_string(),
            url,
            secret: secret.clone(),
        };
        Ok(self
            .ledger
            .put_endpoints(&[endpoint], &self.by(actor))
            .await?)
    }

    /// Signs what goes to a partner with a new key from now on, and for `overlap` with the present one, too. Returns what the
    /// partner needs to check the new signature, and when the old one ends; neither is told again.
    pub async fn change_endpoint_key(
        &self,
        name: &str,
        version: KeyVersion,
        overlap: Duration,
        actor: &str,
    ) -> DeskResult<(Secret, Wall)> {
        let secret = match version {
            KeyVersion::V1 => SigningKey::new_shared(self.bytes()),
            KeyVersion::V1a => SigningKey::new_pair(self.bytes()).ok_or_else(|| {
                Refusal::new("version", "no_key", "no pair of keys could be made")
            })?,
        };
        let key = SigningKey::read(secret.reveal())
            .ok_or_else(|| Refusal::new("version", "no_key", "no key could be made"))?;
        let by = self.by(actor);
        let change = KeyChange {
            name: name.to_owned(),
            secret,
            both_until: by.at.plus(overlap),
        };
        self.ledger.change_key(&change, &by).await?;
        Ok((key.for_the_partner(), change.both_until))
    }

    /// Sends a partner nothing more from the next release on.
    pub async fn remove_endpoint(&self, name: &str, actor: &str) -> DeskResult<()> {
        Ok(self.ledger.remove_endpoint(name, &self.by(actor)).await?)
    }

    /// Every partner by name.
    pub async fn endpoints(&self) -> DeskResult<Vec<EndpointView>> {
        Ok(self.ledger.endpoints(self.clock.wall()).await?)
    }

    /// Replaces the list of services.
    pub async fn put_services(&self, services: &[Service], actor: &str) -> DeskResult<()> {
        let done = self.ledger.put_services(services, &self.by(actor)).await;
        self.public.tell();
        Ok(done?)
    }

    /// Whether a stop token is ours, and whether its address is stopped already.
    pub async fn stop_token_state(&self, token: &str) -> DeskResult<bool> {
        Ok(self
            .ledger
            .is_stopped(self.stop_token_address(token)?)
            .await?)
    }

    /// Stops messages to the address of a stop token, those on their way out included. Repeating it is harmless.
    pub async fn opt_out(&self, token: &str) -> DeskResult<()> {
        let (address, desk) = (self.stop_token_address(token)?, self.clone());
        let opt_out = async move {
            desk.ledger.opt_out(address, &desk.by("resident")).await?;
            let gates = desk.lives.all().map(|live| &live.gate);
            gates.for_each(|gate| gate.shut_address(address));
            Ok(())
        };
        self.lives.errands.carry_out(opt_out).await
    }

    fn stop_token_address(&self, token: &str) -> DeskResult<i64> {
        let not_ours = || LedgerError::NotFound("this link".to_owned()).into();
        self.reference_key
            .open_stop_token(token)
            .ok_or_else(not_ours)
    }
}
