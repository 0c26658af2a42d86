//! The store's condition, its sign of life, and its end.

use super::{SqliteLedger, lineage};
use oyez_domain::BoxFuture;
use oyez_domain::ledger::{Condition, Upkeep};
use oyez_domain::time::Wall;

impl Upkeep for SqliteLedger {
    fn condition(&self) -> Condition {
        self.vitals.condition()
    }

    fn beat(&self, now: Wall) {
        self.vitals.tell(now);
        if let Some(writer) = &self.writer
            && self
                .vitals
                .to_keep(lineage::KEPT_AT_LEAST_EVERY_MICROS)
                .is_some()
        {
            writer.nudge();
        }
    }

    fn failed(&self) -> BoxFuture<'_, String> {
        Box::pin(self.vitals.failed())
    }
}
