//! The `[network]` table: networks that may be called, and names whose addresses are known.

use oyez_channels::Network;
use oyez_domain::{Clock, Refusal};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Which networks oyez may call beside the public internet, and which names need no resolver.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkSettings {
    /// Networks in CIDR notation that outbound calls may reach although they are not public.
    #[serde(default)]
    pub(crate) allow_networks: Vec<String>,
    /// Addresses of host names, for which no resolver is asked.
    #[serde(default)]
    pub(crate) addresses: BTreeMap<String, Vec<String>>,
}

impl NetworkSettings {
    /// Every fault, with its key.
    pub(crate) fn check(&self) -> Vec<Refusal> {
        let malformed = |key: &str, why| Refusal::new(format!("network.{key}"), "malformed", why);
        let networks = self.allow_networks.iter();
        let networks = networks.filter(|network| network.parse::<ipnet::IpNet>().is_err());
        let networks = networks.map(|network| {
            let why = format!("{network:?} is no network in CIDR notation such as 10.1.0.0/16");
            malformed("allow_networks", why)
        });
        let names = self.addresses.iter().filter(|(_, addresses)| {
            addresses.is_empty() || addresses.iter().any(|text| text.parse::<IpAddr>().is_err())
        });
        let names = names.map(|(name, _)| {
            let why = format!("{name:?} needs a list of addresses such as [\"203.0.113.7\"]");
            malformed("addresses", why)
        });
        networks.chain(names).collect()
    }

    /// The network as adapters see it.
    pub(crate) fn open(&self, clock: Arc<dyn Clock>) -> Network {
        let allowed: Vec<_> = self
            .allow_networks
            .iter()
            .filter_map(|network| network.parse().ok())
            .collect();
        let addresses = self.addresses.iter().map(|(name, addresses)| {
            let addresses = addresses.iter().filter_map(|text| text.parse().ok());
            (name.to_ascii_lowercase(), addresses.collect())
        });
        Network::new(&allowed, addresses.collect(), clock)
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::Sources;

    #[test]
    fn addresses_of_names_are_checked_and_names_keep_their_dots() {
        let toml = "network.addresses = { \"mail.example.org\" = [\"203.0.113.7\", \"2001:db8::7\"], \"a.b\" = [\"x\"], \"c.d\" = [] }";
        let sources = Sources {
            overlays: vec![toml.to_owned()],
            ..Sources::default()
        };
        let settings = sources.read().unwrap().network;
        assert_eq!(settings.addresses["mail.example.org"].len(), 2);
        let faults: Vec<_> = settings
            .check()
            .into_iter()
            .map(|fault| fault.why)
            .collect();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(
            faults[0].contains("a.b") && faults[1].contains("c.d"),
            "{faults:?}"
        );
    }
}
