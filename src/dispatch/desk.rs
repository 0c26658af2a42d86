//! The desk: every use-case that HTTP and the command line share.

mod condition;
pub mod halt;
mod people;
mod reading;
mod receipts;
mod release;
pub mod retry;
pub mod test_message;
mod twice;
pub mod unknown;
mod writing;

use crate::clock_guard::ClockGuard;
use crate::event::Events;
use crate::people_csv::CsvFault;
use crate::public::PublicChanges;
use crate::settings::EngineSettings;
use crate::supervisor::Lives;
use oyez_domain::ledger::{By, Ledger, Statement};
use oyez_domain::notice::Notice;
use oyez_domain::organisation::Organisation;
use oyez_domain::receipt::CallbackRefusal;
use oyez_domain::reference::ReferenceKey;
use oyez_domain::{Clock, LedgerError, Random, Refusal};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

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
    /// Time, as the guard gives it.
    pub clock: Arc<dyn Clock>,
    /// The guard of the clock.
    pub guard: Arc<ClockGuard>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// Makes references and stop tokens.
    pub reference_key: ReferenceKey,
    /// The channels as the engine runs them, by name.
    pub lives: Lives,
    /// What happens.
    pub events: Events,
    /// What the public site has to follow.
    pub public: PublicChanges,
    /// Settings of the engine.
    pub settings: EngineSettings,
    /// Cancelled when the program begins to end: from then on nothing is armed.
    pub ending: CancellationToken,
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
