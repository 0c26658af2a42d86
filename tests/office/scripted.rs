//! A provider inside this process: it says what the test wants, and counts who comes.

use super::name;
use oyez_dispatch::settings::ConfiguredChannel;
use oyez_domain::address::AddressKind;
use oyez_domain::channel::{Capabilities, Family, IdempotencyClass, LengthUnit, OnUnknown};
use oyez_domain::notice::Notice;
use oyez_domain::outcome::{Outcome, Verdict};
use oyez_domain::parcel::Parcel;
use oyez_domain::rendered::{Fit, Rendered};
use oyez_domain::{BoxFuture, Channel, Refusal};
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

const CAPABILITIES: Capabilities = Capabilities {
    kind: "scripted",
    family: Family::Email,
    carries: AddressKind::Email,
    unit: LengthUnit::Byte,
    limit: None,
    receipts: false,
    receipts_by_provider_id: false,
    idempotency: IdempotencyClass::Nothing,
    key_seconds: None,
    look_up: false,
    on_unknown: OnUnknown::Hold,
    needs: &[],
};

/// What the provider says to everybody at the moment.
#[derive(Debug)]
pub(crate) struct Scripted {
    says: Mutex<Outcome>,
    /// What it says when it is only asked whether it accepts us; nothing where that cannot be asked.
    accepts: Mutex<Option<bool>>,
    sent: AtomicU64,
    taken: AtomicU64,
    checked: AtomicU64,
}

impl Scripted {
    /// A provider that takes everything.
    pub(crate) fn new(accepts: Option<bool>) -> Arc<Self> {
        Arc::new(Self {
            says: Mutex::new(Outcome::Accepted { reference: None }),
            accepts: Mutex::new(accepts),
            sent: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            checked: AtomicU64::new(0),
        })
    }

    /// The channel `name` that leads to it.
    pub(crate) fn channel(self: &Arc<Self>, channel: &str, settings: Value) -> ConfiguredChannel {
        ConfiguredChannel {
            weight: None,
            name: name(channel),
            settings: serde_json::from_value(settings).unwrap(),
            adapter: Arc::new(Wire(Arc::clone(self))),
        }
    }

    /// From now on it says this.
    pub(crate) fn says(&self, outcome: Outcome) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
    }

    /// From now on it takes everything, and says so when it is asked.
    pub(crate) fn works(&self) {
        let mut accepts = self.accepts.lock().unwrap_or_else(PoisonError::into_inner);
        *accepts = accepts.map(|_| true);
        self.says(Outcome::Accepted { reference: None });
    }

    /// How often somebody came with a message.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// How many messages it took.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::SeqCst)
    }

    /// How often it was only asked.
    pub(crate) fn checked(&self) -> u64 {
        self.checked.load(Ordering::SeqCst)
    }
}

struct Wire(Arc<Scripted>);

impl Channel for Wire {
    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn render(&self, _: &Notice) -> Result<Rendered, Refusal> {
        Ok(Rendered {
            pieces: Vec::new(),
            preview: String::new(),
            fit: Fit::plain(0, None, LengthUnit::Byte),
        })
    }

    fn send<'a>(&'a self, _: &'a Parcel) -> BoxFuture<'a, Verdict> {
        self.0.sent.fetch_add(1, Ordering::SeqCst);
        let says = self.0.says.lock().unwrap_or_else(PoisonError::into_inner);
        let says = says.clone();
        if matches!(says, Outcome::Accepted { .. }) {
            self.0.taken.fetch_add(1, Ordering::SeqCst);
        }
        Box::pin(std::future::ready(Verdict::new(says, "as the test says")))
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        self.0.checked.fetch_add(1, Ordering::SeqCst);
        let accepts = *self
            .0
            .accepts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let said = match accepts {
            Some(false) => Err("wrong password".to_owned()),
            Some(true) | None => Ok("welcome".to_owned()),
        };
        Box::pin(std::future::ready(said))
    }

    fn check_signs_in(&self) -> bool {
        let accepts = self
            .0
            .accepts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        accepts.is_some()
    }
}
