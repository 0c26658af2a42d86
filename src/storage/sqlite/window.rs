//! Windows: runs of deliveries announced before the first byte may leave, and what was taken back of them.

use super::arm::Moment;
use super::broadcast::Broadcast;
use super::fault::Step;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::ledger::WindowId;
use oyez_domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::Arc;

/// Consecutive ordinals at the same attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) lo: u32,
    pub(super) hi: u32,
    pub(super) attempt: u32,
}

/// Joins deliveries, given by rising ordinal, into runs.
pub(super) fn runs(deliveries: impl IntoIterator<Item = (Ordinal, u32)>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (Ordinal(ordinal), attempt) in deliveries {
        match runs.last_mut() {
            Some(run) if run.hi + 1 == ordinal && run.attempt == attempt => run.hi = ordinal,
            Some(_) | None => runs.push(Run {
                lo: ordinal,
                hi: ordinal,
                attempt,
            }),
        }
    }
    runs
}

/// Announces a window.
pub(super) fn announce(
    connection: &Connection,
    broadcast: &Broadcast,
    moment: &Moment<'_>,
    runs: &[Run],
) -> Step<WindowId> {
    let rows: u32 = runs.iter().map(|run| run.hi - run.lo + 1).sum();
    connection
        .prepare_cached(
            "INSERT INTO window_ (broadcast_id, boot_id, at, outstanding, provider)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            broadcast.id.0,
            moment.boot,
            moment.now.0,
            rows,
            moment.provider
        ])?;
    let id = connection.last_insert_rowid();
    let mut insert = connection.prepare_cached(
        "INSERT INTO armed (broadcast_id, window_id, lo, hi, attempt) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for run in runs {
        insert.execute(params![broadcast.id.0, id, run.lo, run.hi, run.attempt])?;
    }
    Ok(WindowId(id))
}

/// What was announced in one window and taken back since.
#[derive(Debug)]
pub(super) struct Announced {
    pub(super) broadcast: BroadcastId,
    pub(super) at: Wall,
    /// The kind of the provider that it went through.
    pub(super) provider: Arc<str>,
    pub(super) runs: Vec<Run>,
    taken_back: Vec<Run>,
}

impl Announced {
    /// The window with this name, if there is one.
    pub(super) fn find(connection: &Connection, id: WindowId) -> Step<Option<Self>> {
        let known = connection
            .prepare_cached("SELECT broadcast_id, at, provider FROM window_ WHERE id = ?1")?
            .query_row([id.0], |row| {
                let provider: Arc<str> = row.get(2)?;
                Ok((BroadcastId(row.get(0)?), Wall(row.get(1)?), provider))
            })
            .optional()?;
        let Some((broadcast, at, provider)) = known else {
            return Ok(None);
        };
        let read = |sql: &str| -> Step<Vec<Run>> {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query(params![broadcast.0, id.0])?;
            super::words::collect(rows, |row| {
                Ok(Run {
                    lo: row.get(0)?,
                    hi: row.get(1)?,
                    attempt: row.get(2)?,
                })
            })
        };
        Ok(Some(Self {
            broadcast,
            at,
            provider,
            runs: read(
                "SELECT lo, hi, attempt FROM armed WHERE broadcast_id = ?1 AND window_id = ?2
                 ORDER BY lo",
            )?,
            taken_back: read(
                "SELECT lo, hi, attempt FROM disarmed WHERE broadcast_id = ?1 AND window_id = ?2
                 ORDER BY lo",
            )?,
        }))
    }

    /// Whether this attempt of this delivery stands announced here.
    pub(super) fn covers(&self, ordinal: Ordinal, attempt: u32) -> bool {
        covered(&self.runs, ordinal).is_some_and(|run| run.attempt == attempt)
            && covered(&self.taken_back, ordinal).is_none()
    }

    /// Every delivery that stands announced from `from` on.
    pub(super) fn deliveries(&self, from: Ordinal) -> impl Iterator<Item = (Ordinal, u32)> {
        self.runs
            .iter()
            .flat_map(|run| (run.lo..=run.hi).map(|ordinal| (Ordinal(ordinal), run.attempt)))
            .filter(move |(ordinal, _)| *ordinal >= from)
            .filter(|(ordinal, _)| covered(&self.taken_back, *ordinal).is_none())
    }
}

fn covered(runs: &[Run], ordinal: Ordinal) -> Option<&Run> {
    let after = runs.partition_point(|run| run.lo <= ordinal.0);
    runs.get(after.checked_sub(1)?)
        .filter(|run| run.hi >= ordinal.0)
}

/// So many announcements of a window are answered or taken back.
pub(super) fn close(connection: &Connection, window: WindowId, rows: usize) -> Step<()> {
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    connection
        .prepare_cached("UPDATE window_ SET outstanding = max(0, outstanding - ?2) WHERE id = ?1")?
        .execute(params![window.0, rows])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_join_into_runs_of_one_attempt() {
        let joined = runs([(0, 1), (1, 1), (2, 2), (4, 2)].map(|(o, a)| (Ordinal(o), a)));
        let run = |lo, hi, attempt| Run { lo, hi, attempt };
        assert_eq!(joined, [run(0, 1, 1), run(2, 2, 2), run(4, 4, 2)]);
    }

    #[test]
    fn what_was_taken_back_is_no_longer_announced() {
        let window = Announced {
            broadcast: BroadcastId(1),
            at: Wall(0),
            provider: Arc::from("smtp"),
            runs: runs((0..5).map(|o| (Ordinal(o), 1))),
            taken_back: runs((3..5).map(|o| (Ordinal(o), 1))),
        };
        assert!(window.covers(Ordinal(2), 1) && !window.covers(Ordinal(2), 2));
        assert!(!window.covers(Ordinal(3), 1) && !window.covers(Ordinal(9), 1));
        let left: Vec<_> = window.deliveries(Ordinal(1)).map(|(o, _)| o.0).collect();
        assert_eq!(left, [1, 2]);
    }
}
