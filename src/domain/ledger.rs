//! The ledger port.
