//! The ports through which the engine touches the world: clock, chance, channels (the ledger's is in `ledger`).

use crate::address::Address;
use crate::channel::Capabilities;
use crate::error::Refusal;
use crate::inbound::Inbound;
use crate::notice::Notice;
use crate::outcome::Verdict;
use crate::parcel::Parcel;
use crate::receipt::{Callback, CallbackRefusal, LARGEST_CALLBACK, Listed, Receipt, Receipts};
use crate::remark::Remark;
use crate::rendered::Rendered;
use crate::time::{Boot, Wall};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A boxed future, so that ports stay objects without a macro crate.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Time.
pub trait Clock: Send + Sync {
    /// Time since the machine started: for leases, paces and timeouts.
    fn now(&self) -> Boot;
    /// What people read.
    fn wall(&self) -> Wall;
    /// Returns once `now()` has reached `when`.
    fn sleep_until(&self, when: Boot) -> BoxFuture<'_, ()>;
}

/// Chance.
pub trait Random: Send + Sync {
    /// Fills `bytes`; must be unpredictable outside a simulation.
    fn fill(&self, bytes: &mut [u8]);

    /// A number in `0.0..1.0`.
    fn draw(&self) -> f64 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        f64::from(u32::from_be_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
    }
}

/// What a provider says when asked for a message by our reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// It has the message, under this identifier if it gives one.
    Found(Option<String>),
    /// It has none. Until the provider has settled this may change.
    NotThere,
    /// It did not answer, or cannot say.
    CannotTell,
}

/// One way out. An adapter renders, sends and reads receipts; it never touches the ledger.
pub trait Channel: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> &Capabilities;

    /// The message for everybody who reads `notice.language`, or why it cannot be made. Pure.
    fn render(&self, notice: &Notice) -> Result<Rendered, Refusal>;

    /// Of a kind that writes to accounts: whether a test can go to one of them alone. Otherwise everybody in the room
    /// sees it.
    fn tests_one_account(&self) -> bool {
        false
    }

    /// The message of a test to one address. A kind whose messages anybody can read, or that programs act upon, makes one
    /// that `to` alone sees, as what it is.
    fn render_test(&self, notice: &Notice, _to: &Address) -> Result<Rendered, Refusal> {
        self.render(notice)
    }

    /// Sends one parcel and says what happened. It ends within the channel's own deadline.
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Verdict>;

    /// Asks the provider, without sending, whether it has this parcel's message. Only asked where the capabilities
    /// say so.
    fn look_up<'a>(&'a self, _parcel: &'a Parcel) -> BoxFuture<'a, LookUp> {
        Box::pin(std::future::ready(LookUp::CannotTell))
    }

    /// Of what its receipts tell.
    fn receipts(&self) -> Receipts {
        if self.capabilities().receipts {
            Receipts::OfAll
        } else {
            Receipts::None
        }
    }

    /// The largest callback that is read, in bytes.
    fn largest_callback(&self) -> usize {
        LARGEST_CALLBACK
    }

    /// Verifies and reads a callback that brings a text somebody sent us; nothing where it is something else, which
    /// `read_receipts` then reads.
    fn read_inbound(&self, _callback: &Callback<'_>) -> Result<Option<Inbound>, CallbackRefusal> {
        Ok(None)
    }

    /// Verifies and reads a provider's callback; most networks send none.
    fn read_receipts(&self, _callback: &Callback<'_>) -> Result<Vec<Receipt>, CallbackRefusal> {
        Err(CallbackRefusal::NotTaken)
    }

    /// Whether `list` can ask the provider what became of messages whose receipt never came.
    fn lists(&self) -> bool {
        false
    }

    /// One page of what the provider took, newest first, from the newest on or older than a page before; or why there
    /// is none. Only asked where `lists` says so.
    fn list<'a>(&'a self, _older_than: Option<&'a str>) -> BoxFuture<'a, Result<Listed, String>> {
        let why = "this kind lists nothing".to_owned();
        Box::pin(std::future::ready(Err(why)))
    }

    /// Talks to the provider without sending; what a person should know, or what is wrong.
    fn check(&self) -> BoxFuture<'_, Result<String, String>>;

    /// The same for a person who looks at the settings: everything that the provider lets one see without sending
    /// (credentials, limits, balance, senders, certificates, clocks), one remark a thing.
    fn examine(&self) -> BoxFuture<'_, Vec<Remark>> {
        Box::pin(async {
            vec![match self.check().await {
                Ok(answer) => Remark::ok(answer),
                Err(why) => Remark::fail(why, ""),
            }]
        })
    }

    /// Whether `check` signs in, so that it fails while the provider refuses our credentials.
    fn check_signs_in(&self) -> bool {
        false
    }
}

/// A channel as the engine holds it.
pub type SharedChannel = Arc<dyn Channel>;
