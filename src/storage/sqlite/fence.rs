//! The fence: only the newest start of the program may announce anything.
//!
//! The lock of the directory keeps a second start out. The fence is for a lock that was lost: its file was copied or
//! deleted, the file system does not keep locks, or the process slept while another took over.

use super::boot;
use super::fault::Step;
use oyez_domain::LedgerError;
use rusqlite::Connection;

/// Whether a newer start has taken over from this one.
pub(super) fn is_taken_over(connection: &Connection, boot: i64) -> Step<bool> {
    Ok(boot::newest(connection)? != Some(boot))
}

/// Refuses a start that was taken over. It has to be asked in the transaction that announces: the newer start counts
/// as begun when its own is durable, and only one of the two can be open.
pub(super) fn pass(connection: &Connection, boot: i64) -> Step<()> {
    if is_taken_over(connection, boot)? {
        return Err(LedgerError::Fenced.into());
    }
    Ok(())
}
