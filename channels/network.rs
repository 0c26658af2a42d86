//! What the operator says about the network that outbound calls go through.

use crate::guard::Guard;
use crate::names::Names;
use ipnet::IpNet;
use oyez_domain::Clock;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// The networks that may be called, and the names that need no resolver. One for all channels: what one learns about a
/// name, the others know.
#[derive(Clone)]
pub struct Network {
    allowed: Arc<[IpNet]>,
    names: Arc<Names>,
}

impl Network {
    /// `allowed` may be called beside the public internet; `addresses` are those of host names, in small letters.
    pub fn new(
        allowed: &[IpNet],
        addresses: BTreeMap<String, Vec<IpAddr>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            allowed: allowed.into(),
            names: Names::new(addresses, clock),
        }
    }

    /// The guard before every HTTP call.
    pub(crate) fn guard(&self) -> Guard {
        Guard::new(Arc::clone(&self.allowed), Arc::clone(&self.names))
    }

    /// What turns host names into addresses.
    pub(crate) fn names(&self) -> Arc<Names> {
        Arc::clone(&self.names)
    }
}
